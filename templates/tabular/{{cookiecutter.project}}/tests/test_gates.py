from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from ml import gates, tracking
from ml.gates import GateError
from ml.judges import Judged, Slice, Verdict
from ml.model import Facts
from tests.stages import a_contract, a_frame, numbers, says
from tests.test_params import the_params

GOOD = Verdict(gate="metric", passed=True, value=0.51239, limit=0.5, note="f1 0.5124 | fine")
QUIET = Verdict(gate="sanity", passed=True, value=None, limit=None, note="nothing odd")
KIND_B = Slice(column="kind", value="b", rows=9, gap=0.3, sure=None)
BAD = Verdict(gate="bias", passed=False, value=0.2, limit=0.1, note="worst: kind=b", slices=(KIND_B,))
FACTS = Facts(task="classification", target="bought", classes=(False, True), weights=(1.0, 1.0))
VALUES = {"rows": 3, "metrics": {"f1": 0.5}, "baselines": {"majority class": 0.25}}


@dataclass
class AModel:
    facts: Facts = FACTS


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_verdicts_are_written_for_machines_and_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    gates.write([GOOD, QUIET, BAD], {"model_sha256": "abc", "train_until": "None"})
    assert Path("reports/gates.json").read_text(encoding="utf-8") == (
        json.dumps(
            {
                "passed": False,
                "reason": "bias: worst: kind=b",
                "artefact_sha256": None,
                "model_sha256": "abc",
                "train_until": "None",
                "gates": [
                    {"gate": "metric", "passed": True, "value": 0.51239, "limit": 0.5, "note": "f1 0.5124 | fine"}
                    | {"slices": []},
                    {"gate": "sanity", "passed": True, "value": None, "limit": None, "note": "nothing odd"}
                    | {"slices": []},
                    {"gate": "bias", "passed": False, "value": 0.2, "limit": 0.1, "note": "worst: kind=b"}
                    | {"slices": [{"column": "kind", "value": "b", "rows": 9, "gap": 0.3, "sure": None}]},
                ],
            },
            indent=1,
        )
        + "\n"
    )
    assert Path("reports/gates.md").read_text(encoding="utf-8") == (
        "| gate | verdict | value | limit | note |\n|---|---|---|---|---|\n"
        "| metric | pass | 0.5124 | 0.5 | f1 0.5124 \\| fine |\n"
        "| sanity | pass |  |  | nothing odd |\n"
        "| bias | FAIL | 0.2 | 0.1 | worst: kind=b |\n"
    )
    assert capsys.readouterr().out == (
        "  pass  metric    f1 0.5124 | fine\n  pass  sanity    nothing odd\n  FAIL  bias      worst: kind=b\n"
    )
    gates.write([GOOD, QUIET], {})
    report = json.loads(Path("reports/gates.json").read_text(encoding="utf-8"))
    assert (report["passed"], report["reason"]) == (True, "all gates passed")


def test_the_archive_that_a_platform_packed_is_named_by_its_hash() -> None:
    Path("model.tar.gz").write_bytes(b"packed")
    gates.write([GOOD], {})
    report = json.loads(Path("reports/gates.json").read_text(encoding="utf-8"))
    assert report["artefact_sha256"] == hashlib.sha256(b"packed").hexdigest()


@pytest.mark.parametrize(("verdicts", "word"), [([GOOD, QUIET], "passed"), ([GOOD, QUIET, BAD], "failed")])
def test_the_run_is_tracked_either_way(verdicts: list[Verdict], word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("reports").mkdir()
    Path("reports/metrics.json").write_text(json.dumps(VALUES), encoding="utf-8")
    logged: dict[str, Any] = {}
    monkeypatch.setattr(tracking, "log_run", lambda name, **given: logged.update(given, name=name) or "run-1")
    monkeypatch.setattr(gates.params, "load", the_params)
    assert gates.track(a_contract(), verdicts, {"model_sha256": "abc"}) == "run-1"

    tags = {"model_sha256": "abc", "gates": word}
    text = Path("reports/run.json").read_text(encoding="utf-8")
    assert text == json.dumps({"run_id": "run-1", "tags": tags}, indent=1) + "\n"
    contract = a_contract().model_dump()
    assert logged == {
        "name": "shop",
        "params": the_params().model_dump()
        | {"contract": {key: contract[key] for key in ("metric", "gates", "quality")}},
        "metrics": {"f1": 0.5, "gate.metric": 0.51239, "baseline.majority_class": 0.25}
        | ({"gate.bias": 0.2} if word == "failed" else {}),
        "tags": tags,
        "folders": [Path("model"), Path("reports/plots")],
        "files": [Path("reports/gates.json"), Path("reports/gates.md"), Path("reports/metrics.json")],
    }


ALL = ["minimum", "baseline", "sanity", "golden", "bias", "tampering", "champion", "latency"]


def same(one: Any, other: Any) -> bool:
    if isinstance(one, pl.DataFrame):
        return isinstance(other, pl.DataFrame) and one.equals(other)
    if isinstance(one, pl.Series):
        return one.equals(other)
    return one is other or bool(one == other)


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({}, ALL),
        ({"gates__golden": None, "gates__bias": None}, [name for name in ALL if name not in {"golden", "bias"}]),
    ],
)
def test_every_gate_of_the_contract_is_asked(
    changes: dict[str, Any], names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    contract, model, folder = a_contract(**changes), AModel(), Path("model")
    train, rows = a_frame(9), a_frame(3)
    test = Judged(frame=rows, truth=numbers(0, 1, 0), prediction=says(0, 1, 0))
    Path("data/prepared").mkdir(parents=True)
    Path("reports").mkdir()
    Path("reports/metrics.json").write_text(json.dumps(VALUES), encoding="utf-8")
    train.write_parquet("data/prepared/train.parquet")
    rows.write_parquet("data/prepared/test.parquet")

    def stand_in(place: Any, name: str, *expected: Any, answer: Any = None) -> None:
        def asked(*given: Any) -> Any:
            assert len(given) == len(expected)
            assert all(map(same, expected, given)), f"{name} is asked about something else"
            return answer or replace(QUIET, gate=name)

        monkeypatch.setattr(place, name, asked)

    stand_in(gates, "load", folder, answer=model)
    stand_in(gates, "target", train["bought"], model.facts.classes, answer="the training target")
    stand_in(gates.judges, "judge", model, folder, rows, contract, answer=test)
    stand_in(gates.judges, "minimum", contract.metric, test)
    stand_in(gates.judges, "baseline", contract.metric, test, VALUES["baselines"])
    stand_in(gates.judges, "sanity", test, "the training target")
    stand_in(gates.judges, "golden", contract.gates.golden, contract, model, folder, train)
    stand_in(gates.judges, "bias", contract.gates.bias, contract.metric, test)
    spoilt = [replace(QUIET, gate="tampering")]
    stand_in(gates.tampering, "verdicts", contract, folder, test, train, "the champion", answer=spoilt)
    stand_in(gates.judges, "champion", contract, "abc", test, "the champion")
    stand_in(gates.latency, "gate", contract.gates.latency, folder, rows)
    verdicts = gates.judged(contract, "abc", "the champion")  # type: ignore[arg-type]
    assert [verdict.gate.replace("gate", "latency") for verdict in verdicts] == names


@pytest.mark.parametrize("verdicts", [[GOOD, QUIET], [GOOD, BAD, QUIET, BAD]])
def test_the_stage_fails_after_it_has_written_and_tracked(
    verdicts: list[Verdict], monkeypatch: pytest.MonkeyPatch
) -> None:
    done = stage(monkeypatch, verdicts, champions="registered", holder="the registry's champion")
    if BAD in verdicts:
        with pytest.raises(GateError) as caught:
            gates.main()
        assert str(caught.value) == (
            "2 of 4 gates failed; the model is not registered\n"
            "  because: bias: worst: kind=b; bias: worst: kind=b\n"
            "  try: a better model, or another limit in loop.yaml if this one asks too much"
        )
    else:
        gates.main()
    card = [("card", CONTRACT, "run-1"), ("attach", "run-1", ["the card"])]
    assert done == [("write", verdicts, TAGS), ("track", CONTRACT, verdicts, TAGS), *card]


@pytest.mark.parametrize("server", ["", "http://127.0.0.1:1"])
@pytest.mark.parametrize("verdicts", [[GOOD, QUIET], [GOOD, BAD]])
def test_a_platform_reads_the_verdict_itself(
    server: str, verdicts: list[Verdict], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    done = stage(monkeypatch, verdicts, champions="laid_out", holder="the platform's champion")
    gates.main(["--champion"])
    if server:
        tracked = [("track", CONTRACT, verdicts, TAGS), ("card", CONTRACT, "run-1"), ("attach", "run-1", ["the card"])]
    else:
        tracked = [("card", CONTRACT, None)]
    assert done == [("write", verdicts, TAGS), *tracked]


CONTRACT, TAGS = a_contract(), {"model_sha256": "sha256 of model"}


def stage(monkeypatch: pytest.MonkeyPatch, verdicts: list[Verdict], *, champions: str, holder: str) -> list[Any]:
    """Let the stage find these verdicts against that champion, and return what it does with them."""
    done: list[Any] = []
    asked = (CONTRACT, "sha256 of model", holder)
    monkeypatch.setattr(gates.contracts, "load", lambda: CONTRACT)
    monkeypatch.setattr(gates, "digest", lambda folder: f"sha256 of {folder}")
    monkeypatch.setattr(gates, "Registry", lambda project: f"registry of {project}")
    monkeypatch.setattr(tracking, "tags", lambda sha256: {"model_sha256": sha256})
    monkeypatch.setattr(gates.champions, champions, lambda *_: holder)
    monkeypatch.setattr(gates, "judged", lambda *given: verdicts if given == asked else [])
    monkeypatch.setattr(gates, "write", lambda *given: done.append(("write", *given)))
    monkeypatch.setattr(gates, "track", lambda *given: done.append(("track", *given)) or "run-1")
    monkeypatch.setattr(gates.output, "write", lambda *given: done.append(("card", *given)) or ["the card"])
    monkeypatch.setattr(tracking, "attach", lambda *given: done.append(("attach", *given)))
    return done
