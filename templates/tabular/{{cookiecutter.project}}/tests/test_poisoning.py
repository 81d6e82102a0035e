"""Spoilt data: from a share of turned labels, or of one row repeated, no challenger passes. `ml/tampering.py`."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import matthews_corrcoef

from ml import baseline, hashes, judges, params, schema, tampering, train
from ml.champions import Champion
from ml.contract import Contract, Metric
from ml.frames import signature
from ml.judges import Judged
from ml.model import Model, Prediction, save
from ml.skill import Skill, agreement, skill
from tests.sample import sample
from tests.stages import a_contract, numbers, says
from tests.test_loop import contract as loose

if TYPE_CHECKING:
    from pathlib import Path

    from ml.judges import Verdict

FLIPPED, REPEATED = 0.3, 0.03
"""From these shares on every challenger was rejected, on the simulator and on three real data sets (20 seeds each)."""
LOG, MSE, MAE = (Metric(name=name, maximum=9) for name in ("log_loss", "rmse", "mae"))


# --- skill and agreement ---


def values(*said: float) -> Prediction:
    return Prediction(numbers(*said), None)


@pytest.mark.parametrize(
    ("metric", "truth", "said", "expected"),
    [
        ("log_loss", [1, 1, 0, 0], says(1, 1, 0, 0), 1),
        ("log_loss", [1, 1, 0, 0], says(0.5, 0.5, 0.5, 0.5), 0),
        ("f1", [1, 1, 0, 0], says(0.8, 0.8, 0.2, 0.2), 1 - math.log(0.8) / math.log(0.5)),
        ("f1", [1, 1, 0, 0], says(0.2, 0.2, 0.8, 0.8), 1 - math.log(0.2) / math.log(0.5)),
        ("f1", [1, 0, 0, 0], says(0.25, 0.25, 0.25, 0.25), 0),
        ("rmse", [1, 2, 3, 6], values(3, 3, 3, 3), 0),
        ("r2", [1, 2, 3, 6], values(1, 2, 3, 7), 1 - 1 / 14),
        ("mae", [1, 2, 3, 6], values(2.5, 2.5, 2.5, 2.5), 0),
        ("mae", [1, 2, 3, 6], values(1, 2, 3, 7), 1 - 1 / 6),
        ("mae", [1, 2, 3, 6, math.nan], values(1, 2, 3, 7, 99), 1 - 1 / 6),
    ],
)
def test_skill_is_how_far_from_the_best_constant(
    metric: str, truth: list[float], said: Prediction, expected: float
) -> None:
    assert skill(metric, numbers(*truth), said).value == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(("truth", "said"), [([], []), ([1], [1]), ([2, 2, 2], [1, 2, 3]), ([math.nan], [1])])
def test_of_too_little_nothing_is_known(truth: list[float], said: list[float]) -> None:
    assert math.isnan(skill("rmse", numbers(*truth), values(*said)).value)


def test_the_standard_error_of_a_skill_is_what_it_varies_by() -> None:
    random, found = np.random.default_rng(0), []
    for _ in range(400):
        truth = random.normal(size=200)
        found.append(skill("rmse", truth, Prediction(truth + random.normal(0, 0.7, 200), None)))
    drawn, told = np.array(found).T
    assert told.mean() == pytest.approx(drawn.std(), rel=0.15)


def test_agreement_is_a_correlation() -> None:
    random = np.random.default_rng(1)
    one, other = random.normal(size=(2, 50))
    assert agreement(one, Prediction(one + other, None)) == pytest.approx(np.corrcoef(one, one + other)[0, 1])
    truth, said = random.integers(0, 3, size=(2, 60))
    certain = Prediction(said.astype(float), np.eye(3)[said])
    assert agreement(truth.astype(float), certain) == pytest.approx(matthews_corrcoef(truth, said))
    assert agreement(numbers(1, 1, 0, 0, math.nan), says(0.1, 0.2, 0.6, 0.7, 0.9)) < -0.9
    assert agreement(numbers(1, 0), says(0.5, 0.5)) == agreement(numbers(), says()) == 0


# --- the verdicts ---


def judged(truth: list[float], said: Prediction) -> Judged:
    return Judged(frame=pl.DataFrame(), truth=numbers(*truth), prediction=said)


HALF = judged([1, 0] * 50, says(*[0.8, 0.2] * 50))
"""Its skill is 0.68, without an error."""


@pytest.mark.parametrize(
    ("champion", "passed"),
    [
        (None, True),
        (Skill(0.99, 0.0), True),
        (Skill(-5.0, 0.1), True),
        (Skill(1.35, 0.0), True),
        (Skill(1.4, 0.0), False),
        (Skill(1.4, 0.04), False),
        (Skill(1.4, 0.05), True),
    ],
)
def test_a_challenger_keeps_half_of_the_champions_skill(champion: Skill | None, *, passed: bool) -> None:
    assert tampering.signal(0.5, LOG, HALF, champion).passed is passed


@pytest.mark.parametrize(("part", "passed"), [(0.3, True), (0.5, False), (1.0, False)])
def test_how_much_it_keeps_is_the_contracts_to_say(part: float, *, passed: bool) -> None:
    assert tampering.signal(part, LOG, HALF, Skill(1.5, 0.0)).passed is passed


def test_a_contract_that_does_not_ask_gets_no_verdict(tmp_path: Path) -> None:
    contract = a_contract(gates__signal=None, gates__golden=None)
    assert tampering.verdicts(contract, tmp_path, HALF, pl.DataFrame(), None) == []


def test_what_a_few_rows_show_counts_for_the_challenger() -> None:
    rows = [1, 0, 1, 1], says(0.9, 0.2, 0.9, 0.1)
    found = tampering.signal(0.5, LOG, judged(*rows), Skill(0.9, 0.0))
    assert found.passed
    many = judged(rows[0] * 50, says(*[0.9, 0.2, 0.9, 0.1] * 50))
    again = tampering.signal(0.5, LOG, many, Skill(0.9, 0.0))
    assert (again.value, again.passed) == (pytest.approx(found.value), False)


def test_worse_than_nothing_is_no_half_of_less() -> None:
    wrong = judged([1, 0] * 50, says(*[0.2, 0.8] * 50))
    assert not tampering.signal(0.5, LOG, wrong, Skill(-5.0, 0.1)).passed


def test_of_rows_that_are_all_alike_nothing_is_said() -> None:
    found = tampering.signal(0.5, LOG, judged([1, 1], says(0.9, 0.8)), Skill(0.9, 0.0))
    assert (found.passed, found.value, found.limit) == (True, None, None)


@pytest.mark.parametrize(
    ("usual", "times", "passed"), [(1, 2, True), (1, 4, True), (1, 5, False), (10, 22, True), (10, 23, False)]
)
def test_one_row_is_not_there_much_more_often_than_a_golden_one(usual: int, times: int, *, passed: bool) -> None:
    def rows(same: int) -> pl.DataFrame:
        return pl.DataFrame({"a": [0] * same + list(range(1, 101 - same)), "b": 1, "label": list(range(100))})

    unique = rows(1)
    for parts in ([rows(times), unique], [unique, rows(times)]):
        found = tampering.repeats(["a", "b"], parts, rows(usual))
        assert (found.value, found.limit, found.passed) == (times / 100, pytest.approx(usual / 50 + 0.02), passed)


def test_rows_without_an_input_are_none() -> None:
    assert tampering.repeats([], [pl.DataFrame({"a": [1, 1]})], pl.DataFrame({"a": [1]})).passed
    assert tampering.repeats(["a"], [pl.DataFrame({"a": []})], pl.DataFrame({"a": [1]})).value == 0


@pytest.mark.parametrize(("said", "passed"), [(says(0.9, 0.8, 0.3), True), (says(0.3, 0.4, 0.8), False)])
def test_answers_point_the_right_way_on_the_golden_rows(
    said: Prediction, *, passed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "golden.parquet"
    rows = pl.DataFrame({"who": ["a", "b", "c"], "bought": [True, True, False]})
    rows.write_parquet(path)
    monkeypatch.setattr(judges, "judge", lambda *_: Judged(frame=rows, truth=numbers(1, 1, 0), prediction=said))
    changes = {"gates__golden": {"path": str(path), "sha256": hashes.sha256(path), "minimum": 0.0}}
    contract = a_contract(**changes)
    other = pl.DataFrame({"who": ["x"], "bought": [True]})
    found = judges.golden(contract.gates.golden, contract, None, tmp_path, other)  # type: ignore[arg-type]
    assert found.passed is passed
    assert ("point the wrong way" in found.note) is not passed


def test_a_baseline_keeps_the_skill_and_one_of_before_has_none(baselined: Path, tmp_path: Path) -> None:
    found = baseline.load(baselined)
    assert found.skill is not None
    assert 0 < found.skill.value <= 1
    baseline.save(replace(found, skill=None), tmp_path)
    assert baseline.load(tmp_path) == replace(found, skill=None)
    text = (tmp_path / baseline.FILE).read_text(encoding="utf-8")
    (tmp_path / baseline.FILE).write_text(text.replace(' "skill": null,\n', ""), encoding="utf-8")
    assert baseline.load(tmp_path).skill is None


# --- models of this repository ---


@dataclass(frozen=True)
class Made:
    folder: Path
    model: Model


@dataclass
class World:
    """A champion of the older half of some rows; the golden rows are of neither half."""

    room: Path
    seed: int
    count: int = 0

    def __post_init__(self) -> None:
        rows = sample(3000, seed=self.seed)
        golden = rows.gather_every(15)
        rows = rows.filter(pl.int_range(rows.height) % 15 != 0)
        golden.write_parquet(self.room / "golden.parquet")
        document = loose(self.room / "golden.parquet")
        document["gates"]["golden"]["path"] = str(self.room / "golden.parquet")
        self.contract = Contract.model_validate(document)
        rows = rows.drop_nulls(self.contract.target)
        self.golden = golden.drop_nulls(self.contract.target)
        self.older, self.newer = rows.head(rows.height // 2), rows.tail(rows.height // 2)
        champion = self.learn(self.older)
        self.champion = Champion(name="it", sha256="0", train_until="None", fetch=lambda: champion.folder)

    def learn(self, rows: pl.DataFrame) -> Made:
        how = params.load()
        quick = how.train.model_copy(update={"rounds": 40, "threads": 1, "seed": self.seed})
        made = train.trained(rows, self.contract, how.model_copy(update={"train": quick}))
        self.count += 1
        folder = self.room / f"model {self.count}"
        save(made.model, folder)
        made.inputs.save(folder)
        baseline.save(baseline.baseline(rows, made.inputs, made.unseen, made.model.facts, self.contract), folder)
        return Made(folder, made.model)

    def rejects(self, rows: pl.DataFrame) -> set[str]:
        """Return which gates against spoilt data reject a challenger: the newest fifth of the rows judges it."""
        cut = rows.height * 4 // 5
        early, late = rows.head(cut), rows.tail(rows.height - cut)
        made = self.learn(early)
        test = judges.judge(made.model, made.folder, late, self.contract)
        golden = judges.judge(made.model, made.folder, self.golden, self.contract)
        verdicts: list[Verdict] = tampering.verdicts(self.contract, made.folder, test, early, self.champion)
        found = {verdict.gate for verdict in verdicts if not verdict.passed}
        return found | (set() if agreement(golden.truth, golden.prediction) > 0 else {"golden"})

    def turned(self, share: float) -> pl.DataFrame:
        """Return the newer rows, with a share of their labels turned round: the next class, or the mirrored number."""
        labels = self.newer[self.contract.target]
        if self.contract.task == "regression":
            other = (labels.max() + labels.min() - labels).cast(labels.dtype)  # type: ignore[operator]
        else:
            classes = sorted(labels.unique().to_list())
            other = labels.replace_strict(classes, [*classes[1:], classes[0]], return_dtype=labels.dtype)
        return self._spoilt(share, {labels.name: other})

    def repeated(self, share: float) -> pl.DataFrame:
        """Return the newer rows, a share of them with the inputs of one row."""
        one, height = self.newer[:1], self.newer.height
        return self._spoilt(share, {name: one[name].new_from_index(0, height) for name in self.inputs()})

    def inputs(self) -> list[str]:
        """Return what makes a row what it is: the inputs, but no time."""
        return [entry.name for entry in signature(schema.SCHEMA, self.contract).inputs if entry.kind != "timestamp"]

    def _spoilt(self, share: float, columns: dict[str, pl.Series]) -> pl.DataFrame:
        hit = pl.Series(np.random.default_rng(self.seed).random(self.newer.height) < share)
        changed = [pl.when(hit).then(other).otherwise(self.newer[name]).alias(name) for name, other in columns.items()]
        return self.newer.with_columns(changed)


@pytest.fixture(scope="module", params=range(3))
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("poison"), request.param)


def test_sound_rows_pass(world: World) -> None:
    assert world.rejects(world.newer) == set()


@pytest.mark.parametrize("share", [FLIPPED, 0.5, 0.8, 1.0])
def test_turned_labels_are_rejected(world: World, share: float) -> None:
    assert world.rejects(world.turned(share)) & {"signal", "golden"}


@pytest.mark.parametrize("share", [REPEATED, 0.3])
def test_a_row_repeated_is_rejected(world: World, share: float) -> None:
    inputs = world.inputs()
    usual = tampering.repeats(inputs, [world.golden], world.golden).value or 0.0
    if not inputs or 2 * usual + share >= 1:
        pytest.skip("rows of this data contract are alike by themselves")
    assert "repeats" in world.rejects(world.repeated(2 * usual + share))
