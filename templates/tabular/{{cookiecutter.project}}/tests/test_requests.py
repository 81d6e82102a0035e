"""The request door: what it reads, what it refuses and how, and that it opens for what the data contract allows."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import orjson
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandera.errors import SchemaError
from pandera.polars import Column, DataFrameSchema

from ml import contract as contracts
from ml import personal
from ml.frames import columns, kind, pl_type, records, signature
from ml.schema import SCHEMA
from ml.serving import requests, values
from ml.serving.problems import Problem
from ml.serving.requests import Door, Media, Refused, media
from ml.signature import Input, Signature
from tests.sample import sample

if TYPE_CHECKING:
    from ml.signature import Columns

JSON, CSV, BARE = Media(csv=False), Media(csv=True), Media(csv=True, header=False)
SIGNATURE = Signature(
    inputs=(
        Input(name="age", kind="numeric", whole=True, minimum=0, maximum=120),
        Input(name="price", kind="numeric", nullable=True),
        Input(name="colour", kind="categorical", nullable=True),
        Input(name="member", kind="boolean", nullable=True),
        Input(name="seen", kind="timestamp", nullable=True),
    ),
    ignored=("id", "bought"),
)
DOOR = Door(SIGNATURE)
NAN = float("nan")
NOW = "2026-03-01T12:00:00"


def read(document: object, media: Media = JSON) -> dict[str, list[object]]:
    """Return what the door reads, with None for every null."""
    body = document if isinstance(document, bytes) else orjson.dumps(document)
    found, rows = DOOR.read(body, media)
    assert list(found) == DOOR.names
    assert {len(values) for values in found.values()} == {rows}
    return {name: [None if _null(value) else value for value in values.tolist()] for name, values in found.items()}


def _null(value: object) -> bool:
    return value is None or (isinstance(value, float) and np.isnan(value))


def one(**values: object) -> dict[str, object]:
    """Return the only row that is read of ``values``, with an age of 1 if there is none."""
    return {name: found for name, (found,) in read({"age": 1} | values).items()}


def outcome(door: Door, body: bytes, media: Media) -> tuple[Columns, int] | Refused:
    try:
        return door.read(body, media)
    except Refused as error:
        return error


def refused(document: object, media: Media = JSON) -> Refused:
    with pytest.raises(Refused) as caught:
        read(document, media)
    return caught.value


def test_a_time_that_is_not_given_is_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(values, "now", lambda: datetime.fromisoformat(NOW))
    door = Door(Signature(inputs=(Input(name="at", kind="timestamp", nullable=True, now=True),)))
    found, _ = door.read(b'[{}, {"at": null}, {"at": "2025-01-02T03:04:05"}]', JSON)
    assert found["at"].tolist() == [datetime.fromisoformat(time) for time in (NOW, NOW, "2025-01-02T03:04:05")]


def test_now_is_utc_without_a_zone() -> None:
    assert values.now().tzinfo is None
    assert abs(values.now() - datetime.now(UTC).replace(tzinfo=None)) < timedelta(seconds=5)


def problems(document: object, media: Media = JSON) -> list[tuple[int | None, str | None, str]]:
    error = refused(document, media)
    assert (error.status, error.what) == (422, "the rows are refused")
    assert error.more == 0
    return [(problem.row, problem.column, problem.reason) for problem in error.problems]


class TestForms:
    ROW = {"age": 3, "price": 1.5, "colour": "red", "member": True, "seen": NOW}  # noqa: RUF012 - read only
    READ = {"age": [3], "price": [1.5], "colour": ["red"], "member": [1]}  # noqa: RUF012

    @pytest.mark.parametrize(
        "document",
        [
            ROW,
            [ROW],
            {"instances": [ROW]},
            {"columns": list(ROW), "data": [list(ROW.values())]},
            {"columns": list(ROW)[::-1], "data": [list(ROW.values())[::-1]]},
            ROW | {"id": {"any": ["thing"]}, "bought": None},
            b"\xef\xbb\xbf" + orjson.dumps(ROW),
        ],
    )
    def test_json(self, document):
        found = read(document)
        assert [str(time) for time in found.pop("seen")] == ["2026-03-01 12:00:00"]
        assert found == self.READ

    @pytest.mark.parametrize(
        "text",
        [
            "age,price,colour,member,seen\n3,1.5,red,true,2026-03-01T12:00:00\n",
            "seen,member,colour,price,age\r\n2026-03-01T12:00:00,TRUE,red,1.5,3\r\n",
            '\ufeffid,age,price,colour,member,seen\n"a,\nb",3.0,"1.5","red",1,2026-03-01 12:00:00',
            "\nage,price,colour,member,seen\n\n3,15e-1,red,True,2026-03-01T12:00\n\n",
        ],
    )
    def test_csv(self, text):
        found = read(text.encode(), CSV)
        assert [str(time) for time in found.pop("seen")] == ["2026-03-01 12:00:00"]
        assert found == self.READ

    def test_csv_without_header_is_in_the_order_of_the_inputs(self):
        found = read(b"3,1.5,red,0,\n4,,,,\n", BARE)
        assert found == {
            "age": [3, 4],
            "price": [1.5, None],
            "colour": ["red", None],
            "member": [0, None],
            "seen": [None, None],
        }

    def test_rows_keep_their_order(self):
        assert read([{"age": age} for age in (3, 1, 2)])["age"] == [3, 1, 2]

    def test_what_is_missing_is_null(self):
        assert one() == {"age": 1, "price": None, "colour": None, "member": None, "seen": None}
        assert read(b"age\n1\n", CSV)["price"] == [None]

    def test_the_last_of_two_equal_keys_counts(self):
        assert read(b'{"age": 1, "age": 2}')["age"] == [2]

    def test_a_column_may_be_named_like_a_form(self):
        door = Door(Signature(inputs=(Input(name="instances", kind="numeric"), Input(name="data", kind="numeric"))))
        found, rows = door.read(b'{"instances": 1, "data": 2}', JSON)
        assert ({name: values.tolist() for name, values in found.items()}, rows) == ({"instances": [1], "data": [2]}, 1)

    def test_the_types_are_those_of_the_signature(self):
        found, _ = DOOR.read(b'{"age": 1}', JSON)
        assert {name: values.dtype.str for name, values in found.items()} == {
            "age": "<f8",
            "price": "<f8",
            "colour": "|O",
            "member": "<f8",
            "seen": "<M8[us]",
        }


class TestValues:
    CODES = Door(Signature(inputs=(Input(name="code", kind="categorical", whole=True),)))

    @pytest.mark.parametrize(
        ("column", "value", "expected"),
        [
            ("age", 3.0, 3),
            ("age", 0, 0),
            ("age", 120, 120),
            ("price", 3, 3),
            ("price", -1e308, -1e308),
            ("price", 2**63, 2.0**63),
            ("member", True, 1),
            ("member", False, 0),
            ("member", 1, 1),
            ("member", 0, 0),
            ("colour", "", ""),
            ("colour", "x" * 1024, "x" * 1024),
            ("colour", "never seen", "never seen"),
            ("colour", 3, "3"),
            ("colour", 3.0, "3"),
            ("colour", True, "true"),
            ("colour", False, "false"),
        ],
    )
    def test_accepted(self, column, value, expected):
        assert one(**{column: value})[column] == expected

    @pytest.mark.parametrize(
        ("value", "expected"),
        [(3, "3"), (3.0, "3"), (1 - 2**63, str(1 - 2**63)), (2**63 - 1, str(2**63 - 1))],
    )
    def test_codes(self, value, expected):
        assert self.CODES.read(orjson.dumps({"code": value}), JSON)[0]["code"].tolist() == [expected]
        assert self.CODES.read(f"code\n{int(value)}\n".encode(), CSV)[0]["code"].tolist() == [expected]

    @pytest.mark.parametrize(
        ("value", "reason"),
        [
            ("never seen", "'never seen' is not a number"),
            ("3", "'3' is not a number"),
            (True, "true is not a number"),
            (3.5, "3.5 is not a whole number"),
            (2**63, f"{2**63} is more than {2**63 - 1:.15g}"),
            (-(2**63) - 1, "-9.223372036854776e+18 is less than -9.22337203685478e+18"),
        ],
    )
    def test_refused_codes(self, value, reason):
        with pytest.raises(Refused) as raised:
            self.CODES.read(json.dumps({"code": value}).encode(), JSON)
        assert [problem.reason for problem in raised.value.problems] == [reason]

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("2026-03-01", "2026-03-01 00:00:00"),
            ("2026-03-01T12:00:00Z", "2026-03-01 12:00:00"),
            ("2026-03-01T12:00:00+02:00", "2026-03-01 10:00:00"),
            ("2026-03-01 12:00:00.123456", "2026-03-01 12:00:00.123456"),
            ("0001-01-01", "0001-01-01 00:00:00"),
            ("9999-12-31T23:59:59", "9999-12-31 23:59:59"),
            ("0001-01-01T00:00:00+01:00", "0001-01-01 00:00:00"),
            ("9999-12-31T23:59:59-01:00", "9999-12-31 23:59:59"),
        ],
    )
    def test_times_become_utc(self, text, expected):
        assert str(one(seen=text)["seen"]) == expected

    @pytest.mark.parametrize(
        ("column", "value", "reason"),
        [
            ("age", None, "the value is missing"),
            ("age", "3", "'3' is not a number"),
            ("age", True, "true is not a number"),
            ("age", [1], "a list is not a number"),
            ("age", {}, "an object is not a number"),
            ("age", 3.5, "3.5 is not a whole number"),
            ("age", -1, "-1 is less than 0"),
            ("age", 121, "121 is more than 120"),
            ("price", "NaN", "'NaN' is not a number"),
            ("price", "x" * 41, "'" + "x" * 40 + "...' is not a number"),
            ("price", "x" * 40, "'" + "x" * 40 + "' is not a number"),
            ("member", "true", "'true' is not true or false"),
            ("member", 2, "2 is not true or false"),
            ("member", [], "a list is not true or false"),
            ("colour", 3.5, "3.5 is not a category: text, a whole number or a boolean"),
            ("colour", ["red"], "a list is not a category: text, a whole number or a boolean"),
            ("colour", "x" * 1025, "'" + "x" * 40 + "...' is longer than 1024 characters"),
            ("seen", 1772366400, "1772366400 is not an ISO 8601 time"),
            ("seen", "yesterday", "'yesterday' is not an ISO 8601 time"),
        ],
    )
    def test_refused(self, column, value, reason):
        assert problems([{"age": 1}, {"age": 1, column: value}]) == [(1, column, reason)]

    @pytest.mark.parametrize(
        ("column", "cell", "reason"),
        [
            ("age", "", "the value is missing"),
            ("age", "x", "'x' is not a number"),
            ("price", "nan", "'nan' is not a number"),
            ("price", "-inf", "'-inf' is not a number"),
            ("price", "1_000", "'1_000' is not a number"),
            ("price", " 1", "' 1' is not a number"),
            ("price", "٣", "'٣' is not a number"),
            ("price", "1e999", "inf is more than 1.79769313486232e+308"),
            ("price", "-1e999", "-inf is less than -1.79769313486232e+308"),
            ("member", "yes", "'yes' is not true or false"),
        ],
    )
    def test_cells_refused(self, column, cell, reason):
        header = ["age"] if column == "age" else ["age", column]
        row = [cell or '""'] if column == "age" else ["1", cell]
        assert problems(f"{','.join(header)}\n{','.join(row)}\n".encode(), CSV) == [(0, column, reason)]

    @pytest.mark.parametrize("bound", [None, 1e300])
    @pytest.mark.parametrize(
        ("value", "fits"),
        [(2**63 - 1, True), (2**63, False), (2**64, False), (1 - 2**63, True), (-(2**63) - 1, False), (-1e19, False)],
    )
    def test_whole_numbers_have_64_bits(self, value, fits, bound):
        entry = Input(name="n", kind="numeric", whole=True, minimum=bound and -bound, maximum=bound)
        door = Door(Signature(inputs=(entry,)))
        if fits:
            assert door.read(json.dumps({"n": value}).encode(), JSON)[0]["n"].tolist() == [float(value)]
        else:
            with pytest.raises(Refused):
                door.read(json.dumps({"n": value}).encode(), JSON)


class TestRefusals:
    @pytest.mark.parametrize(
        ("body", "because"),
        [
            (b"", "Input is a zero-length, empty document: line 1 column 1 (char 0)"),
            (b"NaN", None),
            (b'{"price": 1e999}', None),
            (b'"\\ud800"', None),
            (b'"\xff"', None),
            (b"[" * 100_000, None),
            (b'{"age": 1', None),
        ],
    )
    def test_no_json(self, body, because):
        error = refused(body)
        assert (error.status, error.what) == (422, "the body cannot be read as JSON")
        assert error.attempt == "send one of the forms that /openapi.json shows, in UTF-8"
        assert error.problems == ()
        assert because in {None, error.because}

    @pytest.mark.parametrize(("body", "shown"), [(b"1", "1"), (b'"a"', "'a'"), (b"null", "null"), (b"true", "true")])
    def test_no_rows_at_all(self, body, shown):
        error = refused(body)
        assert (error.status, error.what) == (422, "the body cannot be read as rows")
        assert error.because == f"the document is {shown}"

    @pytest.mark.parametrize("text", [b"\xff", b'"a', b'age\n"1"2\n', b"age\n" + b"1" * 200_000])
    def test_no_csv(self, text):
        error = refused(text, CSV)
        assert (error.status, error.what) == (422, "the body cannot be read as CSV")

    @pytest.mark.parametrize(
        ("body", "form"), [(b"[]", JSON), (b'{"instances": []}', JSON), (b"", CSV), (b"age\n\n", CSV), (b"\n", BARE)]
    )
    def test_empty(self, body, form):
        error = refused(body, form)
        assert (error.status, error.what, error.because) == (422, "there are no rows", "the body holds none")
        assert error.attempt == "send at least one row"

    @pytest.mark.parametrize("form", ["records", "split", "csv", "bare"])
    def test_the_limit_of_rows(self, form, monkeypatch):
        monkeypatch.setattr(requests, "MAX_ROWS", 3)
        bodies = {
            "records": (lambda n: [{"age": 1}] * n, JSON),
            "split": (lambda n: {"columns": ["age"], "data": [[1]] * n}, JSON),
            "csv": (lambda n: b"age\n" + b"1\n" * n, CSV),
            "bare": (lambda n: b"1,,,,\n" * n, BARE),
        }
        body, media = bodies[form]
        assert read(body(3), media)["age"] == [1, 1, 1]
        error = refused(body(4), media)
        assert (error.status, error.what) == (422, "there are too many rows")
        assert (error.because, error.attempt) == ("there are more than 3 of them", "send fewer rows at once")

    def test_unknown_columns_name_the_nearest(self):
        assert problems([{"age": 1}, {"age": 1, "colur": "red", "zzz": 1}]) == [
            (1, "colur", "there is no such column; did you mean 'colour'?"),
            (1, "zzz", "there is no such column"),
        ]
        assert problems(b"age,colur\n1,red\n", CSV) == [
            (None, "colur", "there is no such column; did you mean 'colour'?")
        ]

    def test_long_names_are_cut(self):
        assert problems({"a" * 100_000: 1}) == [(0, "a" * 80, "there is no such column")]

    def test_the_shape_of_records(self):
        assert problems([{"age": 1}, 5, [1]]) == [
            (1, None, "5 is not an object of column names and values"),
            (2, None, "a list is not an object of column names and values"),
        ]

    @pytest.mark.parametrize(
        ("names", "data", "expected"),
        [
            (["age", 1], [[1, 2]], [(None, None, "1 is not the name of a column")]),
            (["age", "age", "age"], [[1, 2, 3]], [(None, "age", "the column is there 3 times")]),
            (["age"], [[1], {}], [(1, None, "an object is not a list of values")]),
            (["age"], [[1], []], [(1, None, "there are 0 values for 1 columns")]),
            ([], [[]], [(0, "age", "the value is missing")]),
        ],
    )
    def test_the_shape_of_columns(self, names, data, expected):
        assert problems({"columns": names, "data": data}) == expected

    def test_a_short_line(self):
        assert problems(b"age,price\n1,2\n3\n", CSV) == [(1, None, "there are 1 values for 2 columns")]

    def test_all_columns_are_looked_at(self):
        error = refused([{"age": -1, "price": "x"}, {}])
        assert error.because == "they break the data contract in 3 places"
        assert error.attempt == "mend what is listed under problems; /openapi.json says what each column may hold"
        assert error.problems == (
            Problem(0, "age", "-1 is less than 0"),
            Problem(1, "age", "the value is missing"),
            Problem(0, "price", "'x' is not a number"),
        )
        assert refused({}).because == "they break the data contract in 1 place"

    def test_twenty_problems_are_enough(self):
        error = refused([{}] * 25)
        assert [problem.row for problem in error.problems] == list(range(20))
        assert error.more == 5
        error = refused({f"column {index}": 1 for index in range(21)})
        assert (len(error.problems), error.more) == (20, 1)


class TestMedia:
    @pytest.mark.parametrize(
        ("content_type", "expected"),
        [
            ("", JSON),
            ("application/json", JSON),
            ("Application/JSON; charset=UTF-8", JSON),
            ("text/csv", CSV),
            ('text/csv; charset="utf8"; header=present', CSV),
            ("text/csv;header=absent", BARE),
            ("text/csv; charset=us-ascii; Header=Absent", BARE),
        ],
    )
    def test_read(self, content_type, expected):
        assert media(content_type) == expected

    @pytest.mark.parametrize("content_type", ["text/html", "application/json; charset=latin-1", "json", "text/csv+x"])
    def test_refused(self, content_type):
        with pytest.raises(Refused) as caught:
            media(content_type)
        assert caught.value.status == 415
        assert caught.value.what == "the body is of a type that is not read here"
        assert caught.value.because == f"its Content-Type is '{content_type}'"
        assert caught.value.attempt == "send application/json or text/csv, in UTF-8"


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(DOOR.names),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from([*DOOR.names, "id", "x"]) | st.text(), inner)
    ),
    max_leaves=20,
)
BODIES = (
    st.binary(max_size=200)
    | ANYTHING.map(lambda value: json.dumps(value).encode())
    | st.lists(st.lists(st.text(max_size=5) | st.sampled_from(DOOR.names), max_size=4), max_size=4).map(
        lambda rows: "\n".join(map(",".join, rows)).encode(errors="surrogatepass")
    )
)


@settings(max_examples=300, derandomize=True, deadline=None)
@given(body=BODIES, form=st.sampled_from([JSON, CSV, BARE]))
def test_whatever_comes_is_read_or_refused(body, form):
    answer = outcome(DOOR, body, form)
    if isinstance(answer, Refused):
        assert answer.status == 422
        assert len(answer.problems) <= 20
        orjson.dumps([(problem.row, problem.column, problem.reason) for problem in answer.problems])
    else:
        found, rows = answer
        assert {len(values) for values in found.values()} == {rows}


# From here on: the data contract and the request door are one rule in two places.

CONTRACT = contracts.load()
INPUTS = signature(SCHEMA, CONTRACT)
CONTRACT_DOOR = Door(INPUTS)
RANGES = {"in_range", "greater_than", "greater_than_or_equal_to", "less_than", "less_than_or_equal_to"}
SEEDS = st.integers(0, 2**32 - 1)


def same(found: Columns, expected: Columns) -> None:
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array)


@settings(max_examples=15, derandomize=True, deadline=None)
@given(seed=SEEDS)
def test_what_the_data_contract_accepts_is_read_with_the_same_meaning(seed):
    frame = sample(100, seed)
    SCHEMA.validate(frame)
    rows = records(frame, INPUTS)
    expected = columns(frame, INPUTS)
    same(CONTRACT_DOOR.read(orjson.dumps(rows), JSON)[0], expected)
    same(CONTRACT_DOOR.read(personal.drop(frame, SCHEMA).write_csv().encode(), CSV)[0], expected)


def accepted_by_contract(name: str, value: object) -> bool:
    """Tell whether the data contract accepts ``value`` by type, null and range, which are what a signature holds."""
    column = SCHEMA.columns[name]
    checks = [check for check in column.checks if check.name in RANGES]
    schema = DataFrameSchema({name: Column(column.dtype, checks, nullable=column.nullable)})
    try:
        schema.validate(pl.DataFrame({name: pl.Series([value], dtype=pl_type(column))}))
    except (SchemaError, TypeError, OverflowError):
        return False
    return True


def accepted_by_door(name: str, value: object) -> bool:
    row = records(sample(1, 0), INPUTS)[0]
    answer = outcome(CONTRACT_DOOR, orjson.dumps(row | {name: value}), JSON)
    if isinstance(answer, Refused):
        assert [(problem.row, problem.column) for problem in answer.problems] == [(0, name)]
    return not isinstance(answer, Refused)


@pytest.mark.parametrize("entry", INPUTS.inputs, ids=lambda entry: entry.name)
def test_null_passes_both_or_neither(entry):
    optional = entry.name == CONTRACT.time_column
    assert accepted_by_door(entry.name, None) == (optional or accepted_by_contract(entry.name, None))


@pytest.mark.parametrize("entry", [entry for entry in INPUTS.inputs if entry.kind == "numeric"], ids=lambda e: e.name)
@settings(max_examples=50, derandomize=True, deadline=None)
@given(data=st.data())
def test_a_number_passes_both_or_neither(entry, data):
    bounds = [bound for bound in (entry.minimum, entry.maximum) if bound is not None]
    near = [bound + step for bound in bounds for step in (-1.0, -0.5, 0.5, 1.0)]
    value = data.draw(st.floats(-1e30, 1e30) | st.sampled_from([*near, 0.5]))
    if value in bounds or (not entry.whole and pl_type(SCHEMA.columns[entry.name]).is_integer()):
        return  # an exclusive bound is one to the data contract alone
    number = int(value) if entry.whole and value.is_integer() else value
    assert accepted_by_door(entry.name, value) == accepted_by_contract(entry.name, number)


@pytest.mark.parametrize("entry", INPUTS.inputs, ids=lambda entry: entry.name)
def test_a_wrong_type_passes_neither(entry):
    wrong = 3.5 if entry.kind in {"categorical", "timestamp"} else "text"
    assert not accepted_by_door(entry.name, wrong)
    if pl_type(SCHEMA.columns[entry.name]) != pl.Float64 or entry.kind == "numeric":
        assert not accepted_by_contract(entry.name, wrong)


def test_ignored_columns_may_come_along():
    row = records(sample(1, 0), INPUTS)[0]
    ignored = {name for name, column in SCHEMA.columns.items() if kind(column) == "ignored"} | {CONTRACT.target}
    ignored -= set(personal.names(SCHEMA))
    assert ignored <= set(INPUTS.ignored)
    CONTRACT_DOOR.read(orjson.dumps(row | dict.fromkeys(ignored, "anything")), JSON)
