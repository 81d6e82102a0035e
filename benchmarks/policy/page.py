"""The page: docs/policy.md and its plot, made from the results."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from policy.figures import Figure, difference, excess, over_all, over_kinds, played, rate, since_change
from policy.plot import plot
from policy.streams import KINDS, QUIET, REAL
from policy.study import COSTS, OURS, PLANNED, SHIPPED, SHORT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from policy.study import Result

FIXED = ("never", "daily", "weekly", "every 28 days", SHORT, PLANNED)
CHANGING = tuple(each for each in KINDS if each not in QUIET)
MIDDLE = "middle"
MOST_RETRAININGS = 2
"""In 100 days where nothing changes."""


def write(results: Sequence[Result], docs: Path) -> None:
    """Write the page and its plot."""
    text = (Path(__file__).parent / "page.md").read_text(encoding="utf-8")
    for part in (excesses, goals, real, made):
        text = text.replace(f"<!-- {part.__name__} -->", part(results))
    (docs / "policy.md").write_text(text, encoding="utf-8")
    plot(results, docs / "policy.svg")


def names(results: Sequence[Result]) -> list[str]:
    """Return the contenders, in their order."""
    return list(dict.fromkeys(each.contender for each in results[0].outcomes))


def excesses(results: Sequence[Result]) -> str:
    """Show by how much everybody costs more than the optimum."""
    heads = [f"{half} half, {cost}" for half in ("first", "second") for cost in COSTS]
    heads += [f"{which}, second half, {MIDDLE}" for which in ("real", "made")]
    rows = []
    for name in names(results):
        cells = [
            _percent(over_all(results, partial(excess, contender=name, half=half, cost=cost)))
            for half in (1, 2)
            for cost in COSTS.items()
        ]
        middle = (MIDDLE, COSTS[MIDDLE])
        for kinds in (tuple(REAL), KINDS):
            found = over_kinds(results, partial(excess, contender=name, half=2, cost=middle), kinds)
            cells.append(_percent(found.value) + ("" if found.margin is None else f" ± {100 * found.margin:.1f}"))
        rows.append([_bold(name), *cells])
    return _table(["cost above the optimum, %", *heads], rows)


def real(results: Sequence[Result]) -> str:
    """Show loss, retrainings and probes on the second half of each real stream."""
    some = [each for each in results if each.stream in REAL]
    rows = []
    for name in names(some):
        cells = []
        for result in some:
            found, own = played(result, name, 2, MIDDLE), played(result, OURS, 2, MIDDLE)
            gap = difference(found, own)
            probes = f" + {len(found.probed)} probes" if found.probed else ""
            against = "" if name == OURS else f" ({_signed(gap)})"
            cells.append(f"{found.loss:.4f}{against}, {len(found.retrained)}{probes}")
        rows.append([_bold(name), *cells])
    table = _table(["mean loss (against ours), retrainings", *(each.stream for each in some)], rows)
    return f"## Real streams, second half, middle cost\n\n{table}"


def made(results: Sequence[Result]) -> str:
    """Show retrainings where nothing changes, and the loss after a change."""
    rows = []
    for name in names(results):
        quiet = [over_kinds(results, partial(rate, contender=name, half=2, cost=MIDDLE), [each]) for each in QUIET]
        after = [over_kinds(results, partial(since_change, contender=name, cost=MIDDLE), [each]) for each in CHANGING]
        rows.append([_bold(name), *(f"{each.value:.1f}" for each in quiet), *map(_plain, after)])
    heads = [*(f"{each}: retrainings in 100 days" for each in QUIET), *(f"{each}: loss since" for each in CHANGING)]
    table = _table(["", *heads], rows)
    return f"## Made streams, second half, middle cost\n\n{table}"


def goals(results: Sequence[Result]) -> str:
    """Say which goals are met, with the figures."""
    real_ones = [each for each in results if each.stream in REAL]
    lines = [
        *_cheaper(results, "on all streams"),
        *_cheaper(real_ones, "on the real streams alone"),
        _quiet(results),
        *(_recovered(results, name) for name in ("weekly", SHORT)),
    ]
    return "## Goals, on the second halves\n\n" + "\n".join(f"- {line}." for line in lines)


def _cheaper(results: Sequence[Result], where: str) -> Iterator[str]:
    detectors = [each for each in names(results) if each not in {OURS, SHIPPED, *FIXED}]
    for label, group in (("fixed schedule", FIXED), ("detector", detectors)):
        for cost in COSTS.items():
            found = {each: over_all(results, partial(excess, contender=each, half=2, cost=cost)) for each in group}
            own, best = (
                over_all(results, partial(excess, contender=OURS, half=2, cost=cost)),
                min(found, key=found.__getitem__),
            )
            yield (
                f"{_met(own < found[best])}: cheaper than every {label} {where} at the {cost[0]} cost: "
                f"{_percent(own)} % above the optimum, the best of them ({best}) {_percent(found[best])} %"
            )


def _quiet(results: Sequence[Result]) -> str:
    rates = {each: over_kinds(results, lambda one: rate(one, OURS, 2, MIDDLE), [each]).value for each in QUIET}
    worst = max(rates, key=rates.__getitem__)
    return (
        f"{_met(rates[worst] <= MOST_RETRAININGS)}: at most {MOST_RETRAININGS} retrainings in 100 days where nothing "
        f"changes: {rates[worst]:.1f} on {worst}, fewer on the others"
    )


def _recovered(results: Sequence[Result], other: str) -> str:
    gap = over_kinds(results, lambda one: since_change(one, OURS, MIDDLE) - since_change(one, other, None), ["abrupt"])
    return (
        f"{_met(gap.value <= 0)}: after an abrupt change no worse than {other}: the mean loss differs by {_signed(gap)}"
    )


def _met(held: bool) -> str:  # noqa: FBT001 - it is what is told
    return "Met" if held else "**Missed**"


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def _plain(found: Figure) -> str:
    return f"{found.value:.3f}" + ("" if found.margin is None else f" ± {found.margin:.3f}")


def _signed(found: Figure) -> str:
    return f"{found.value:+.4f}" + ("" if found.margin is None else f" ± {found.margin:.4f}")


def _bold(name: str) -> str:
    return f"**{name}**" if name in {OURS, SHIPPED} else name


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
