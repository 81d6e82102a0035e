"""What a rehearsal found, in words."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["sentences"]


def sentences(document: Mapping[str, Any]) -> Iterator[str]:
    """Yield what the document says, the most important first."""
    if document["scenario"]:
        yield _scenario(document["scenario"])
    yield _quality(document)
    yield _retrainings(document)
    yield _rollouts(document)
    yield _spend(document)
    yield _people(document)


def _scenario(scenario: Mapping[str, Any]) -> str:
    broken = [each["what"] for each in scenario["promises"] if not each["kept"]]
    if broken:
        return f"{scenario['what']}: not kept: {'; '.join(broken)}."
    return f"{scenario['what']}: all {len(scenario['promises'])} promises kept."


def _quality(document: Mapping[str, Any]) -> str:
    quality, name = document["quality"], document["metric"]["name"]
    first, last = document["window"]["from"][:10], document["window"]["to"][:10]
    if quality["with"] is None or quality["without"] is None:
        return f"From {first} to {last} no answer has a label yet: nothing can be said of the quality."
    gain = quality["with"] - quality["without"]
    gain = gain if document["metric"]["greater_is_better"] else -gain
    word = "better than" if gain > 0 else "worse than" if gain < 0 else "as good as"
    return (
        f"From {first} to {last} the loop's {name} is {quality['with']:.4g}, {word} the {quality['without']:.4g} "
        "of its first model left alone."
    )


def _retrainings(document: Mapping[str, Any]) -> str:
    found = document["retrainings"]
    outcomes = Counter(each["outcome"] for each in found)
    reasons = Counter(each["reason"] for each in found)
    if not found:
        return "Nothing asked for a retraining."
    of = ", ".join(f"{count} by {reason}" for reason, count in reasons.most_common())
    ended = ", ".join(f"{count} {outcome}" for outcome, count in outcomes.most_common())
    return f"It looked for a better model {len(found)} times ({of}): {ended}."


def _rollouts(document: Mapping[str, Any]) -> str:
    outcomes = Counter(each["outcome"] for each in document["rollouts"])
    if not outcomes:
        return "No version was rolled out."
    told = ", ".join(f"{count} {outcome}" for outcome, count in outcomes.most_common())
    return f"{_count(len(document['rollouts']), 'version')} went out by canary or its like: {told}."


def _spend(document: Mapping[str, Any]) -> str:
    months, budget = document["spend"]["months"], document["spend"]["budget_usd"]
    total, most = sum(each["total"] for each in months), max((each["total"] for each in months), default=0.0)
    of = f" of the {budget:,.0f} that are allowed" if budget else ""
    return f"It costs {total:,.0f} USD in all, and at most {most:,.0f} USD in a month{of}."


def _people(document: Mapping[str, Any]) -> str:
    pages = document["pages"]
    if not pages:
        return "Nobody was called."
    return f"People were told {_count(len(pages), 'time')}, first on {pages[0]['at'][:10]}: {pages[0]['what']}."


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
