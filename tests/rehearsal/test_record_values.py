"""Recorded values become again what they were, or are refused with their place."""

from __future__ import annotations

import json
from collections.abc import Mapping  # noqa: TC003 - read by `made`
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from loopwright.rehearsal.record.anew.values import UnreadableError, made
from loopwright.rehearsal.record.chain import canonical


@dataclass(frozen=True)
class Part:
    when: datetime
    numbers: tuple[float, ...] = ()


@dataclass(frozen=True)
class Whole:
    part: Part | None
    named: Mapping[str, str]
    count: int = 1
    anything: Any = None


WHOLE = Whole(Part(datetime(2026, 1, 1, tzinfo=UTC), (1, 2.5)), {"a": "b"}, 2, [{"c": None}])


def test_values_are_what_they_were():
    assert made(Whole, json.loads(canonical(WHOLE)), "it") == WHOLE
    assert made(Whole, {"part": None, "named": {}}, "it") == Whole(None, {})


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"part": 5}, "it.part"),
        ({"part": {"when": 5}}, "it.part.when"),
        ({"part": {"when": "yesterday"}}, "it.part.when"),
        ({"part": {"when": "2026-01-01", "numbers": [1, True]}}, "it.part.numbers[1]"),
        ({"part": {"numbers": []}}, "it.part has no when"),
        ({"named": {"a": None}}, "it.named.a"),
        ({"named": []}, "it.named"),
        ({"count": 1.5}, "it.count"),
        ({"count": True}, "it.count"),
        ({"more": 1}, "it has more"),
    ],
)
def test_values_of_another_type_are_refused(change, place):
    with pytest.raises(UnreadableError) as found:
        made(Whole, json.loads(canonical(WHOLE)) | change, "it")
    assert str(found.value).startswith(place)
