"""boto3's clients in a program of the project: each call goes to the rehearsal, which answers as AWS does.

The project's python runs this file, so it imports nothing of Loopwright.
"""

from __future__ import annotations

import functools
from contextlib import suppress
from multiprocessing.connection import Client, Connection
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["install"]


def install(address: str, role: str) -> None:
    """Let ``boto3.client`` give clients that call the rehearsal at ``address``, as the role with an ARN."""
    import boto3  # noqa: PLC0415 - most programs ask AWS nothing

    line = _Line(address, role)
    boto3.client = lambda service, **_how: _Client(line, service)


class _Line:
    """The connection to the rehearsal, made when it is needed first."""

    def __init__(self, address: str, role: str) -> None:
        self._address, self._role = address, role

    @functools.cached_property
    def _connection(self) -> Connection:
        return Client(self._address, "AF_UNIX")

    def call(self, service: str, name: str, request: dict[str, Any]) -> dict[str, Any]:
        """Make a call and return its answer, or raise what the service answers."""
        self._connection.send((self._role, service, name, request))
        kind, answer = self._connection.recv()
        if kind == "answer":
            found: dict[str, Any] = answer
            return found
        raise _error(kind, answer)


def _error(kind: str, answer: Any) -> Any:
    from botocore.exceptions import ClientError, ParamValidationError  # noqa: PLC0415

    if kind == "refused":
        return ClientError(*answer)
    if kind == "invalid":
        return ParamValidationError(report=answer)
    # The rehearsal ends; whoever catches this has nothing to go on with.
    raise SystemExit(f"error: {answer}")


class _Client:
    def __init__(self, line: _Line, service: str) -> None:
        self._line, self._service = line, service

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return functools.partial(self._call, name)

    def _call(self, name: str, /, **request: Any) -> dict[str, Any]:
        body: Any = request.get("Body")
        if hasattr(body, "read"):
            request["Body"] = body.read()
        answer = self._line.call(self._service, name, request)
        if isinstance(answer.get("Body"), bytes):
            answer["Body"] = _Body(answer["Body"])
        return answer

    def get_paginator(self, name: str) -> _Paginator:
        return _Paginator(getattr(self, name))


class _Paginator:
    def __init__(self, call: Any) -> None:
        self._call = call

    def paginate(self, **request: Any) -> Iterator[dict[str, Any]]:
        while True:
            answer = self._call(**request)
            yield answer
            if not answer.get("IsTruncated"):
                return
            request["ContinuationToken"] = answer["NextContinuationToken"]


class _Body:
    """What is in an object, as botocore gives it."""

    def __init__(self, content: bytes) -> None:
        self._content, self._at = content, 0

    def read(self, amt: int | None = None) -> bytes:
        end = len(self._content) if amt is None or amt < 0 else self._at + amt
        part, self._at = self._content[self._at : end], min(end, len(self._content))
        return part

    def iter_chunks(self, chunk_size: int = 1024) -> Iterator[bytes]:
        while part := self.read(chunk_size):
            yield part

    def close(self) -> None:
        with suppress(AttributeError):
            del self._content
