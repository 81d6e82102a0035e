"""The seeded simulator: a year of an online shop, with a season and one known concept change.

What is true in it stands in `TRUTH`; `docs/simulator.md` explains it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from loopwright.tables.ingest import Ingested
from loopwright.tables.sql import literal, session

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    Arrays = dict[str, NDArray[Any]]

SOURCE = "the seeded simulator of an online shop"

_SESSIONS_A_DAY = 51.0
_NEW_CUSTOMERS = 0.35
_COUNTRIES = {"AT": 0.12, "DE": 0.46, "FR": 0.24, "GB": 0.18}
_DEVICES = {"desktop": 0.42, "mobile": 0.46, "tablet": 0.12}
_CHANNELS = {"direct": 0.30, "email": 0.15, "search": 0.38, "social": 0.17}
_DISCOUNTS = {0: 0.46, 5: 0.09, 10: 0.14, 15: 0.10, 20: 0.09, 25: 0.04, 30: 0.04, 35: 0.02, 40: 0.02}
_RECENT_DAYS = 30
_PEAK_DAY = 349
_DAY_SECONDS = 86_400
_COLUMNS = {
    "session_at": "start::TIMESTAMP + to_seconds(second)",
    "customer_id": "printf('c%05d', customer)",
    "country": "country",
    "device": "device",
    "channel": "channel",
    "returning": '"returning"',
    "pages_viewed": "pages_viewed",
    "minutes_on_site": "minutes_on_site",
    "basket_value": "CASE WHEN NOT isnan(basket_value) THEN basket_value END",
    "discount_percent": "discount_percent",
    "days_since_purchase": "CASE WHEN NOT isnan(days_since_purchase) THEN days_since_purchase END",
    "purchased": "purchased",
}


@dataclass(frozen=True, kw_only=True)
class Truth:
    """What is true in the simulated shop: the log odds of a purchase are a weighted sum of these terms."""

    start: str
    """The first day."""
    days: int
    change_day: int
    """Days after the start from which `after` holds instead of `before`."""
    before: Mapping[str, float]
    after: Mapping[str, float]
    weekend_traffic: float
    """Sessions on a Saturday or Sunday, against a weekday."""
    season_traffic: float
    """How far sessions rise and fall around the mean over a year, as a share; highest in mid-December."""


_BEFORE = {
    "intercept": -6.85,
    "pages": 1.0,
    "minutes": 0.5,
    "basket": 2.2,
    "basket_size": -0.5,
    "discount": 1.4,
    "mobile": -1.5,
    "email": 0.8,
    "social": -0.7,
    "returning": 0.6,
    "bought_recently": 1.0,
    "weekend": 0.4,
    "season": 0.6,
}
TRUTH = Truth(
    start="2024-01-01",
    days=365,
    change_day=240,
    before=_BEFORE,
    after=_BEFORE | {"discount": 0.0, "mobile": 1.5},
    weekend_traffic=1.3,
    season_traffic=0.3,
)


def simulate(destination: Path, *, seed: int = 7) -> Ingested:
    """Write the simulated sessions, in the order of their time, to the Parquet file ``destination``.

    The same seed gives the same rows.

    Raises:
        DataError: The file cannot be written.
    """
    import numpy as np  # noqa: PLC0415 - late: `loopwright --help` stays fast

    rng = np.random.default_rng(seed)
    shop = _visits(rng)
    shop |= _behaviour(rng, shop)
    shop |= _purchases(rng, shop)
    columns = ", ".join(f'{sql} AS "{name}"' for name, sql in _COLUMNS.items())
    destination.parent.mkdir(parents=True, exist_ok=True)
    with session(destination, spill=destination.parent, threads=1) as duck:
        duck.connection.register("shop", shop)
        table = f"FROM (FROM shop SELECT *, {literal(TRUTH.start)} AS start) SELECT {columns}"
        rows = int(duck.value(f"COPY ({table}) TO {literal(destination)} (FORMAT parquet, COMPRESSION zstd)"))
    digest = hashlib.sha256(destination.read_bytes()).hexdigest()
    return Ingested(source=SOURCE, sha256=digest, rows=rows, renamed={})


def season(day: NDArray[Any]) -> NDArray[np.float64]:
    """Return the season of each day after the start: 1 in mid-December, -1 in mid-June."""
    import numpy as np  # noqa: PLC0415 - late

    wave: NDArray[np.float64] = np.cos(2 * np.pi * (day - _PEAK_DAY) / 365)
    return wave


def _visits(rng: np.random.Generator) -> Arrays:
    """Draw who comes when: the second after the start, the day, the customer, and where the customer lives."""
    import numpy as np  # noqa: PLC0415 - late

    days = np.arange(TRUTH.days)
    weekend = np.where(days % 7 >= 5, TRUTH.weekend_traffic, 1.0)  # noqa: PLR2004 - the first day is a Monday
    sessions = rng.poisson(_SESSIONS_A_DAY * weekend * (1 + TRUTH.season_traffic * season(days)))
    day = np.repeat(days, sessions)
    n = np.arange(len(day))
    second = np.sort(day * _DAY_SECONDS + (rng.beta(4, 3, len(day)) * _DAY_SECONDS).astype(np.int64))
    second = np.maximum.accumulate(second - n) + n  # no two sessions begin in the same second
    new = rng.random(len(day)) < _NEW_CUSTOMERS
    new[0] = True
    known = np.cumsum(new)
    back = (known * np.sqrt(rng.random(len(day)))).astype(np.int64)  # the newer the customer, the likelier
    customer = np.where(new, known - 1, np.minimum(back, known - 1))
    country = _draw(rng, _COUNTRIES, int(known[-1]))[customer]
    return {
        "second": second,
        "day": second // _DAY_SECONDS,
        "customer": customer,
        "returning": ~new,
        "country": country,
    }


def _behaviour(rng: np.random.Generator, shop: Arrays) -> Arrays:
    """Draw what happens in each session before its end."""
    import numpy as np  # noqa: PLC0415 - late

    n = len(shop["second"])
    pages = np.minimum(1 + rng.negative_binomial(1.5, 0.2, n), 45)
    filled = rng.random(n) < 1 / (1 + np.exp(1.4 - 0.18 * pages))
    value = np.clip(np.exp(rng.normal(3.8, 0.9, n)), 1, 900).round(2)
    return {
        "device": _draw(rng, _DEVICES, n),
        "channel": _draw(rng, _CHANNELS, n),
        "pages_viewed": pages,
        "minutes_on_site": np.clip(pages * rng.gamma(2, 0.6, n), 0.1, 90).round(1),
        "basket_value": np.where(filled, value, np.nan),
        "discount_percent": _draw(rng, _DISCOUNTS, n).astype(np.int64),
    }


def _purchases(rng: np.random.Generator, shop: Arrays) -> Arrays:
    """Draw which sessions end in a purchase. One by one, since each depends on the customer's purchases before it."""
    import numpy as np  # noqa: PLC0415 - late

    days = shop["second"] / _DAY_SECONDS
    late = shop["day"] >= TRUTH.change_day
    terms = _terms(shop)
    odds = sum(np.where(late, TRUTH.after[name], TRUTH.before[name]) * terms[name] for name in terms)
    # A uniform number is below the probability exactly when its own log odds are below those of the probability.
    chance = rng.random(len(days))
    spare = odds - np.log(chance / (1 - chance))
    last: dict[int, float] = {}
    since, purchased = np.full(len(days), np.nan), np.zeros(len(days), dtype=bool)
    bonus = TRUTH.before["bought_recently"]
    for place, (customer, day, room) in enumerate(
        zip(shop["customer"].tolist(), days.tolist(), spare.tolist(), strict=True)
    ):
        if customer in last:
            since[place] = age = round(day - last[customer], 2)
            room += bonus * (age < _RECENT_DAYS)  # noqa: PLW2901 - the same room, a little wider
        if room > 0:
            purchased[place], last[customer] = True, day
    return {"days_since_purchase": since, "purchased": purchased}


def _terms(shop: Arrays) -> Arrays:
    """Return the terms of the log odds that do not depend on earlier purchases."""
    import numpy as np  # noqa: PLC0415 - late

    basket = np.nan_to_num(shop["basket_value"])
    return {
        "intercept": np.ones(len(basket)),
        "pages": np.log(shop["pages_viewed"]),
        "minutes": np.log1p(shop["minutes_on_site"]),
        "basket": basket > 0,
        "basket_size": np.log(np.where(basket > 0, basket, 50) / 50),
        "discount": shop["discount_percent"] / 10,
        "mobile": shop["device"] == "mobile",
        "email": shop["channel"] == "email",
        "social": shop["channel"] == "social",
        "returning": shop["returning"],
        "weekend": shop["day"] % 7 >= 5,  # noqa: PLR2004 - Saturday
        "season": season(shop["day"]),
    }


def _draw(rng: np.random.Generator, shares: Mapping[Any, float], n: int) -> NDArray[Any]:
    import numpy as np  # noqa: PLC0415 - late

    return rng.choice(np.array(list(shares)), size=n, p=list(shares.values()))
