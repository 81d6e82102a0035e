"""A client of an emulated service, in the place of boto3's."""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from loopwright.rehearsal.aws.requests import unknown

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Client"]


class Client:
    """A client whose calls are methods of the parts of a service.

    Args:
        service: Its name, as boto3 has it.
        parts: Objects whose methods were made by ``operation``; each call belongs to the first that has it.
    """

    def __init__(self, service: str, *parts: object) -> None:
        self._service, self._parts = service, parts

    def __getattr__(self, name: str) -> Callable[..., dict[str, Any]]:
        """Return a call.

        Raises:
            UnknownError: Nobody emulates it.
        """
        for part in self._parts:
            if "operation" in getattr(getattr(type(part), name, None), "__dict__", {}):
                return partial(self._call, getattr(part, name))
        raise unknown(f"{self._service}.{name}")

    def _call(self, method: Callable[..., dict[str, Any]], /, **request: Any) -> dict[str, Any]:
        """Answer as boto3 does, which adds how the transport went."""
        return {**method(**request), "ResponseMetadata": {"HTTPStatusCode": HTTPStatus.OK.value}}
