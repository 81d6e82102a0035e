"""A Lambda function of the project: ``PYTHON function.py ADDRESS ROLE MODULE`` with its own environment variables.

The rehearsal sends an event and a time, and gets what the handler returned, or what it raised. The process stays, as
Lambda keeps a warm one. The project's python runs this file, so it imports nothing of Loopwright.
"""

from __future__ import annotations

import importlib
import io
import sys
from contextlib import redirect_stdout
from multiprocessing.connection import Client
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime


def main(invocations: str, address: str, role: str, folder: str, handler: str) -> None:
    """Run the handler again and again, until the rehearsal hangs up."""
    import bridge  # type: ignore[import-not-found]  # noqa: PLC0415 - it lies beside this file

    bridge.install(address, role)
    sys.path.insert(0, folder)
    module, _, function = handler.rpartition(".")
    code = importlib.import_module(module)
    connection = Client(invocations, "AF_UNIX")
    while True:
        try:
            event, now, request_id = connection.recv()
        except EOFError:
            return
        connection.send(_invoked(code, function, event, now, request_id))


def _invoked(code: Any, function: str, event: Any, now: datetime, request_id: str) -> tuple[str, Any, str]:
    """Return how it ended, with what, and what the function logged."""
    code.aws.clock = lambda: now
    said = io.StringIO()
    with redirect_stdout(said):
        try:
            return (
                "returned",
                getattr(code, function)(event, SimpleNamespace(aws_request_id=request_id)),
                said.getvalue(),
            )
        except Exception as error:  # noqa: BLE001 - Lambda reports whatever it is
            return "raised", f"{type(error).__name__}: {error}", said.getvalue()


if __name__ == "__main__":
    main(*sys.argv[1:])
