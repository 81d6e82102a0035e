"""What a model is for, what it was made of, and where it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ml.card.parts import LONGEST_SENTENCE, Points, Section, Table, Text, listed, name, shortened
from ml.contract import LOWER_IS_BETTER
from ml.report.markup import NOTHING, moment, number, percent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ml.card.run import Run
    from ml.drift.buckets import Feature
    from ml.signature import Input

PAIR = ("what", "which")
RESTLESS = 0.3
"""A Jensen-Shannon distance by which a feature that moves by itself hides much of any drift."""


def purpose(run: Run) -> Section:
    """Say what the model answers."""
    contract, facts = run.contract, run.facts
    classes, limit = facts["classes"], f"{'at most' if contract.metric.name in LOWER_IS_BETTER else 'at least'}"
    rows = [("Predicts", name(contract.target)), ("Task", contract.task)]
    if classes:
        rows.append(("Classes", listed(classes)))
    if len(classes) == 2:  # noqa: PLR2004 - only two classes have a positive one
        said = f"{name(classes[1])}, from a probability of {number(facts['weights'][1])} on"
        rows.append(("Says", f"{said}; otherwise {name(classes[0])}"))
    rows.append(("Judged by", f"{contract.metric.name}, {limit} {number(contract.metric.limit)}"))
    rows.append(("Goes live", "by itself, when it passes" if contract.approval == "auto" else "when a person says so"))
    about = "It answers for single rows, each with the inputs below. The run that made and judged it wrote this card."
    return Section(title="What it is for", parts=[Text(text=about), _pairs(rows)])


def data(run: Run) -> Section:
    """Say what rows and columns the model was made of."""
    prepared, base, contract = run.prepared, run.baseline, run.contract
    span = f"{moment(base.since)} to {moment(base.until)}" if base.since else "rows have no time"
    rows = [
        ("Rows of the data", number(prepared["rows"])),
        ("of them with a label by then", number(prepared["labelled"])),
        ("kept back as golden rows, or of their entities", number(prepared["golden_left_out"])),
        ("Learned from", f"{number(base.rows)} rows, {span}"),
        ("Judged on", f"{number(run.metrics['rows'])} rows" + _since(prepared["test_from"])),
        ("A label is known after (days)", number(contract.quality.label_delay_days)),
    ]
    inputs = {entry.name: entry for entry in run.signature.inputs}
    features = [_feature(run, feature, inputs) for feature in base.inputs.profile.features]
    heads = ("input", "kind", "allowed", "learned from", "missing", "moves by itself")
    columns = Table(heads=heads, rows=shortened(features), numbers=2, title="Inputs")
    never = [each for each in run.signature.ignored if each != contract.target]
    apart = [f"In the data and never read by the model: {listed(never)}."] if never else []
    if run.signature.personal:
        apart.append(f"Personal data, dropped before anything else: {listed(run.signature.personal)}.")
    return Section(title="Data", parts=[_pairs(rows), columns, *([Points(points=apart)] if apart else [])])


def limits(run: Run) -> Section:
    """Say what the model was not tested for, and what it cannot bear."""
    return Section(title="Limits", parts=[Points(points=[*_untested(run), *_borders(run)])])


def lineage(run: Run) -> Section:
    """Name the very things that the model was made of."""
    gates = run.gates
    rows = [
        ("Version", "the registry numbers what passes, and keeps its SHA-256 with the number"),
        ("Model, SHA-256", gates["model_sha256"]),
        ("Code, commit", name(gates["git_commit"])),
        ("Environment, SHA-256 of its lock", gates["lock_sha256"]),
        ("Image", name(run.image, LONGEST_SENTENCE) if run.image else "none that is known: not a job of SageMaker"),
        ("Data, version", name(gates["data_version"]) or NOTHING),
        ("Data, SHA-256", gates["data_sha256"]),
        ("Training and test rows, SHA-256", gates["window_sha256"]),
        ("MLflow run", run.tracked or "not tracked"),
    ]
    return Section(title="What it was made of", parts=[_pairs(rows)])


def _untested(run: Run) -> Iterator[str]:
    contract = run.contract
    gates = contract.gates
    yield "Whether answers change what happens next was not tested: at the time of the rows, others or none were given."
    if contract.time_column is None:
        yield "Rows have no time, so the test rows were drawn at random: how the model ages was not tested."
    else:
        yield f"Rows of before {moment(run.baseline.since)} and of after the data's end were not tested."
    if contract.entity is None:
        yield "No column names an entity, so rows of one customer or machine may be on both sides of the split."
    if gates.golden is None:
        yield "There are no golden rows: all test rows are of the same data as the training rows."
    if gates.bias is None:
        yield "No slice was judged: loop.yaml names no column under gates.bias."
    else:
        yield f"Slices of under {number(gates.bias.min_rows)} test rows, and those by other columns, were not judged."
    if all(verdict["value"] is None for verdict in run.gates["gates"] if verdict["gate"] == "champion"):
        yield "It was compared with no other model."
    yield "Latency is that of the server on the machine of the gates, without a network."


def _borders(run: Run) -> Iterator[str]:
    base, least = run.baseline, run.contract.drift.min_rows
    yield "A number out of the allowed range, and a missing value where none is allowed, is refused and not answered."
    yield "A category that the training rows did not have is read as missing."
    yield f"Drift is judged on {number(least)} rows or more; fewer say nothing."
    restless = sorted(((move, feature) for feature, move in base.inputs.own.items() if move > RESTLESS), reverse=True)
    if restless:
        named = listed([f"{name(feature)} ({number(move)})" for move, feature in restless], most=5)
        yield f"Drift of these inputs is hard to see, because they move much by themselves: {named}."
    if base.inputs.block_rows == 0 and run.contract.time_column is not None:
        yield "The training rows are too few to show how far inputs move by themselves."
    quality = base.quality
    yield (
        f"On rows that it had not seen, its mean {quality.loss.replace('_', ' ')} was {number(quality.mean)} "
        f"({number(quality.rows)} rows); quality is watched against that."
    )


def _feature(run: Run, feature: Feature, inputs: dict[str, Input]) -> tuple[str, ...]:
    counts, rows = run.baseline.inputs.profile.counts[feature.name], run.baseline.inputs.profile.rows
    column = inputs.get(feature.column)
    allowed = _range(column.minimum, column.maximum) if column else NOTHING
    seen = f"{number(len(feature.levels))} levels" if feature.kind == "categorical" else _range(counts.low, counts.high)
    own = number(round(run.baseline.inputs.own.get(feature.name, 0.0), 3))
    return name(feature.name), feature.kind, allowed, seen, percent(counts.nulls / rows if rows else None), own


def _range(low: Any, high: Any) -> str:
    return NOTHING if low is None and high is None else f"{number(low)} to {number(high)}"


def _since(moment_: str | None) -> str:
    return f", from {moment(moment_)} on" if moment_ else ", drawn at random"


def _pairs(rows: list[tuple[str, str]]) -> Table:
    return Table(heads=PAIR, rows=rows, numbers=len(PAIR))
