from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from loopwright.contract.inference import Wishes, infer
from loopwright.tables.simulate import TRUTH, season, simulate

START = datetime.fromisoformat(TRUTH.start)
WISHES = Wishes(target="purchased", time_column="session_at", entity="customer_id", label_delay_days=7)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("shop") / "shop.parquet"
    simulate(path)
    return path


@pytest.fixture(scope="module")
def shop(path):
    return pl.read_parquet(path)


def terms(shop):
    """Return the terms of the log odds, as docs/simulator.md writes them, from the columns alone."""
    day = ((shop["session_at"] - START).dt.total_seconds() // 86_400).to_numpy()
    basket = shop["basket_value"]
    values = {
        "intercept": np.ones(len(shop)),
        "pages": np.log(shop["pages_viewed"]),
        "minutes": np.log1p(shop["minutes_on_site"]),
        "basket": basket.is_not_null(),
        "basket_size": np.log(basket.fill_null(50) / 50),
        "discount": shop["discount_percent"] / 10,
        "mobile": shop["device"] == "mobile",
        "email": shop["channel"] == "email",
        "social": shop["channel"] == "social",
        "returning": shop["returning"],
        "bought_recently": (shop["days_since_purchase"] < 30).fill_null(value=False),
        "weekend": shop["session_at"].dt.weekday() >= 6,
        "season": season(day),
    }
    assert set(values) == set(TRUTH.before) == set(TRUTH.after)
    return np.column_stack([np.asarray(values[name], dtype=float) for name in TRUTH.before]), day


def fitted(x, y):
    """Fit a logistic regression by Newton's method; return coefficients and standard errors."""
    weights = np.zeros(x.shape[1])
    for _ in range(12):
        p = 1 / (1 + np.exp(-x @ weights))
        information = (x * (p * (1 - p))[:, None]).T @ x
        weights += np.linalg.solve(information, x.T @ (y - p))
    return weights, np.sqrt(np.diag(np.linalg.inv(information)))


@pytest.mark.parametrize("era", ["before", "after"])
def test_the_truth_can_be_found_in_the_data(shop, era):
    x, day = terms(shop)
    chosen = (day < TRUTH.change_day) == (era == "before")
    weights, errors = fitted(x[chosen], shop["purchased"].to_numpy()[chosen])
    truth = np.array([getattr(TRUTH, era)[name] for name in TRUTH.before])
    assert np.abs((weights - truth) / errors).max() < 4
    place = list(TRUTH.before)
    assert abs(weights[place.index("discount")] - truth[place.index("discount")]) < 0.15
    assert abs(weights[place.index("mobile")] - truth[place.index("mobile")]) < 0.25


def f1(answer, y):
    return 2 * (answer & y).sum() / (answer.sum() + y.sum())


def test_a_good_model_is_worth_it_and_a_stale_one_is_not(shop):
    x, day = terms(shop)
    y, late = shop["purchased"].to_numpy(), day >= TRUTH.change_day
    before, after = (np.array([era[name] for name in TRUTH.before]) for era in (TRUTH.before, TRUTH.after))
    always = f1(np.ones_like(y), y)
    best = f1(np.where(late, x @ after, x @ before) > -0.5, y)
    stale = f1(x[late] @ before > -0.5, y[late])
    assert always == pytest.approx(0.42, abs=0.02)
    assert best > always + 0.25
    assert stale < best - 0.1


def test_traffic_has_its_season_and_its_week(shop):
    _, day = terms(shop)
    sessions = np.bincount(day.astype(int), minlength=TRUTH.days)
    winter, summer = sessions[season(np.arange(TRUTH.days)) > 0.8], sessions[season(np.arange(TRUTH.days)) < -0.8]
    ratio = (1 + 0.93 * TRUTH.season_traffic) / (1 - 0.93 * TRUTH.season_traffic)
    assert winter.mean() / summer.mean() == pytest.approx(ratio, rel=0.1)
    weekend = shop["session_at"].dt.weekday().to_numpy() >= 6
    share = 2 * TRUTH.weekend_traffic / (5 + 2 * TRUTH.weekend_traffic)
    assert weekend.mean() == pytest.approx(share, abs=0.02)


def test_it_is_a_year_of_sessions_in_order(shop):
    assert 18_000 < len(shop) < 22_000
    times = shop["session_at"]
    assert times.is_sorted()
    assert times.n_unique() == len(shop)
    assert START <= times.min() < times.max() < START + timedelta(days=TRUTH.days)


def test_customers_come_back_and_stay_who_they_are(shop):
    assert shop["returning"].to_list() == shop["customer_id"].is_first_distinct().not_().to_list()
    assert shop.group_by("customer_id").agg(pl.col("country").n_unique())["country"].max() == 1


def test_days_since_purchase_tell_the_truth(shop):
    last, expected = {}, []
    for when, who, bought in shop.select("session_at", "customer_id", "purchased").iter_rows():
        expected.append(round((when - last[who]).total_seconds() / 86_400, 2) if who in last else None)
        if bought:
            last[who] = when
    assert shop["days_since_purchase"].to_list() == pytest.approx(expected, abs=0.011, nan_ok=True)


def test_the_seed_decides_everything(tmp_path):
    one, same, other = (simulate(tmp_path / f"{i}.parquet", seed=seed) for i, seed in enumerate((1, 1, 2)))
    assert one == same
    assert one.sha256 != other.sha256


def test_the_inference_finds_nothing_wrong_in_it(path):
    found = infer(path, WISHES)
    assert found.warnings == ()
    assert (found.task, found.positive, found.metric.name, found.metric.limit) == ("classification", True, "f1", 0.48)
    assert len(found.features) == 9


def test_the_documentation_tells_the_truth():
    page = (Path(__file__).parents[2] / "docs" / "simulator.md").read_text()
    rows = [
        [cell.strip(" `*") for cell in line.split("|")[1:-1]] for line in page.splitlines() if line.startswith("| `")
    ]
    told = {cells[0]: (float(cells[2]), float(cells[3])) for cells in rows if len(cells) == 4}
    assert told == {name: (TRUTH.before[name], TRUTH.after[name]) for name in TRUTH.before}
    assert f"**day {TRUTH.change_day}** ({START + timedelta(days=TRUTH.change_day):%-d %B %Y})" in page
