from __future__ import annotations

import hashlib
import keyword
import os
import re
from datetime import datetime, timedelta

import duckdb
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loopwright.errors import DataError
from loopwright.tables.ingest import clean_names, ingest

JANUARY_31 = datetime.fromisoformat("2024-01-31")


@pytest.fixture
def read(tmp_path):
    """Ingest the text or bytes of a file and return what came out, as polars reads it."""

    def call(content, name="table.csv", **options):
        source = tmp_path / "in" / name
        source.parent.mkdir(exist_ok=True)
        source.write_bytes(content.encode() if isinstance(content, str) else content)
        ingest(source, tmp_path / "out" / "table.parquet", **options)
        return pl.read_parquet(tmp_path / "out" / "table.parquet")

    return call


def parquet(path, select):
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT {select}) TO '{path}' (FORMAT parquet)").fetchall()
    return path.read_bytes()


def test_report(tmp_path):
    source = tmp_path / "sales.csv"
    source.write_text("Unit Price,label\n1,x\n2,y\n")
    found = ingest(source, tmp_path / "sales.parquet")
    assert (found.source, found.rows, dict(found.renamed)) == ("sales.csv", 2, {"Unit Price": "unit_price"})
    assert found.sha256 == hashlib.sha256(source.read_bytes()).hexdigest()


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", "~", "^"])
def test_any_delimiter(read, delimiter):
    assert read(f"a{delimiter}b\n1{delimiter}x\n2{delimiter}y\n").rows() == [(1, "x"), (2, "y")]


def test_bom_quotes_and_line_ends(read):
    table = read('\ufeffa,"b, c"\r\n1,"two\r\nlines, ""quoted"""\r\n2,plain\r\n')
    assert table.columns == ["a", "b_c"]
    assert table.rows() == [(1, 'two\r\nlines, "quoted"'), (2, "plain")]


def test_latin_1_when_it_is_not_utf_8(read):
    assert read("a,b\n1,café\n".encode("latin-1")).rows() == [(1, "café")]


def test_a_character_cut_by_the_end_of_the_file_is_not_utf_8(read):
    assert read(b"a,b\n1,x\xc3").rows() == [(1, "xÃ")]


@pytest.mark.parametrize(
    ("cells", "dtype", "values"),
    [
        (["true", "False", "NA"], pl.Boolean, [True, False, None]),
        (["1", " 2", "-3"], pl.Int64, [1, 2, -3]),
        (["1", "2.5", "-"], pl.Float64, [1.0, 2.5, None]),
        (["1e3", "null", "inf"], pl.Float64, [1000.0, None, None]),
        (["1", "?", "n/a"], pl.Int64, [1, None, None]),
        (["007", "012", "1"], pl.String, ["007", "012", "1"]),
        (["12345678901234567890", "1", "2"], pl.String, ["12345678901234567890", "1", "2"]),
        (["1_000", "2", "3"], pl.String, ["1_000", "2", "3"]),
        (["NA", "DE", "-"], pl.String, ["NA", "DE", "-"]),
        (["1", "x", "2.5"], pl.String, ["1", "x", "2.5"]),
        (["yes", "no", "yes"], pl.String, ["yes", "no", "yes"]),
        ([" kept ", "as it is", "\u2028"], pl.String, [" kept ", "as it is", "\u2028"]),
        (["1-2-3", "4-5-6", "7-8-9"], pl.String, ["1-2-3", "4-5-6", "7-8-9"]),
        (["01/02/2024", "03/04/2024", "05/06/2024"], pl.String, ["01/02/2024", "03/04/2024", "05/06/2024"]),
    ],
)
def test_cells_become_the_best_type_that_loses_nothing(read, cells, dtype, values):
    table = read("key|cell\n" + "".join(f"{i}|{cell}\n" for i, cell in enumerate(cells)))
    assert table["cell"].dtype == dtype
    assert table["cell"].to_list() == values


@pytest.mark.parametrize(
    ("cell", "second"),
    [
        ("2024-01-31", 0),
        ("2024-01-31T10:00:00", 36_000),
        ("2024-01-31 12:00:00+02:00", 36_000),
        ("2024-01-31T10:00:00.000000Z", 36_000),
        ("31/01/2024 10:00", 36_000),
        ("01/31/2024 10:00 AM", 36_000),
        ("31.01.2024", 0),
        ("31-Jan-2024", 0),
    ],
)
def test_times_are_utc_microseconds(read, cell, second):
    table = read(f"key|time\n1|{cell}\n2|\n")
    assert table["time"].dtype == pl.Datetime("us")
    assert table["time"].to_list() == [JANUARY_31 + timedelta(seconds=second), None]


@pytest.mark.parametrize("cell", ["1706659200", "1706659200000", "1706659200000000", "20240131"])
def test_numbers_are_times_only_in_the_time_column(read, cell):
    text = f"Seen At,b\n{cell},{cell}\n"
    for wish in ("Seen At", "seen_at"):
        assert read(text, time_column=wish).rows() == [(JANUARY_31, int(cell))]
    assert read(text).rows() == [(int(cell), int(cell))]


def test_a_type_is_decided_by_the_whole_file(read):
    rows = "".join(f"{i},{i}\n" for i in range(5000))
    assert read("a,b\n" + rows + "x,2.5\n").dtypes == [pl.String, pl.Float64]


def test_empty_first_rows_do_not_decide(read):
    assert read("a,b\n" + "1,\n" * 2000 + "1,2.5\n")["b"].dtype == pl.Float64


def test_a_column_without_a_value_is_text(read):
    assert read("a,b\n1,\n2,\n").dtypes == [pl.Int64, pl.String]


def test_decimal_comma_where_semicolons_part_the_cells(read):
    assert read("a;b\n1;2,5\n2;3\n")["b"].to_list() == [2.5, 3.0]
    assert read("a\tb\n1\t2,500\n2\t3\n")["b"].to_list() == ["2,500", "3"]


def test_json_lines(read):
    lines = '{"a": 1, "B b": "2024-01-31", "m": 1}\n{"a": 2.5, "m": "x", "late": true}\n'
    table = read(lines, "table.jsonl")
    assert table.columns == ["a", "b_b", "m", "late"]
    assert table.rows() == [(1.0, JANUARY_31, "1", None), (2.5, None, "x", True)]


def test_parquet_types_become_the_five(read, tmp_path):
    content = parquet(
        tmp_path / "x.parquet",
        "1::UTINYINT AS i, 1.5::FLOAT AS f, 2.25::DECIMAL(9, 2) AS d, DATE '2024-01-31' AS y, 'nan'::DOUBLE AS nothing,"
        " TIMESTAMPTZ '2024-01-31 12:00:00+02' AS zoned, 'x'::ENUM('x', 'y') AS e, TIME '10:00' AS t, true AS b",
    )
    table = read(content, "table.parquet")
    day, ten = JANUARY_31, JANUARY_31 + timedelta(hours=10)
    assert table.rows() == [(1, 1.5, 2.25, day, None, ten, "x", "10:00:00", True)]
    times, real = pl.Datetime("us"), pl.Float64
    assert table.dtypes == [pl.Int64, real, real, times, real, times, pl.String, pl.String, pl.Boolean]


def test_parquet_time_column_of_text_and_of_numbers(read, tmp_path):
    content = parquet(tmp_path / "x.parquet", "'31.01.2024' AS text, 1706659200 AS number")
    assert read(content, "t.parquet", time_column="text").rows() == [(JANUARY_31, 1706659200)]
    assert read(content, "t.parquet", time_column="number").rows() == [("31.01.2024", JANUARY_31)]


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([0.0, 1.0, None], pl.Int64),
        ([1.0, 12.0, 3.0], pl.Int64),
        ([1.0, 13.0, 3.0], pl.Float64),
        ([0.0, 0.5, 1.0], pl.Float64),
        ([None, None, None], pl.Float64),
    ],
)
def test_reals_that_are_codes_become_whole(read, tmp_path, values, dtype):
    pl.DataFrame({"x": ["a", "b", "c"], "code": values}, schema_overrides={"code": pl.Float64}).write_parquet(
        tmp_path / "x.parquet"
    )
    table = read((tmp_path / "x.parquet").read_bytes(), "table.parquet")
    assert table["code"].dtype == dtype
    assert table["code"].to_list() == values
    assert table["x"].to_list() == ["a", "b", "c"]


@pytest.mark.parametrize("dtype", ["[1, 2]", "{'k': 1}", "MAP {'k': 1}", "['x']::VARCHAR[]"])
def test_nested_columns_are_refused_by_name(read, tmp_path, dtype):
    content = parquet(tmp_path / "x.parquet", f'1 AS a, {dtype} AS "my column"')
    with pytest.raises(DataError, match="'my column'"):
        read(content, "table.parquet")


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        ("", "x.csv", "is empty"),
        ("a,b\n", "x.csv", "has no rows"),
        ("a\n1\n", "x.csv", "has one column"),
        ("a,b\n1,2\n3\n", "x.csv", "Line: 3"),
        ("a,b\n1,2\n3,4,5\n", "x.csv", "Line: 3"),
        ('a,b\n"1,2\n', "x.csv", "cannot be read"),
        ("1,2\n3,4\n", "x.csv", "has no header"),
        (b"\0\1\2", "x.csv", "is not a text file"),
        ("a,b\n1,2\n".encode("utf-16"), "x.csv", "is not a text file"),
        ("a,b\n1,2\n", "x.xlsx", "unknown kind"),
        ("a,b\n1,2\n", "x.parquet", "cannot be read"),
        ('{"a": 1,\n', "x.jsonl", "cannot be read"),
        ('{"a": 1}\n', "x.jsonl", "has one column"),
        (b"PAR1\0\0", "x.jsonl", "is not a text file"),
    ],
)
def test_what_is_no_table_is_refused_and_leaves_nothing(read, tmp_path, content, name, message):
    with pytest.raises(DataError) as caught:
        read(content, name)
    said = caught.value.format_message()
    assert message in said
    assert str(tmp_path) not in said
    assert caught.value.attempt
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


def test_missing_file_folder_and_no_permission(tmp_path):
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "locked.csv").write_text("a,b\n1,2\n")
    (tmp_path / "locked.csv").chmod(0)
    names = ["missing.csv", "folder.csv", *([] if os.geteuid() == 0 else ["locked.csv"])]
    for name in names:
        with pytest.raises(DataError):
            ingest(tmp_path / name, tmp_path / "out.parquet")


def test_failure_keeps_an_older_destination(tmp_path):
    good, bad, out = tmp_path / "good.csv", tmp_path / "bad.csv", tmp_path / "out.parquet"
    good.write_text("a,b\n1,2\n")
    bad.write_text("a,b\n1,2\n3\n")
    ingest(good, out)
    before = out.read_bytes()
    with pytest.raises(DataError):
        ingest(bad, out)
    assert out.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.csv", "good.csv", "out.parquet"]


def test_order_of_rows_is_kept(read):
    assert read("a,b\n" + "".join(f"{i},x\n" for i in range(300_000)))["a"].to_list() == list(range(300_000))


def test_clean_names_by_example():
    names = ["Unit Price", "unit_price", "", "class", "Größe", "__init__", "2nd", "价格", "CustomerID", "a", "A"]
    clean = ["unit_price_2", "unit_price", "column_3", "class_", "grosse", "init", "column_2nd", "column_8"]
    assert list(clean_names(names).values()) == [*clean, "customer_id", "a", "a_2"]


@given(st.lists(st.text(max_size=70), unique=True, max_size=12))
def test_clean_names_are_unique_identifiers_and_stable(names):
    clean = clean_names(names)
    assert list(clean) == names
    assert len(set(clean.values())) == len(names)
    assert all(re.fullmatch("[a-z][a-z0-9_]*", name) and not keyword.iskeyword(name) for name in clean.values())
    assert clean_names(list(clean.values())) == {name: name for name in clean.values()}
