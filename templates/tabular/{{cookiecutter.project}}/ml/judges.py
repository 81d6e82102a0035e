"""The gates, one function each: from what a model does to a verdict with its figures."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from ml import hashes
from ml.evaluate import predicted
from ml.metrics import better, score
from ml.model import Model, Prediction, load
from ml.sanity import believable, odd
from ml.skill import agreement
from ml.split import Keys, without
from ml.train import target

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from ml.champions import Champion
    from ml.contract import Bias, Contract, Golden, Metric
    from ml.model import Floats

    Indices = NDArray[np.integer]

RESAMPLES = 500
OTHERS = "(others)"


@dataclass(frozen=True, kw_only=True)
class Slice:
    """How much worse than the whole the rows with one value of a column are treated; None: not defined for them."""

    column: str
    value: str
    rows: int
    gap: float | None
    """As measured, in the units that `Bias.max_gap` has."""
    sure: float | None
    """At least so much, with the metric's confidence."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What one gate says."""

    gate: str
    passed: bool
    value: float | None
    """The figure that was judged; None where there is none."""
    limit: float | None
    note: str
    slices: tuple[Slice, ...] = ()
    """What the gate of the slices judged."""


@dataclass(frozen=True, kw_only=True)
class Judged:
    """Labelled rows and a model's predictions of them."""

    frame: pl.DataFrame
    truth: Floats
    prediction: Prediction

    def score(self, metric: Metric, rows: Indices | slice = slice(None)) -> float:
        """Return the contract's metric on some of the rows."""
        probabilities = self.prediction.probabilities
        of_rows = Prediction(self.prediction.values[rows], None if probabilities is None else probabilities[rows])
        return score(metric.name, self.truth[rows], of_rows)


def judge(model: Model, folder: Path, frame: pl.DataFrame, contract: Contract) -> Judged:
    """Predict labelled rows with the model in ``folder``."""
    truth = target(frame[contract.target], model.facts.classes)
    return Judged(frame=frame, truth=truth, prediction=predicted(model, folder, frame))


def minimum(metric: Metric, test: Judged) -> Verdict:
    """Ask for the contract's metric on the test rows."""
    value = test.score(metric)
    note = f"{metric.name} {value:.4g} on {len(test.truth)} test rows"
    return Verdict(gate="metric", passed=metric.holds(value), value=value, limit=metric.limit, note=note)


def baseline(metric: Metric, test: Judged, baselines: Mapping[str, float]) -> Verdict:
    """Ask for more than the best trivial prediction reaches."""
    value = test.score(metric)
    name, limit = max(baselines.items(), key=lambda entry: better(metric.name, entry[1], 0))
    note = f"{metric.name} {value:.4g} against {limit:.4g} of the {name}"
    passed = better(metric.name, value, limit) > 0
    return Verdict(gate="baseline", passed=passed, value=value, limit=limit, note=note)


def sanity(test: Judged, train: Floats) -> Verdict:
    """Ask for one finite answer a row, in a range that the training target makes believable."""
    wrong = list(_oddities(test.prediction, len(test.truth), train))
    return Verdict(gate="sanity", passed=not wrong, value=None, limit=None, note="; ".join(wrong) or "nothing odd")


def _oddities(prediction: Prediction, rows: int, train: Floats) -> Iterator[str]:
    values, probabilities = prediction.values, prediction.probabilities
    if values.shape != (rows,) or values.dtype != np.float64:
        yield f"{values.dtype} of shape {values.shape} instead of {rows} numbers"
        return
    answers = values if probabilities is None else probabilities
    if not np.isfinite(answers).all():
        yield "not all answers are finite"
    elif odd(prediction, believable(train)).any():
        outside = f"answers leave the training range [{train.min():.4g}, {train.max():.4g}] by more than its width"
        yield outside if probabilities is None else "probabilities are negative or do not add up to 1"
    if rows > 1 and (answers == answers[0]).all():
        yield "all rows get the same answer"


def bias(rule: Bias, metric: Metric, test: Judged) -> Verdict:
    """Ask that no slice is treated worse than the whole by more than the gap, beyond what its size explains.

    A slice fails when even the near end of its bootstrap interval (fairlearn's MetricFrame, percentile method) is more
    than the gap away: a small slice that is off by chance does not.
    """
    gaps, slices, small = [], [], 0
    for column in rule.slices:
        values = test.frame[column].cast(pl.String).fill_null("(null)")
        large = dict(values.value_counts().filter(pl.col("count") >= rule.min_rows).iter_rows())
        small += values.n_unique() - len(large)
        judged = values.set(~values.is_in([*large]), None)
        for value, (gap, sure) in _gaps(metric, test, judged).items():
            gaps.append((sure, gap, f"{column}={value}"))
            told = {name: number if math.isfinite(number) else None for name, number in (("gap", gap), ("sure", sure))}
            slices.append(Slice(column=column, value=value, rows=large[value], **told))
    sure, gap, worst = max(gaps, default=(0.0, 0.0, ""))
    note = f"worst: {worst}, gap {gap:.3f}, at least {sure:.3f} with {metric.confidence:.0%}" if gaps else "no slice"
    note += f"; {small} slices of under {rule.min_rows} rows not judged" if small else ""
    passed = sure <= rule.max_gap
    return Verdict(gate="bias", passed=passed, value=sure, limit=rule.max_gap, note=note, slices=tuple(slices))


def _gaps(metric: Metric, test: Judged, values: pl.Series) -> dict[str, tuple[float, float]]:
    """Return how much worse each slice (null: none) is treated than the whole: as measured, and what is sure of it."""
    from fairlearn.metrics import MetricFrame  # noqa: PLC0415 - it brings pandas, which only this needs

    scale = max(float(np.abs(test.truth).mean()), 1e-12)

    def treatment(truth: Floats, rows: Indices) -> float:
        if test.prediction.probabilities is not None:
            return test.score(metric, rows)
        return float((test.prediction.values[rows] - truth).mean()) / scale

    def worse(value: float, whole: float) -> float:
        return better(metric.name, whole, value) if test.prediction.probabilities is not None else abs(value - whole)

    if values.null_count() == values.len():
        return {}

    frame = MetricFrame(
        metrics=treatment,
        y_true=test.truth,
        y_pred=np.arange(len(test.truth)),
        sensitive_features=values.fill_null(OTHERS).to_numpy(),
        n_boot=100,
        ci_quantiles=[1 - metric.confidence, metric.confidence],
        random_state=0,
    )
    low, high = frame.by_group_ci
    whole, found = float(frame.overall), {}
    for value in frame.by_group.index.drop(OTHERS, errors="ignore"):
        # The point of the slice's interval that is nearest to the whole: the whole itself where the interval holds it.
        nearest = float(np.clip(whole, low.loc[value], high.loc[value]))
        found[str(value)] = (worse(float(frame.by_group.loc[value]), whole), max(worse(nearest, whole), 0.0))
    return found


def golden(rule: Golden, contract: Contract, model: Model, folder: Path, train: pl.DataFrame) -> Verdict:
    """Ask for the metric on the golden rows, and that answers point the right way there.

    They are the pinned rows, which no training has seen: nothing that came later can have turned their labels round.
    """
    path = Path(rule.path)
    rows = pl.read_parquet(path)
    found, seen = hashes.sha256(path), train.height - without(train, rows, Keys.of(contract)).height
    if found != rule.sha256:
        note = f"{path} is not the pinned file: its SHA-256 is {found}"
        return Verdict(gate="golden", passed=False, value=None, limit=rule.limit, note=note)
    if seen:
        note = f"{seen} training rows are golden rows or of a golden entity"
        return Verdict(gate="golden", passed=False, value=None, limit=rule.limit, note=note)
    judged = judge(model, folder, rows, contract)
    value, agrees = judged.score(contract.metric), agreement(judged.truth, judged.prediction)
    note = f"{contract.metric.name} {value:.4g} on {rows.height} golden rows"
    note += "" if agrees > 0 else f", and its answers point the wrong way: they agree by {agrees:.2f}"
    return Verdict(gate="golden", passed=rule.holds(value) and agrees > 0, value=value, limit=rule.limit, note=note)


def champion(contract: Contract, sha256: str, test: Judged, holder: Champion | None) -> Verdict:
    """Ask that the challenger beats the champion on the same rows, with the contract's confidence."""
    limit = contract.metric.improvement
    if holder is None:
        return Verdict(gate="champion", passed=True, value=None, limit=limit, note="the first model: no champion yet")
    if holder.sha256 == sha256:
        note = f"this is the champion itself, {holder.name}"
        return Verdict(gate="champion", passed=True, value=None, limit=limit, note=note)
    folder = holder.fetch()
    try:
        other = judge(load(folder), folder, test.frame, contract)
    except pl.exceptions.ColumnNotFoundError as error:
        note = f"{holder.name} needs a column that is gone ({error}); make promote if that is meant"
        return Verdict(gate="champion", passed=False, value=None, limit=limit, note=note)
    gain, low = gains(contract.metric, test, other)
    sure = f"at least {low:+.4g} with {contract.metric.confidence:.0%}"
    note = f"{gain:+.4g} against {holder.name}, {sure}{_reach(holder.train_until, test, contract)}"
    return Verdict(gate="champion", passed=low > limit, value=low, limit=limit, note=note)


def gains(metric: Metric, challenger: Judged, champion: Judged) -> tuple[float, float]:
    """Return by how much the challenger is better on the same rows, and the lower end of that figure's interval.

    The interval is the percentile bootstrap of the paired difference (Efron & Tibshirani 1993, An Introduction to the
    Bootstrap, chapter 13), one-sided at the metric's confidence.
    """

    def gain(rows: Indices | slice) -> float:
        return better(metric.name, challenger.score(metric, rows), champion.score(metric, rows))

    rng, count = np.random.default_rng(0), len(challenger.truth)
    drawn = [gain(rng.integers(0, count, count)) for _ in range(RESAMPLES)]
    return gain(slice(None)), float(np.nanquantile(drawn, 1 - metric.confidence))


def _reach(train_until: str, test: Judged, contract: Contract) -> str:
    """Say so where the champion learned from some of the rows: the comparison is then in its favour."""
    if contract.time_column is None or train_until == "None":
        return ""
    known = int((test.frame[contract.time_column] <= pl.Series([train_until]).str.to_datetime()[0]).sum())
    return f"; the champion has learned from {known} of these rows" if known else ""
