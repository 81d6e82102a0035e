from __future__ import annotations

import json
from dataclasses import replace

import pytest

from loopwright.errors import Differs, LoopwrightError
from loopwright.graph.model import parse
from loopwright.likeness.allowed import FILE, Allowed, load_allowed
from loopwright.likeness.paths import matches, shown
from loopwright.likeness.paths import parse as path_of
from loopwright.parity import ABSENT, KINDS, Parity, as_document, compare, differs, lines, parity
from stacks import PYTHON, graph, needs_pulumi, project, shared, warm

GITHUB = ("github=acme/shop", "githubOwnerId=1", "githubRepositoryId=2")
PAIRS = {
    "as shipped": (("dev",), ("staging",)),
    "as shipped, the other way round": (("prod",), ("dev",)),
    "nothing scales": (("dev",), ("dev", "servingMaximum=1")),
    "everything at once": (
        ("dev", *GITHUB, 'notifications=["a@b.io"]'),
        (
            *("prod", *GITHUB, 'notifications=["c@d.io", "e@f.io"]', "githubProvider=create", "owner=risk"),
            *("servingInstance=ml.m5.xlarge", "capturePercent=10", "captureDays=30", "aws:region=us-east-1"),
        ),
    ),
    "serverless": (
        ("dev", "serving=serverless"),
        ("prod", "serving=serverless", "serverlessMemoryMb=4096", "serverlessConcurrency=50"),
    ),
    "a network each": (("dev", "network=create"), ("prod", "network=create", "networkCidr=10.70.0.0/16")),
    "networks that exist": (
        ("dev", "network=existing", 'subnetIds=["subnet-1", "subnet-2"]', 'securityGroupIds=["sg-1"]'),
        ("prod", "network=existing", 'subnetIds=["subnet-3"]', 'securityGroupIds=["sg-3"]'),
    ),
}
FORBIDDEN = {
    "serving": ("dev", "serving=serverless"),
    "network": ("dev", "network=create"),
    "tracking": ("dev", "tracking=server"),
    "github": ("dev", *GITHUB, 'notifications=["a@b.io"]'),
}


@pytest.fixture(scope="module")
def allowed():
    return load_allowed(shared())


@pytest.fixture(scope="module")
def dev():
    every = {words for pair in PAIRS.values() for words in pair} | set(FORBIDDEN.values())
    warm(*sorted(every), ("live",), ("data",))
    return graph("dev")


def forbidden(differences):
    return [difference for difference in differences if difference.why is None]


def only(whole, kind):
    """Return a graph with the nodes of one type."""
    return replace(whole, nodes={node.id: node for node in whole if node.type == kind}, outputs={})


# --- the shipped stacks


@needs_pulumi
@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
def test_what_stacks_may_set_differently_is_allowed(dev, allowed, pair):
    found = compare(graph(*pair[0]), graph(*pair[1]), allowed)
    assert found
    assert forbidden(found) == []


@needs_pulumi
def test_a_stack_equals_itself_whatever_its_name_is(dev, allowed):
    for name in ("dev", "live", "data"):  # the last two are words of the program: a variant, a bucket's role
        assert compare(dev, graph(name), allowed) == ()
        assert compare(graph(name), dev, allowed) == ()


@needs_pulumi
def test_all_that_parity_yaml_allows_is_needed(dev, allowed, figures):
    """Without any one of its changes, a pair of stacks that may be so would be called different."""
    idle = []
    for number, entry in enumerate(allowed.allowances):
        for place, change in enumerate(entry.changes):
            rest = replace(entry, changes=(*entry.changes[:place], *entry.changes[place + 1 :]))
            without = Allowed(allowances=(*allowed.allowances[:number], rest, *allowed.allowances[number + 1 :]))
            pairs = [tuple(only(graph(*words), change.type) for words in pair) for pair in PAIRS.values()]
            if not any(forbidden(compare(*pair, without)) for pair in pairs):
                idle.append((entry.settings, change))
    assert idle == []
    figures(
        f"{sum(len(entry.changes) for entry in allowed.allowances)} allowed places, each needed by a shipped setting"
    )


@needs_pulumi
@pytest.mark.parametrize("setting", FORBIDDEN)
def test_what_makes_another_environment_is_refused(dev, allowed, setting):
    found = forbidden(compare(dev, graph(*FORBIDDEN[setting]), allowed))
    assert ("setting", setting) in {(difference.kind, difference.path) for difference in found}
    assert any(difference.kind == "topology" for difference in found)


@needs_pulumi
def test_another_image_is_found_wherever_it_runs(dev, allowed):
    other = json.loads(json.dumps(document(dev)).replace("a" * 64, "b" * 64))
    found = compare(dev, parse(other), allowed)
    assert {difference.kind for difference in found} == {"image"}
    assert {difference.name for difference in found} == {
        *("", "serving-model", "training-pipeline", "monitor-pipeline", "deployer-function"),
    }


@needs_pulumi
def test_another_family_is_refused_although_the_size_may_differ(dev, allowed):
    mutant = json.loads(
        json.dumps(document(dev)).replace('"instanceType": "ml.m5.large"', '"instanceType": "ml.c5.large"')
    )
    mutant["config"]["shop:servingInstance"] = "ml.c5.large"
    [found] = forbidden(compare(dev, parse(mutant), allowed))
    assert (found.kind, found.path) == ("instance", "productionVariants[0].instanceType")


@needs_pulumi
@pytest.mark.parametrize(
    ("wrong", "right"), [("shop-prod-data", "shop-dev-data"), ('"STACK": "prod"', '"STACK": "dev"')]
)
def test_the_name_of_another_stack_is_found(dev, allowed, wrong, right):
    text = json.dumps(document(graph("prod")))
    assert wrong in text
    assert forbidden(compare(dev, parse(json.loads(text.replace(wrong, right))), allowed))


@needs_pulumi
def test_a_region_that_is_written_into_the_program_is_found(dev, allowed):
    there = PAIRS["everything at once"][1]
    text = json.dumps(document(graph(*there))).replace("s3.us-east-1.amazonaws", "s3.eu-west-1.amazonaws")
    assert forbidden(compare(graph(*PAIRS["everything at once"][0]), parse(json.loads(text)), allowed))


# --- one change at a time, over the whole graph


def document(whole):
    """Return the document that a graph was read from."""
    return {
        "format": 1,
        "project": whole.project,
        "stack": whole.stack,
        "config": dict(whole.config),
        "outputs": dict(whole.outputs),
        "nodes": [
            {
                "id": node.id,
                "kind": node.kind,
                "type": node.type,
                "name": node.name,
                "parent": node.parent,
                "inputs": dict(node.inputs),
                "dependsOn": list(node.depends_on),
                "protect": node.protect,
                "ignoreChanges": list(node.ignore_changes),
                "provider": node.provider,
                **node.options,
            }
            for node in whole
        ],
    }


def leaves(value):
    """Yield a value with one leaf changed, each in turn; JSON texts are looked into."""
    if isinstance(value, str):
        parsed = container(value)
        if parsed is not None:
            yield from (json.dumps(changed) for changed in leaves(parsed))
        else:
            yield value + "x"
    elif isinstance(value, bool):
        yield not value
    elif isinstance(value, int | float):
        yield value + 1
    elif isinstance(value, dict) and value:
        for key, item in value.items():
            yield from ({**value, key: changed} for changed in leaves(item))
    elif isinstance(value, list) and value:
        for place, item in enumerate(value):
            yield from ([*value[:place], changed, *value[place + 1 :]] for changed in leaves(item))
    else:
        yield "something"


def shapes(value):
    """Yield a value with one key or item removed or added, each in turn."""
    if isinstance(value, str):
        parsed = container(value)
        yield from (json.dumps(changed) for changed in shapes(parsed)) if parsed is not None else ()
    elif isinstance(value, dict):
        yield {**value, "extra": "x"}
        for key, item in value.items():
            yield {name: other for name, other in value.items() if name != key}
            yield from ({**value, key: changed} for changed in shapes(item))
    elif isinstance(value, list):
        yield [*value, "extra"]
        for place, item in enumerate(value):
            yield [*value[:place], *value[place + 1 :]]
            yield from ([*value[:place], changed, *value[place + 1 :]] for changed in shapes(item))


def references(value, ids):
    """Yield a value with one reference changed to mean another node or property, each in turn."""
    text = json.dumps(value)
    begin = 0
    while (begin := text.find("<<ref:/", begin)) >= 0:
        end = text.index("/-ref>>", begin)
        node, _, name = text[begin + 7 : end].partition("#")
        other = next(found for found in ids if found != node)
        for token in (f"{other}#{name}", f"{node}#{name}x"):
            yield json.loads(f"{text[:begin]}<<ref:/{token}{text[end:]}")
        begin = end


def container(value):
    if not value.startswith(("{", "[")):
        return None
    try:
        return json.loads(value)
    except ValueError:
        return None


def options(node):
    yield replace(node, protect=not node.protect)
    yield replace(node, parent="other::other")
    yield replace(node, provider="other")
    yield replace(node, kind="data" if node.kind != "data" else "resource")
    yield replace(node, options={**node.options, "deleteBeforeReplace": True})
    for field in ("depends_on", "ignore_changes"):
        given = getattr(node, field)
        yield replace(node, **{field: (*given, "other")})
        for one in given:
            yield replace(node, **{field: tuple(other for other in given if other != one)})


def alone(whole, node, *, config=None):
    """Return a graph of one node: nodes are compared one by one, so it shows what the whole would."""
    return replace(whole, nodes={node.id: node}, outputs={}, config=config or whole.config)


@needs_pulumi
def test_no_change_of_the_graph_escapes(dev, allowed, figures):
    ids, counts, escaped = list(dev.nodes), {}, []
    for node in dev:
        inputs = dict(node.inputs)
        mutants = {
            "leaves": [replace(node, inputs=changed) for changed in leaves(inputs)] if inputs else [],
            "keys and items": [replace(node, inputs=changed) for changed in shapes(inputs)],
            "references": [replace(node, inputs=changed) for changed in references(inputs, ids)],
            "options": list(options(node)),
        }
        here = alone(dev, node)
        for kind, members in mutants.items():
            counts[kind] = counts.get(kind, 0) + len(members)
            missed = [mutant for mutant in members if not forbidden(compare(here, alone(dev, mutant), allowed))]
            escaped += [(kind, node.id, mutant) for mutant in missed]
    for node in dev:
        others = {name: other for name, other in dev.nodes.items() if name != node.id}
        twin = replace(node, id=f"{node.id}-2", name=f"{node.name}-2")
        for nodes in (others, {**dev.nodes, twin.id: twin}):
            counts["nodes"] = counts.get("nodes", 0) + 1
            [found] = forbidden(compare(replace(dev, nodes=nodes), dev, allowed)) or [None]
            if found is None or found.kind != "topology":
                escaped.append(("nodes", node.id, node))
    for name in dev.outputs:
        counts["exports"] = counts.get("exports", 0) + 1
        if not forbidden(compare(dev, replace(dev, outputs={**dev.outputs, name: "other"}), allowed)):
            escaped.append(("exports", name, None))
    assert [(kind, name) for kind, name, _ in escaped] == []
    assert counts["leaves"] > 1000
    told = ", ".join(f"{count} {kind}" for kind, count in counts.items())
    figures(f"{sum(counts.values())} changes of {len(dev)} nodes, one at a time, all found: {told}")


@needs_pulumi
def test_only_what_is_declared_may_differ_even_where_every_setting_does(dev, allowed, figures):
    """The same with every allowed setting set differently: then a declared place may differ, and no other."""
    settings = {name for entry in allowed.allowances for name in entry.settings} - {"aws:region"}
    config = {**dev.config, **{f"shop:{name}": "another" for name in settings}}
    granted, refused = set(), 0
    for node in dev:
        here = alone(dev, node)
        for changed in leaves(dict(node.inputs)) if node.inputs else ():
            mutant = alone(dev, replace(node, inputs=changed), config=config)
            found = [difference for difference in compare(here, mutant, allowed) if difference.type]
            refused += bool(forbidden(found))
            granted |= {(d.type, d.path) for d in found if d.why} if not forbidden(found) else set()
    declared = [(change.type, change.path) for entry in allowed.allowances for change in entry.changes]
    assert all(
        any(kind == type_ and matches(path_of(path), wanted) for type_, wanted in declared) for kind, path in granted
    )
    assert granted
    figures(
        f"{refused} changed leaves refused, {len(granted)} places allowed, while all {len(settings)} settings differ"
    )


@needs_pulumi
def test_an_allowed_place_counts_only_where_its_setting_differs(dev, allowed):
    """``if stack == "prod"`` in the program is no setting."""
    node = dev["aws:cloudwatch/logGroup:LogGroup::serving-logs"]
    mutant = alone(dev, replace(node, inputs={**node.inputs, "retentionInDays": 1}))
    assert forbidden(compare(alone(dev, node), mutant, allowed))
    changed = replace(mutant, config={**dev.config, "shop:logDays": "1"})
    assert forbidden(compare(alone(dev, node), changed, allowed)) == []


# --- what people and programs see


@needs_pulumi
def test_the_stacks_of_a_project_are_compared_without_an_image(dev):
    found = parity(shared(), "dev", "prod", python=PYTHON)
    text = "\n".join(lines(found))
    assert differs(found) is None
    assert "no image yet" in text
    assert "servingCount 1 | 2" in text
    assert "must not differ" not in text
    assert json.loads(json.dumps(as_document(found)))["equal"] is True


@needs_pulumi
def test_a_stack_without_the_others_image_differs_in_that_only(tmp_path, dev):
    made = project(tmp_path)
    settings = made / "infra" / "Pulumi.dev.yaml"
    settings.write_text(f'{settings.read_text()}  shop:imageDigest: "sha256:{"c" * 64}"\n')
    found = parity(made, "dev", "prod", python=PYTHON)
    assert [(difference.kind, difference.path, difference.b) for difference in found.forbidden] == [
        ("image", "imageDigest", "")
    ]
    error = differs(found)
    assert isinstance(error, Differs)
    assert error.exit_code == 3
    assert "1 place where" in error.what
    assert "imageDigest" in "\n".join(lines(found))


def small(stack, inputs, config=None, name="one"):
    node = {"id": f"aws:s3/bucket:Bucket::{name}", "kind": "resource", "type": "aws:s3/bucket:Bucket", "name": name}
    rest = {"parent": None, "inputs": inputs, "dependsOn": [], "protect": False, "ignoreChanges": [], "provider": None}
    settings = {"aws:region": "eu-west-1", **(config or {})}
    whole = {"format": 1, "project": "shop", "stack": stack, "config": settings, "outputs": {}, "nodes": [node | rest]}
    return parse(whole)


EQUAL = {
    "a name": ("shop-{}-data", "shop-{}-data"),
    "the stack's own name": ("{}", "{}"),
    "a word": ("of {} only", "of {} only"),
    "a folder of devices": ("/dev/null", "/dev/null"),
    "tools": ("dev-tools", "dev-tools"),
    "a parameter": ("/shop/{}/paused", "/shop/{}/paused"),
    "words with underscores": ("shop_{}_table", "shop_{}_table"),
    "the order of actions": ('{{"Action": ["a", "b"]}}', '{{"Action": ["b", "a"]}}'),
    "the order of statements": (
        '{{"Statement": [{{"Sid": "A", "Action": "x"}}, {{"Sid": "B", "Action": "y"}}]}}',
        '{{"Statement": [{{"Sid": "B", "Action": "y"}}, {{"Sid": "A", "Action": "x"}}]}}',
    ),
    "the layout of JSON": ('{{"a": [1, 2]}}', '{{"a":[1,2]}}'),
}
DIFFERENT = {
    "another stack's name": ("shop-dev-data", "shop-dev-data"),
    "a name that begins so": ("developer", "prodeloper"),
    "a list that is longer": ('{{"steps": ["a", "b"]}}', '{{"steps": ["a", "b", "c"]}}'),
    "the order of other lists": ('{{"steps": ["a", "b", "c"]}}', '{{"steps": ["a", "c", "b"]}}'),
    "a statement more": ('{{"Statement": [{{"Sid": "A"}}]}}', '{{"Statement": [{{"Sid": "A"}}, {{"Sid": "B"}}]}}'),
    "a number as text": ('{{"a": 1}}', '{{"a": "1"}}'),
    "true as one": ('{{"a": 1}}', '{{"a": true}}'),
    "null as nothing": ('{{"a": null}}', "{{}}"),
    "an empty list as an empty mapping": ('{{"a": []}}', '{{"a": {{}}}}'),
}


@pytest.mark.parametrize(("one", "other"), EQUAL.values(), ids=EQUAL)
def test_what_a_name_makes_different_is_equal(one, other):
    left, right = small("dev", {"text": one.format("dev")}), small("prod", {"text": other.format("prod")})
    assert compare(left, right, Allowed()) == ()


@pytest.mark.parametrize(("one", "other"), DIFFERENT.values(), ids=DIFFERENT)
def test_what_no_name_makes_different_is_found(one, other):
    left, right = small("dev", {"text": one.format()}), small("prod", {"text": other.format()})
    assert forbidden(compare(left, right, Allowed()))


def test_a_stack_variable_has_to_name_its_own_stack():
    assert compare(small("dev", {"STACK": "dev"}), small("prod", {"STACK": "dev"}), Allowed())
    assert compare(small("dev", {"STACK": "dev"}), small("prod", {"STACK": "prod"}), Allowed()) == ()


def test_files_are_compared_byte_for_byte():
    def files(word):
        return {"code": {"__archive__": {"a.py": f"STAGE = '{word}'"}}}

    [found] = compare(small("dev", files("dev")), small("prod", files("prod")), Allowed())
    assert (found.kind, found.path) == ("code", "code.__archive__[a.py]")
    assert "sha256" in found.a
    assert compare(small("dev", files("shop-dev")), small("prod", files("shop-dev")), Allowed()) == ()


def test_regions_differ_in_every_name_and_nowhere_else():
    east = {"aws:region": "us-east-1"}
    left = small("dev", {"arn": "arn:aws:x:eu-west-1:1:y", "zone": "eu-west-1a"})
    assert {
        d.path
        for d in compare(left, small("dev", {"arn": "arn:aws:x:us-east-1:1:y", "zone": "us-east-1a"}, east), Allowed())
    } == {"aws:region"}
    wrong = compare(left, small("dev", {"arn": "arn:aws:x:eu-west-1:1:y", "zone": "us-east-1b"}, east), Allowed())
    assert {difference.path for difference in wrong} == {"aws:region", "arn", "zone"}


def test_the_forbidden_comes_first_and_by_gravity():
    left = small("dev", {"a": "x", "instanceType": "ml.m5.large"}, {"shop:imageDigest": "sha256:1"})
    right = small("dev", {"a": "y", "instanceType": "ml.c5.large"}, {"shop:imageDigest": "sha256:2"})
    found = compare(left, right, Allowed())
    assert [difference.kind for difference in found] == ["image", "instance", "value"]
    assert set(KINDS) >= {difference.kind for difference in found}


def test_a_resource_that_only_one_has_is_one_difference():
    [gone, new] = compare(small("dev", {"a": "x"}), small("dev", {"a": "x"}, name="two"), Allowed())
    assert {(gone.name, gone.a, gone.b), (new.name, new.a, new.b)} == {
        ("one", "(present)", ABSENT),
        ("two", ABSENT, "(present)"),
    }


def test_many_places_with_the_same_two_values_are_said_once():
    left = small("dev", {f"k{n}": "x" for n in range(9)})
    right = small("dev", {f"k{n}": "y" for n in range(9)})
    found = Parity(a="dev", b="prod", nodes=(1, 1), differences=compare(left, right, Allowed()))
    assert list(lines(found))[1:] == [
        "must not differ:",
        "  value: x | y",
        "    aws:s3/bucket:Bucket one k0",
        "    aws:s3/bucket:Bucket one k1",
        "    aws:s3/bucket:Bucket one k2",
        "    and 6 more places",
    ]
    assert "9 places where" in differs(found).what


# --- infra/parity.yaml


def test_paths_are_read_and_written_alike():
    for text in ("a", "a.b", "rules[*].expiration.days", "(protect)", "Statement[Sid].Action[s3:Get]", "a[0][1].b"):
        assert shown(path_of(text)) == text
    assert shown(("code", "a.py")) == "code[a.py]"
    assert matches(("code", "a.py"), path_of("code[a.py]"))
    assert not matches(("code", "a.py"), path_of("code[*]"))
    for text in ("", "a..b", ".a", "a[", "a[]", "[a]b"):
        with pytest.raises(ValueError, match=r".*"):
            path_of(text)


CHANGE = '{type: "aws:s3/bucket:Bucket", path: forceDestroy, as: boolean}'
WRONG = {
    "not YAML": ("may_differ: [", 1, "not YAML"),
    "empty": ("", 1, "empty"),
    "another key at the top": ("may_differ: []\nallowed: []", 2, "no key 'allowed'"),
    "no list": ("may_differ: {a: b}", 1, "a list is missing"),
    "no reason": ("may_differ:\n  - settings: [owner]", 2, "why is missing"),
    "an empty reason": ('may_differ:\n  - settings: [owner]\n    why: ""', 3, "a text is missing"),
    "nothing allowed": ("may_differ:\n  - why: so", 2, "allows nothing"),
    "an unknown setting": ("may_differ:\n  - settings:\n      - ownr\n    why: so", 3, "no setting 'ownr'"),
    "a key twice": ("may_differ:\n  - why: so\n    settings: [owner]\n    why: so", 4, "why is there twice"),
    "no type": (
        "may_differ:\n  - why: so\n    changes:\n      - {type: Bucket, path: a, as: text}",
        4,
        "'Bucket' is no type",
    ),
    "an unknown kind": (
        f"may_differ:\n  - why: so\n    changes:\n      - {CHANGE.replace('boolean', 'bool')}",
        4,
        "no kind of",
    ),
    "a path that is none": (
        f"may_differ:\n  - why: so\n    changes:\n      - {CHANGE.replace('forceDestroy', 'a..b')}",
        4,
        "a path",
    ),
    "presence of a path": (
        f"may_differ:\n  - why: so\n    changes:\n      - {CHANGE.replace('boolean', 'presence')}",
        4,
        "presence",
    ),
    "no path": (
        'may_differ:\n  - why: so\n    changes:\n      - {type: "aws:s3/bucket:Bucket", as: text}',
        4,
        "as: text",
    ),
    "a text for a mapping": ("may_differ:\n  - owner", 2, "a mapping is missing"),
}


@pytest.mark.parametrize(("text", "line", "words"), WRONG.values(), ids=WRONG)
def test_a_parity_file_that_cannot_be_meant_is_refused_by_line(tmp_path, text, line, words):
    made = project(tmp_path)
    (made / FILE).write_text(text)
    with pytest.raises(LoopwrightError) as error:
        load_allowed(made)
    assert error.value.what.startswith(f"{FILE}:{line}: ")
    assert words in error.value.what
    assert error.value.because
    assert error.value.attempt


def test_a_missing_file_is_said(tmp_path):
    with pytest.raises(LoopwrightError, match=r"parity\.yaml cannot be read"):
        load_allowed(tmp_path)


def test_a_mistyped_setting_gets_a_suggestion(tmp_path):
    made = project(tmp_path)
    (made / FILE).write_text("may_differ:\n  - settings: [logDay]\n    why: so")
    with pytest.raises(LoopwrightError) as error:
        load_allowed(made)
    assert error.value.attempt == "logDays"
