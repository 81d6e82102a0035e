"""Splits that do not flatter: by time, by entity, and never across a label delay.

A label that lands D days after its row is not known earlier. So the rows of the last D days before a cut belong to
neither side: at the cut, nobody could have learned from them.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from ml.errors import LoopError

if TYPE_CHECKING:
    from ml.contract import Contract

LAST_KNOWN = "__last_known__"
"""The column that `with_last_known` adds."""


class SplitError(LoopError):
    """The rows cannot be split as asked."""


@dataclass(frozen=True, kw_only=True)
class Keys:
    """What a split goes by."""

    target: str
    time: str | None
    entity: str | None
    delay: timedelta

    @classmethod
    def of(cls, contract: Contract) -> Keys:
        """Take the keys out of the contract."""
        delay = timedelta(days=contract.quality.label_delay_days)
        return cls(target=contract.target, time=contract.time_column, entity=contract.entity, delay=delay)


@dataclass(frozen=True, kw_only=True)
class Parts:
    """Two sides that share nothing."""

    earlier: pl.DataFrame
    """What may be learned from."""
    later: pl.DataFrame
    """What judges it."""
    cut: datetime | None
    """The first time of ``later``; None where rows have no time."""


def labelled(frame: pl.DataFrame, keys: Keys, as_of: datetime | None) -> pl.DataFrame:
    """Keep the rows whose label had landed by ``as_of`` (None: those that have a label)."""
    known = pl.col(keys.target).is_not_null()
    if as_of is not None and keys.time is not None:
        known &= pl.col(keys.time) + keys.delay <= as_of
    return frame.filter(known)


def since(frame: pl.DataFrame, keys: Keys, moment: datetime | None) -> pl.DataFrame:
    """Keep the rows from a moment on (None: all); rows without a time are all kept."""
    if moment is None or keys.time is None:
        return frame
    return frame.filter(pl.col(keys.time) >= moment)


def without(frame: pl.DataFrame, apart: pl.DataFrame, keys: Keys) -> pl.DataFrame:
    """Take out the rows of ``apart``: all rows of its entities, or the rows equal to one of its rows."""
    on = [keys.entity] if keys.entity else frame.columns
    return frame.join(apart.select(on).unique(), on=on, how="anti", nulls_equal=keys.entity is None)


def split(frame: pl.DataFrame, keys: Keys, *, share: float, entity_share: float, seed: int) -> Parts:
    """Split labelled rows into what may be learned from and what judges it.

    Args:
        frame: Labelled rows.
        keys: Time, entity and label delay.
        share: The newest rows that become the later side; without a time, of the entities or of the rows.
        entity_share: With a time and an entity, the entities that only the later side has.
        seed: Chooses entities, and rows where there is neither time nor entity.

    Raises:
        SplitError: A side would be empty.
    """
    if frame.is_empty():
        _refuse_empty(frame, frame, frame, keys)
    cut = None
    if keys.time is not None:
        cut = _cut(frame[keys.time], share)
        earlier, later = frame.filter(pl.col(keys.time) < cut - keys.delay), frame.filter(pl.col(keys.time) >= cut)
        if keys.entity is not None:
            chosen = _chosen(frame[keys.entity], entity_share, seed)
            earlier, later = earlier.filter(~_among(keys.entity, chosen)), later.filter(_among(keys.entity, chosen))
    elif keys.entity is not None:
        chosen = _chosen(frame[keys.entity], share, seed)
        earlier, later = frame.filter(~_among(keys.entity, chosen)), frame.filter(_among(keys.entity, chosen))
    else:
        drawn = np.random.default_rng(seed).permutation(frame.height) < round(share * frame.height)
        earlier, later = frame.filter(~drawn), frame.filter(drawn)
    _refuse_empty(frame, earlier, later, keys)
    return Parts(earlier=earlier, later=later, cut=cut)


def window(frame: pl.DataFrame, keys: Keys, days: float | None) -> pl.DataFrame:
    """Keep the last ``days`` days of ``frame`` (None: all); rows without a time are all kept."""
    if days is None or keys.time is None or frame.is_empty():
        return frame
    newest = frame[keys.time].max()
    return frame.filter(pl.col(keys.time) > pl.lit(newest) - timedelta(days=days))


def with_last_known(frame: pl.DataFrame, history: pl.DataFrame, keys: Keys) -> pl.DataFrame:
    """Add to each row the newest label that was known at its time, of its entity where there is one.

    The column `LAST_KNOWN` is null where none was known; it is the baseline that a forecast has to beat.
    """
    if keys.time is None:
        return frame.with_columns(pl.lit(None, dtype=frame.schema[keys.target]).alias(LAST_KNOWN))
    by = [keys.entity] if keys.entity else []
    known = history.filter(pl.col(keys.target).is_not_null()).select(
        *by, (pl.col(keys.time) + keys.delay).alias("__known_at__"), pl.col(keys.target).alias(LAST_KNOWN)
    )
    return (
        frame.with_row_index("__row__")
        .sort(keys.time)
        .join_asof(
            known.sort("__known_at__"),
            left_on=keys.time,
            right_on="__known_at__",
            by=by or None,
            allow_exact_matches=bool(keys.delay),
            check_sortedness=False,
        )
        .sort("__row__")
        .drop("__row__", "__known_at__")
    )


def _cut(times: pl.Series, share: float) -> datetime:
    """Return the time from which on the newest ``share`` of the rows lie."""
    return times.sort()[min(int(times.len() * (1 - share)), times.len() - 1)]  # type: ignore[no-any-return]


def _among(column: str, chosen: pl.Series) -> pl.Expr:
    return pl.col(column).is_in(chosen.implode()).fill_null(value=False)


def _chosen(entities: pl.Series, share: float, seed: int) -> pl.Series:
    """Choose ``share`` of the entities by hash: adding rows or entities moves no other entity to another side."""
    unique = entities.drop_nulls().unique(maintain_order=True)
    return unique.filter(pl.Series([_fraction(f"{seed}:{entity}") < share for entity in unique], dtype=pl.Boolean))


def _fraction(text: str) -> float:
    """Map a text to [0, 1), evenly."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") / 2**64


def _refuse_empty(frame: pl.DataFrame, earlier: pl.DataFrame, later: pl.DataFrame, keys: Keys) -> None:
    if earlier.height and later.height:
        return
    sides = f"{earlier.height} are left to learn from and {later.height} to judge"
    late = f", and labels land {keys.delay.days} days late" if keys.time and keys.delay else ""
    raise SplitError(
        "the data cannot be split",
        because=f"of {frame.height} labelled rows {sides}{late}",
        attempt="bring more data, or lower quality.label_delay_days in loop.yaml or the shares in params.yaml",
    )
