"""Challengers: a model of each window, judged on rows that come after all that it could have learned."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from ml.features import features
from ml.frames import columns
from ml.gain import gain
from ml.losses import EPSILON, losses, name
from ml.model import predict
from ml.split import SplitError, window
from ml.train import TrainError, parted, target, trained

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ml.contract import Contract
    from ml.logged import Judges
    from ml.model import Floats
    from ml.params import Params
    from ml.signature import Columns
    from ml.split import Keys
    from ml.train import Trained

FEWEST_SINCE = 1000
"""Rows that a window since a change holds at least: from fewer, what is new cannot be learned well."""
DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Window:
    """One window, and its rows that may be learned from."""

    days: float
    """Its length, as `split.window` takes it."""
    rows: pl.DataFrame


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """What became of a window."""

    window_days: float
    rows: int
    """What its challenger learned from."""
    loss: float | None = None
    """Its mean loss on the rows that judge; None where nobody had to judge."""
    gain: float | None = None
    """How much less that is than the champion's; None where there is no champion to compare with."""
    standard_error: float | None = None


def windows(frame: pl.DataFrame, keys: Keys, lengths: Iterable[float], until: datetime | None) -> list[Window]:
    """Return the windows of ``frame`` as somebody could have learned from them at a moment, the shortest first.

    Args:
        frame: Labelled rows.
        keys: Time and label delay.
        lengths: In days. Those that hold the same rows are one window.
        until: Rows whose label landed at this moment or later are left out; None: all had landed.
    """
    known = frame if until is None else frame.filter(pl.col(str(keys.time)) < until - keys.delay)
    found: dict[int, Window] = {}
    for days in sorted(lengths):
        rows = window(known, keys, days)
        if rows.height:
            found.setdefault(rows.height, Window(days=days, rows=rows))
    return list(found.values())


def learnable(frame: pl.DataFrame, keys: Keys, length: float, how: Params) -> bool:
    """Tell whether a window leaves training rows to learn from and newer ones to judge, a label delay apart."""
    try:
        parted(window(frame, keys, length), keys, how)
    except SplitError:
        return False
    return True


def changed(frame: pl.DataFrame, keys: Keys, moment: datetime, until: datetime) -> Window | None:
    """Return the window since a change; None where it holds too few rows.

    Args:
        frame: Labelled rows.
        keys: Time and label delay.
        moment: When it changed.
        until: Rows whose label landed at this moment or later are left out.
    """
    times = frame[str(keys.time)].cast(pl.Datetime("us"))
    rows = frame.filter((times >= moment) & (times < until - keys.delay))
    newest: datetime = times.max()  # type: ignore[assignment]
    # A window begins behind its first moment, and this one holds that.
    days = (newest - moment + timedelta(microseconds=1)) / DAY
    return Window(days=days, rows=rows) if rows.height >= FEWEST_SINCE else None


def against(judges: Judges, tried: Iterable[Window], contract: Contract, how: Params) -> list[Candidate]:
    """Compare a challenger of each window with the champion's own answers; who cannot be trained is left out."""
    found = []
    for one in tried:
        loss = _losses(one.rows, judges.frame, contract, how)
        if loss is not None:
            better = gain(judges.losses, loss, judges.days)
            mean, error = float(loss.mean()), better.standard_error
            found.append(replace(_candidate(one), loss=mean, gain=better.mean, standard_error=error))
    return found


def among_themselves(
    frame: pl.DataFrame, keys: Keys, lengths: Iterable[float], contract: Contract, how: Params
) -> tuple[list[Candidate], int]:
    """Compare windows where no champion's answers judge: on the newest rows, forward in time, the same for all.

    Returns:
        The windows that can be learned from, and how many rows judged: none where only one is left, which needs none.
    """
    try:
        parts = parted(frame, keys, how)
    except SplitError:
        return [], 0
    tried = windows(parts.earlier, keys, lengths, None)
    if len(tried) == 1:
        return [_candidate(tried[0])], 0
    judged = ((one, _losses(one.rows, parts.later, contract, how)) for one in tried)
    found = [replace(_candidate(one), loss=float(loss.mean())) for one, loss in judged if loss is not None]
    return found, parts.later.height


def best(candidates: Iterable[Candidate]) -> Candidate | None:
    """Return the candidate of the smallest loss, the shortest window of several; None where there is none."""
    return min(candidates, key=lambda one: (one.loss or 0.0, one.window_days), default=None)


def answered(made: Trained, asked: Columns, truth: pl.Series, contract: Contract) -> Floats:
    """Return the losses of a model on n rows.

    Args:
        made: The model.
        asked: Features of the rows.
        truth: Their labels, none of them null.
        contract: The metric, which says what a loss is.
    """
    loss = losses(contract.metric.name, target(truth, made.model.facts.classes), predict(made.model, asked))
    # A class that the window does not hold gets no probability.
    return loss if name(contract.metric.name) != "log_loss" else np.where(np.isnan(loss), -np.log(EPSILON), loss)


def _candidate(one: Window) -> Candidate:
    return Candidate(window_days=one.days, rows=one.rows.height)


def _losses(rows: pl.DataFrame, judged: pl.DataFrame, contract: Contract, how: Params) -> Floats | None:
    """Return the losses of a model of ``rows`` on n others; None where they cannot be learned from."""
    try:
        made = trained(rows, contract, how)
    except (SplitError, TrainError):
        return None
    return answered(made, features(columns(judged, made.inputs)), judged[contract.target], contract)
