"""The request door: from the bytes of a body to the columns that the model reads, or to what is wrong with them.

JSON comes as one object, a list of objects, `{"instances": [objects]}` or `{"columns": [names], "data": [rows]}`;
CSV with a header, or without one (`text/csv; header=absent`) in the order of the inputs. `ml/serving/values.py` says
what a value may be. A missing key and an empty CSV cell are null.

A column that neither the model nor the data contract knows is refused: it is more often a misspelt input than a spare
one. Columns that the data contract ignores may come along, with any value. Of a key given twice, the last counts.

Personal data are refused, whatever their value: a body is captured as it was sent, so what nobody may read must not be
sent. Where the data contract has any, an answer quotes no value at all, because a value may stand in a wrong column.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any

import orjson

from ml.errors import LoopError
from ml.serving import values
from ml.serving.problems import Problems

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from ml.serving.problems import Problem
    from ml.signature import Columns, Signature

MAX_BYTES = 6 * 1024 * 1024
"""The largest body that SageMaker hands on."""
MAX_ROWS = 10_000
"""Keeps the slowest answer well under a second; more rows at once belong in a batch transform."""
MAX_NAME = 80
"""So much of an unknown column's name is compared and shown, in characters."""
PERSONAL = "personal data must not be sent"
BOM = b"\xef\xbb\xbf"


class Refused(LoopError):  # noqa: N818 - an answer, not a fault
    """A request that is not answered, told so that its sender can mend it."""

    def __init__(
        self, status: int, what: str, *, because: str, attempt: str, problems: Sequence[Problem] = (), more: int = 0
    ) -> None:
        """Answer with the HTTP status ``status``; ``more`` problems were found besides ``problems``."""
        super().__init__(what, because=because, attempt=attempt)
        self.status, self.problems, self.more = status, tuple(problems), more


@dataclass(frozen=True)
class Media:
    """How the bytes of a body are meant."""

    csv: bool
    header: bool = True


@dataclass(frozen=True)
class Table:
    """A body as raw values by column, all of one length."""

    columns: Mapping[str, Sequence[Any]]
    rows: int


class Door:
    """Reads bodies for one signature."""

    def __init__(self, signature: Signature) -> None:
        self.inputs = [(entry, values.reader(entry)) for entry in signature.inputs]
        self.names = [entry.name for entry in signature.inputs]
        self.personal = frozenset(signature.personal)
        self.taken = frozenset(self.names) | frozenset(signature.ignored)
        self.known = self.taken | self.personal

    def read(self, body: bytes, media: Media, at: datetime | None = None) -> tuple[Columns, int]:
        """Return the inputs of the signature, and the number of rows.

        Args:
            body: What was sent.
            media: How it is meant.
            at: When, in UTC and without a zone; None is now.

        Raises:
            Refused: With 422: what is in the body cannot be predicted.
        """
        table = self._csv(body, header=media.header) if media.csv else self._json(body)
        columns, problems = {}, self._problems()
        for entry, read in self.inputs:
            raw = table.columns.get(entry.name) or [None] * table.rows
            try:
                columns[entry.name] = values.column(entry, read, raw, at)
            except ValueError:
                for row, reason in values.reasons(entry, read, raw):
                    problems.add(row, entry.name, reason)
        _refuse(problems)
        return columns, table.rows

    def _problems(self) -> Problems:
        return Problems(self.known, quote=not self.personal)

    def _json(self, body: bytes) -> Table:
        try:
            document = orjson.loads(body.removeprefix(BOM))
        except orjson.JSONDecodeError as error:
            raise _unreadable("JSON", str(error)) from error
        match document:
            case {"columns": list() as names, "data": list() as rows, **rest} if not rest:
                return self._split(names, rows)
            case {"instances": list() as rows, **rest} if not rest:
                return self._records(rows)
            case dict():
                return self._records([document])
            case list():
                return self._records(document)
        raise _unreadable("rows", f"the document is {'a value' if self.personal else values.shown(document)}")

    def _csv(self, body: bytes, *, header: bool) -> Table:
        try:
            lines = csv.reader(io.StringIO(body.removeprefix(BOM).decode(), newline=""), strict=True)
            # One row more than is allowed shows that there are too many.
            rows = list(islice(filter(None, lines), MAX_ROWS + 1 + header))
        except (UnicodeDecodeError, csv.Error) as error:
            raise _unreadable("CSV", str(error)) from error
        table = self._split(rows.pop(0) if header and rows else self.names, rows)
        inputs = {entry.name: entry for entry, _ in self.inputs}
        cells = {
            name: [values.cell(inputs[name], text) for text in column]
            for name, column in table.columns.items()
            if name in inputs
        }
        return Table(cells, table.rows)

    def _records(self, rows: list[Any]) -> Table:
        _countable(len(rows))
        problems = self._problems()
        for index, row in enumerate(rows):
            if type(row) is not dict:
                problems.add(index, None, f"{values.shown(row)} is not an object of column names and values")
            elif not row.keys() <= self.taken:
                self._spell(index, (name for name in row if name not in self.taken), problems)
        _refuse(problems)
        return Table({name: [row.get(name) for row in rows] for name in self.names}, len(rows))

    def _split(self, names: list[Any], rows: list[Any]) -> Table:
        _countable(len(rows))
        problems = self._problems()
        self._header(names, problems)
        for index, row in enumerate(rows):
            if type(row) is not list:
                problems.add(index, None, f"{values.shown(row)} is not a list of values")
            elif len(row) != len(names):
                problems.add(index, None, f"there are {len(row)} values for {len(names)} columns")
        _refuse(problems)
        return Table(dict(zip(names, zip(*rows, strict=True), strict=True)), len(rows))

    def _header(self, names: list[Any], problems: Problems) -> None:
        for name in names:
            if not isinstance(name, str):
                problems.add(None, None, f"{values.shown(name)} is not the name of a column")
        _refuse(problems)
        for name, times in Counter(names).items():
            if times > 1:
                problems.add(None, name[:MAX_NAME], f"the column is there {times} times")
        self._spell(None, (name for name in names if name not in self.taken), problems)

    def _spell(self, row: int | None, refused: Iterable[str], problems: Problems) -> None:
        for name in refused:
            if name in self.personal:
                problems.add(row, name, PERSONAL)
                continue
            near = get_close_matches(name[:MAX_NAME], self.taken, n=1) if problems.room else []
            hint = f"; did you mean {near[0]!r}?" if near else ""
            problems.add(row, name[:MAX_NAME], f"there is no such column{hint}")


@lru_cache(maxsize=64)
def media(content_type: str) -> Media:
    """Return how the body is meant; no type at all means JSON.

    Raises:
        Refused: With 415: the type, or its charset, is none that is read here.
    """
    kind, *rest = content_type.lower().split(";")
    options = dict(part.strip().replace('"', "").partition("=")[::2] for part in rest)
    known = kind.strip() in {"", "application/json", "text/csv"}
    if not known or options.get("charset", "utf-8") not in {"utf-8", "utf8", "us-ascii"}:
        raise Refused(
            415,
            "the body is of a type that is not read here",
            because=f"its Content-Type is {values.shown(content_type)}",
            attempt="send application/json or text/csv, in UTF-8",
        )
    return Media(csv=kind.strip() == "text/csv", header=options.get("header") != "absent")


def too_large() -> Refused:
    """Return the refusal of a body of more than `MAX_BYTES`."""
    return Refused(
        413,
        "the body is too large",
        because=f"it has more than {MAX_BYTES:,} bytes",
        attempt="send fewer rows at once",
    )


def _refuse(problems: Problems) -> None:
    if problems.count:
        raise Refused(
            422,
            "the rows are refused",
            because=f"they break the data contract in {problems.count} place{'s' if problems.count > 1 else ''}",
            attempt="mend what is listed under problems; /openapi.json says what each column may hold",
            problems=problems.kept,
            more=problems.count - len(problems.kept),
        )


def _countable(rows: int) -> None:
    if rows > MAX_ROWS:
        because = f"there are more than {MAX_ROWS:,} of them"
        raise Refused(422, "there are too many rows", because=because, attempt="send fewer rows at once")
    if not rows:
        raise Refused(422, "there are no rows", because="the body holds none", attempt="send at least one row")


def _unreadable(what: str, because: str) -> Refused:
    attempt = "send one of the forms that /openapi.json shows, in UTF-8"
    return Refused(422, f"the body cannot be read as {what}", because=because, attempt=attempt)
