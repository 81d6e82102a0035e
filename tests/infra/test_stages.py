"""What a platform reads of `dvc.yaml`, and what it refuses."""

from __future__ import annotations

import copy
import sys

import pytest
import yaml
from projects import ROOT

sys.path.append(str(ROOT / "infra"))

from mlops.pipelines.stages import Stage, stages

DOCUMENT = yaml.safe_load((ROOT / "templates/tabular/{{cookiecutter.project}}/dvc.yaml").read_text())


def read(stage=None, **meta):
    """Read the template's stages, with other values in the `meta` of one; None takes a value out."""
    document = copy.deepcopy(DOCUMENT)
    if stage:
        changed = document["stages"][stage].get("meta", {}) | meta
        document["stages"][stage]["meta"] = {name: value for name, value in changed.items() if value is not None}
    return {found.name: found for found in stages(document)}


def test_order_and_data_flow_are_those_of_dvc_yaml():
    found = read()
    assert list(found) == ["prepare", "probe", "train", "evaluate", "gates", "register"]
    assert {name: set(stage.needs) for name, stage in found.items()} == {
        "prepare": set(),
        "probe": {"prepare"},
        "train": {"prepare", "probe"},
        "evaluate": {"train", "prepare"},
        "gates": {"train", "prepare", "evaluate"},
        "register": {"train", "gates"},
    }
    assert [name for name, stage in found.items() if stage.reads_data] == ["prepare", "gates"]
    assert [name for name, stage in found.items() if not stage.cached] == ["probe", "gates", "register"]
    assert [name for name, stage in found.items() if stage.tracks] == ["gates"]


def test_a_stage_is_what_its_meta_says():
    assert read("train", instance_type="ml.m5.24xlarge", volume_gb=500, timeout_minutes=30)["train"] == Stage(
        name="train",
        kind="training",
        needs=("prepare", "probe"),
        instance_type="ml.m5.24xlarge",
        volume_gb=500,
        timeout_minutes=30,
    )


def test_training_may_ask_for_several_instances():
    assert read("train", instance_count=4)["train"].instance_count == 4
    assert read("evaluate", instance_count=1)["evaluate"].instance_count == 1


@pytest.mark.parametrize("stage", ["prepare", "probe", "evaluate", "gates", "register"])
def test_no_other_stage_may(stage):
    with pytest.raises(ValueError, match=f"stage {stage}: only kind training runs on several") as caught:
        read(stage, instance_count=2)
    assert "docs/scale.md" in str(caught.value)
    assert "a larger instance_type, or the same query on Athena or Spark" in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"kind": None}, "meta.kind is one of processing, training, register"),
        ({"kind": "spark"}, "meta.kind is one of processing, training, register"),
        ({"gpus": 1}, "meta knows no gpus"),
        ({"volume_gb": None, "instance_type": None}, "meta lacks instance_type, volume_gb"),
        *(
            ({name: value}, f"meta.{name} is a whole number from 1 on")
            for name in ("instance_count", "volume_gb", "timeout_minutes")
            for value in (0, -1, 1.5, "2", True)
        ),
    ],
)
def test_what_cannot_be_meant_names_the_stage(changes, told):
    with pytest.raises(ValueError, match="stage train: ") as caught:
        read("train", **changes)
    assert str(caught.value) == f"dvc.yaml, stage train: {told}"
