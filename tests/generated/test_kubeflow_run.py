"""The compiled pipeline, run by kfp's own local runner without a network: it makes what `dvc repro` makes."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import pytest

from lap import Repository, environment
from loopwright.kubeflow.export import export
from realdata import real_data
from repositories import REAL, new

HERE = Path(__file__).parent
TEMPLATE = HERE.parents[1] / "templates/tabular/{{cookiecutter.project}}"
IMAGE = "registry.example/acme/shop@sha256:" + "a" * 64
STAGES = ["prepare", "probe", "train", "evaluate", "gates"]


@dataclass(frozen=True)
class Ran:
    """One run of the pipeline."""

    code: int
    said: str
    folder: Path
    """What its steps made; those that came from the cache are not there."""

    @property
    def steps(self):
        """The steps that ran, in their order."""
        return re.findall(r"Executing task \S*'([\w-]+)'", self.said)

    def made(self, step):
        return next(self.folder.glob(f"**/{step}/out"))

    def report(self, step, name):
        return json.loads((self.made(step) / "reports" / name).read_text())


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """A compiled pipeline, and the program that its steps run here, where there is no image."""

    file: Path
    folder: Path
    program: Path
    python: Path
    arguments: dict[str, str]

    def run(self, variables=None, **arguments):
        """Run it in a process of its own; a warning that we do not expect is an error there, too."""
        before = set(self.folder.glob("*-*"))
        told = {"LOOP_PROGRAM": str(self.program), "LOOP_PYTHON": str(self.python), **(variables or {})}
        words = [self.file, self.folder, json.dumps(self.arguments | arguments)]
        done = subprocess.run(
            [*offline(), sys.executable, "-W", "error", HERE / "run_pipeline.py", *words],
            env=environment() | told,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        (made,) = set(self.folder.glob("*-*")) - before
        return Ran(done.returncode, done.stdout, made)


@cache
def offline():
    """Return the words that take the network away; none where the system does not let us."""
    command = ["unshare", "--map-root-user", "--net"]
    if shutil.which(command[0]) is None:
        return []
    able = subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0
    return command if able else []


def compiled(project, folder):
    file = folder / "pipeline.yaml"
    file.write_text(export(project, IMAGE).text)
    (folder / "runs").mkdir()
    return {"file": file, "folder": folder / "runs"}


# Which step runs when, with a program that only says what it was asked.

PROGRAM = """\
import json, os, sys
from pathlib import Path
words = sys.argv[1:]
out, stage, *rest = words[words.index("--out") + 1 :]
sources = dict(word.split("=", 1) for before, word in zip(words, words[1:]) if before == "--source")
assert all(list(Path(folder).iterdir()) for folder in sources.values())
told = {"sources": sorted(sources), "words": rest, "server": os.environ.get("MLFLOW_TRACKING_URI")}
reports = Path(out, "reports")
reports.mkdir()
(reports / f"{stage}.json").write_text(json.dumps(told))
if stage == os.environ.get("BROKEN"):
    sys.exit("error: it is broken")
if stage == "probe":
    (reports / "probe.json").write_text(json.dumps(told | {"go": "KEEP" not in os.environ}))
if stage == "gates":
    passed = "REFUSE" not in os.environ
    (reports / "run.json").write_text("{}")
    (reports / "gates.json").write_text(json.dumps({"passed": passed, "reason": "f1: it's \\"low\\""}))
    sys.exit(not passed)
"""


@pytest.fixture
def pipeline(tmp_path):
    for name in ("data", "program/ml"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "program/ml/__main__.py").write_text(PROGRAM)
    (tmp_path / "data/history.parquet").write_text("rows")
    arguments = {"data_uri": str(tmp_path / "data"), "tracking_uri": "http://flow.example"}
    program, python = tmp_path / "program", Path(sys.executable)
    return Pipeline(**compiled(TEMPLATE, tmp_path), program=program, python=python, arguments=arguments)


def test_stages_read_what_others_made_and_are_told_of_the_run(pipeline):
    run = {"as_of": "2024-01-01", "windows_days": "30,60", "since": "2023-01-01", "data_version": "v 7"}
    ran = pipeline.run(**run)
    assert ran.code == 0, ran.said
    assert ran.steps == ["importer", "fingerprint", *STAGES, "register"]
    words = ["--as-of", "2024-01-01", "--windows-days", "30,60", "--since", "2023-01-01", "--data-version", "v 7"]
    assert ran.report("prepare", "prepare.json") == {"sources": ["data"], "words": words, "server": None}
    told = {"sources": ["data", "prepare"], "words": ["--reason", "manual", "--windows-days", "30,60"]}
    assert ran.report("probe", "probe.json") == {**told, "server": "http://flow.example", "go": True}
    assert ran.report("train", "train.json")["sources"] == ["prepare", "probe"]
    assert ran.report("evaluate", "evaluate.json") == {"sources": ["prepare", "train"], "words": [], "server": None}
    told = {"sources": ["gates", "train"], "words": [], "server": "http://flow.example"}
    assert ran.report("register", "register.json") == told


def test_only_the_probe_and_what_follows_run_again(pipeline):
    assert pipeline.run().code == 0
    again = pipeline.run(reason="a drift alarm")
    assert again.code == 0, again.said
    assert again.steps == ["importer", "fingerprint", *STAGES[1:], "register"]


def test_where_it_is_not_worth_it_the_run_ends_well_and_registers_nothing(pipeline):
    ran = pipeline.run({"KEEP": "1"}, reason="a drift alarm")
    assert ran.code == 0, ran.said
    assert ran.steps == ["importer", "fingerprint", "prepare", "probe"]


def test_other_data_at_the_same_place_are_not_answered_from_the_cache(pipeline):
    assert pipeline.run().code == 0
    Path(pipeline.arguments["data_uri"], "history.parquet").write_text("more rows")
    assert pipeline.run().steps == ["importer", "fingerprint", *STAGES, "register"]


def test_a_refused_model_ends_the_run_with_the_reason(pipeline):
    ran = pipeline.run({"REFUSE": "1"}, reason="a drift alarm")
    assert ran.code == 1
    assert ran.steps == ["importer", "fingerprint", *STAGES, "refused"]
    assert 'the model is not registered: f1: it\'s "low" (the run was started because: a drift alarm)' in ran.said


@pytest.mark.parametrize("stage", ["probe", "train", "gates"])
def test_a_broken_stage_ends_the_run_with_its_last_words(pipeline, stage):
    ran = pipeline.run({"BROKEN": stage})
    assert ran.code == 1
    assert ran.steps[-1] == stage
    assert f"RuntimeError: the stage {stage} failed with 1" in ran.said
    assert "error: it is broken" in ran.said


def test_a_run_without_a_server_judges_nothing(pipeline):
    ran = pipeline.run(tracking_uri="")
    assert ran.code == 1
    assert "tracking_uri is empty" in ran.said
    assert ran.steps[-1] == "probe"


# The same with a repository of real data, which DVC has run already.


def python(repository, code, *words):
    """Return what a piece of Python prints in the repository, with its packages, as JSON."""
    command = [repository.venv / "bin/python", "-c", code, *map(str, words)]
    done = subprocess.run(command, cwd=repository.folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


HASHES = """\
import json, sys
from pathlib import Path
from ml.artefact import digest
from ml.hashes import sha256
root = Path(sys.argv[1])
found = {str(path.relative_to(root)): sha256(path) for path in root.rglob("*") if path.is_file()}
print(json.dumps(found | ({"model": digest(root / "model")} if (root / "model").is_dir() else {})))
"""
# Without a server, the client decides where models are kept; a job's own folder would not outlive it.
EXPERIMENT = """\
import sys
from mlflow import MlflowClient
print(MlflowClient(sys.argv[1]).create_experiment("shop", artifact_location=sys.argv[2]))
"""
VERSIONS = """\
import json, sys
from mlflow import MlflowClient
print(json.dumps([dict(version.tags) for version in MlflowClient(sys.argv[1]).search_model_versions()]))
"""


@pytest.fixture(scope="module")
def repository(tmp_path_factory, venv):
    data, folder = real_data("retail_repurchase"), tmp_path_factory.mktemp("kubeflow") / "shop"
    new(folder, "--data", data, *REAL["retail_repurchase"])
    repository = Repository(folder=folder, venv=venv)
    repository.make("run")
    return repository


@pytest.fixture(scope="module")
def real_pipeline(repository):
    """The data as a cluster has them, and a server that has seen no model yet."""
    room = repository.folder.parent
    (room / "data").mkdir()
    for name in ("history.parquet", "golden.parquet"):
        shutil.copy(repository.folder / "data" / name, room / "data")
    arguments = {"data_uri": str(room / "data"), "tracking_uri": f"sqlite:///{room}/flow.db"}
    python(repository, EXPERIMENT, arguments["tracking_uri"], room / "models")
    program, interpreter = repository.folder, repository.venv / "bin/python"
    return Pipeline(**compiled(program, room), program=program, python=interpreter, arguments=arguments)


@pytest.mark.generated
def test_hashes_are_those_of_dvc_repro(repository, real_pipeline, figures):
    ran = real_pipeline.run()
    assert ran.code == 0, ran.said[-6000:]
    assert ran.steps == ["importer", "fingerprint", *STAGES, "register"]

    there = python(repository, HASHES, repository.folder)
    made = {step: python(repository, HASHES, ran.made(step)) for step in STAGES[:4]}
    prepared = {"data/prepared/train.parquet", "data/prepared/test.parquet"}
    assert set(made["prepare"]) == prepared | {"reports/prepare.json"}
    assert "model" in made["train"]
    assert "reports/metrics.json" in made["evaluate"]
    for step, found in made.items():
        assert found == {path: there[path] for path in found}, step

    (version,) = python(repository, VERSIONS, real_pipeline.arguments["tracking_uri"])
    assert version["model_sha256"] == there["model"] == repository.report("registered.json")["model_sha256"]
    network = "without a network" if offline() else "with the network that it had"
    count = sum(len(found) for found in made.values()) - 1
    figures(f"{count} files of {', '.join(made)} are those of dvc repro, byte for byte, {network}")


@pytest.mark.generated
def test_a_gate_that_fails_registers_nothing(repository, real_pipeline, tmp_path):
    """The same pipeline, with a program whose contract asks for what no model reaches."""
    before = python(repository, VERSIONS, real_pipeline.arguments["tracking_uri"])
    program = tmp_path / "program"
    shutil.copytree(repository.folder, program, ignore=shutil.ignore_patterns(".git", ".dvc", "data", "mlruns"))
    contract = program / "loop.yaml"
    text, changed = re.subn(r"(metric: \{name: \w+, minimum: )[\d.]+", r"\g<1>0.999", contract.read_text())
    assert changed == 1
    contract.write_text(text)

    ran = replace(real_pipeline, program=program).run(reason="a rehearsal")
    assert ran.code == 1
    assert ran.steps[-1] == "refused"
    reason = ran.report("gates", "gates.json")["reason"]
    assert reason.startswith("metric: ")
    assert f"a gate failed, so the model is not registered: {reason}" in ran.said
    assert python(repository, VERSIONS, real_pipeline.arguments["tracking_uri"]) == before
