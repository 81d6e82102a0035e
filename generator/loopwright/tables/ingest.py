"""From the user's file to one clean Parquet file: CSV, JSON Lines or Parquet in, streaming.

The clean file has the types BOOLEAN, BIGINT, DOUBLE, VARCHAR and TIMESTAMP (microseconds, UTC) only, clean column names
(`column_names`) and no number that is not finite. The order of the rows is kept.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from loopwright.errors import DataError
from loopwright.tables import readings
from loopwright.tables.column_names import clean_names, unique_names
from loopwright.tables.sql import Session, identifier, literal, scan, session

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["Ingested", "clean_names", "ingest"]

_FORMATS = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".jsonl": "json",
    ".ndjson": "json",
    ".json": "json",
    ".parquet": "parquet",
    ".pq": "parquet",
}
_BLOCK = 1 << 20
_HEAD_BYTES = 1 << 18
_HEAD_ROWS = 1_000
_CODES = 12
_COMMON_DELIMITERS = ",;\t|"

_TIMES = ("TIMESTAMP", "DATE", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "TIMESTAMP WITH TIME ZONE")
# From DuckDB's type, without what stands in brackets, to the SQL that makes one of the five clean types of it.
_CONVERSIONS = (
    dict.fromkeys(("BOOLEAN", "BIGINT", "TIMESTAMP", "VARCHAR"), "{}")
    | dict.fromkeys(("TINYINT", "SMALLINT", "INTEGER", "UTINYINT", "USMALLINT", "UINTEGER"), "{}::BIGINT")
    | dict.fromkeys(
        ("DOUBLE", "FLOAT", "DECIMAL", "HUGEINT", "UHUGEINT", "UBIGINT", "BIGNUM"),
        "CASE WHEN isfinite({0}::DOUBLE) THEN {0}::DOUBLE END",
    )
    | dict.fromkeys(_TIMES[1:-1], "{}::TIMESTAMP")
    | dict.fromkeys(_TIMES[-1:], "({} AT TIME ZONE 'UTC')")
    | dict.fromkeys(("UUID", "TIME", "TIME WITH TIME ZONE", "INTERVAL", "ENUM"), "{}::VARCHAR")
    | {"JSON": "json_extract_string({}, '$')"}  # a key whose values are of more than one type
)


@dataclass(frozen=True, kw_only=True)
class Ingested:
    """What came in."""

    source: str
    """The file's name, without its folder."""
    sha256: str
    """Of the file as it was given."""
    rows: int
    renamed: Mapping[str, str]
    """From original to clean name, for those that changed."""


@dataclass(frozen=True, kw_only=True)
class _Raw:
    """A file as DuckDB can scan it: where the rows come from, and what each column is called and converted by."""

    rows: str
    names: tuple[str, ...]
    expressions: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class _Bytes:
    sha256: str
    encoding: str | None
    """``utf-8``, ``latin-1``, or none when the bytes are no text."""


def ingest(source: Path, destination: Path, *, time_column: str | None = None) -> Ingested:
    """Write the table in ``source`` to ``destination`` as clean Parquet.

    Args:
        source: A CSV (any delimiter), JSON Lines or Parquet file; its suffix says which.
        destination: The Parquet file to write; it appears whole or not at all.
        time_column: The original or clean name of a column that is known to be a time. Only there are numbers (seconds,
            milliseconds, ... since 1970, or 20240131) read as times.

    Raises:
        DataError: The file cannot be used as it is.
    """
    kind = _format(source)
    content = _read_through(source)
    destination.parent.mkdir(parents=True, exist_ok=True)
    partial = destination.with_name(f".{destination.name}.partial")
    try:
        with session(source, spill=destination.parent) as duck:
            raw = _raw(duck, source, kind, content, time_column)
            clean = unique_names(raw.names)
            expressions = zip(raw.expressions, clean, strict=True)
            columns = ", ".join(f"{sql} AS {identifier(name)}" for sql, name in expressions)
            rows = _copy(duck, f"FROM {raw.rows} SELECT {columns}", partial)
            _make_whole(duck, partial)
        if rows == 0:
            raise DataError(
                f"{source.name} has no rows", because="it is only a header", attempt="give a file with data in it"
            )
        partial.replace(destination)
    finally:
        partial.unlink(missing_ok=True)
    renamed = {original: name for original, name in clean_names(raw.names).items() if original != name}
    return Ingested(source=source.name, sha256=content.sha256, rows=rows, renamed=renamed)


def _format(source: Path) -> str:
    kind = _FORMATS.get(source.suffix.lower())
    if source.is_dir():
        raise DataError(
            f"{source.name} is a folder", because="one table is read from one file", attempt="name the file"
        )
    if not source.exists():
        raise DataError(f"{source} is not there", because="no such file", attempt="check the path")
    if kind is None:
        raise DataError(
            f"{source.name} is of an unknown kind",
            because=f"the suffix {source.suffix!r} is none of {', '.join(_FORMATS)}",
            attempt="convert it, or rename it to what it is",
        )
    return kind


def _read_through(source: Path) -> _Bytes:
    """Read the file once: its hash, and whether it is text."""
    digest, decoder = hashlib.sha256(), codecs.getincrementaldecoder("utf-8")()
    encoding: str | None = "utf-8"
    size = 0
    try:
        with source.open("rb") as stream:
            while block := stream.read(_BLOCK):
                size += len(block)
                digest.update(block)
                encoding = _narrow(encoding, block, decoder)
    except OSError as error:
        reason = error.strerror or str(error)
        raise DataError(f"{source.name} cannot be read", because=reason, attempt="check its permissions") from error
    if size == 0:
        raise DataError(f"{source.name} is empty", because="it holds no byte", attempt="write the file again")
    if encoding == "utf-8" and decoder.getstate()[0]:
        encoding = "latin-1"
    return _Bytes(sha256=digest.hexdigest(), encoding=encoding)


def _narrow(encoding: str | None, block: bytes, decoder: codecs.IncrementalDecoder) -> str | None:
    if encoding is None or b"\0" in block:
        return None
    if encoding == "utf-8":
        try:
            decoder.decode(block)
        except UnicodeDecodeError:
            return "latin-1"
    return encoding


def _raw(duck: Session, source: Path, kind: str, content: _Bytes, time_column: str | None) -> _Raw:
    if kind != "parquet" and content.encoding is None:
        raise DataError(
            f"{source.name} is not a text file",
            because="it holds zero bytes: it is binary, or text in UTF-16",
            attempt="save it as UTF-8, or name it by what it is",
        )
    if kind == "csv":
        raw = _csv(duck, source, content.encoding or "utf-8", time_column)
    else:
        raw = _typed(duck, source, kind, time_column)
    if len(raw.names) < 2:  # noqa: PLR2004 - a target and something to predict it from
        raise DataError(
            f"{source.name} has one column",
            because="a model needs the target and at least one feature",
            attempt="check that the first line is a header whose names are kept apart by a comma, semicolon, tab or |",
        )
    return raw


def _copy(duck: Session, query: str, destination: Path) -> int:
    """Write the rows of ``query`` and return their number."""
    return int(duck.value(f"COPY ({query}) TO {literal(destination)} (FORMAT parquet, COMPRESSION zstd)"))


def _make_whole(duck: Session, table: Path) -> None:
    """Turn reals that are codes into whole numbers: 0.0 and 1.0 with nulls are what other tools make of 0 and 1."""
    reals = [identifier(name) for name, dtype, *_ in duck.rows(f"DESCRIBE FROM {scan(table)}") if dtype == "DOUBLE"]
    if not reals:
        return
    tests = ", ".join(f"bool_and({real} = trunc({real}) AND {real} BETWEEN -1 AND {_CODES})" for real in reals)
    codes = [
        real for real, is_code in zip(reals, duck.row(f"FROM {scan(table)} SELECT {tests}"), strict=True) if is_code
    ]
    if codes:
        whole = table.with_suffix(".whole")
        casts = ", ".join(f"{code}::BIGINT AS {code}" for code in codes)
        try:
            _copy(duck, f"FROM {scan(table)} SELECT * REPLACE ({casts})", whole)
            whole.replace(table)
        finally:
            whole.unlink(missing_ok=True)


# ---------------------------------------------------------------------------------------------------------------- CSV


def _csv(duck: Session, source: Path, encoding: str, time_column: str | None) -> _Raw:
    sample = _head(source, encoding)
    delimiter = _delimiter(sample)
    names = _header(source, sample, delimiter)
    rows = _csv_scan(source, len(names), delimiter=delimiter, quote=_quote(sample, delimiter), encoding=encoding)
    everyday = readings.everyday(decimal_comma=delimiter == ";")
    is_time = _named(names, time_column)
    columns = [
        readings.Column(cell=f"c{place}", groups=(readings.numeric_times() if is_time[place] else ()) + everyday)
        for place in range(len(names))
    ]
    chosen = readings.choose(duck, columns, head=f"(FROM {rows} LIMIT {_HEAD_ROWS})", whole=rows)
    expressions = tuple(reading.sql(column.cell) for reading, column in zip(chosen, columns, strict=True))
    return _Raw(rows=rows, names=names, expressions=expressions)


def _csv_scan(source: Path, width: int, *, delimiter: str, quote: str, encoding: str) -> str:
    columns = ", ".join(f"'c{place}': 'VARCHAR'" for place in range(width))
    options = f"auto_detect = false, header = true, columns = {{{columns}}}, encoding = '{encoding}'"
    marks = f"delim = {literal(delimiter)}, quote = {literal(quote)}, escape = {literal(quote)}"
    return f"read_csv({literal(source)}, {options}, {marks})"


def _head(source: Path, encoding: str) -> str:
    with source.open("rb") as stream:
        head = stream.read(_HEAD_BYTES)
    text = head.decode("utf-8-sig" if encoding == "utf-8" else encoding, errors="ignore")
    return text.lstrip("\r\n")


def _delimiter(sample: str) -> str:
    """Return the delimiter under which the first rows agree best with the header."""
    header = sample.splitlines()[0] if sample.strip() else ""
    odd = "".join(dict.fromkeys(mark for mark in header if not mark.isalnum() and mark not in "\"'_. -"))
    for candidates in (_COMMON_DELIMITERS, odd, " "):
        scores = {mark: _agreement(sample, mark) for mark in candidates if mark in header}
        best = max(scores, key=lambda mark: scores[mark], default=None)
        if best and scores[best] > (0.0, 1):
            return best
    return ","


def _agreement(sample: str, delimiter: str) -> tuple[float, int]:
    """Return the share of rows as wide as the header, and that width; nothing counts where the header is not cut."""
    try:
        rows = [row for row in csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter) if row]
    except csv.Error:
        return 0.0, 1
    width = len(rows[0])
    body = rows[1:-1] or rows[1:] or rows  # the last row may be cut off
    return (sum(len(row) == width for row in body) / len(body), width) if width > 1 else (0.0, 1)


def _quote(sample: str, delimiter: str) -> str:
    return "'" if '"' not in sample and f"'{delimiter}'" in sample else '"'


def _header(source: Path, sample: str, delimiter: str) -> tuple[str, ...]:
    try:
        rows = csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter, quotechar=_quote(sample, delimiter))
        names = tuple(name.strip() for name in next(rows, []))
    except csv.Error as error:
        reason = f"its first line cannot be split: {error}"
        raise DataError(
            f"{source.name} is not a table", because=reason, attempt="give a CSV file with a header"
        ) from error
    if names and all(_is_number(name) for name in names):
        shown = delimiter.join(names)[:80]
        raise DataError(
            f"{source.name} has no header", because=f"its first line is {shown}", attempt="add a line of names"
        )
    return names


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _named(names: tuple[str, ...], wanted: str | None) -> list[bool]:
    """Mark the column whose original or clean name is ``wanted``."""
    return [wanted is not None and wanted in pair for pair in zip(names, unique_names(names), strict=True)]


# ------------------------------------------------------------------------------------------------ Parquet, JSON Lines


def _typed(duck: Session, source: Path, kind: str, time_column: str | None) -> _Raw:
    how = "read_parquet({})" if kind == "parquet" else "read_json({}, format = 'newline_delimited', sample_size = -1)"
    rows = how.format(literal(source))
    described = [(name, dtype) for name, dtype, *_ in duck.rows(f"DESCRIBE FROM {rows}")]
    names = tuple(name for name, _ in described)
    expressions = [_converted(source, name, dtype) for name, dtype in described]
    for place, is_time in enumerate(_named(names, time_column)):
        if is_time and described[place][1] not in _TIMES:
            column = readings.Column(
                cell=f"({expressions[place]})::VARCHAR", groups=readings.numeric_times() + readings.written_times()
            )
            [reading] = readings.choose(duck, [column], head=f"(FROM {rows} LIMIT {_HEAD_ROWS})", whole=rows)
            expressions[place] = reading.sql(column.cell) if reading is not readings.TEXT else expressions[place]
    return _Raw(rows=rows, names=names, expressions=tuple(expressions))


def _converted(source: Path, name: str, dtype: str) -> str:
    """Return the SQL that turns a column of ``dtype`` into one of the five clean types."""
    base = dtype if dtype in _CONVERSIONS or dtype.endswith("]") else dtype.partition("(")[0]
    if base not in _CONVERSIONS:
        raise DataError(
            f"column {name!r} of {source.name} cannot be used",
            because=f"its type is {dtype}, and a table for a model holds single values only",
            attempt="split it into columns of its own, or leave it out",
        )
    return _CONVERSIONS[base].format(identifier(name))
