from __future__ import annotations

import math
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest

from loopwright.contract.inference import Wishes, infer
from loopwright.errors import DataError, UsageError
from loopwright.tables.ingest import ingest
from realdata import real_data

ROWS = 400
DAY = datetime.fromisoformat("2024-01-01")


@pytest.fixture
def decide(tmp_path):
    """Infer from a table of 400 rows: noise in `x`, and whatever columns are given."""

    def call(target="y", *, rows=ROWS, wishes=None, **columns):
        noise = np.random.default_rng(1).normal(size=rows)
        path = tmp_path / "table.parquet"
        pl.DataFrame({"x": noise} | {name: list(values) for name, values in columns.items()}).write_parquet(path)
        return infer(path, Wishes(target=target, **(wishes or {})))

    return call


def cycle(*values, rows=ROWS):
    return [values[i % len(values)] for i in range(rows)]


def amounts(rows=ROWS):
    return np.random.default_rng(2).gamma(2, 50, rows).tolist()


def codes(inference):
    return [warning.code for warning in inference.warnings]


@pytest.mark.parametrize(
    ("target", "task", "positive", "metric"),
    [
        (cycle(True, False, False), "classification", True, "f1"),
        (cycle("no", "yes", "yes"), "classification", "no", "f1"),
        (cycle("no", "yes"), "classification", "yes", "f1"),
        (cycle(0, 0, 1), "classification", 1, "f1"),
        (cycle("a", "b", "c"), "classification", None, "balanced_accuracy"),
        (cycle(1, 2, 3, 4, 5), "classification", None, "balanced_accuracy"),
        (cycle(0, 10, 20, 40), "regression", None, "rmse"),
        (cycle(*range(13)), "regression", None, "rmse"),
        (amounts(), "regression", None, "rmse"),
    ],
)
def test_task(decide, target, task, positive, metric):
    found = decide(y=target)
    assert (found.task, found.positive, found.metric.name) == (task, positive, metric)


@pytest.mark.parametrize(
    ("metric", "baseline", "limit"),
    [
        ("f1", 0.4, 0.46),
        ("accuracy", 0.75, 0.78),
        ("balanced_accuracy", 0.5, 0.55),
        ("precision", 0.25, 0.325),
        ("recall", 0.5, 0.55),
        ("roc_auc", 0.5, 0.55),
        ("log_loss", -0.25 * math.log(0.25) - 0.75 * math.log(0.75), 0.51),
    ],
)
def test_thresholds_of_two_classes(decide, metric, baseline, limit):
    found = decide(y=cycle(True, False, False, False), wishes={"metric": metric}).metric
    assert found.baseline == pytest.approx(baseline)
    assert found.limit == pytest.approx(limit, abs=0.006)
    assert found.golden_limit == pytest.approx(baseline, rel=0.02)


def test_thresholds_of_three_classes(decide):
    target = cycle("a", "a", "b", "c")
    expected = {"accuracy": 1 / 2, "balanced_accuracy": 1 / 3, "recall": 1 / 3, "precision": 1 / 6, "f1": 2 / 9}
    for metric, baseline in expected.items():
        assert decide(y=target, wishes={"metric": metric}).metric.baseline == pytest.approx(baseline)


def test_thresholds_of_numbers(decide):
    values = amounts()
    expected = {"rmse": np.std(values), "mae": np.abs(values - np.median(values)).mean(), "r2": 0.0}
    for metric, baseline in expected.items():
        assert decide(y=values, wishes={"metric": metric}).metric.baseline == pytest.approx(baseline)
    assert decide(y=values, wishes={"metric": "r2"}).metric.limit == pytest.approx(0.1)
    assert decide(y=values).metric.limit == pytest.approx(0.9 * np.std(values), rel=0.01)


def test_a_threshold_never_reaches_perfect(decide):
    found = decide(y=[True] * 2 + [False] * 1998, rows=2000, wishes={"metric": "accuracy"}).metric
    assert found.baseline < found.limit < 1


@pytest.mark.parametrize(
    ("target", "wishes", "error", "message"),
    [
        ([None] * (ROWS - 1) + [1], {}, DataError, "same in every row"),
        (["x"] * ROWS, {}, DataError, "same in every row"),
        ([f"class {i}" for i in range(ROWS)], {}, DataError, "too many classes"),
        (cycle(0.5, 1.5), {}, DataError, "not whole"),
        (amounts(), {"task": "classification"}, DataError, "too many classes"),
        (cycle("a", "b"), {"task": "regression"}, UsageError, "no numbers"),
        ([DAY + timedelta(i) for i in range(ROWS)], {}, DataError, "is a time"),
        (amounts(), {"metric": "f1"}, UsageError, "no metric of a regression"),
        (cycle("a", "b"), {"metric": "acuracy"}, UsageError, "'accuracy'"),
        (cycle("a", "b"), {"positive": "c"}, UsageError, "'a' and 'b'"),
        (cycle("a", "b", "c"), {"positive": "a"}, UsageError, "two classes"),
        (cycle("a", "b"), {"exclude": ("X",)}, UsageError, "'x'"),
        (cycle("a", "b"), {"keep": ("z",)}, UsageError, "z"),
        (cycle("a", "b"), {"time_column": "x"}, DataError, "holds no time"),
        (cycle("a", "b"), {"entity": "y"}, UsageError, "two duties"),
        (cycle("a", "b"), {"exclude": ("x",)}, DataError, "excluded by request"),
    ],
)
def test_what_cannot_be_meant_is_refused(decide, target, wishes, error, message):
    with pytest.raises(error) as caught:
        decide(y=target, wishes=wishes)
    assert message in caught.value.format_message()


def test_a_missing_target_names_the_nearest_and_all_columns(decide):
    with pytest.raises(UsageError) as caught:
        decide("purchase", purchased=cycle(True, False))
    assert "x, purchased" in caught.value.because
    assert "'purchased'" in caught.value.attempt


def test_positive_by_wish(decide):
    assert decide(y=cycle("no", "yes", "no"), wishes={"positive": "no"}).positive == "no"
    assert decide(y=cycle(True, False, True), wishes={"positive": "FALSE"}).positive is False


def test_leaks_and_identifiers_are_left_out_unless_kept(decide):
    target, columns = amounts(), {"a": amounts(), "number": range(ROWS)}
    columns["b"] = [y - a for y, a in zip(target, columns["a"][::-1], strict=True)]
    columns["a"] = columns["a"][::-1]
    found = decide(y=target, **columns)
    assert codes(found) == ["leakage", "identifier"]
    assert found.warnings[0].columns == ("a", "b")
    assert found.features == ("x",)
    kept = decide(y=target, wishes={"keep": ("a", "number")}, **columns)
    assert kept.features == ("x", "a", "number")
    assert codes(kept) == codes(found)
    assert "b left out" in kept.warnings[0].message


def test_an_excluded_column_is_neither_feature_nor_warned_of(decide):
    target = amounts()
    found = decide(y=target, copy=target, wishes={"exclude": ("copy",)})
    assert (found.features, found.warnings) == (("x",), ())


def test_the_rows_without_target_are_counted_and_not_used(decide):
    found = decide(y=[None, *cycle(True, False, False)[1:]])
    assert codes(found) == ["target_missing"]
    assert sum(found.classes.values()) == ROWS - 1


def test_a_nearly_constant_target_is_warned_of(decide):
    assert codes(decide(y=[True] * 3 + [False] * (ROWS - 3))) == ["target_nearly_constant"]
    assert codes(decide(y=[True] * 5 + [False] * (ROWS - 5))) == []


def test_many_levels_are_warned_of(decide):
    assert codes(decide(y=cycle(True, False, False), city=cycle(*(f"city {i}" for i in range(100))))) == [
        "high_cardinality"
    ]


def hours(rows=ROWS, step=1):
    return [DAY + timedelta(hours=step * i) for i in range(rows)]


def test_time_gives_windows_age_and_key(decide):
    found = decide(y=cycle(True, False, False), t=hours(step=6), wishes={"time_column": "t"})
    assert (found.unique, found.max_age_days, found.windows_days) == (("t",), 3, (30, 60))
    weekly = decide(y=cycle(True, False, False), t=hours(step=24 * 7), wishes={"time_column": "t"})
    assert (weekly.max_age_days, weekly.windows_days) == (21, (30, 60, 120))
    short = decide(y=cycle(True, False, False), t=hours(), wishes={"time_column": "t"})
    assert short.windows_days == (16,)
    for delay, windows in {7: (30, 60, 120), 15.5: (31, 62, 124), 30: (60, 120, 240), 2000: (2793,)}.items():
        late = decide(
            y=cycle(True, False, False),
            t=hours(step=24 * 7),
            wishes={"time_column": "t", "label_delay_days": delay},
        )
        assert late.windows_days == windows
    without = decide(y=cycle(True, False, False))
    assert (without.unique, without.max_age_days, without.windows_days) == ((), None, (30,))


def test_a_gap_is_named_and_the_nights_are_not(decide):
    times = hours()[:200] + [time + timedelta(days=5) for time in hours()[200:]]
    [gap] = decide(y=cycle(True, False, False), t=times, wishes={"time_column": "t"}).warnings
    assert gap.code == "time_gap"
    assert "from 2024-01-09 07:00 to 2024-01-14 08:00 (5 days)" in gap.message
    office = [DAY + timedelta(days=i // 8, hours=9 + i % 8) for i in range(ROWS)]
    assert codes(decide(y=cycle(True, False, False), t=office, wishes={"time_column": "t"})) == []


def test_rows_without_a_time_are_refused(decide):
    with pytest.raises(DataError, match="holes"):
        decide(y=cycle(True, False), t=[None, *hours()[1:]], wishes={"time_column": "t"})


def test_repeated_keys_are_warned_of(decide):
    wishes = {"time_column": "t", "entity": "who"}
    columns = {"y": cycle(True, False, False), "who": cycle(*map(str, range(20, 40))), "t": hours()}
    assert decide(wishes=wishes, **columns).unique == ("who", "t")
    columns["who"][5], columns["t"][5] = columns["who"][4], columns["t"][4]
    found = decide(wishes=wishes, **columns)
    assert (found.unique, codes(found)) == ((), ["duplicate_keys"])


def test_too_few_entities_are_refused(decide):
    columns = {"y": cycle(True, False, False), "who": cycle(*map(str, range(19)))}
    with pytest.raises(DataError, match="cannot keep rows apart") as error:
        decide(wishes={"entity": "who"}, **columns)
    assert "19 values" in error.value.because


def test_slices_prefer_groups_and_need_rows_in_each_level(decide):
    columns = {
        "rare": ["r"] + ["s"] * (ROWS - 1),
        "colour": cycle("red", "blue"),
        "month": cycle(*range(1, 13)),
        "device": cycle("mobile", "desktop", "tablet"),
        "gender": cycle(0, 1),
    }
    assert decide(y=cycle(True, False, False, True, False), **columns).slices == ("gender", "device")
    del columns["gender"]
    assert decide(y=cycle(True, False, False, True, False), **columns).slices == ("device", "colour")


def test_the_sample_for_leaks_sees_large_tables(decide):
    rows = 120_000
    target = amounts(rows)
    found = decide(y=target, copy=[3 * y for y in target], rows=rows)
    assert found.warnings[0].columns == ("copy",)


def infer_real(tmp_path, name, **wishes):
    ingest(real_data(name), tmp_path / "table.parquet")
    return infer(tmp_path / "table.parquet", Wishes(**wishes))


def test_bike_hourly(tmp_path):
    found = infer_real(tmp_path, "bike_hourly", target="cnt", time_column="rented_at")
    assert (found.task, found.metric.name, found.unique) == ("regression", "rmse", ("rented_at",))
    assert codes(found) == ["leakage", "time_gap"]
    assert found.warnings[0].columns == ("casual", "registered")
    assert not {"casual", "registered"} & set(found.features)
    kinds = {role.name: role.kind for role in found.roles}
    assert all(kinds[name] == "categorical" for name in ("season", "mnth", "weathersit", "holiday"))
    assert all(kinds[name] == "numeric" for name in ("temp", "hum", "cnt"))


def test_electricity(tmp_path):
    found = infer_real(tmp_path, "electricity", target="direction", time_column="measured_at")
    assert (found.task, found.positive, found.metric.name, found.warnings) == ("classification", "UP", "f1", ())
    assert found.metric.baseline == pytest.approx(0.596, abs=0.001)


def test_retail_repurchase(tmp_path):
    wishes = {"target": "repurchased", "time_column": "observed_at", "entity": "customer_id"}
    found = infer_real(tmp_path, "retail_repurchase", **wishes)
    assert (found.positive, found.max_age_days, found.warnings) == (True, 21, ())
    assert found.unique == ("customer_id", "observed_at")
    assert "customer_id" not in found.features
