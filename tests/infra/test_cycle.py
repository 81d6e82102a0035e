"""The export against the real AWS provider: validated and planned for every kind of stack, and taken round once.

Round is: the foundation, then the loop on top of it, a plan with nothing left to do, and a destroy that leaves nothing.
The emulator stands for AWS; what it cannot do is a fault that fails the test, never something left out.
"""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor

import emulator
import pytest
from projects import shop
from terraform import Terraform, TerraformError, need_terraform

from loopwright.terraform.export import export
from loopwright.terraform.write import write

pytestmark = pytest.mark.xdist_group("terraform")

PLANNED = [
    ("dev", "plain"),
    ("prod", "plain"),
    ("prod", "serverless"),
    ("prod", "existing-network"),
    ("prod", "everything"),
]
AT_ONCE = 5
EVERY_FAILURE = int(os.environ.get("LOOPWRIGHT_EVERY_FAILURE", "0"))


@pytest.fixture(autouse=True)
def _terraform():
    need_terraform()


@pytest.fixture
def aws():
    with emulator.serve() as running:
        yield running


def exported(folder, aws, graph):
    """Write an export and make it ready."""
    write(folder, export(graph))
    terraform = Terraform(folder, aws.endpoint)
    terraform.init()
    return terraform


@pytest.mark.parametrize(("stack", "option"), PLANNED)
def test_the_provider_validates_and_plans_it(tmp_path, aws, figures, stack, option):
    graph = shop(stack, option)
    terraform = exported(tmp_path, aws, graph)
    assert [str(found) for found in terraform.validate()] == []
    planned = terraform.plan()
    assert len(planned.actions()) == len(graph.resources())
    assert {tuple(words) for words in planned.actions().values()} == {("create",)}
    assert aws.faults() == []
    figures(f"{len(graph.resources())} resources of {len({node.type for node in graph.resources()})} types planned")


def test_no_policy_is_hidden_in_a_plan(tmp_path, aws):
    """What is known after apply is read by no scanner and by no reviewer."""
    terraform = exported(tmp_path, aws, shop("prod", "everything"))
    written = json.loads((tmp_path / "main.tf.json").read_text())["resource"]
    texts = {"policy", "assume_role_policy", "event_pattern", "dashboard_body"}
    seen, hidden = 0, []
    for change in terraform.plan().document["resource_changes"]:
        for name in texts & set(written[change["type"]][change["name"]]):
            seen += 1
            hidden += [change["address"]] if change["change"]["after_unknown"].get(name) is True else []
    assert seen > 30
    assert hidden == []


def test_it_goes_round(tmp_path, aws, figures):
    foundation, whole = shop("dev", image=False), shop("dev", "everything")
    terraform = exported(tmp_path, aws, foundation)
    terraform.apply()
    assert len(terraform.state_list()) == len(foundation.resources())

    exported(tmp_path, aws, whole)
    done = terraform.apply()
    assert len(terraform.state_list()) == len(whole.resources())
    assert terraform.plan().drift() == {}

    terraform.destroy()
    assert terraform.state_list() == []
    assert aws.leftovers() == []
    assert aws.faults() == []
    kinds = len({node.type for node in whole.resources()})
    figures(f"{len(whole.resources())} resources of {kinds} types applied; second plan empty; destroy left nothing")
    figures(f"the slowest: {sorted(done.seconds.items(), key=lambda each: -each[1])[:3]}")


def test_production_refuses_to_be_destroyed(tmp_path, aws):
    terraform = exported(tmp_path, aws, shop("prod", image=False))
    terraform.apply()
    with pytest.raises(TerraformError, match=r"prevent_destroy|Instance cannot be destroyed"):
        terraform.destroy()
    assert len(terraform.state_list()) == len(shop("prod", image=False).resources())
    assert terraform.unprotect()
    terraform.apply()
    terraform.destroy()
    assert aws.leftovers() == []


@pytest.mark.parametrize("image", [False, True], ids=["foundation", "loop"])
def test_a_single_failure_is_mended_by_applying_again(tmp_path, figures, image):
    """One mutating call is refused: what was made stays, and the next apply goes on from there.

    The call in the middle, or with LOOPWRIGHT_EVERY_FAILURE=1 each one in an apply of its own, and with a larger number
    those from that call on. Most of an apply is waiting, so each has an emulator of its own and several run at once.
    """
    graph = shop("dev", image=image)
    with emulator.serve() as aws:
        exported(tmp_path / "whole", aws, graph).apply()
        calls = len(aws.mutations())
    chosen = range(EVERY_FAILURE, calls + 1) if EVERY_FAILURE else [calls // 2]

    def mended(nth):
        with emulator.serve() as aws:
            terraform = exported(tmp_path / f"refused-at-{nth}", aws, graph)
            aws.fail(nth=nth)
            try:
                terraform.apply()
            except TerraformError:
                aws.forgive()
            else:
                return f"call {nth}: nothing was refused"
            try:
                terraform.apply()
                drift, made = terraform.plan().drift(), len(terraform.state_list())
            except TerraformError as error:
                return f"call {nth}: {error}"
            return "" if (drift, made) == ({}, len(graph.resources())) else f"call {nth}: {made} made, {drift}"

    with ThreadPoolExecutor(AT_ONCE) as pool:
        assert list(filter(None, pool.map(mended, chosen))) == []
    figures(f"refused at {len(chosen)} of {calls} calls: each apply failed, the next converged, its plan was empty")


@pytest.mark.parametrize("image", [False, True], ids=["foundation", "loop"])
def test_every_call_of_an_apply_may_fail_once(tmp_path, aws, figures, image):
    """Each mutating call that an apply makes is refused the first time: applying again and again makes it whole."""
    graph = shop("dev", image=image)
    terraform = exported(tmp_path, aws, graph)
    aws.fail_each()
    failed, made = 0, [0]
    while True:
        try:
            terraform.apply()
            break
        except TerraformError:
            failed += 1
            made.append(len(aws.mutations()))
            assert made[-1] > made[-2], "an apply failed without one call that had not been refused before"
    assert terraform.plan().drift() == {}
    assert len(terraform.state_list()) == len(graph.resources())
    refused = [entry for entry in aws.requests() if entry.error == "AccessDenied"]
    assert {f"{entry.service}:{entry.action}" for entry in refused} == set(aws.mutations())
    figures(f"{len(refused)} calls, each refused once: {failed} applies failed, the next was whole, its plan empty")
