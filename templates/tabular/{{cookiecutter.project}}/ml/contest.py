"""The contest: a challenger of each window against the champion's own answers, and what follows for a retraining."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

from ml import baseline, logged, losses, schema
from ml.challengers import DAY, against, among_themselves, best, changed, learnable, windows
from ml.drift.blocks import duration
from ml.frames import signature
from ml.gain import needed
from ml.paths import LABELLED
from ml.split import Keys

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

    from ml.challengers import Candidate, Window
    from ml.champions import Champion
    from ml.contract import Contract
    from ml.logged import Judges
    from ml.params import Params

MANUAL = "manual"
FALLEN = frozenset({"quality", "recovery"})
"""Reasons that say that the champion got worse: there may be a moment since when."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Whether to make a new model, of which window, and why."""

    go: bool
    reason: str
    """first model, no labelled answers, too early, a person asked, better, not better, or no windows."""
    explanation: str
    """A sentence for people, with the figures."""
    window_days: float | None = None
    """The window to learn from; None: all prepared rows."""
    loss: str
    """What the figures are in, as `ml/losses.py` names it."""
    champion: str | None = None
    """Its SHA-256."""
    champion_loss: float | None = None
    gain: float | None = None
    standard_error: float | None = None
    needed: float | None = None
    rows: int = 0
    """Rows that judged."""
    days: int = 0
    """Days of the champion's answers that they are of."""
    candidates: list[Candidate] = field(default_factory=list)


def contest(
    frame: pl.DataFrame,
    contract: Contract,
    how: Params,
    holder: Champion | None,
    *,
    lengths: Sequence[float],
    reason: str,
) -> Answer:
    """Decide by the champion's logged answers; without any, only choose the window.

    Args:
        frame: The prepared rows, for the longest window.
        contract: Keys, metric, and what a gain has to be.
        how: The settings of every model.
        holder: The champion.
        lengths: The windows to try, in days.
        reason: Why the run was started.
    """
    keys, asked = Keys.of(contract), reason == MANUAL
    lengths = [days for days in lengths if learnable(frame, keys, days, how)]
    if not lengths:
        return _too_early(contract, asked=asked)
    wanted = [*(entry.name for entry in signature(schema.SCHEMA, contract).inputs), contract.target]
    answers = None if holder is None else logged.read(LABELLED, holder.sha256, wanted)
    judges = None if answers is None else logged.judges(answers, keys, contract.drift.min_rows)
    if holder is None:
        return _first(*among_themselves(frame, keys, lengths, contract, how), contract, asked=asked)
    if answers is None or judges is None:
        return _unjudged(lengths, contract, holder, reason)
    tried = windows(frame, keys, lengths, judges.start)
    if reason in FALLEN:
        since = _since(frame, answers, judges, contract, holder)
        tried += [one for one in since if all(one.rows.height != other.rows.height for other in tried)]
    return _judged(judges, against(judges, tried, contract, how), contract, holder, asked=asked)


def _too_early(contract: Contract, *, asked: bool) -> Answer:
    """Wait for more rows: training would fail. A person who asks is told so by the training itself."""
    delay = contract.quality.label_delay_days
    return Answer(
        go=asked,
        reason="a person asked" if asked else "too early",
        explanation="no window holds labelled rows to learn from and newer ones to judge"
        + (f": labels land {delay:g} days late" if delay else ""),
        loss=losses.name(contract.metric.name),
    )


def _since(
    frame: pl.DataFrame, answers: pl.DataFrame, judges: Judges, contract: Contract, holder: Champion
) -> list[Window]:
    """Return the window since the champion's losses began to rise, if there is one."""
    quality, drift = baseline.load(holder.fetch()).quality, contract.drift
    moment = logged.risen(answers, quality, duration(drift.every), drift.min_rows)
    window = None if moment is None else changed(frame, Keys.of(contract), moment, judges.start)
    return [] if window is None else [window]


def _judged(judges: Judges, found: list[Candidate], contract: Contract, holder: Champion, *, asked: bool) -> Answer:
    """Return what follows from what the challengers gained."""
    champion = float(judges.losses.mean())
    answer = Answer(
        go=asked,
        reason="a person asked" if asked else "not better",
        explanation=f"no window holds enough rows whose labels had landed by {judges.start:%Y-%m-%d}",
        loss=losses.name(contract.metric.name),
        champion=holder.sha256,
        champion_loss=champion,
        rows=judges.frame.height,
        days=len(set(judges.days.tolist())),
        candidates=found,
    )
    chosen = best(found)
    if chosen is None or chosen.gain is None or chosen.standard_error is None:
        return answer
    least = needed(contract.retraining.min_gain, champion, chosen.standard_error)
    better = chosen.gain > least
    return replace(
        answer,
        go=answer.go or better,
        reason="better" if better and not answer.go else answer.reason,
        explanation=f"{answer.loss} {chosen.loss:.4g} with the last {chosen.window_days:.4g} days against the "
        f"champion's {champion:.4g} on {answer.rows} rows of {answer.days} days: a gain of {chosen.gain:.3g} ± "
        f"{chosen.standard_error:.2g}, {'more' if better else 'not more'} than the {least:.3g} that is needed",
        window_days=chosen.window_days,
        gain=chosen.gain,
        standard_error=chosen.standard_error,
        needed=least,
    )


def _first(found: list[Candidate], rows: int, contract: Contract, *, asked: bool) -> Answer:
    """Go on with the best window: there is no champion to compare with."""
    chosen = best(found)
    learned = "all rows" if chosen is None else f"the last {chosen.window_days:.4g} days"
    return Answer(
        go=True,
        reason="a person asked" if asked else "first model",
        explanation=f"there is no champion yet: the model learns from {learned}",
        window_days=None if chosen is None else chosen.window_days,
        loss=losses.name(contract.metric.name),
        rows=rows,
        candidates=found,
    )


def _unjudged(lengths: Sequence[float], contract: Contract, holder: Champion, reason: str) -> Answer:
    """Go on with the champion's own window: nobody knows how it does. Where it got worse, wait until somebody does.

    A recovery looks every few days. Without a comparison, each of its looks would be a new model.
    """
    days, go = _length(lengths, holder), reason not in FALLEN
    learned = "all rows" if days is None else f"the last {days:.4g} days, as the champion did"
    because = "no labelled answers" if go else "too early"
    return Answer(
        go=go,
        reason="a person asked" if reason == MANUAL else because,
        explanation="too few of the champion's answers have a label: "
        + (f"the model learns from {learned}" if go else "nothing can be compared yet"),
        window_days=days if go else None,
        loss=losses.name(contract.metric.name),
        champion=holder.sha256,
    )


def _length(lengths: Sequence[float], holder: Champion) -> float | None:
    """Return the shortest window that holds what the champion learned from, else the longest; None: it had no time."""
    base = baseline.load(holder.fetch())
    if base.since is None or base.until is None:
        return None
    span = (datetime.fromisoformat(base.until) - datetime.fromisoformat(base.since)) / DAY
    return min((days for days in lengths if days >= span), default=max(lengths))
