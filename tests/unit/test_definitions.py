from __future__ import annotations

import copy
import functools
import json
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from definition_mutants import MUTANTS
from definition_samples import sdk

import stacks
from loopwright.definitions import pipelines, shapes, validate
from loopwright.definitions.limits import limits
from loopwright.wiring.sources import Sources
from loopwright.wiring.stack import Stack

SOURCES = stacks.ROOT / "generator" / "loopwright" / "definitions"
ODD = (None, "", 1, [[]], {"Get": ["x"]}, {"Std:Join": None})


@functools.cache
def definition(stack="dev", name="training"):
    """Return a definition of the shipped program, resolved as far as a graph knows it."""
    found = Stack(stacks.graph(stack), Sources(stacks.shared())).definitions
    return next(body for pipeline, (_, body) in found.items() if pipeline.endswith(name))


def rules(body):
    return {finding.rule for finding in validate(body)}


def told(body):
    return [f"{f.rule} {f.path}: {f.what}, because {f.because}" for f in validate(body)]


@stacks.needs_pulumi
@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_sagemaker_takes_the_shipped_pipelines(stack, figures):
    found, proven = pipelines(stacks.graph(stack), stacks.shared())
    assert [f"{f.rule} {f.path}: {f.what}, because {f.because}" for f in found] == []
    assert proven["definitions"] == 2
    figures(f"{stack}: {', '.join(f'{count} {what}' for what, count in proven.items())} proven without AWS")


@stacks.needs_pulumi
def test_what_only_aws_knows_alarms_nobody():
    nodes = stacks.graph("prod", "tracking=server").of_type("aws:sagemaker/pipeline:Pipeline")
    texts = [node.inputs["pipelineDefinition"] for node in nodes]
    assert all("<<ref:/" in text for text in texts)
    assert [line for text in texts for line in told(json.loads(text))] == []


@stacks.needs_pulumi
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.id)
def test_a_single_fault_is_caught(mutant):
    assert mutant.rule in rules(mutant.of(definition()))


@stacks.needs_pulumi
def test_every_rule_catches_a_fault(figures):
    caught = {mutant.id: mutant.rule for mutant in MUTANTS if mutant.rule in rules(mutant.of(definition()))}
    known = set(re.findall(r'"(pipelines\.[a-z_]+)"', "".join(path.read_text() for path in SOURCES.glob("*.py"))))
    assert set(caught.values()) == known
    assert len(caught) == len({mutant.id for mutant in MUTANTS}) == len(MUTANTS)
    figures(f"{len(caught)} of {len(MUTANTS)} mutants caught by {len(known)} rules")


def test_the_style_of_the_sdk_alarms_nobody():
    assert told(sdk()) == []


def test_no_network_is_touched(monkeypatch, tmp_path):
    def refuse(*words, **more):
        raise AssertionError(f"a socket was asked for: {words}")

    for name in ("socket", "create_connection", "getaddrinfo"):
        monkeypatch.setattr(socket, name, refuse)
    # A model of one's own must not count, and neither must credentials.
    models = tmp_path / ".aws" / "models" / "sagemaker" / "2099-01-01"
    models.mkdir(parents=True)
    (models / "service-2.json").write_text("{}")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_DATA_PATH", str(tmp_path / ".aws" / "models"))
    for name in ("_service", "shape", "request", "answer"):
        getattr(shapes, name).cache_clear()
    assert told(sdk()) == []


def test_nothing_heavy_is_loaded_before_it_is_needed():
    code = "import sys, loopwright.definitions; sys.exit('botocore' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_definition_is_proven_in_milliseconds(figures):
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        assert told(sdk()) == []
        seconds.append(time.perf_counter() - start)
    figures(f"a definition of six steps in {min(seconds) * 1000:.1f} ms")
    assert min(seconds) < 0.1


def places(value, path=()):
    yield path
    for key, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(item, (*path, key))


def test_no_json_makes_it_fail():
    """Whatever stands at any place: findings, and no error."""
    body = sdk()
    for path in list(places(body))[1:]:
        *outer, last = path
        holder = functools.reduce(lambda value, key: value[key], outer, body)
        kept = holder[last]
        for odd in ODD:
            holder[last] = copy.deepcopy(odd)
            list(validate(body))
        holder[last] = kept
    assert body == sdk()


def test_a_finding_says_where_and_what_to_do():
    body = sdk()
    body["Steps"][1]["Arguments"]["HyperParameters"]["rate"] = {"Get": "Parameters.Rate"}
    (finding,) = validate(body, node="a pipeline")
    assert (finding.rule, finding.node) == ("pipelines.type", "a pipeline")
    assert finding.path == "Steps[1].Arguments.HyperParameters.rate"
    assert "Std:Join" in finding.attempt
    assert all((finding.what, finding.because))


def test_a_close_name_is_offered():
    body = sdk()
    body["Steps"][1]["Arguments"]["ResourceConfig"]["InstanceType"] = "ml.m5.larg"
    (finding,) = validate(body)
    assert "ml.m5.large" in finding.attempt


def test_of_a_step_that_is_not_known_only_that_is_told():
    body = sdk()
    check = {"Name": "Check", "Type": "Lambda", "Arguments": {}, "OutputParameters": []}
    body["Steps"].append(check)
    body["Steps"][1]["Arguments"]["Environment"] = {"SEEN": {"Get": "Steps.Check.OutputParameters['seen']"}}
    assert [finding.rule for finding in validate(body)] == ["pipelines.step_type"]


@pytest.mark.parametrize(
    ("path", "good"),
    [
        ("ModelArtifacts.S3ModelArtifacts", True),
        ("FinalMetricDataList['validation:auc'].MetricName", True),  # only the run knows which there are
        ("HyperParameters['depth']", True),
        ("HyperParameters['width']", False),
        ("InputDataConfig[1].DataSource.S3DataSource.S3Uri", True),
        ("InputDataConfig[2].DataSource.S3DataSource.S3Uri", False),
        ("InputDataConfig['train'].DataSource.S3DataSource.S3Uri", True),
        ("InputDataConfig['test'].DataSource.S3DataSource.S3Uri", False),
        ("InputDataConfig.DataSource", False),
        ("HyperParameters[0]", False),
        ("OutputDataConfig..S3OutputPath", False),
        (".RoleArn", False),
        ("", False),
        ("OutputDataConfig['S3OutputPath']", False),
    ],
)
def test_paths_of_properties(path, good):
    body = sdk()
    body["Steps"][2]["Arguments"]["Environment"] = {"SEEN": {"Get": f"Steps.Fit.{path}"}}
    assert ("pipelines.reference" not in rules(body)) is good


@pytest.mark.parametrize("written", ["P30D", "PT1H", "30d", "T16m", "30dT5h", "P1Y2M3W4DT5H6M"])
def test_durations_as_aws_writes_them(written):
    body = sdk()
    body["Steps"][1]["CacheConfig"] = {"Enabled": True, "ExpireAfter": written}
    assert told(body) == []


@pytest.mark.parametrize(
    ("text", "good"),
    [("größe 1 = ok", True), ("arn:aws:iam::1:role/x", True), ("a,b", False), (f"{shapes.GAP},", True)],
)
def test_patterns_that_only_java_can_read(text, good):
    """Python's letters are at least Java's; a pattern that cannot be applied to a part refuses none."""
    refused = list(limits(text, shapes.shape("CustomerMetadataValue"), ""))
    assert (refused == []) is good


@pytest.mark.parametrize("kind", shapes.JOBS)
def test_every_job_is_one_of_the_model(kind):
    job = shapes.JOBS[kind]
    assert shapes.answer(kind).type_name == "structure"
    assert not job.name or job.name in shapes.request(kind).required_members


@pytest.mark.parametrize("kind", ["CreateProcessingJobRequest", "CreateTrainingJobRequest", "Tag", "DatasetDefinition"])
def test_a_sample_passes_the_limits(kind):
    assert list(limits(shapes.sample(shapes.shape(kind)), shapes.shape(kind), "")) == []


def test_the_page_explains_every_rule():
    root = Path(__file__).parents[2]
    sources = "".join(path.read_text() for path in (root / "generator/loopwright/definitions").glob("*.py"))
    rules = set(re.findall(r'"pipelines\.([a-z_]+)"', sources))
    table = (root / "docs/pipelines.md").read_text().rpartition("| rule | says |")[2]
    assert set(re.findall(r"`([a-z_]+)`", table)) == rules
