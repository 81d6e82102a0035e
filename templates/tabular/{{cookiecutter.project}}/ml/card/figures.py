"""How a model was judged: its figures, the gates, the slices, and what the plots show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ml.card.parts import LONGEST_SENTENCE, Chart, Part, Section, Table, Text, name, shortened
from ml.report.charts import against, bar, spread
from ml.report.markup import known, number, percent, tag

if TYPE_CHECKING:
    from collections.abc import Mapping
    from xml.etree.ElementTree import Element

    from ml.card.run import Run

MOST_CLASSES = 20
"""So many classes are shown beside each other; `reports/plots/points.json` has all."""


def figures(run: Run) -> Section:
    """Return the metrics on the test rows, beside those of trivial predictions and of the champion."""
    metric, found = run.contract.metric, run.metrics["metrics"]
    every = Table(heads=("metric", "on the test rows"), rows=[(each, number(value)) for each, value in found.items()])
    beside = [("this model", number(found[metric.name]))]
    beside += [(trivial, number(value)) for trivial, value in run.metrics["baselines"].items()]
    others = Table(heads=(metric.name, "on the same rows"), rows=beside, title="Beside trivial predictions")
    said = _verdict(run, "champion")
    champion = [Text(text=f"Champion: {name(said['note'], LONGEST_SENTENCE)}.")] if said else []
    text = f"The contract asks for {metric.name}; the others are for people."
    return Section(title="Figures", parts=[Text(text=text), every, others, *champion])


def gates(run: Run) -> Section:
    """Return every verdict with its figures."""
    rows = [
        (
            each["gate"],
            "pass" if each["passed"] else "FAIL",
            name(each["note"], LONGEST_SENTENCE),
            number(each["value"]),
            number(each["limit"]),
        )
        for each in run.gates["gates"]
    ]
    return Section(
        title="Gates", parts=[Table(heads=("gate", "verdict", "found", "value", "limit"), rows=rows, numbers=3)]
    )


def slices(run: Run) -> Section:
    """Return how each slice is treated, the worst first."""
    said, rule = _verdict(run, "bias"), run.contract.gates.bias
    if said is None or rule is None:
        return Section(title="Slices", parts=[Text(text="None was judged.")])
    found = sorted(said["slices"], key=lambda each: (-_least(each["sure"]), -_least(each["gap"])))
    if not found:
        return Section(title="Slices", parts=[Text(text=f"None holds {number(rule.min_rows)} rows.")])
    rows = [
        (f"{name(each['column'])} = {name(each['value'])}", *(number(each[key]) for key in ("rows", "gap", "sure")))
        for each in found
    ]
    unit = run.contract.metric.name if run.contract.task == "classification" else "mean error / mean |target|"
    text = (
        f"How much worse than the whole a slice is treated ({unit}). It fails where more than {number(rule.max_gap)} "
        f"is sure with {percent(run.contract.metric.confidence)}."
    )
    heads = ("slice", "rows", "gap", "at least")
    return Section(title="Slices", parts=[Text(text=text), Table(heads=heads, rows=shortened(rows))])


def answers(run: Run) -> Section:
    """Return what became of what the model said."""
    drawn: list[Part] = [_calibration(run, line) for line in run.points["calibration"]]
    if confusion := run.points.get("confusion"):
        drawn.append(_confusion(confusion))
    if errors := run.points.get("errors"):
        drawn.append(_errors(errors))
    return Section(title="Answers and what became of them", parts=drawn)


def importance(run: Run) -> Section:
    """Return what the model looks at."""
    found = [(name(feature), share) for feature, share in run.points["importance"]]
    longest = max((share for _, share in found), default=0.0) or 1.0
    lines: list[Element] = []
    for feature, share in found:
        told = tag("span", percent(round(share, 3)))
        lines += [tag("span", feature, class_="name"), bar(share / longest, tone="current"), told]
    caption = "Share of each feature in what lowers the loss (LightGBM's gain). It says nothing of causes."
    drawing = tag("figure", tag("figcaption", caption), tag("div", *lines, class_="bars"))
    rows = [(feature, percent(round(share, 3))) for feature, share in found]
    return Section(
        title="What it looks at",
        parts=[Chart(drawing=drawing, table=Table(heads=("feature", "share of the gain"), rows=rows))],
    )


def _calibration(run: Run, line: Mapping[str, Any]) -> Chart:
    said, came = line["said"], line["came"]
    if run.contract.task == "classification":
        title, names = f"Do probabilities of {name(line['name'])} come true?", ("probability", "share that came true")
        ends: tuple[float, float] | None = (0.0, 1.0)
    else:
        title, names, ends = "Are the answers right on average?", ("predicted", "actual"), None
    rows = [(number(one), number(other)) for one, other in zip(said, came, strict=True)]
    table = Table(heads=names, rows=rows, numbers=0, title=title)
    return Chart(drawing=against(title, said, came, names, ends=ends), table=table)


def _confusion(found: Mapping[str, Any]) -> Table:
    classes = [name(each) for each in found["classes"][:MOST_CLASSES]]
    rows = [
        (one, *(percent(round(share, 3)) for share in row[:MOST_CLASSES]))
        for one, row in zip(classes, found["shares"], strict=False)
    ]
    more = len(found["classes"]) - len(classes)
    title = "Which class is taken for which" + (f" (without {more} more classes)" if more else "")
    return Table(heads=("actual", *(f"said {each}" for each in classes)), rows=rows, title=title)


def _errors(found: Mapping[str, Any]) -> Chart:
    title, edges, rows = "Errors", found["edges"], found["rows"]
    drawing = spread(title, edges, rows, "predicted - actual")
    lines = [
        (f"{number(edges[at])} to {number(edges[at + 1])}", number(count)) for at, count in enumerate(rows) if count
    ]
    return Chart(drawing=drawing, table=Table(heads=("predicted - actual", "rows"), rows=lines, title=title))


def _verdict(run: Run, gate: str) -> Mapping[str, Any] | None:
    return next((each for each in run.gates["gates"] if each["gate"] == gate), None)


def _least(value: Any) -> float:
    found = known(value)
    return float("-inf") if found is None else found
