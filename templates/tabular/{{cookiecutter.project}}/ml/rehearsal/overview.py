"""What comes first: the verdict, a row of large figures, and what a scenario promised."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ml.report.markup import NOTHING, known, moment, number, tag, tile

if TYPE_CHECKING:
    from collections.abc import Mapping
    from xml.etree.ElementTree import Element

    Document = Mapping[str, Any]

HASH = 12
"""So many characters of a hash are shown."""
DAY = 24.0
"""Hours."""


def title(document: Document) -> str:
    """Return the title of the page."""
    return f"Rehearsal of {document['project']}"


def header(document: Document) -> Element:
    """Return what was rehearsed: when, with which data, and how."""
    window, data, scenario = document["window"], document["data"], document["scenario"]
    told = (
        f"{day(window['from'])} to {day(window['to'])}",
        f"{_counted(window['steps'], 'step')} of {_length(window['step_hours'])}",
        f"stack {document['stack']}",
        f"{data['source']}, {number(data['rows'])} rows",
        f"seed {document['seed']}",
    )
    played = [tag("p", tag("b", f"Scenario {scenario['name']}: "), scenario["what"])] if scenario else []
    return tag("header", tag("h1", title(document)), tag("p", " · ".join(told)), *played)


def verdict(document: Document) -> Element:
    """Return the most important sentence, with a word and a colour for it."""
    tone, word = _tone(document)
    sentence = next(iter(document["sentences"]), "Nothing was found.")
    return tag("p", tag("b", word), " ", sentence, class_=f"verdict {tone}")


def findings(document: Document) -> list[Element]:
    """Return the other sentences."""
    others = document["sentences"][1:]
    return [tag("ul", *(tag("li", each) for each in others))] if others else []


def tiles(document: Document) -> Element:
    """Return the large figures."""
    return tag(
        "div",
        _quality(document),
        _loss(document),
        _retrainings(document),
        _versions(document),
        _spend(document),
        _pages(document),
        _answered(document),
        class_="tiles large",
    )


def promises(document: Document) -> list[Element]:
    """Return what the scenario promised, kept or broken, with the evidence."""
    scenario = document["scenario"]
    if not scenario:
        return []
    lines = [
        tag(
            "li",
            tag("b", "✓ Kept" if each["kept"] else "✕ Broken", class_="kept" if each["kept"] else "broken"),
            tag("span", each["what"]),
            tag("small", each["because"]),
        )
        for each in scenario["promises"]
    ]
    told = f"The fault began at {moment(scenario['began'])} and "
    told += f"ended at {moment(scenario['ended'])}." if scenario["ended"] else "did not end."
    return [tag("p", told), tag("ul", *lines, class_="promises")]


def footer(document: Document) -> Element:
    """Return where the page comes from; the only part that differs between two runs with one seed."""
    stamps, data = document["stamps"], document["data"]
    told = (
        f"Written {moment(stamps['written'])} by loopwright {stamps['loopwright']},",
        f"after {number(stamps['seconds'])} s.",
        f"Data: SHA-256 {str(data['sha256'])[:HASH]}. All moments are UTC.",
    )
    return tag("footer", tag("small", " ".join(told)))


def day(time: Any) -> str:
    """Write the date of an ISO time."""
    return moment(time)[:10]


def _tone(document: Document) -> tuple[str, str]:
    scenario, gain = document["scenario"], _gain(document)
    if scenario and (promises := scenario["promises"]):
        broken = sum(not each["kept"] for each in promises)
        told = f"{broken} of {len(promises)} promises broken." if broken else f"All {len(promises)} promises kept."
        return ("bad" if broken else "good"), told
    if gain is None:
        return "watch", "Unknown:"
    if gain > 0:
        return "good", "Better:"
    return ("bad", "Worse:") if gain < 0 else ("watch", "Even:")


def _gain(document: Document) -> float | None:
    """Return by how much the metric is better with the loop than without it."""
    ours, other = (known(document["quality"][which]) for which in ("with", "without"))
    if ours is None or other is None:
        return None
    return ours - other if document["metric"]["greater_is_better"] else other - ours


def _quality(document: Document) -> Element:
    quality, metric = document["quality"], document["metric"]
    limit = "least" if metric["greater_is_better"] else "most"
    told = f"with the loop; {number(quality['without'])} without it, at {limit} {number(metric['minimum'])} is asked"
    return tile(str(metric["name"]), number(quality["with"]), told)


def _loss(document: Document) -> Element:
    loss = document["quality"]["loss"]
    return tile(str(loss["name"]), number(loss["with"]), f"with the loop; {number(loss['without'])} without it")


def _retrainings(document: Document) -> Element:
    runs = document["retrainings"]
    outcomes = [each["outcome"] for each in runs]
    counts = [f"{outcomes.count(each)} {each}" for each in dict.fromkeys(outcomes)]
    return tile("retrainings", number(len(runs)), ", ".join(counts) or "none was needed, or none came")


def _versions(document: Document) -> Element:
    versions, rollouts = document["versions"], document["rollouts"]
    live = [number(each["version"]) for each in versions if each["status"] == "live"]
    back = sum(each["outcome"] == "rolled back" for each in rollouts)
    serves = f"version {', '.join(live)} serves" if live else "none serves"
    return tile("versions", number(len(versions)), f"{serves}; {back} rolled back")


def _spend(document: Document) -> Element:
    months, budget = document["spend"]["months"], document["spend"]["budget_usd"]
    most = max((each["total"] for each in months), default=0.0)
    told = f"in {_counted(len(months), 'month')}, at most {number(most)} in one; the budget is {number(budget)} a month"
    return tile("spend, USD", number(round(sum(each["total"] for each in months))), told)


def _pages(document: Document) -> Element:
    pages = document["pages"]
    told = f"the last on {moment(pages[-1]['at'])}" if pages else "nobody was woken"
    return tile("pages sent", number(len(pages)), told)


def _answered(document: Document) -> Element:
    traffic = document["traffic"]
    requests, lost = traffic["requests"], traffic["refused"] + traffic["failed"]
    told = f"of {number(requests)} requests; {number(traffic['refused'])} refused, {number(traffic['failed'])} failed"
    return tile("answered, %", _share(requests - lost, requests), told)


def _share(part: float, whole: float) -> str:
    """Write a share so that only all is 100 per cent."""
    if not whole:
        return NOTHING
    return "100" if part == whole else f"{min(100 * part / whole, 99.99):.4g}"


def _length(hours: float) -> str:
    return _counted(hours / DAY, "day") if hours >= DAY else _counted(hours, "hour")


def _counted(count: float, what: str) -> str:
    return f"{number(count)} {what}{'' if count == 1 else 's'}"
