"""Profiles: counts of rows by bucket that add up, so that the profiles of days make the profile of any window.

A profile is what is kept of rows: a few kilobytes a feature however many rows there were, and no value of any row but
the smallest and the largest number.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Any

from ml.drift.buckets import digest
from ml.errors import LoopError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ml.drift.buckets import Feature

FORMAT = 1


class ProfileError(LoopError):
    """A profile cannot be read, or not together with another."""


@dataclass(frozen=True, kw_only=True)
class Counts:
    """The rows of one feature, by bucket."""

    nulls: int = 0
    """NaN is null."""
    negative_infinite: int = 0
    positive_infinite: int = 0
    low: float | None = None
    """The smallest finite number; None where there is none, and of other kinds than numeric."""
    high: float | None = None
    buckets: Mapping[int, int] = field(default_factory=dict)
    """Rows of each bucket that holds any, by ascending bucket."""

    @property
    def rows(self) -> int:
        """All rows."""
        return self.nulls + self.values

    @property
    def values(self) -> int:
        """All rows that are not null."""
        return self.negative_infinite + self.positive_infinite + sum(self.buckets.values())

    def __add__(self, other: Counts) -> Counts:
        both = Counter(self.buckets) + Counter(other.buckets)
        return Counts(
            nulls=self.nulls + other.nulls,
            negative_infinite=self.negative_infinite + other.negative_infinite,
            positive_infinite=self.positive_infinite + other.positive_infinite,
            low=min((low for low in (self.low, other.low) if low is not None), default=None),
            high=max((high for high in (self.high, other.high) if high is not None), default=None),
            buckets=dict(sorted(both.items())),
        )

    def without(self, part: Counts) -> Counts:
        """Return the rows that are not in ``part``, which are some of these; low and high are bounds then."""
        return Counts(
            nulls=self.nulls - part.nulls,
            negative_infinite=self.negative_infinite - part.negative_infinite,
            positive_infinite=self.positive_infinite - part.positive_infinite,
            low=self.low,
            high=self.high,
            buckets=dict(sorted((Counter(self.buckets) - Counter(part.buckets)).items())),
        )

    def document(self) -> dict[str, Any]:
        """Return what `of` reads again, for JSON."""
        facts = {
            name: getattr(self, name) for name in ("nulls", "negative_infinite", "positive_infinite", "low", "high")
        }
        facts["buckets"] = {str(bucket): rows for bucket, rows in self.buckets.items()}
        return facts

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Counts:
        """Read what `document` returned."""
        buckets = {int(bucket): rows for bucket, rows in document["buckets"].items()}
        return cls(**dict(document, buckets=buckets))


@dataclass(frozen=True, kw_only=True)
class Profile:
    """The rows of all features, by bucket. Addition is exact, commutative and associative."""

    features: tuple[Feature, ...]
    rows: int
    counts: Mapping[str, Counts]
    """By the name of the feature; only those that could be counted."""
    broken: frozenset[tuple[str, str]] = frozenset()
    """Features that could not be counted, each with the reason: `missing`, or what kind its column is of."""

    def __add__(self, other: Profile) -> Profile:
        """Return the profile of the rows of both.

        Raises:
            ProfileError: The two were counted by different buckets.
        """
        if self.features != other.features:
            raise ProfileError(
                "two profiles cannot be added",
                because="they were counted by different buckets",
                attempt="count both by the features of one baseline",
            )
        names = [name for name in (one.name for one in self.features) if name in self.counts or name in other.counts]
        none = Counts()
        return Profile(
            features=self.features,
            rows=self.rows + other.rows,
            counts={name: self.counts.get(name, none) + other.counts.get(name, none) for name in names},
            broken=self.broken | other.broken,
        )

    def text(self) -> str:
        """Return the profile as one line of JSON; the buckets themselves are named only by their SHA-256."""
        document = {
            "format": FORMAT,
            "buckets_sha256": digest(self.features),
            "rows": self.rows,
            "broken": sorted(map(list, self.broken)),
            "counts": {name: counts.document() for name, counts in self.counts.items()},
        }
        return json.dumps(document, separators=(",", ":"), ensure_ascii=False, allow_nan=False) + "\n"

    @classmethod
    def read(cls, text: str, features: Sequence[Feature]) -> Profile:
        """Read what `text` returned.

        Raises:
            ProfileError: It is of another format, or was counted by other buckets than those of ``features``.
        """
        document = json.loads(text)
        if document.get("format") != FORMAT:
            because = f"its format is {document.get('format')!r}, this code knows {FORMAT}"
            raise ProfileError("a profile cannot be read", because=because, attempt="count its rows again")
        if document["buckets_sha256"] != digest(features):
            because = "it was counted by the buckets of another model version"
            raise ProfileError("a profile cannot be read", because=because, attempt="count its rows again")
        return cls(
            features=tuple(features),
            rows=document["rows"],
            counts={name: Counts.of(counts) for name, counts in document["counts"].items()},
            broken=frozenset((name, reason) for name, reason in document["broken"]),
        )


def total(profiles: Iterable[Profile]) -> Profile:
    """Return the profile of all rows of one or more profiles."""
    return reduce(add, profiles)
