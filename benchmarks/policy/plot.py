"""The plot: how the loss recovers after an abrupt change, and what everybody costs at the middle cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from policy.figures import excess, kind, over_all, played
from policy.streams import CHANGE
from policy.study import COSTS, OURS, SHIPPED, SHORT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from policy.study import Result

SHOWN = {OURS: "C0", SHORT: "C1", "every 28 days": "C2", "ADWIN on errors": "C3", "PSI > 0.2, any feature": "C4"}
DAYS, SMOOTH, WORST = 50, 3, 0.35
"""Days after the change, days of a moving mean, and where bars are cut."""


def plot(results: Sequence[Result], path: Path) -> None:
    """Write the plot as SVG; the same results give the same bytes."""
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    _recovery(left, [each for each in results if kind(each) == "abrupt"])
    _bars(right, results)
    with mpl.rc_context({"svg.hashsalt": "policy", "svg.fonttype": "none"}):
        figure.savefig(path, metadata={"Date": None})


def _recovery(axes: Any, results: Sequence[Result]) -> None:
    for name, color in SHOWN.items():
        losses = np.mean([played(each, name, 2, "middle").losses for each in results], axis=0)
        begin = CHANGE - results[0].first - 1 - SMOOTH
        smooth = np.convolve(losses[begin : begin + DAYS + SMOOTH], np.ones(SMOOTH) / SMOOTH, "valid")
        axes.plot(np.arange(len(smooth)) - 1, smooth, color=color, label=name, linewidth=1.2)
    axes.set(title="After an abrupt change", xlabel="days", ylabel="log loss")
    axes.legend(fontsize=7)


def _bars(axes: Any, results: Sequence[Result]) -> None:
    middle = ("middle", COSTS["middle"])
    names = list(dict.fromkeys(each.contender for each in results[0].outcomes))
    found = {name: over_all(results, lambda one, n=name: excess(one, n, 2, middle)) for name in names}
    order = sorted(names, key=lambda name: -found[name])
    bars = axes.barh(
        order,
        [100 * min(found[name], WORST) for name in order],
        color=["C0" if name in {OURS, SHIPPED} else "0.7" for name in order],
    )
    axes.bar_label(bars, [f"{100 * found[name]:.1f}" for name in order], fontsize=7, padding=2)
    axes.set(title="Cost above the optimum, middle cost", xlabel="%")
    axes.tick_params(labelsize=7)
