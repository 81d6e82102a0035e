"""The rehearsal's end of the bridge: what a program of the project asks of AWS is asked of the emulated services."""

from __future__ import annotations

from contextlib import suppress
from multiprocessing.connection import Listener
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError, ParamValidationError

from loopwright.errors import LoopwrightError

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection
    from pathlib import Path

__all__ = ["Answering"]


class Answering:
    """Answers calls on a socket until it is closed.

    The programs run while the rehearsal waits for them, so an answer changes nothing that somebody else works on.

    Args:
        address: The socket's path.
        ask: Makes a call, of a role's ARN, a service, an operation and a request.
    """

    def __init__(self, address: Path, ask: Callable[[str, str, str, dict[str, Any]], dict[str, Any]]) -> None:
        self.address, self._ask, self._lock = str(address), ask, Lock()
        self.broken: Exception | None = None
        """What ends the rehearsal: the program asked for something that nobody emulates, or we have a fault."""
        self._listener = Listener(self.address, "AF_UNIX")
        Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Hear no more."""
        self._listener.close()

    def check(self) -> None:
        """Raise what ends the rehearsal, if anything does."""
        if self.broken is not None:
            raise self.broken

    def _accept(self) -> None:
        with suppress(OSError):  # it is closed
            while True:
                Thread(target=self._serve, args=(self._listener.accept(),), daemon=True).start()

    def _serve(self, connection: Connection) -> None:
        with suppress(EOFError, OSError), connection:
            while True:
                connection.send(self._answered(*connection.recv()))

    def _answered(self, role: str, service: str, name: str, request: dict[str, Any]) -> tuple[str, Any]:
        with self._lock:
            try:
                answer = self._ask(role, service, name, request)
            except ClientError as error:
                return "refused", (error.response, error.operation_name)
            except ParamValidationError as error:
                return "invalid", error.kwargs["report"]
            except Exception as error:  # noqa: BLE001 - whatever it is, the program must not go on
                self.broken = error
                return "broken", error.what if isinstance(error, LoopwrightError) else str(error)
        body = answer.get("Body")
        return "answer", answer if body is None else answer | {"Body": body.read()}
