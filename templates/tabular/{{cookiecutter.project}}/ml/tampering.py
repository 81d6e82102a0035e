"""The gates against data that somebody, or a mistake, has spoilt: labels turned round, and one row many times.

They compare with what the newest data cannot have touched: the champion's baseline and the golden rows.
`docs/security.md` of Loopwright says from which share of spoilt rows on they hold, as measured.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import polars as pl

from ml import baseline
from ml.judges import Verdict
from ml.signature import Signature
from ml.skill import skill

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ml.champions import Champion
    from ml.contract import Contract, Metric
    from ml.judges import Judged
    from ml.skill import Skill

TIME = "timestamp"
REPEATED = 0.02
"""So much more than twice what is usual one row may make up: in few rows, some are alike by chance."""


def verdicts(
    contract: Contract, folder: Path, test: Judged, train: pl.DataFrame, holder: Champion | None
) -> list[Verdict]:
    """Return the verdicts of these gates on the model in ``folder``, whose champion is ``holder``."""
    found = []
    if contract.gates.signal is not None:
        champion = None if holder is None else baseline.load(holder.fetch()).skill
        found.append(signal(contract.gates.signal, contract.metric, test, champion))
    if contract.gates.golden is not None:
        names = [entry.name for entry in Signature.load(folder).inputs if entry.kind != TIME]
        found.append(repeats(names, [train, test.frame], pl.read_parquet(contract.gates.golden.path)))
    return found


def signal(part: float, metric: Metric, test: Judged, champion: Skill | None) -> Verdict:
    """Ask for a good part of the skill that the champion had when it was made: what is lost there was in the labels.

    A world that changed can be learned again; labels turned round at random cannot. So a challenger that learned the
    newest rows, and still knows much less of them than the champion knew of its own, is a reason to look at the data.
    It fails when less than ``part`` is left, by more than the standard error of that difference.

    Args:
        part: Of the champion's skill, from 0 to 1; `gates.signal` of the contract.
        metric: Its loss is what skill is measured in.
        test: The newest rows.
        champion: Its skill when it was made.
    """
    own = skill(metric.name, test.truth, test.prediction)
    if champion is None or not math.isfinite(own.error):
        note = "nothing to compare: no champion, one that did not say, or rows that are all alike"
        return Verdict(gate="signal", passed=True, value=None, limit=None, note=note)
    error = math.hypot(own.error, part * champion.error)
    limit = part * max(champion.value, 0.0) - error
    passed = not own.value < limit
    note = f"skill {own.value:.3f} ± {own.error:.3f}; the champion had {champion.value:.3f} ± {champion.error:.3f}"
    return Verdict(gate="signal", passed=passed, value=own.value, limit=limit, note=note)


def repeats(names: Sequence[str], parts: Sequence[pl.DataFrame], golden: pl.DataFrame) -> Verdict:
    """Ask that no row is there many times more often than any golden row is.

    Args:
        names: The inputs that make a row what it is: all but the time.
        parts: The training rows and the test rows.
        golden: Rows that are as they were when the repository was made.
    """
    usual = _largest(golden, names)
    limit = 2 * usual + REPEATED
    worst = max(_largest(part, names) for part in parts)
    note = f"one row is {worst:.2%} of them; among the golden rows, {usual:.2%}"
    return Verdict(gate="repeats", passed=worst <= limit, value=worst, limit=limit, note=note)


def _largest(rows: pl.DataFrame, names: Sequence[str]) -> float:
    """Return the share of the row that is there most often."""
    if rows.is_empty() or not names:
        return 0.0
    count: int = rows.group_by(names).len()["len"].max()  # type: ignore[assignment]
    return count / rows.height
