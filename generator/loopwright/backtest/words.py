"""The report in words: for the terminal, and as Markdown; both from the document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["PROPOSED", "markdown", "sentences", "table"]

AGES = (7, 28)
"""Days of age for which staleness is told."""
PROPOSED = " (proposed)"
UNSURE = " Its standard error is as large as that: it may be chance."


def sentences(document: Mapping[str, Any]) -> Iterator[str]:
    """Yield what was found, a question at a time."""
    yield _history(document)
    yield _stale(document)
    yield _window(document)
    yield _interval(document)
    if any(each["kind"] == "loop" and each["setting"]["schedule"].startswith("cron(") for each in document["policies"]):
        yield "Not played: the cron expression of loop.yaml; as it stands, the loop looks when alarms or its age ask."
    yield _verdict(document)


def table(document: Mapping[str, Any]) -> list[list[str]]:
    """Return heads and rows: every policy on both halves, the cheapest on the second half first."""
    money = document["cost"]["value_of_loss_usd"] is not None
    heads = ["policy"]
    for half in ("first", "second"):
        heads += [f"loss, {half} half", "retrainings", "probes", "above optimum"] + (["USD a month"] if money else [])
    rows = []
    for each in sorted(document["policies"], key=lambda one: one["second"]["cost"]):
        cells = [each["name"] + (PROPOSED if document["proposal"] and each["name"] == document["proposed"] else "")]
        for half in ("first", "second"):
            found = each[half]
            cells += [_number(found["loss"]), str(found["retrainings"]), str(found["probes"]), f"{found['above']:.1%}"]
            cells += [f"{found['usd_a_month']:,.2f}"] if money else []
        rows.append(cells)
    return [heads, *rows]


def markdown(document: Mapping[str, Any]) -> str:
    """Return the report as Markdown."""
    head, *rows = table(document)
    lines = [f"# Backtest of {document['project']}", "", *(f"- {each}" for each in document["sentences"]), ""]
    lines += [_row(head), _row(["---", *["---:"] * (len(head) - 1)]), *map(_row, rows), ""]
    if document["proposal"]:
        lines += ["```yaml", *(each["line"] for each in document["proposal"]), "```", ""]
    return "\n".join(lines)


def _history(document: Mapping[str, Any]) -> str:
    history, matrix = document["history"], document["matrix"]
    first, second = document["halves"]
    return (
        f"{history['rows']:,} rows of {history['days']} days from {history['from']} on; {matrix['models']} models, "
        f"trained every {_days(matrix['every'])} on the last {_list(matrix['windows'])} days, with labels that land "
        f"{_days(history['label_delay_days'])} late. Chosen on {first['from']} to {first['until']}, judged on "
        f"{second['from']} to {second['until']}."
    )


def _stale(document: Mapping[str, Any]) -> str:
    found = document["staleness"]
    ages = [age for age in AGES if age in found["ages"]] or found["ages"][:1]
    told = []
    for half, name in zip(found["halves"], ("first", "second"), strict=True):
        each = [f"{_signed(half['excess'][found['ages'].index(age)])} when {_days(age)} older" for age in ages]
        told.append(f"on the {name} half {' and '.join(each)}")
    return (
        f"Stale: the {_loss(document)} of a fresh model of the last {found['window']} days is "
        f"{_number(found['fresh_loss'])}; it is {'; '.join(told)}."
    )


def _window(document: Mapping[str, Any]) -> str:
    found = document["windows"]
    told = [
        f"{each['days']} days {_number(each['first']['loss'])} then {_number(each['second']['loss'])}"
        + (" (clearly worse)" if each["clearly_worse"] else "")
        for each in found
    ]
    lost = document["matrix"]["untrainable"]
    without = f" From {_list(lost)} days nothing can be learned: too few rows are left to tune on." if lost else ""
    return f"Window: retrained weekly, first half then second half: {', '.join(told)}.{without}"


def _interval(document: Mapping[str, Any]) -> str:
    cost, schedules = document["cost"], [each for each in document["policies"] if each["kind"] == "schedule"]
    best = [min(schedules, key=lambda one: one[half]["cost"])["name"] for half in ("first", "second")]
    usd = cost["usd_of_a_retraining"]
    money = "" if usd is None else f" ({usd:,.2f} USD)"
    every = document["matrix"]["every"]
    closer = (
        " No model is younger than that: a smaller --every looks closer." if document["interval"] == every > 1 else ""
    )
    share = "" if cost["days_of_loss"] is None else f", the loss of {cost['days_of_loss']:.3g} days"
    return (
        f"Interval: a retraining costs {_number(cost['of_a_retraining'])}{money}{share}. T* = sqrt(2 c / slope) is "
        f"{_days(document['interval'])}; the cheapest schedule of the first half was {best[0]}, of the second "
        f"{best[1]}.{closer}"
    )


def _verdict(document: Mapping[str, Any]) -> str:
    by_name = {each["name"]: each for each in document["policies"]}
    standing, chosen, proposed = (by_name[document[which]] for which in ("standing", "chosen", "proposed"))
    if chosen is standing:
        said = "nothing that was tried costs less on the first half than what stands in loop.yaml"
        return f"Proposal: none, because {said}; on the second half it is {_above(standing)}."
    if proposed is standing:
        said = f"{chosen['name']} costs less on the first half, and not on the second: {_above(chosen)}"
        return f"Proposal: none, because {said}. What stands in loop.yaml is {_above(standing)}."
    against = proposed["second"]["against"]
    unsure = UNSURE if against["error"] is None or abs(against["value"]) <= against["error"] else ""
    return (
        f"Proposal: {proposed['name']}, which costs less on both halves. On the second it is {_above(proposed)}, what "
        f"stands in loop.yaml {_above(standing)}. Its loss differs by {_signed(against)}.{unsure}"
    )


def _above(policy: Mapping[str, Any]) -> str:
    found = policy["second"]
    return f"{found['above']:.1%} above the optimum ({found['retrainings']} retrainings, {found['probes']} probes)"


def _loss(document: Mapping[str, Any]) -> str:
    return str(document["loss"]).replace("_", " ")


def _signed(mean: Mapping[str, float | None]) -> str:
    value, error = mean["value"], mean["error"]
    if value is None:
        return "unknown"
    return _number(value, sign="+", digits=3) + ("" if error is None else f" ± {_number(error, digits=2)}")


def _number(value: float, *, sign: str = "", digits: int = 4) -> str:
    return f"{value:{sign},.{0 if abs(value) >= 10**digits else digits}{'f' if abs(value) >= 10**digits else 'g'}}"


def _days(count: int) -> str:
    return f"{count} day{'' if count == 1 else 's'}"


def _list(values: Sequence[int]) -> str:
    return " or ".join(map(str, values)) if len(values) < 3 else f"{', '.join(map(str, values[:-1]))} or {values[-1]}"  # noqa: PLR2004


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
