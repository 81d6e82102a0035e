"""YOURS, like `ml/features.py`: what the features must be."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pytest

from ml import contract as contracts
from ml import schema
from ml.features import calendar, features
from ml.frames import columns, signature
from tests.sample import sample

START = datetime(1969, 12, 28, 23, 59)  # noqa: DTZ001 - the data's times have no zone
MOMENTS = [START + timedelta(hours=7 * step) for step in range(100)] + [datetime(2024, 2, 29), datetime(2100, 1, 1, 5)]  # noqa: DTZ001


def test_hours_and_weekdays_are_the_calendars() -> None:
    made = calendar("at", np.array(MOMENTS, dtype="datetime64[us]"))
    assert list(made) == ["at_hour", "at_weekday"]
    assert made["at_hour"].tolist() == [moment.hour for moment in MOMENTS]
    assert made["at_weekday"].tolist() == [moment.weekday() for moment in MOMENTS]


def test_no_time_has_neither() -> None:
    made = calendar("at", np.array(["NaT", "2025-03-01T13:30"], dtype="datetime64[us]"))
    np.testing.assert_array_equal(made["at_hour"], [np.nan, 13])
    np.testing.assert_array_equal(made["at_weekday"], [np.nan, 5])


def test_everything_else_goes_in_as_it_is() -> None:
    amount, kind = np.array([1.5, np.nan]), np.array(["a", None], dtype=object)
    made = features({"amount": amount, "at": np.array(["NaT"] * 2, dtype="datetime64[us]"), "kind": kind})
    assert list(made) == ["amount", "at_hour", "at_weekday", "kind"]
    assert made["amount"] is amount
    assert made["kind"] is kind


@pytest.mark.parametrize("rows", [0, 1, 50])
def test_features_of_this_repository_fit_the_model(rows: int) -> None:
    inputs = signature(schema.SCHEMA, contracts.load())
    made = features(columns(sample(50, seed=3).head(rows), inputs))
    assert made
    for values in made.values():
        assert values.shape == (rows,)
        assert values.dtype in (np.float64, object)


def test_one_row_has_the_features_that_it_has_among_many() -> None:
    inputs, rows = signature(schema.SCHEMA, contracts.load()), sample(50, seed=3)
    together = features(columns(rows, inputs))
    alone = features(columns(rows[17:18], inputs))
    assert list(alone) == list(together)
    for name, values in alone.items():
        np.testing.assert_array_equal(values, together[name][17:18])
