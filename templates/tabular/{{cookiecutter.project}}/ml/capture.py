"""What SageMaker captured of an endpoint: from its files to rows, each accepted or refused by the data contract.

A file holds a line of JSON a request. The server's own request door (`ml/serving/requests.py`) judges it, so that the
monitor and the server never disagree. Nothing stops the reading and nothing is lost: a line that is no request, or a
request that has no rows to count, counts as one refused row. A reason never quotes a value of a request, and names
only columns that are known.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson

from ml import answers, bodies
from ml.serving.problems import unquoted
from ml.serving.requests import BOM, MAX_BYTES, Media, Refused, media, too_large

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ml.answers import Answer
    from ml.serving.problems import Problem
    from ml.serving.requests import Door
    from ml.signature import Columns


class UnreadableError(ValueError):
    """A line that is no request; the message is the reason."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """One captured request, judged."""

    file: str
    line: int
    """Counted from 1."""
    event: str | None
    """SageMaker's id of the request: two of a kind are one request, captured twice."""
    id: str | None
    """What labels name the request by: the `inferenceId` that the caller gave, else SageMaker's own."""
    time: datetime | None
    """When it was answered, in UTC."""
    accepted: int
    """Rows that the data contract accepts."""
    rows: tuple[int, ...]
    """Which rows of the request these are, counted from 0."""
    columns: tuple[Columns, ...]
    """These rows, in parts that follow each other."""
    answer: Answer | None
    """What the model said of them; None where it was not asked, as of a request with a refused row."""
    refused: tuple[tuple[int | None, str], ...]
    """Row (from 0; None for a request as a whole) and reason of the others, once a row."""


def read(path: Path, name: str, door: Door) -> Iterator[Request]:
    """Yield every request of a file, which is called ``name`` where it was found."""
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                yield _request(name, number, line, door)


def _request(file: str, number: int, line: bytes, door: Door) -> Request:
    event, given, time, accepted, answer = None, None, None, 0, None
    columns: list[Columns] = []
    refused: list[tuple[int | None, str]]
    try:
        record = _record(line)
        event, given, time = _metadata(record)
        columns, accepted, refused = judge(*_body(record), door, time.replace(tzinfo=None) if time else None)
        answer = None if refused else answers.read(record["captureData"].get("endpointOutput"), accepted)
    except UnreadableError as error:
        refused = [(None, str(error))]
    except Refused as error:  # of its Content-Type or its size: there are no rows yet
        refused = [(None, error.what)]
    broken = {row for row, _ in refused}
    return Request(
        file=file,
        line=number,
        event=event,
        id=given or event,
        time=time,
        accepted=accepted,
        rows=tuple(row for row in range(accepted + len(broken)) if row not in broken),
        columns=tuple(columns),
        answer=answer,
        refused=tuple(refused),
    )


def judge(
    body: bytes, how: Media, door: Door, at: datetime | None = None
) -> tuple[list[Columns], int, list[tuple[int | None, str]]]:
    """Judge the rows of ``body``, sent at a time in UTC without a zone.

    The server refuses a request for one broken row; here the other rows of it are judged by themselves.

    Returns:
        The accepted rows in parts, how many they are, and the row and the reason of each that is not.
    """
    try:
        columns, rows = door.read(body, how, at)
    except Refused as error:
        whole = error
    else:
        return [columns], rows, []
    bodies = _split(body, how)
    if len(bodies) < 2 or not whole.problems or whole.problems[0].row is None:  # noqa: PLR2004 - nothing to tell apart
        return [], 0, [(row if bodies else None, _reason(whole, door)) for row in range(max(1, len(bodies)))]
    accepted: list[Columns] = []
    refused: list[tuple[int | None, str]] = []
    for row, alone in enumerate(bodies):
        try:
            accepted.append(door.read(alone, how, at)[0])
        except Refused as error:
            refused.append((row, _reason(error, door)))
    return accepted, len(accepted), refused


def _record(line: bytes) -> dict[str, Any]:
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise UnreadableError("the line is not JSON") from error
    if not isinstance(record, dict):
        raise UnreadableError("the line is not a captured request")
    return record


def _metadata(record: dict[str, Any]) -> tuple[str | None, str | None, datetime | None]:
    """Return both ids and the time of a request, None where there is none: it can be judged without them."""
    found = record.get("eventMetadata")
    found = found if isinstance(found, dict) else {}
    event, given = (name if isinstance(name := found.get(key), str) else None for key in ("eventId", "inferenceId"))
    text = found.get("inferenceTime")
    try:
        time = datetime.fromisoformat(text) if isinstance(text, str) else None
        time = time.replace(tzinfo=UTC) if time and time.tzinfo is None else time and time.astimezone(UTC)
    except (ValueError, OverflowError):
        time = None
    return event, given, time


def _body(record: dict[str, Any]) -> tuple[bytes, Media]:
    """Return the bytes that were sent, and how they are meant."""
    match record.get("captureData"):
        case {"endpointInput": captured}:
            pass
        case _:
            raise UnreadableError("the line is not a captured request")
    try:
        found = bodies.body(captured)
    except ValueError as error:
        raise UnreadableError("the body is not base64") from error
    if found is None:
        raise UnreadableError("the line is not a captured request")
    sent, observed = found
    if len(sent) > MAX_BYTES:
        raise too_large()
    return sent, media(observed)


def _split(body: bytes, how: Media) -> list[bytes]:
    """Return a body of its own for each row; none where no rows can be told apart."""
    try:
        return _csv(body, header=how.header) if how.csv else _json(body)
    # Deeper lists are read than can be written again.
    except (orjson.JSONDecodeError, orjson.JSONEncodeError, UnicodeDecodeError, csv.Error):
        return []


def _json(body: bytes) -> list[bytes]:
    match orjson.loads(body.removeprefix(BOM)):
        case {"columns": list() as names, "data": list() as rows, **rest} if not rest:
            return [orjson.dumps({"columns": names, "data": [row]}) for row in rows]
        case {"instances": list() as rows, **rest} if not rest:
            return [orjson.dumps([row]) for row in rows]
        case list() as rows:
            return [orjson.dumps([row]) for row in rows]
        case dict():
            return [body]
    return []


def _csv(body: bytes, *, header: bool) -> list[bytes]:
    rows = list(filter(None, csv.reader(io.StringIO(body.removeprefix(BOM).decode(), newline=""), strict=True)))
    above = [rows.pop(0)] if header and rows else []
    bodies = []
    for row in rows:
        text = io.StringIO(newline="")
        csv.writer(text).writerows([*above, row])
        bodies.append(text.getvalue().encode())
    return bodies


def _reason(error: Refused, door: Door) -> str:
    """Return the first reason in words that many requests share."""
    return _words(error.problems[0], door) if error.problems else error.what


def _words(problem: Problem, door: Door) -> str:
    found = unquoted(problem, door.known)
    reason = found.reason
    if reason.startswith("there is no such column"):
        return "a column that is not known"
    if reason.startswith("there are "):
        reason = "there are more or fewer values than columns"
    elif reason.startswith("the column is there "):
        reason = "the column is there more than once"
    return reason if found.column is None else f"{found.column}: {reason}"
