"""``loopwright check``: every check of every stack, as one result."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import stacks
from loopwright.check import CHECKS, Check, Outcome, as_document, check, differs, lines
from loopwright.errors import LoopwrightError, UsageError
from loopwright.graph.model import parse
from loopwright.wiring.findings import Finding
from loopwright.wiring.limits import LIMITS, limits

pytestmark = stacks.needs_pulumi
FINDING = Finding(
    rule="alarms.action", node="n", path="p", what="it tells nobody", because="so it is", attempt="mend it"
)


@pytest.fixture
def project(tmp_path) -> Path:
    return stacks.project(tmp_path)


def checked(project, *names, checks=CHECKS):
    return check(project, names, python=Path(stacks.PYTHON), checks=checks)


def outcome(*findings, notes=()):
    return Outcome(check="mine", stack="", findings=findings, notes=notes, proven={"wires": 3})


def only(*outcomes):
    return (Check(name="mine", run=lambda _: outcomes),)


def test_every_stack_is_evaluated_and_measured(project):
    found = checked(project)
    assert {(o.check, o.stack) for o in found.outcomes} == {
        (name, stack) for name in ("graph", "names", "pipelines", "wiring") for stack in ("dev", "prod", "staging")
    }
    assert all(o.passed and o.proven for o in found.outcomes if o.check in {"graph", "names", "pipelines"})


def test_a_stack_without_an_image_is_checked_with_a_placeholder(project):
    found = checked(project, "dev")
    assert [o.remark for o in found.outcomes if o.check == "graph"] != [""]
    assert any(o.proven.get("functions") == 2 for o in found.outcomes if o.check == "wiring")
    assert any(line.startswith("notice: no image yet") for line in lines(found))


def test_nothing_found_is_no_error(project):
    found = checked(project, "dev", checks=only(outcome()))
    assert differs(found) is None
    assert as_document(found)["passed"]
    assert "pass  mine" in "\n".join(lines(found))


def test_what_was_found_ends_with_exit_3_and_says_all(project):
    found = checked(project, "dev", checks=only(outcome(FINDING)))
    error = differs(found)
    assert error is not None
    assert error.exit_code == 3
    assert "alarms.action" in error.because
    told = "\n".join(lines(found))
    assert all(word in told for word in ("FAIL  mine", "it tells nobody", "so it is", "mend it", "n, p"))
    document = json.loads(json.dumps(as_document(found)))
    assert document["passed"] is False
    (told,) = document["checks"][-1]["findings"]
    place = {"rule": "alarms.action", "node": "n", "path": "p"}
    assert told == place | {"what": "it tells nobody", "because": "so it is", "try": "mend it"}


def test_a_note_breaks_nothing(project):
    found = checked(project, "dev", checks=only(outcome(notes=(FINDING,))))
    assert differs(found) is None
    assert any("note alarms.action" in line for line in lines(found))


def test_a_stack_that_cannot_be_evaluated_is_a_finding_and_the_others_are_checked(project):
    settings = project / "infra" / "Pulumi.prod.yaml"
    settings.write_text(settings.read_text() + "\n  shop:servingInstans: ml.m5.large\n")
    found = checked(project, "dev", "prod", checks=())
    assert [(o.stack, o.passed) for o in found.outcomes] == [("dev", True), ("prod", False)]
    assert found.failed[0].findings[0].rule == "graph.evaluate"
    assert "servingInstans" in found.failed[0].findings[0].because
    assert differs(found) is not None


def test_where_nothing_can_be_evaluated_the_error_is_told_as_it_is(project):
    (project / "loop.yaml").write_text("project: [\n")
    with pytest.raises(LoopwrightError) as raised:
        checked(project)
    assert raised.value.exit_code == 1


def test_a_stack_that_is_not_there_is_wrong_usage(project):
    with pytest.raises(UsageError):
        checked(project, "qa")


def test_a_project_without_infrastructure_is_an_error(project):
    shutil.rmtree(project / "infra")
    with pytest.raises(LoopwrightError):
        checked(project)


LONG = ("serving=realtime", "network=create", "tracking=server", "github=acme/shop", "githubOwnerId=1",
        "githubRepositoryId=2")  # fmt: skip


def test_every_name_fits_for_the_longest_project_and_stack(project, figures):
    """The longest that the program accepts, with every option that makes a resource with a name."""
    from loopwright.graph.load import load  # noqa: PLC0415 - only this test evaluates by itself

    name, stack = "a" + "b" * 23, "c" + "d" * 9
    for path in (project / "loop.yaml", project / "infra" / "Pulumi.yaml"):
        path.write_text(
            path.read_text().replace("project: shop", f"project: {name}").replace("name: shop", f"name: {name}")
        )
    source = project / "infra" / "Pulumi.dev.yaml"
    (project / "infra" / f"Pulumi.{stack}.yaml").write_text(source.read_text().replace("shop:", f"{name}:"))
    settings = {f"{name}:{key}": value for key, value in (pair.split("=", 1) for pair in LONG)}
    settings[f"{name}:imageDigest"] = stacks.IMAGE
    graph = load(project, stack, settings=settings, python=Path(stacks.PYTHON))
    found, proven = limits(graph, project)
    assert [f"{f.node}: {f.what}, {f.because}" for f in found] == []
    figures(f"{proven['names measured']} names of {len(name)} + {len(stack)} characters fit")


def renamed(graph, kind, field, value):
    nodes = [
        {
            "id": node.id,
            "kind": node.kind,
            "type": node.type,
            "name": node.name,
            "parent": node.parent,
            "inputs": {**node.inputs, field: value} if node.type == kind else dict(node.inputs),
            "dependsOn": [],
            "protect": False,
            "ignoreChanges": [],
            "provider": node.provider,
        }
        for node in graph
    ]
    document = {"format": 1, "project": graph.project, "stack": graph.stack, "nodes": nodes}
    return parse({**document, "config": dict(graph.config), "outputs": {}})


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        ("aws:s3/bucket:Bucket", "bucket", "b" * 64),
        ("aws:s3/bucket:Bucket", "bucket", "Capitals"),
        ("aws:iam/role:Role", "name", "r" * 65),
        ("aws:lambda/function:Function", "name", "dots.are.not.taken"),
        ("aws:sqs/queue:Queue", "name", "q" * 81),
        ("aws:sagemaker/endpoint:Endpoint", "name", "ends-in-"),
        ("aws:sagemaker/pipeline:Pipeline", "pipelineName", "under_score"),
        ("aws:scheduler/schedule:Schedule", "name", "s" * 65),
        ("aws:cloudwatch/eventRule:EventRule", "name", "blank s"),
        ("aws:cloudwatch/logGroup:LogGroup", "name", "two-of-one-name"),
        ("aws:iam/rolePolicy:RolePolicy", "policy", json.dumps({"Statement": "s" * 10_241})),
    ],
)
def test_what_a_service_would_refuse_is_found(kind, field, value):
    found, _ = limits(renamed(stacks.graph("dev"), kind, field, value), stacks.shared())
    assert found
    assert kind not in LIMITS or found[0].rule == "limits.name"


def test_a_function_with_too_many_variables_is_found():
    environment = {"variables": {"POLICY": "p" * 5000}}
    graph = renamed(stacks.graph("dev"), "aws:lambda/function:Function", "environment", environment)
    assert "limits.environment" in {finding.rule for finding in limits(graph, stacks.shared())[0]}
