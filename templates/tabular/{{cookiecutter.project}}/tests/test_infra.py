"""The Pulumi program, without an engine or an account: every stack builds, before and after the first image."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
DIGEST = "sha256:" + "0" * 64
STACKS = sorted(path.name.split(".")[1] for path in ROOT.glob("infra/Pulumi.*.yaml"))

pytestmark = pytest.mark.skipif(not STACKS, reason="infra/ is copied into a repository when it is generated")


def evaluate(stack, *settings):
    command = [sys.executable, ROOT / "tests/evaluate.py", stack, *settings]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def built():
    """Return what a stack asks for once there is an image, by type."""

    def build(stack):
        done = evaluate(stack, f"imageDigest={DIGEST}")
        assert done.returncode == 0, done.stderr
        return by_type(done)

    return {stack: build(stack) for stack in STACKS}


def by_type(done):
    found = {}
    for resource in json.loads(done.stdout):
        found.setdefault(resource["type"], []).append(resource["inputs"])
    return found


def test_the_foundation_needs_no_image():
    found = by_type(evaluate(STACKS[0]))
    assert "Repository" in found
    assert "EndpointConfiguration" not in found


def test_one_image_by_digest_runs_everything(built):
    images = set()
    for found in built.values():
        images |= {model["primaryContainer"]["image"] for model in found["Model"]}
        for pipeline in found["Pipeline"]:
            for step in json.loads(pipeline["pipelineDefinition"])["Steps"]:
                arguments = step["Arguments"]
                images |= {arguments[key]["ImageUri"] for key in ("AppSpecification",) if key in arguments}
                images |= {arguments[key]["TrainingImage"] for key in ("AlgorithmSpecification",) if key in arguments}
    assert images == {f"registry/image@{DIGEST}"}


def test_the_alarms_take_their_numbers_from_the_contract(built):
    contract = yaml.safe_load((ROOT / "loop.yaml").read_text())
    alarms = {alarm["name"].rpartition("-")[2]: alarm for alarm in built[STACKS[0]]["MetricAlarm"]}
    assert alarms["latency"]["threshold"] == contract["rollout"]["rollback"]["p99_ms"]
    assert alarms["errors"]["threshold"] == contract["rollout"]["rollback"]["error_rate"]
    assert all(alarm["alarmActions"] for alarm in alarms.values())


def test_a_setting_that_cannot_be_meant_is_refused():
    done = evaluate(STACKS[0], "servingCount=0")
    assert done.returncode == 1
    assert "servingCount: Input should be greater than or equal to 1" in done.stderr
    assert "try:" in done.stderr
