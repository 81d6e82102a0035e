"""The figures of a rehearsal in words, which the terminal and Markdown share."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Document = Mapping[str, Any]

__all__ = ["figures", "moment", "number", "period"]

NOTHING = "\N{EN DASH}"
"""What stands for what is not known."""


def figures(document: Document) -> Iterator[tuple[str, str]]:
    """Yield the figures that come first: what each is of, and what it is."""
    quality, metric, traffic = document["quality"], document["metric"], document["traffic"]
    limit = "at least" if metric["greater_is_better"] else "at most"
    yield str(metric["name"]), f"{_both(quality)}; {limit} {number(metric['minimum'])} is asked"
    yield str(quality["loss"]["name"]), _both(quality["loss"])
    yield "retrainings", _counted(len(document["retrainings"]), (each["outcome"] for each in document["retrainings"]))
    yield "rollouts", _counted(len(document["rollouts"]), (each["outcome"] for each in document["rollouts"]))
    yield "versions", _counted(len(document["versions"]), (each["status"] for each in document["versions"]))
    yield "spend", _spend(document)
    yield "pages", number(len(document["pages"]))
    yield (
        "requests",
        f"{number(traffic['requests'])}: {number(traffic['refused'])} refused, {number(traffic['failed'])} failed",
    )


def number(value: float | None) -> str:
    """Write a number as people read it."""
    if value is None:
        return NOTHING
    return f"{value:,.0f}" if float(value).is_integer() or abs(value) >= 1000 else f"{value:,.4g}"  # noqa: PLR2004


def moment(time: str | None) -> str:
    """Write an ISO time to the minute."""
    return time.replace("T", " ")[:16] if time else NOTHING


def period(start: str, end: str | None) -> str:
    """Write a stretch of days."""
    return f"{start[:10]} to {end[:10] if end else 'the end'}"


def _both(found: Mapping[str, float | None]) -> str:
    return f"{number(found['with'])} with the loop, {number(found['without'])} without it"


def _counted(count: int, outcomes: Iterator[str]) -> str:
    told = ", ".join(f"{number(times)} {what.replace('_', ' ')}" for what, times in Counter(outcomes).items())
    return f"{number(count)}: {told}" if told else number(count)


def _spend(document: Document) -> str:
    months = [each["total"] for each in document["spend"]["months"]]
    budget = number(document["spend"]["budget_usd"])
    if not months:
        return f"nothing; the budget is {budget} USD a month"
    return f"{sum(months):,.2f} USD, at most {max(months):,.2f} in a month; the budget is {budget}"
