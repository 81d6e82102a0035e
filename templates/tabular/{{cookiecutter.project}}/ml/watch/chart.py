"""Chart: the control chart of the loss, from what the labels of each period say of each model."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ml import losses, quality
from ml.quality import Cohort

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from ml.contract import Contract
    from ml.losses import Quality
    from ml.watch.cohorts import Sums

DAY = 86_400.0


@dataclass(frozen=True, kw_only=True)
class Chart:
    """What labels say of quality."""

    cohorts: tuple[Cohort, ...]
    """Of the model that serves, the oldest first; one that has too few labels has no loss."""
    scores: tuple[float, ...]
    """The CUSUM after each."""
    coverage: float | None
    """The share of the newest rows old enough, whoever answered them, whose label has landed; None where there are no
    such rows."""
    age_days: float | None
    """Since the newest answer whose label has landed; None where there is none."""

    @property
    def judged(self) -> bool:
        """Whether the newest cohort has a loss."""
        return bool(self.cohorts) and self.cohorts[-1].loss is not None

    def metrics(self) -> dict[str, float]:
        """Return what to publish.

        A model of which nothing is known yet starts at a CUSUM of 0: that ends the alarm of the model before it. Where
        the newest cohort has too few labels, nothing is said of its loss.
        """
        said: dict[str, float | None] = {"LabelCoverage": self.coverage, "LabelAgeDays": self.age_days}
        if self.judged:
            said |= {"QualityLoss": self.cohorts[-1].loss, "QualityCusum": self.scores[-1]}
        elif all(cohort.loss is None for cohort in self.cohorts):
            said |= {"QualityCusum": 0.0}
        return {name: value for name, value in said.items() if value is not None}

    def document(self) -> dict[str, Any]:
        """Return the chart for JSON."""
        cohorts = [
            {
                "from": cohort.start.isoformat(),
                "rows": cohort.rows,
                "labelled": cohort.labelled,
                "loss": cohort.loss,
                "cusum": score,
            }
            for cohort, score in zip(self.cohorts, self.scores, strict=True)
        ]
        newest = (self.cohorts[-1].loss, self.scores[-1]) if self.judged else (None, None)
        said = dict(zip(("loss", "cusum"), newest, strict=True))
        return {"cohorts": cohorts, **said, "coverage": self.coverage, "age_days": self.age_days}


def chart(found: Sequence[tuple[str, Sums]], model: str, base: Quality, contract: Contract, now: datetime) -> Chart:
    """Return the chart of the model that serves.

    Args:
        found: Every model and what the labels of a period say of its answers, the oldest period first.
        model: SHA-256 of the model that serves.
        base: Its losses on rows that it had not seen. Where they are of another kind than the contract's metric asks
            for now, nothing is judged.
        contract: How many labels it takes.
        now: To tell how old the newest label is.
    """
    own = cohorts([sums for name, sums in found if name == model], contract)
    if base.loss != losses.name(contract.metric.name):
        own = [replace(cohort, loss=None) for cohort in own]
    everyone = [sums for _, sums in found]
    covered = cohorts(everyone, contract)[-1:] or _together(everyone)
    newest = max((sums.newest for sums in everyone if sums.newest), default=None)
    return Chart(
        cohorts=tuple(own),
        scores=tuple(quality.cusum(base, own)),
        coverage=covered[0].labelled / covered[0].rows if covered else None,
        age_days=max(0.0, (now - newest).total_seconds() / DAY) if newest else None,
    )


def cohorts(found: Iterable[Sums], contract: Contract) -> list[Cohort]:
    """Join neighbouring periods until they can be judged, from the oldest on.

    A cohort is full when it has `drift.min_rows` labelled rows and `quality.min_coverage` of its rows have a label, or
    when it has so many rows that they would have been enough at that coverage: then it has no loss. What is left over
    at the end is not full yet.
    """
    least, share = contract.drift.min_rows, contract.quality.min_coverage
    made: list[Cohort] = []
    held: list[Sums] = []
    for sums in found:
        held.append(sums)
        (cohort,) = _together(held)
        enough = cohort.labelled >= least and cohort.labelled >= share * cohort.rows
        if enough or share * cohort.rows >= least:
            made.append(cohort if enough else replace(cohort, loss=None))
            held.clear()
    return made


def _together(found: Sequence[Sums]) -> list[Cohort]:
    """Return one cohort of all; none of nothing."""
    if not (rows := sum(sums.rows for sums in found)):
        return []
    labelled = sum(sums.labelled for sums in found)
    loss = sum(sums.total for sums in found) / labelled if labelled else None
    return [Cohort(start=found[0].window.start, rows=rows, labelled=labelled, loss=loss)]
