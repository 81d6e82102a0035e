"""``loopwright preview``: what a stack consists of and what it costs a month, without an account or an engine."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from loopwright.cost.assumptions import Assumptions, plain
from loopwright.cost.facts import Facts
from loopwright.cost.frequency import HOURS
from loopwright.cost.prices import prices
from loopwright.cost.rules import cost, metrics_cost
from loopwright.graph.arns import physical_name
from loopwright.graph.model import Reference, text
from loopwright.placeholder import NO_IMAGE, image_digest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loopwright.cost.bill import Cost
    from loopwright.graph.model import Node, ResourceGraph

__all__ = ["Component", "Line", "Preview", "as_document", "lines", "preview"]

_BUDGET = "aws:budgets/budget:Budget"
_BOARD = "aws:cloudwatch/dashboard:Dashboard"
_WIDEST = 40
_CENT = 0.01


@dataclass(frozen=True, kw_only=True)
class Line:
    """One resource."""

    name: str
    """Its logical name, without the component's."""
    type: str
    kind: str
    """The type in words."""
    physical_name: str
    """What AWS knows it by; empty where AWS makes it up."""
    cost: Cost


@dataclass(frozen=True, kw_only=True)
class Component:
    """A component and its resources, the dearest first."""

    name: str
    kind: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, kw_only=True)
class Preview:
    """A stack's resources and what they cost a month, in USD."""

    project: str
    stack: str
    region: str | None
    components: tuple[Component, ...]
    assumed: Assumptions
    prices_noted: str
    budget: float | None
    """The contract's."""
    placeholder: bool
    """There is no image yet, and the graph is that with one."""
    warnings: tuple[str, ...]

    @property
    def resources(self) -> tuple[Line, ...]:
        """Every line."""
        return tuple(line for component in self.components for line in component.lines)

    def total(self, part: str) -> float:
        """Return the sum of a part of every line's cost, such as ``always``."""
        return float(sum(getattr(line.cost, part) for line in self.resources))

    @property
    def idle(self) -> float:
        """What it costs while nobody asks anything: what is always on, what schedules start, what is kept."""
        return self.total("always") + self.total("timed")

    @property
    def unknown(self) -> int:
        """How many lines have something without a known price, which no sum holds."""
        return sum(bool(line.cost.unknown) for line in self.resources)


def preview(graph: ResourceGraph, assumed: Assumptions | None = None, *, placeholder: bool = False) -> Preview:
    """Return what a stack consists of and costs.

    Args:
        graph: The stack's resources.
        assumed: What a price depends on and no program says.
        placeholder: The graph was evaluated with a placeholder for an image; see ``loopwright.placeholder``.
    """
    facts, listed = Facts(graph, assumed or Assumptions()), prices()
    members: defaultdict[str, list[Line]] = defaultdict(list)
    for node in graph.resources():
        members[graph.component(node)].append(_line(graph, node, cost(node, facts, listed)))
    if own := metrics_cost(facts, listed, graph.region()):
        board = next(iter(graph.of_type(_BOARD)), None)
        home = graph.component(board) if board else ""
        namespace = min(facts.own_metrics)[0]
        members[home].append(Line(name="metrics", type="", kind="own metrics", physical_name=namespace, cost=own))
    components = tuple(
        Component(name=_short_name(graph, home), kind=home.partition("::")[0].rpartition(":")[2], lines=_sorted(found))
        for home, found in sorted(members.items(), key=lambda entry: _short_name(graph, entry[0]))
    )
    budgets = [node.inputs.get("limitAmount") for node in graph.of_type(_BUDGET)]
    result = Preview(
        project=graph.project,
        stack=graph.stack,
        region=graph.region(),
        components=components,
        assumed=facts.assumed,
        prices_noted=listed.noted,
        budget=float(budgets[0]) if budgets and budgets[0] is not None else None,
        placeholder=placeholder,
        warnings=(),
    )
    return _warned(result, graph)


def lines(result: Preview) -> Iterator[str]:
    """Yield the preview as text: a tree, the totals, what was assumed, and what to know."""
    yield from _tree(result)
    yield ""
    yield from _totals(result)
    yield ""
    yield from _wrapped("assuming ", (f"{HOURS} hours a month", *result.assumed.words()))
    yield f"list prices in USD noted in {result.prices_noted}, before taxes and free tiers; they may be off"
    for warning in result.warnings:
        yield f"warning: {warning}"


def as_document(result: Preview) -> dict[str, Any]:
    """Return the preview for a program to read; amounts are USD a month."""
    parts = ("always", "timed", "asked", "by_use", "expected", "most")
    return {
        "project": result.project,
        "stack": result.stack,
        "region": result.region,
        "placeholder": result.placeholder,
        "currency": "USD",
        "prices_noted": result.prices_noted,
        "assumptions": {"hours": HOURS, **asdict(result.assumed)},
        "totals": {**{part: round(result.total(part), 4) for part in parts}, "idle": round(result.idle, 4)},
        "unknown": result.unknown,
        "budget": result.budget,
        "components": [
            {
                "name": component.name,
                "kind": component.kind,
                "resources": [
                    {
                        "name": line.name,
                        "type": line.type,
                        "physical_name": line.physical_name,
                        "cost": {
                            **{part: round(getattr(line.cost, part), 4) for part in parts},
                            "free": line.cost.free,
                            "unknown": list(line.cost.unknown),
                            "guessed": line.cost.guessed,
                            "basis": line.cost.basis,
                        },
                    }
                    for line in component.lines
                ],
            }
            for component in result.components
        ],
        "warnings": list(result.warnings),
    }


def _short_name(graph: ResourceGraph, component: str) -> str:
    return graph[component].name if component in graph else "(stack)"


def _line(graph: ResourceGraph, node: Node, spent: Cost) -> Line:
    prefix = f"{_short_name(graph, graph.component(node))}-"
    return Line(
        name=node.name.removeprefix(prefix),
        type=node.type,
        kind=_kind(node.type),
        physical_name=_plain(physical_name(node) or ""),
        cost=spent,
    )


def _kind(name: str) -> str:
    """Return a type in words: ``aws:s3/bucketPolicy:BucketPolicy`` is an s3 bucket policy."""
    parts = name.split(":")
    module, words = parts[1].partition("/")[0], re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", parts[-1]).lower()
    return words if words.startswith(module) else f"{module} {words}"


def _plain(value: str) -> str:
    """Return a text with each reference as ``{property}``."""
    return "".join(f"{{{p.property}}}" if isinstance(p, Reference) else str(p) for p in text(value))


def _sorted(found: list[Line]) -> tuple[Line, ...]:
    def rank(line: Line) -> tuple[float, bool, bool, str]:
        return -line.cost.expected, not line.cost.unknown, line.cost.free, line.name

    return tuple(sorted(found, key=rank))


def _warned(result: Preview, graph: ResourceGraph) -> Preview:
    return Preview(**{**vars(result), "warnings": tuple(_warnings(result, graph))})


def _warnings(result: Preview, graph: ResourceGraph) -> Iterator[str]:
    if result.placeholder:
        yield NO_IMAGE
    elif not image_digest(graph):
        yield "imageDigest is not set, so this is the foundation only, without endpoint and pipelines"
    regions = prices().regions
    if result.region not in regions:
        yield f"no prices are known of {result.region or 'a stack without a region'}, only of {', '.join(regions)}"
    missing: defaultdict[str, int] = defaultdict(int)
    for line in result.resources:
        for what in line.cost.unknown:
            missing[what] += 1
    if missing:
        counted = ", ".join(f"{what} ({count})" for what, count in sorted(missing.items()))
        have = "1 line has" if result.unknown == 1 else f"{result.unknown} lines have"
        yield f"{have} no known price and no part in any sum: {counted}"
    if any(line.cost.guessed for line in result.resources):
        yield "~ marks a price that is not from a list: it follows another region's, or an example"
    if result.budget is not None and result.total("expected") > result.budget:
        yield (
            f"it costs more than the contract's budget of {result.budget:.2f} USD: once that is spent, "
            "the controller retrains nothing for the rest of the month"
        )


def _tree(result: Preview) -> Iterator[str]:
    rows = [row for component in result.components for row in _rows(component, last=component is result.components[-1])]
    widths = [min(_WIDEST, max(len(row[place]) for row in rows)) for place in range(3)]
    head = f"{result.project}-{result.stack} in {result.region or 'no region'}"
    yield f"{head:<{sum(widths) + 4}}  always on     by use  USD a month"
    for *cells, always, by_use, note in rows:
        left = "  ".join(_fit(cell, width) for cell, width in zip(cells, widths, strict=True))
        yield f"{left}  {always:>9}  {by_use:>9}  {note}".rstrip()


def _rows(component: Component, *, last: bool) -> Iterator[tuple[str, ...]]:
    """Yield a component and its resources as the cells of a table."""
    always, by_use = (sum(getattr(line.cost, part) for line in component.lines) for part in ("always", "by_use"))
    yield f"{'└' if last else '├'}── {component.name}", component.kind, "", _money(always), _money(by_use), ""
    for line in component.lines:
        branch = f"{' ' if last else '│'}   {'└' if line is component.lines[-1] else '├'}── "
        yield branch + line.name, line.kind, line.physical_name, *_amounts(line.cost)


def _amounts(spent: Cost) -> tuple[str, str, str]:
    if spent.free:
        return "free", "", ""
    mark, note = "~" if spent.guessed else "", spent.basis
    if spent.unknown:
        note = "; ".join(filter(None, (note, f"without {', '.join(spent.unknown)}")))
    unknown = "unknown" if spent.unknown and not spent.expected else ""
    always, by_use = (mark + _money(amount) if amount else "" for amount in (spent.always, spent.by_use))
    return always or unknown, by_use or ("" if always or unknown else "by use"), note


def _money(amount: float) -> str:
    """Return an amount with cents; what is next to nothing is not nothing."""
    return "<0.01" if 0 < amount < _CENT else f"{amount:,.2f}" if amount else ""


def _fit(cell: str, width: int) -> str:
    return (cell if len(cell) <= width else f"{cell[: width - 1]}…").ljust(width)


def _totals(result: Preview) -> Iterator[str]:
    serving = [line.cost for line in result.resources if line.type == "aws:sagemaker/endpoint:Endpoint"]
    always, timed, asked = (result.total(part) for part in ("always", "timed", "asked"))
    by_endpoint = f"of which {sum(spent.asked for spent in serving):.2f} is the endpoint"
    rows = [
        ("always on", always, f"of which {sum(spent.always for spent in serving):.2f} is the endpoint"),
        ("by schedule and storage", timed, "pipelines, functions, what is kept"),
        ("by request", asked, f"{plain(result.assumed.requests)} requests, {by_endpoint}"),
        ("idle", result.idle, "without a single request"),
        ("expected", result.total("expected"), "all of it"),
        ("at most", result.total("most"), "every job to its time limit, as often as it may, on the most instances"),
    ]
    if result.budget is not None:
        rows.append(("budget", result.budget, "of the contract"))
    rest = f" + {result.unknown} unknown" if result.unknown else ""
    for name, amount, note in rows:
        yield f"{name:<24}{amount:>10,.2f}{rest if name != 'budget' else ''}  {note}"


def _wrapped(head: str, words: tuple[str, ...]) -> Iterator[str]:
    line = head
    for number, word in enumerate(words):
        piece = word + (", " if number + 1 < len(words) else "")
        if len(line) + len(piece.rstrip()) > 120:  # noqa: PLR2004 - as wide as a terminal usually is
            yield line.rstrip()
            line = " " * len(head)
        line += piece
    yield line.rstrip()
