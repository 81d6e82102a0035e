"""The price list: a dated file of ours, and how a price is found in it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Price", "Prices", "prices"]


@dataclass(frozen=True, kw_only=True)
class Price:
    """What one unit costs in one region."""

    usd: float
    guessed: bool = False
    """Not from a price list."""


@dataclass(frozen=True, kw_only=True)
class Prices:
    """The price list."""

    noted: str
    """The month the prices were noted in."""
    regions: tuple[str, ...]
    sources: Mapping[str, str]
    units: Mapping[str, Mapping[str, Any]]
    """Everything that has a price, by name; see the file."""
    instances: Mapping[str, Any]
    free: Mapping[str, str]
    """Types that cost nothing by themselves, and why."""

    def find(self, name: str, region: str | None) -> Price | None:
        """Return the price of a unit in a region; None where it is unknown."""
        unit = self.units.get(name)
        if unit is None or region not in self.regions:
            return None
        usd = unit["usd"]
        found = usd.get(region) if isinstance(usd, dict) else usd
        return None if found is None else Price(usd=float(found), guessed=region in unit.get("guessed", ()))

    def instance(self, name: str, region: str | None) -> Price | None:
        """Return the price of an hour of a SageMaker instance, such as ``ml.m5.xlarge``; None where it is unknown."""
        kind, _, size = name.rpartition(".")
        family = self.instances["families"].get(kind)
        if family is None or size not in family["sizes"] or region not in family["usd"]:
            return None
        return Price(usd=family["usd"][region] * self.instances["large"][size])


@cache
def prices() -> Prices:
    """Return the price list of this version."""
    document = yaml.safe_load(Path(__file__).with_name("prices.yaml").read_text(encoding="utf-8"))
    return Prices(
        noted=document["noted"],
        regions=tuple(document["regions"]),
        sources=MappingProxyType(document["sources"]),
        units=MappingProxyType(document["prices"]),
        instances=MappingProxyType(document["instances"]),
        free=MappingProxyType(document["free"]),
    )
