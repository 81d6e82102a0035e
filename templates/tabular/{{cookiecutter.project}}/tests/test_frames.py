from __future__ import annotations

import json
import math
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest
from pandera.polars import Check, Column, DataFrameSchema

from ml.checks import levels
from ml.frames import as_declared, columns, kind, pl_type, records, signature
from ml.signature import Input, Signature
from tests.stages import SCHEMA, a_contract

if TYPE_CHECKING:
    from pathlib import Path

INPUTS = Signature(
    inputs=(
        Input(name="at", kind="timestamp"),
        Input(name="kind", kind="categorical"),
        Input(name="code", kind="categorical"),
        Input(name="amount", kind="numeric"),
        Input(name="member", kind="boolean"),
    )
)
FRAME = pl.DataFrame(
    {
        "member": [True, None],
        "amount": pl.Series([3, None], dtype=pl.Int64),
        "kind": ["ä", None],
        "code": pl.Series([7, None], dtype=pl.Int64),
        "at": [datetime(2025, 3, 1, 12, 30, 15, 250), None],  # noqa: DTZ001 - the data's times have no zone
        "other": ["x", "y"],
    }
)


def test_the_signature_takes_what_may_be_asked_out_of_the_data_contract() -> None:
    assert signature(SCHEMA, a_contract()) == Signature(
        inputs=(
            Input(name="at", kind="timestamp", nullable=True, now=True),
            Input(name="kind", kind="categorical"),
            Input(name="amount", kind="numeric", nullable=True, minimum=0.0, maximum=100.0),
        ),
        ignored=("who", "bought"),
    )


def test_target_and_entity_are_ignored_whatever_their_kind() -> None:
    found = signature(SCHEMA, a_contract(target="amount", entity="kind", time_column=None))
    assert found == Signature(
        inputs=(Input(name="at", kind="timestamp"), Input(name="bought", kind="boolean", nullable=True)),
        ignored=("who", "kind", "amount"),
    )


def a_column(of_type: type[pl.DataType] | pl.DataType, *checks: Check, of_kind: str = "numeric") -> Input:
    schema = DataFrameSchema({"x": Column(of_type, list(checks), metadata={"kind": of_kind})})
    (found,) = signature(schema, a_contract()).inputs
    return found


def test_integers_are_whole_be_they_quantities_or_codes() -> None:
    assert a_column(pl.Int64).whole
    assert not a_column(pl.Float64).whole
    assert not a_column(pl.String, of_kind="categorical").whole
    assert a_column(pl.UInt8, of_kind="categorical") == Input(
        name="x", kind="categorical", whole=True, minimum=0.0, maximum=255.0
    )


def test_the_narrowest_range_counts() -> None:
    found = a_column(pl.Int64, Check.ge(1), Check.in_range(0, 9), Check.le(7), levels(1, 2))
    assert (found.minimum, found.maximum) == (1.0, 7.0)
    assert isinstance(found.minimum, float)
    assert isinstance(found.maximum, float)
    found = a_column(pl.Int64, Check.ge(3))
    assert (found.minimum, found.maximum) == (3.0, None)
    found = a_column(pl.Int64, Check.le(3))
    assert (found.minimum, found.maximum) == (None, 3.0)


@pytest.mark.parametrize(
    ("of_type", "check", "limits"),
    [
        (pl.Int64, Check.gt(3), (4.0, None)),
        (pl.Int64, Check.lt(3), (None, 2.0)),
        (pl.Int64, Check.in_range(0, 9, include_min=False, include_max=False), (1.0, 8.0)),
        (pl.Float64, Check.gt(0.5), (math.nextafter(0.5, 1), None)),
        (pl.Float64, Check.in_range(0, 1, include_max=False), (0.0, math.nextafter(1, 0))),
        (pl.Int8, Check.ge(-500), (-128.0, 127.0)),
        (pl.UInt16, Check.le(70_000), (0.0, 65_535.0)),
        (pl.UInt64, Check.le(9), (0.0, 9.0)),
    ],
)
def test_an_end_that_is_left_out_and_a_narrow_type_bound_too(
    of_type: type[pl.DataType], check: Check, limits: tuple[float | None, float | None]
) -> None:
    found = a_column(of_type, check)
    assert (found.minimum, found.maximum) == limits


def test_only_numbers_have_a_range() -> None:
    start = Check.ge(datetime(2025, 1, 1))  # noqa: DTZ001 - the data's times have no zone
    found = a_column(pl.Datetime("us"), start, of_kind="timestamp")
    assert (found.minimum, found.maximum) == (None, None)


def test_types_and_kinds_are_read_from_a_column() -> None:
    assert pl_type(SCHEMA.columns["at"]) == pl.Datetime("us")
    assert pl_type(Column(pl.Int64)).is_integer()
    assert kind(SCHEMA.columns["who"]) == "ignored"
    with pytest.raises(KeyError, match="kind"):
        kind(Column(pl.Int64))


def test_the_same_values_in_other_types_are_read_as_declared() -> None:
    declared = DataFrameSchema(
        {"n": Column(pl.Int64), "x": Column(pl.Float64), "t": Column(pl.Datetime("us")), "s": Column(pl.String)}
    )
    values = {"n": [1, None], "x": [0.5, 2.0], "t": [datetime(2025, 1, 2), None], "s": ["a", "b"]}  # noqa: DTZ001
    schema = {"n": pl.Int64, "x": pl.Float64, "t": pl.Datetime("us"), "s": pl.String}
    expected = pl.DataFrame(values, schema=schema)
    assert as_declared(expected, declared).equals(expected)
    others = {"n": pl.Float64, "x": pl.Float32, "t": pl.Datetime("ns"), "s": pl.Categorical}
    found = as_declared(pl.DataFrame(values, schema=schema).cast(others), declared)
    assert found.schema == schema
    assert found.equals(expected)


@pytest.mark.parametrize(
    ("values", "declared"),
    [
        (pl.Series([1.5]), pl.Int64),
        (pl.Series([float("nan")]), pl.Int64),
        (pl.Series([300]), pl.Int8),
        (pl.Series(["1"]), pl.Int64),
        (pl.Series([1]), pl.String),
        (pl.Series([True]), pl.Int64),
        (pl.Series([1]), pl.Datetime("us")),
    ],
)
def test_what_would_change_stays_for_the_contract_to_refuse(values: pl.Series, declared: type[pl.DataType]) -> None:
    frame = values.alias("x").to_frame()
    assert as_declared(frame, DataFrameSchema({"x": Column(declared)})).equals(frame)
    assert as_declared(frame, DataFrameSchema({"x": Column(declared)})).schema == frame.schema


def test_a_column_that_is_missing_is_not_made() -> None:
    frame = pl.DataFrame({"y": [1.0]})
    assert as_declared(frame, DataFrameSchema({"x": Column(pl.Int64), "y": Column(pl.Int64)})).to_dict(
        as_series=False
    ) == {"y": [1]}


def test_columns_are_numbers_objects_and_times() -> None:
    made = columns(FRAME, INPUTS)
    assert list(made) == ["at", "kind", "code", "amount", "member"]
    assert {name: str(values.dtype) for name, values in made.items()} == {
        "at": "datetime64[us]",
        "kind": "object",
        "code": "object",
        "amount": "float64",
        "member": "float64",
    }
    assert made["at"][0] == np.datetime64("2025-03-01T12:30:15.000250")
    assert np.isnat(made["at"][1])
    assert made["kind"].tolist() == ["ä", None]
    assert made["code"].tolist() == ["7", None]
    np.testing.assert_array_equal(made["amount"], [3.0, np.nan])
    np.testing.assert_array_equal(made["member"], [1.0, np.nan])


def test_dates_are_times_too() -> None:
    day = pl.DataFrame({"at": [datetime(2025, 3, 1).date()]})  # noqa: DTZ001
    made = columns(day, Signature(inputs=INPUTS.inputs[:1]))["at"]
    assert str(made.dtype) == "datetime64[us]"
    assert made[0] == np.datetime64("2025-03-01")


def test_records_are_what_a_request_carries() -> None:
    made = records(FRAME, INPUTS)
    assert json.loads(json.dumps(made)) == [
        {"at": "2025-03-01T12:30:15.000250", "kind": "ä", "code": 7, "amount": 3, "member": True},
        dict.fromkeys(("at", "kind", "code", "amount", "member")),
    ]
    assert list(made[0]) == [entry.name for entry in INPUTS.inputs]


def test_a_signature_reads_back_as_it_was_saved(tmp_path: Path) -> None:
    size = Input(name="größe", kind="numeric", whole=True, nullable=True, minimum=0.1, maximum=2.0)
    saved = Signature(inputs=(size, *INPUTS.inputs), ignored=("who", "bought"))
    saved.save(tmp_path)
    text = (tmp_path / "signature.json").read_text(encoding="utf-8")
    assert text.startswith('{\n "inputs": [\n  {\n   "name": "größe"')
    assert text.endswith("}\n")
    assert json.loads(text)["inputs"][1] == {
        "name": "at",
        "kind": "timestamp",
        "whole": False,
        "nullable": False,
        "now": False,
        "minimum": None,
        "maximum": None,
    }
    assert Signature.load(tmp_path) == saved
