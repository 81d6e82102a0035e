from __future__ import annotations

import itertools
import json
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from ml import baseline, params, schema, train
from ml import contract as contracts
from ml.evaluate import predicted
from ml.frames import signature
from ml.hosts import Hosts
from ml.model import Facts, Prediction, load
from ml.peers import Peers
from ml.split import Keys, split
from ml.train import TrainError, best, classes, target
from tests.sample import sample
from tests.stages import SCHEMA, a_contract, a_frame, a_regression, numbers, says
from tests.test_params import the_params

if TYPE_CHECKING:
    from collections.abc import Iterator

# --- classes and targets ---


def found(labels: list[Any], positive: Any) -> tuple[Any, ...]:
    return classes(pl.DataFrame({"bought": labels}), a_contract(positive=positive))


@pytest.mark.parametrize(
    ("labels", "positive", "order"),
    [
        ([True, False, True], True, (False, True)),
        ([True, False], False, (True, False)),
        (["yes", "no", "yes"], "yes", ("no", "yes")),
        (["yes", "no"], "no", ("yes", "no")),
        ([1, 0], None, (0, 1)),
        ([3, 1, 2, 1], None, (1, 2, 3)),
        ([2, 1, 3], 1, (1, 2, 3)),
        ([2, 10, 1], None, (1, 2, 10)),
    ],
)
def test_classes_are_sorted_and_the_positive_of_two_is_the_second(
    labels: list[Any], positive: Any, order: tuple[Any, ...]
) -> None:
    assert found(labels, positive) == order


def test_a_regression_has_no_classes() -> None:
    assert classes(pl.DataFrame({"amount": [1.0, 2.0]}), a_regression()) == ()


@pytest.mark.parametrize(("labels", "positive"), [(["no", "no"], None), (["no", "maybe"], "yes"), (["yes"], "yes")])
def test_classes_that_are_missing(labels: list[str], positive: str | None) -> None:
    with pytest.raises(TrainError) as caught:
        found(labels, positive)
    assert str(caught.value) == (
        "the training rows do not hold the classes of 'bought'\n"
        f"  because: they hold {sorted(set(labels))}; positive in loop.yaml is {positive!r}\n"
        "  try: bring more data, or mend positive in loop.yaml"
    )


def test_targets_are_numbers_and_class_indices() -> None:
    np.testing.assert_array_equal(target(pl.Series([3, None, 5]), ()), [3, np.nan, 5])
    np.testing.assert_array_equal(target(pl.Series([True, None]), ()), [1, np.nan])
    np.testing.assert_array_equal(target(pl.Series(["b", "a", None, "c"]), ("b", "a")), [0, 1, np.nan, np.nan])
    assert target(pl.Series(["b"]), ("b", "a")).dtype == np.float64


# --- what the metric asks of the decision ---


def test_balanced_accuracy_weighs_by_the_share_of_each_class() -> None:
    truth, three = numbers(0, 0, 0, 1), np.full((4, 3), 1 / 3)
    assert train._weights("balanced_accuracy", truth, three) == pytest.approx((4 / 7, 2 / 7, 1 / 7))
    assert train._weights("balanced_accuracy", truth, three[:, :2]) == pytest.approx((4 / 6, 2 / 6))


@pytest.mark.parametrize("metric", ["accuracy", "log_loss", "roc_auc"])
def test_other_metrics_take_the_likeliest(metric: str) -> None:
    assert train._weights(metric, numbers(0, 1), says(0.1, 0.9).probabilities) == (1.0, 1.0)


@pytest.mark.parametrize("metric", ["f1", "precision", "recall"])
def test_f1_and_its_parts_get_a_threshold_for_two_classes(metric: str) -> None:
    weights = train._weights(metric, numbers(0, 1, 0, 1), says(0.1, 0.3, 0.2, 0.9).probabilities)
    assert weights == pytest.approx((0.75, 0.25))
    assert train._weights(metric, numbers(0, 1, 2), np.full((3, 3), 1 / 3)) == (1.0, 1.0, 1.0)


def test_a_regression_has_no_weights() -> None:
    assert train._weights("mae", numbers(1.5), None) == ()


@given(
    st.lists(st.tuples(st.booleans(), st.sampled_from([0.0, 0.1, 0.25, 0.3, 0.5, 0.9, 1.0])), min_size=1, max_size=12)
)
def test_no_threshold_has_a_larger_f1(rows: list[tuple[bool, float]]) -> None:
    truth, positive = numbers(*(label for label, _ in rows)), numbers(*(share for _, share in rows))

    def f1(threshold: float) -> float:
        return float(f1_score(truth, positive > threshold, zero_division=0))

    chosen = train._best_f1_threshold(truth, positive)
    assert 1e-6 <= chosen <= 1 - 1e-6
    if truth.any() and 0.0 not in positive[truth == 1]:
        assert f1(chosen) == pytest.approx(max(map(f1, [-1.0, *positive])))


def test_the_threshold_is_half_way_between_two_rows() -> None:
    assert train._best_f1_threshold(numbers(1, 1, 0), numbers(0.9, 0.6, 0.5)) == pytest.approx(0.55)
    assert train._best_f1_threshold(numbers(0, 1), numbers(0.9, 0.6)) == pytest.approx(0.3)
    assert train._best_f1_threshold(numbers(1, 0, 1), numbers(0.8, 0.4, 0.4)) == pytest.approx(0.2)
    assert train._best_f1_threshold(numbers(1, 0), numbers(1, 1)) == pytest.approx(0.5)
    assert train._best_f1_threshold(numbers(1), numbers(0)) == 1e-6
    assert train._best_f1_threshold(numbers(1, 0), numbers(1, 1 - 1e-9)) == 1 - 1e-6


# --- training ---


def test_the_best_round_counts_from_one() -> None:
    assert best([3.0, 2.0, 1.0, 1.5]) == 3
    assert best([1.0]) == 1
    assert best([2.0, 1.0, 1.0]) == 2


class Calls(dict[str, Any]):
    """What `trained` asks the model for; the answers are made up."""

    def tune(self, early: Any, late: Any, facts: Facts, settings: Any, *, peers: Any) -> tuple[str, list[float]]:
        self["tune"] = early, late, facts, settings
        self["peers"] = peers
        return "tuned", [3.0, 1.0, 2.0]

    def predict(self, model: str, features: Any) -> Prediction:
        self["predict"] = model, features
        if "amount" not in features:
            return Prediction(np.zeros(len(features["kind"])), None)
        share = np.where(features["amount"] > 50, 0.9, 0.1)
        return Prediction(share, np.column_stack([1 - share, share]))

    def fit(self, rows: Any, facts: Facts, settings: Any, *, rounds: int, peers: Any) -> str:
        assert peers is self["peers"]
        self["fit"] = rows, facts, settings, rounds
        return "model"


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    made = Calls()
    for name in ("tune", "predict", "fit"):
        monkeypatch.setattr(train, name, getattr(made, name))
    monkeypatch.setattr(train, "features", lambda columns: columns)
    monkeypatch.setattr(schema, "SCHEMA", SCHEMA)
    return made


def test_it_tunes_on_the_newest_rows_and_fits_on_all(calls: Calls) -> None:
    contract, how = a_contract(), the_params(train__seed=11)
    frame = a_frame(200, people=20).with_columns(bought=pl.col("amount") > 50)
    made = train.trained(frame, contract, how)
    assert (made.model, made.losses) == ("model", [3.0, 1.0, 2.0])
    assert made.inputs == signature(SCHEMA, contract)

    parts = split(frame, Keys.of(contract), share=0.15, entity_share=0.3, seed=12)
    early, late, facts, settings = calls["tune"]
    assert early.features["amount"].tolist() == parts.earlier["amount"].to_list()
    assert late.features["amount"].tolist() == parts.later["amount"].to_list()
    assert late.target.tolist() == parts.later["bought"].cast(float).to_list()
    assert facts == Facts(task="classification", target="bought", classes=(False, True), weights=(1.0, 1.0))
    assert calls["predict"][0] == "tuned"
    assert calls["predict"][1] is late.features

    rows, facts, same, rounds = calls["fit"]
    assert rows.features["amount"].tolist() == frame["amount"].to_list()
    assert rows.target.tolist() == frame["bought"].cast(float).to_list()
    assert facts.weights == pytest.approx((0.5, 0.5))
    assert (settings, same, rounds) == (how.train.settings(), how.train.settings(), 2)

    assert made.unseen.frame.equals(parts.later)
    assert made.unseen.truth is late.target
    probabilities = made.unseen.prediction.probabilities
    assert probabilities is not None
    np.testing.assert_array_equal(probabilities[:, 1], np.where(late.features["amount"] > 50, 0.9, 0.1))
    np.testing.assert_array_equal(made.unseen.prediction.values, late.features["amount"] > 50)


def test_a_regression_says_what_is_believable(calls: Calls) -> None:
    frame = a_frame(200, people=20)
    train.trained(frame, a_regression(), the_params())
    low, high = float(frame["amount"].min()), float(frame["amount"].max())  # type: ignore[arg-type]
    assert calls["fit"][1].believable == (2 * low - high, 2 * high - low)


def lay_out(frame: pl.DataFrame, days: float | None = None) -> None:
    Path("data/prepared").mkdir(parents=True)
    Path("reports").mkdir()
    frame.write_parquet("data/prepared/train.parquet")
    Path("reports/probe.json").write_text(json.dumps({"window_days": days}), encoding="utf-8")


@pytest.mark.parametrize(("days", "rows"), [(None, 200), (10.0, 40), (99.0, 200)])
def test_it_learns_from_the_window_that_the_probe_chose(
    calls: Calls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: float | None, rows: int
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(train.contracts, "load", a_contract)
    monkeypatch.setattr(train.params, "load", the_params)
    monkeypatch.setattr(train, "fit", lambda _rows, facts, *_, **__: type("Made", (), {"facts": facts})())
    monkeypatch.setattr(train, "save", lambda _, folder: folder.mkdir())
    frame = a_frame(200, people=20)
    lay_out(frame, days)
    train.main()
    made = baseline.load(Path("model"))
    assert (made.rows, made.since) == (rows, frame["at"][-rows].isoformat())


def test_the_stage_leaves_model_signature_and_report(
    calls: Calls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    contract, frame = a_contract(), a_frame(200, people=20)
    monkeypatch.setattr(train.contracts, "load", lambda: contract)
    monkeypatch.setattr(train.params, "load", the_params)
    monkeypatch.setattr(train, "fit", lambda _rows, facts, *_, **__: type("Made", (), {"facts": facts})())
    monkeypatch.setattr(train, "save", lambda _, folder: (folder.mkdir(), (folder / "made").touch()))
    lay_out(frame)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "old").touch()
    train.main()
    assert sorted(path.name for path in (tmp_path / "model").iterdir()) == ["baseline.json", "made", "signature.json"]
    text = (tmp_path / "reports" / "train.json").read_text(encoding="utf-8")
    assert text.startswith('{\n "rounds": 2,\n')
    assert text.endswith("}\n")
    assert set(json.loads(text)) == {"rounds", "weights", "validation_loss"}
    assert json.loads(text)["validation_loss"] == [3.0, 1.0, 2.0]
    train.main()


def test_each_of_several_hosts_learns_from_its_share_and_judges_by_the_same_rows(calls: Calls) -> None:
    contract, how = a_contract(), the_params()
    frame = a_frame(201, people=20)
    taken: dict[str, list[list[float]]] = {"tune": [], "fit": []}
    judged = []
    names = ("algo-1", "algo-2", "algo-3")
    for name in names:
        peers = Peers(Hosts(name=name, names=names))
        train.trained(frame, contract, how, peers)
        assert calls["peers"] is peers
        judged.append(calls["tune"][1].features["amount"].tolist())
        for step in ("tune", "fit"):
            taken[step].append(calls[step][0].features["amount"].tolist())
    parts = split(frame, Keys.of(contract), share=0.15, entity_share=0.3, seed=8)
    assert judged == [parts.later["amount"].to_list()] * 3
    for step, whole in (("tune", parts.earlier), ("fit", frame)):
        assert sorted(itertools.chain(*taken[step])) == sorted(whole["amount"].to_list())
        assert taken[step][1] == whole["amount"].to_list()[1::3]


def test_only_the_first_host_leaves_anything(calls: Calls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def met(hosts: Hosts) -> Iterator[Peers]:
        yield Peers(hosts)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(train, "met", met)
    monkeypatch.setattr(train.contracts, "load", a_contract)
    monkeypatch.setattr(train.params, "load", the_params)
    monkeypatch.setenv("LOOP_HOSTS", "algo-1,algo-2")
    monkeypatch.setenv("LOOP_HOST", "algo-2")
    lay_out(a_frame(200, people=20))
    train.main()
    assert calls["peers"].hosts.name == "algo-2"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "reports"]
    assert [path.name for path in (tmp_path / "reports").iterdir()] == ["probe.json"]


# --- what this repository's own training gives, on rows that only look like its data ---


@pytest.fixture(scope="module")
def trained_twice(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    contract = contracts.load()
    contract = contract.model_copy(update={"quality": contract.quality.model_copy(update={"label_delay_days": 0.0})})
    found = params.load()
    how = found.model_copy(update={"train": found.train.model_copy(update={"rounds": 10, "patience": 2, "threads": 1})})
    rows = sample(500, seed=5).drop_nulls(contract.target)
    folders = tmp_path_factory.mktemp("one"), tmp_path_factory.mktemp("two")
    for folder in folders:
        made = train.trained(rows, contract, how)
        train.save(made.model, folder)
        made.inputs.save(folder)
        baseline.save(baseline.baseline(rows, made.inputs, made.unseen, made.model.facts, contract), folder)
    return folders


def test_training_twice_gives_the_same_bytes(trained_twice: tuple[Path, Path]) -> None:
    one, two = ({path.name: path.read_bytes() for path in folder.iterdir()} for folder in trained_twice)
    assert one == two
    assert set(one) == {"baseline.json", "booster.txt", "model.json", "signature.json"}


@pytest.mark.parametrize("rows", [1, 200])
def test_the_model_gives_one_finite_answer_a_row(trained_twice: tuple[Path, Path], rows: int) -> None:
    folder, contract = trained_twice[0], contracts.load()
    model = load(folder)
    made = predicted(model, folder, sample(200, seed=6).head(rows))
    assert made.values.shape == (rows,)
    assert made.values.dtype == np.float64
    assert np.isfinite(made.values).all()
    assert (made.probabilities is None) == (contract.task == "regression")
    if made.probabilities is not None:
        assert made.probabilities.shape == (rows, len(model.facts.classes))
        assert made.probabilities.sum(axis=1) == pytest.approx(np.ones(rows))
        assert set(made.values) <= set(range(len(model.facts.classes)))
        assert contract.positive in (None, *model.facts.classes[1:])
