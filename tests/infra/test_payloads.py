"""Whatever an event says: no handler stumbles over it, and none does anything because of it."""

from __future__ import annotations

import copy
import json
import re
from string import Template

import pytest
from fakes import ACCOUNT, REGION
from handlers import controller, deployer
from hypothesis import given, settings
from hypothesis import strategies as st
from rights import CALLS, GRANTED, needed
from wakeups import Context, retraining_world, serving_world

from loopwright.wiring.iam import allowed
from loopwright.wiring.samples import EVENTS

FOREIGN = "another-prod"
GIVEN = {"account": ACCOUNT, "region": REGION, "state": "ALARM", "endpoint": FOREIGN, "group": FOREIGN, "name": FOREIGN}
REAL = [json.loads(Template(path.read_text()).safe_substitute(GIVEN)) for path in sorted(EVENTS.glob("*.json"))]

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
names = st.sampled_from([FOREIGN, f"{FOREIGN}-training", f"arn:aws:sagemaker:{REGION}:210987654321:pipeline/{FOREIGN}"])


def places(value, path=()):
    """Yield the way to everything in a JSON value."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inside:
        yield (*path, key)
        yield from places(item, (*path, key))


@st.composite
def changed(draw):
    """Draw a real event about somebody else's stack, in which some fields are something else or not there."""
    event = copy.deepcopy(draw(st.sampled_from(REAL)))
    for _ in range(draw(st.integers(0, 3))):
        *outer, last = draw(st.sampled_from([*places(event)]))
        around = event
        for key in outer:
            around = around[key]
        if draw(st.booleans()):
            around[last] = draw(json_values | names)
        else:
            around.pop(last)
    return event


said = st.dictionaries(st.sampled_from(["source", "detail-type", "reason", "detail"]), json_values | names)
events = json_values | said | changed()


def busy(word, patch):
    """Return a world in which there is something to do for a handler."""
    if word == "controller":
        world = retraining_world(patch)
        world.alarms["churn-dev-drift"] = "ALARM"
        world.probed(world.execution("Succeeded", days=3), go=True)
    else:
        world = serving_world(patch)
    world.package(1)
    return world


HANDLERS = {"controller": controller.handler, "deployer": deployer.handler}


def played(word, event, **context):
    """Return the requests of a wake-up without what they tell people, and the lines that it logged."""
    with pytest.MonkeyPatch.context() as patch:
        world, written = busy(word, patch), []
        patch.setattr("sys.stdout.write", written.append)
        HANDLERS[word](event, Context(**context))
    requests = [
        (service, operation, {key: value for key, value in request.items() if key not in {"Body", "Message"}})
        for service, operation, request in world.calls
    ]
    return requests, written


USUAL = {word: played(word, {})[0] for word in HANDLERS}


def test_there_is_something_to_do():
    assert "start_pipeline_execution" in {operation for _, operation, _ in USUAL["controller"]}
    assert "update_endpoint" in {operation for _, operation, _ in USUAL["deployer"]}


@pytest.mark.parametrize("word", HANDLERS)
@settings(deadline=None)
@given(event=events)
def test_no_event_changes_what_is_done(word, event):
    requests, written = played(word, event)
    assert requests == USUAL[word]
    assert FOREIGN not in json.dumps(requests, default=str)
    for service, operation, request in requests:
        for action, place in CALLS[f"{service}.{operation}"]:
            assert allowed(GRANTED[word]["Statement"], action, place(request), needed(request))
    assert [json.loads(line)["component"] for line in written] == [word]
    assert written[0].isascii()
    assert written[0].count("\n") == 1


@pytest.mark.parametrize("word", HANDLERS)
@settings(deadline=None)
@given(name=json_values)
def test_no_name_of_a_request_leads_out_of_the_record(word, name):
    requests, written = played(word, {}, aws_request_id=name)
    (key,) = (request["Key"] for _, operation, request in requests if operation == "put_object")
    assert re.fullmatch(r"decisions/2026/03/10/093000Z-[A-Za-z0-9-]{1,64}\.json", key)
    assert len(written) == 1


@settings(deadline=None)
@given(event=events | st.sampled_from([{"reason": "manual"}, {"reason": "schedule"}]))
def test_only_a_person_and_the_clock_of_the_contract_are_a_reason(event):
    with pytest.MonkeyPatch.context() as patch:
        world = retraining_world(patch)
        world.execution("Succeeded", days=3)
        patch.setattr("sys.stdout.write", lambda _: None)
        told = controller.handler(event, Context())
    reason = event.get("reason") if isinstance(event, dict) else None
    asked = isinstance(reason, str) and reason in {"manual", "schedule"}
    assert (told["start"], told["reason"]) == ((True, reason) if asked else (False, "no-reason"))
