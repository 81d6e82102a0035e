"""The pipeline as `dvc.yaml` declares it: what a stage reads is what DVC knows of."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from ml import paths

PIPELINE: dict[str, dict[str, Any]] = yaml.safe_load(Path("dvc.yaml").read_text(encoding="utf-8"))["stages"]
OUTPUTS = {
    out if isinstance(out, str) else next(iter(out))
    for stage in PIPELINE.values()
    for out in [*stage["outs"], *stage.get("metrics", [])]
}
YOURS = {"ml/schema.py", "ml/features.py", "ml/model.py"}


def imports(path: str) -> set[str]:
    """Return the modules of `ml` that a module imports when it runs."""
    tree = ast.parse(Path(path).read_text(encoding="utf-8"))
    typing = {
        id(node)
        for test in ast.walk(tree)
        if isinstance(test, ast.If) and ast.unparse(test.test) == "TYPE_CHECKING"
        for node in ast.walk(test)
    }
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and id(node) not in typing and node.module:
            names = [alias.name for alias in node.names] if node.module == "ml" else [node.module.removeprefix("ml.")]
            found |= {f"ml/{name}.py" for name in names if node.module.split(".")[0] == "ml"}
    return {name for name in found if Path(name).exists()}


def test_the_stages_are_commands_of_ours_in_this_order() -> None:
    assert {name: stage["cmd"] for name, stage in PIPELINE.items()} == {
        name: f"python -m ml {name}" for name in ("prepare", "probe", "train", "evaluate", "gates", "register")
    }


@pytest.mark.parametrize("stage", PIPELINE)
def test_what_a_stage_needs_is_there_or_made_by_another(stage: str) -> None:
    for path in PIPELINE[stage]["deps"]:
        assert path in OUTPUTS or Path(path).exists() or Path(f"{path}.dvc").exists(), path


@pytest.mark.parametrize("stage", PIPELINE)
def test_a_change_of_its_own_code_reruns_a_stage(stage: str) -> None:
    assert f"ml/{stage}.py" in PIPELINE[stage]["deps"]


@pytest.mark.parametrize("stage", ["prepare", "probe", "train"])
def test_a_change_of_your_code_reruns_the_stages_that_use_it(stage: str) -> None:
    code = [path for path in PIPELINE[stage]["deps"] if path.endswith(".py")]
    used = {name for path in code for name in imports(path)} & YOURS
    assert used
    assert used <= set(PIPELINE[stage]["deps"])


def value(document: Any, path: str) -> Any:
    for step in path.split("."):
        document = document[step]
    return document


@pytest.mark.parametrize("stage", PIPELINE)
def test_parameters_that_a_stage_depends_on_are_there(stage: str) -> None:
    files = {name: yaml.safe_load(Path(name).read_text(encoding="utf-8")) for name in ("params.yaml", "loop.yaml")}
    for entry in PIPELINE[stage].get("params", []):
        for name, wanted in entry.items() if isinstance(entry, dict) else [("params.yaml", [entry])]:
            for path in wanted:
                value(files[name], path)


def known(stage: str) -> set[str]:
    """Return the first words of the contract's keys that rerun a stage or one before it."""
    stages = list(PIPELINE.values())[: list(PIPELINE).index(stage) + 1]
    entries = [entry for one in stages for entry in one.get("params", []) if isinstance(entry, dict)]
    return {path.split(".")[0] for entry in entries for path in entry["loop.yaml"]}


@pytest.mark.parametrize("stage", PIPELINE)
def test_contract_keys_that_a_stage_reads_rerun_it(stage: str) -> None:
    """Only what stands as `contract.KEY` in the stage's own module is seen: a guard, not a proof."""
    text = Path(f"ml/{stage}.py").read_text(encoding="utf-8")
    assert set(re.findall(r"\bcontract\.([a-z_]+)", text)) - {"model_dump"} <= known(stage)


def test_the_pipeline_writes_where_the_code_does() -> None:
    assert {
        str(path)
        for path in (
            paths.TRAIN,
            paths.TEST,
            paths.PREPARED,
            paths.MODEL,
            paths.PROBED,
            paths.TRAINED,
            paths.METRICS,
            paths.BASELINE,
            paths.PLOTS,
            paths.GATES,
            paths.GATES_TABLE,
            paths.CARD,
            paths.CARD_PAGE,
            paths.RUN,
            paths.REGISTERED,
        )
    } == OUTPUTS
    assert str(paths.HISTORY) in PIPELINE["prepare"]["deps"]


# --- the environments ---


def locked(group: str) -> dict[str, set[str]]:
    """Return the locked versions of each distribution; more than one where they depend on the platform."""
    text = Path(f"requirements/{group}.txt").read_text(encoding="utf-8")
    found: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([a-z0-9-]+)==(\S+)", text, re.MULTILINE):
        found.setdefault(name, set()).add(version)
    return found


def required(group: str) -> set[str]:
    groups = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]
    found: set[str] = set()
    for entry in groups[group]:
        if isinstance(entry, dict):
            found |= required(entry["include-group"])
        else:
            match = re.match(r"[A-Za-z0-9._-]+", entry)
            assert match
            found.add(re.sub(r"[._-]+", "-", match[0]).lower())
    return found


@pytest.mark.parametrize("group", ["serve", "train", "dev", "ui"])
def test_the_locks_hold_what_pyproject_asks_for(group: str) -> None:
    assert required(group) - set(locked(group)) == set(), "make lock"


def test_what_is_tested_is_what_trains_and_what_serves() -> None:
    serve, train, dev = locked("serve"), locked("train"), locked("dev")
    assert serve.items() <= {name: versions for name, versions in train.items() if name in serve}.items()
    assert {name: train[name] for name in train} == {name: dev.get(name) for name in train}
    assert {name: serve[name] for name in serve} == {name: train.get(name) for name in serve}


def test_every_locked_file_is_named_by_hash_and_no_place_is() -> None:
    for group in ("serve", "train", "dev", "ui", "uv"):
        text = Path(f"requirements/{group}.txt").read_text(encoding="utf-8")
        assert "://" not in text
        for block in re.split(r"\n(?=\S)", text.strip()):
            assert "--hash=sha256:" in block, block.splitlines()[0]
