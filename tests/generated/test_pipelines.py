"""The compiled training pipeline, executed step by step in SageMaker's folders, gives what `dvc repro` gives."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from datasets import Shape, write
from lap import Repository
from loopwright.execution.execute import execute
from loopwright.execution.objects import Objects
from loopwright.graph.load import load
from realdata import real_data
from repositories import REAL, new

pytestmark = pytest.mark.generated

DIGEST = "sha256:" + "a" * 64
JOBS = ["prepare", "probe", "train", "evaluate", "gates"]
RAN = ["prepare", "probe", "worth-it", "train", "evaluate", "gates", "verdict", "register"]
LOG = """
import sys
from pathlib import Path
import polars as pl
from ml import contract
from ml.artefact import digest
from ml.evaluate import predicted
from ml.losses import losses
from ml.model import load
from ml.train import target
folder, history, days, out = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4]
known, model = contract.load(), load(folder)
rows = pl.read_parquet(history).drop_nulls(known.target)
at = pl.col(known.time_column)
rows = rows.filter(at > at.max() - pl.duration(days=days))
truth = target(rows[known.target], model.facts.classes)
loss = losses(known.metric.name, truth, predicted(model, folder, rows))
told = {"__time__": at, "__model__": pl.lit(digest(folder)), "__loss__": pl.Series(loss)}
rows.drop(known.entity).with_columns(**told).write_parquet(out)
"""
"""What a model would have answered in the last days, with its losses, as the monitor leaves it."""


@dataclass(frozen=True, kw_only=True)
class Account:
    """A repository whose dev stack is deployed to folders of this machine."""

    repository: Repository
    root: Path
    stack: str = "dev"

    @property
    def folder(self):
        return self.repository.folder

    @property
    def objects(self):
        return Objects(self.root / "s3")

    @property
    def data(self):
        return self.objects.path("s3://shop-dev-data-123456789012/data")

    def definition(self):
        project = yaml.safe_load((self.folder / "loop.yaml").read_text())["project"]
        named = {f"{project}:imageDigest": DIGEST}
        graph = load(self.folder, self.stack, settings=named, python=Path(sys.executable), answers="concrete")
        (found,) = (
            node for node in graph.of_type("aws:sagemaker/pipeline:Pipeline") if node.name == "training-pipeline"
        )
        return json.loads(found.inputs["pipelineDefinition"])

    def run(self, name, *, cache=None, program=None, **parameters):
        definition = self.definition()
        defaults = {each["Name"]: each.get("DefaultValue") for each in definition["Parameters"]}
        nobody = self.objects.path(defaults["ChampionUri"])
        nobody.parent.mkdir(parents=True, exist_ok=True)
        nobody.write_text("There is no champion yet.")
        labelled = self.objects.path(logged(definition))
        labelled.mkdir(parents=True, exist_ok=True)
        (labelled / "none").touch()
        data = self.objects.path(defaults["DataUri"])
        if not data.is_dir():
            data.mkdir(parents=True)
            for file in ("history", "golden"):
                shutil.copy(self.folder / f"data/{file}.parquet", data)
        return execute(
            definition,
            parameters={"DataVersion": "first", **parameters},
            command=[self.repository.venv / "bin/python", "-m", "ml", "job"],
            root=self.root,
            name=name,
            cache=cache,
            environment={"PYTHONPATH": str(program or self.folder)},
        )

    def made(self, name, step, path):
        """Return a result of a step of an execution."""
        properties = name.scope.properties[step]
        uri = properties["ProcessingOutputConfig"]["Outputs"]["out"]["S3Output"]["S3Uri"]
        return self.objects.path(f"{uri}/{path}")

    def log(self, execution, days, folder):
        """Let the model of an execution have answered the rows of the last days, and their labels have landed."""
        model, out = self.model(execution, folder), self.objects.path(logged(self.definition())) / "some.parquet"
        python, words = self.repository.venv / "bin/python", (model, self.data / "history.parquet", days, out)
        subprocess.run([python, "-c", LOG, *map(str, words)], cwd=self.folder, check=True)
        (package,) = execution.packages
        return package["InferenceSpecification"]["Containers"][0]["ModelDataUrl"]

    def model(self, execution, folder):
        """Unpack the model of an execution."""
        archive = self.objects.path(execution.scope.properties["train"]["ModelArtifacts"]["S3ModelArtifacts"])
        with tarfile.open(archive) as packed:
            packed.extractall(folder, filter="data")
        return folder


def logged(definition):
    """Return where the probe looks for labelled answers."""
    probe = next(step for step in definition["Steps"] if step["Name"] == "probe")
    inputs = {each["InputName"]: each["S3Input"]["S3Uri"] for each in probe["Arguments"]["ProcessingInputs"]}
    return inputs["logged"]


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def hashes(folder):
    return {path.name: sha256(path) for path in sorted(folder.iterdir())}


def ended(execution):
    return [(outcome.name, outcome.status) for outcome in execution.outcomes]


@pytest.fixture(scope="module")
def small(tmp_path_factory, venv):
    """A small repository, and one execution of its pipeline."""
    folder = tmp_path_factory.mktemp("small")
    shape = Shape(target="two classes", time=True, entity=True)
    new(folder / "shop", "--no-git", "--data", write(folder, shape), *shape.words(), "--set", "project=shop")
    repository = Repository(folder=folder / "shop", venv=venv)
    cache = {}
    account = Account(repository=repository, root=folder / "aws")
    return account, account.run("first", cache=cache), cache


def test_the_steps_give_what_dvc_repro_gives(tmp_path, venv, figures):
    repository = Repository(folder=tmp_path / "retail", venv=venv)
    new(repository.folder, "--data", real_data("retail_repurchase"), *REAL["retail_repurchase"])
    account = Account(repository=repository, root=tmp_path / "aws")
    execution = account.run("one")
    assert execution.status == "Succeeded", execution.reason
    repository.make("run")

    for side in ("train", "test"):
        path = f"data/prepared/{side}.parquet"
        assert sha256(account.made(execution, "prepare", path)) == sha256(repository.folder / path)
    model = hashes(account.model(execution, tmp_path / "model"))
    assert model == hashes(repository.folder / "model")
    assert len(model) == 4
    metrics = "reports/metrics.json"
    assert account.made(execution, "evaluate", metrics).read_text() == (repository.folder / metrics).read_text()
    plots = "reports/plots"
    assert hashes(account.made(execution, "evaluate", plots)) == hashes(repository.folder / plots)

    (package,) = execution.packages
    told, tags = package["CustomerMetadataProperties"], repository.report("run.json")["tags"]
    for name in ("data_sha256", "window_sha256", "model_sha256", "lock_sha256", "train_until"):
        assert told[name] == tags[name], name
    figures(f"{len(model)} files of the model, 2 of the data, the metrics and the plots: the same bytes")


def test_a_model_that_passes_is_registered_with_all_that_it_is_made_of(small):
    account, execution, _ = small
    assert execution.status == "Succeeded", execution.reason
    assert ended(execution) == [(name, "Succeeded") for name in RAN]
    (package,) = execution.packages
    told = package["CustomerMetadataProperties"]
    assert package["ModelApprovalStatus"] == "Approved"
    assert package["InferenceSpecification"]["Containers"][0]["Image"].endswith(DIGEST)
    assert (told["reason"], told["champion"], told["data_version"]) == ("manual", "none", "first")
    archive = account.objects.path(package["InferenceSpecification"]["Containers"][0]["ModelDataUrl"])
    assert told["artefact_sha256"] == sha256(archive)
    for kind, part in (("ModelQuality", "metrics"), ("ModelDataQuality", "rows")):
        statistics = account.objects.path(package["ModelMetrics"][kind]["Statistics"]["S3Uri"])
        assert part in json.loads(statistics.read_text())
    assert package["DriftCheckBaselines"]["ModelDataQuality"] == package["ModelMetrics"]["ModelDataQuality"]


def test_every_job_works_in_a_folder_of_its_own(small):
    account, _, _ = small
    for name in JOBS:
        job = account.root / "jobs/first" / name
        assert list((job / "empty").iterdir()) == []
        # What it worked in is gone, too.
        assert not [path for path in (job / "ml").iterdir() if path.name.startswith("tmp")]


def test_the_cache_answers_what_has_the_same_code_data_and_parameters(small):
    account, first, cache = small
    again = account.run("again", cache=dict(cache))
    # The probe asks about the champion, who is no file: it is never answered from a cache, as in dvc.yaml. Where its
    # answer lies is new each time, and what reads it is made anew.
    assert ended(again) == [("prepare", "Cached"), *((name, "Succeeded") for name in RAN[1:])]
    told, before = (run.packages[0]["CustomerMetadataProperties"] for run in (again, first))
    assert told == before | {name: told[name] for name in ("execution", "artefact_sha256")}
    other = account.run("other", cache=dict(cache), DataVersion="second")
    assert ended(other)[0] == ("prepare", "Succeeded")


def test_a_run_over_the_same_window_gives_the_same_model_whatever_came_since(small, tmp_path):
    account, _, _ = small
    import polars as pl  # noqa: PLC0415 - the generator does without

    column = yaml.safe_load((account.folder / "loop.yaml").read_text())["time_column"]
    history = pl.read_parquet(account.folder / "data/history.parquet")
    until = history[column].max()
    told = {"DataUntil": until.isoformat(), "WindowsDays": "20,40"}
    one = account.run("window", **told)
    assert one.status == "Succeeded", one.reason
    elsewhere = Account(repository=account.repository, root=tmp_path / "aws")
    data = elsewhere.data
    (data / "history").mkdir(parents=True)
    shutil.copy(account.folder / "data/golden.parquet", data)
    shutil.copy(account.folder / "data/history.parquet", data)
    later = history.with_columns(pl.col(column) + pl.duration(days=400))
    later.write_parquet(data / "history/later.parquet")
    two = elsewhere.run("window", DataVersion="second", **told)
    assert two.status == "Succeeded", two.reason
    first, second = (run.packages[0]["CustomerMetadataProperties"] for run in (one, two))
    assert first["window_sha256"] == second["window_sha256"]
    assert first["model_sha256"] == second["model_sha256"]
    assert first["data_sha256"] != second["data_sha256"]


def test_the_champion_is_what_a_challenger_meets(small):
    account, first, cache = small
    (package,) = first.packages
    uri = package["InferenceSpecification"]["Containers"][0]["ModelDataUrl"]
    again = account.run("champion", cache=dict(cache), Champion="arn:of:it", ChampionUri=uri)
    gates = json.loads(account.made(again, "gates", "reports/gates.json").read_text())
    note = next(gate["note"] for gate in gates["gates"] if gate["gate"] == "champion")
    sha = package["CustomerMetadataProperties"]["model_sha256"]
    assert note == f"this is the champion itself, model {sha[:12]}"
    assert again.packages[0]["CustomerMetadataProperties"]["champion"] == "arn:of:it"


def test_where_no_challenger_is_better_the_run_ends_well_without_a_package(small, tmp_path):
    account, first, cache = small
    uri = account.log(first, days=30, folder=tmp_path / "champion")
    told = {"Champion": "arn:of:it", "ChampionUri": uri, "WindowsDays": "20,40", "Reason": "drift"}
    run = account.run("kept", cache=dict(cache), **told)
    assert ended(run) == [("prepare", "Succeeded"), ("probe", "Succeeded"), ("worth-it", "Succeeded")]
    assert (run.status, run.packages) == ("Succeeded", [])
    report = json.loads(account.made(run, "probe", "reports/probe.json").read_text())
    assert (report["go"], report["reason"]) == (False, "not better")
    assert report["champion"] == first.packages[0]["CustomerMetadataProperties"]["model_sha256"]
    assert report["gain"] <= report["needed"]
    assert [each["window_days"] for each in report["candidates"]] == [20, 40]
    assert report["explanation"] in (account.root / "jobs/kept/probe/log.txt").read_text()


def test_after_a_change_the_run_goes_on_with_the_window_that_it_chose(small, tmp_path):
    """What became of the rows is the other way round from the sixtieth day on; the champion is of before."""
    import polars as pl  # noqa: PLC0415 - the generator does without

    account, _, _ = small
    program = tmp_path / "program"
    shutil.copytree(account.folder, program, ignore=shutil.ignore_patterns("data", ".dvc", ".venv"))
    contract = (program / "loop.yaml").read_text()
    # The golden rows are of before, too.
    (program / "loop.yaml").write_text(re.sub(r"\n  golden: .*", "", contract))
    elsewhere = Account(repository=account.repository, root=tmp_path / "aws")
    elsewhere.data.mkdir(parents=True)
    history = pl.read_parquet(account.folder / "data/history.parquet")
    turned = history["seen_at"].min() + timedelta(days=60)
    other = pl.when(pl.col("outcome") == "churned").then(pl.lit("stayed")).otherwise(pl.lit("churned"))
    later = (pl.col("seen_at") >= turned) & pl.col("outcome").is_not_null()
    history.with_columns(outcome=pl.when(later).then(other).otherwise("outcome")).write_parquet(
        elsewhere.data / "history.parquet"
    )
    before = elsewhere.run("before", program=program, DataUntil=turned.isoformat())
    assert before.status == "Succeeded", before.reason
    uri = elsewhere.log(before, days=30, folder=tmp_path / "champion")

    told = {"Champion": "arn:of:it", "ChampionUri": uri, "WindowsDays": "20,40,80,120", "Reason": "recovery"}
    run = elsewhere.run("after", program=program, DataVersion="second", **told)
    report = json.loads(elsewhere.made(run, "probe", "reports/probe.json").read_text())
    assert (report["go"], report["reason"]) == (True, "better")
    assert report["gain"] > 0.3
    assert run.status == "Succeeded", run.reason
    assert ended(run) == [(name, "Succeeded") for name in RAN]
    prepared = pl.read_parquet(elsewhere.made(run, "prepare", "data/prepared/train.parquet"))["seen_at"]
    since = prepared.max() - timedelta(days=report["window_days"])
    model = json.loads((elsewhere.model(run, tmp_path / "model") / "baseline.json").read_text())
    assert model["rows"] == (prepared > since).sum() < len(prepared)
    assert model["from"] > since.isoformat() >= turned.isoformat()


def test_a_refused_model_ends_the_run_with_the_gates_reason(small, tmp_path):
    account, _, cache = small
    program = tmp_path / "program"
    shutil.copytree(account.folder, program, ignore=shutil.ignore_patterns("data", ".dvc", ".venv"))
    contract = (program / "loop.yaml").read_text()
    (program / "loop.yaml").write_text(contract.replace("minimum: 0.", "minimum: 0.99", 1))
    run = account.run("refused", cache=dict(cache), program=program)
    assert run.status == "Failed"
    assert run.reason.startswith("not registered: metric: ")
    assert ended(run)[-1] == ("refused", "Failed")
    assert run.packages == []


def test_a_job_that_fails_says_why_in_sagemakers_own_place(small, tmp_path):
    account, _, _ = small
    elsewhere = Account(repository=account.repository, root=tmp_path / "aws")
    data = elsewhere.data
    data.mkdir(parents=True)
    shutil.copy(account.folder / "data/golden.parquet", data)
    shutil.copy(account.folder / "data/golden.parquet", data / "history.parquet")
    run = elsewhere.run("broken")
    assert ended(run) == [("prepare", "Failed")]
    assert run.reason.startswith("error: ")
    assert "because:" in run.reason
