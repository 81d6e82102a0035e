"""The WSGI application: every call is read, checked against AWS's model, recorded, and answered by a hook or by moto.

Nothing goes by unseen. A call that nobody understands and an answer that is a server's error are faults of the harness;
they are kept under `/loop/faults`, and a test that finds one there has proved nothing.
"""

from __future__ import annotations

import io
import json
import re
import time
import traceback
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Request, Response

from . import contract, wire
from .book import Book, EachOnce, Entry, Sabotage
from .hooks import HOOKS, Memory, Moto, mutates
from .wire import Refused, UnknownRequestError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .wire import Call

    Application = Callable[[dict[str, Any], Any], Iterable[bytes]]

SERVER_ERROR, NOT_FOUND = 500, 404
LONGEST_FAULT = 400
CODE = re.compile(rb'<Code>([^<]+)</Code>|"(?:__type|code|Code)"\s*:\s*"([^"]+)"')


class Front:
    """The application in front of moto's; `leftovers` lists what exists at an endpoint in some regions."""

    def __init__(self, moto: Application, leftovers: Callable[[str, set[str]], list[str]]) -> None:
        self._moto, self._leftovers = moto, leftovers
        self._book, self._memory = Book(), Memory()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer one request, to AWS or about the emulator itself."""
        path = environ["PATH_INFO"]
        if path.startswith("/loop/"):
            return self._control(Request(environ), path.removeprefix("/loop/"))(environ, start_response)
        environ, body = wire.rewound(environ)
        return self._aws(environ, body)(environ, start_response)

    def _aws(self, environ: dict[str, Any], body: bytes) -> Response:
        start = time.monotonic()
        try:
            call = wire.read(environ, body)
        except UnknownRequestError as error:
            return self._fault(str(error))
        try:
            response = self._answer(call, environ, body)
        except Exception as error:  # noqa: BLE001 - whatever breaks is a fault to report, not a reason to hang up
            where = traceback.extract_tb(error.__traceback__)[-1]
            text = f"{type(error).__name__}: {error}"[:LONGEST_FAULT]
            response = self._fault(f"{call.service}:{call.action} broke: {text} ({where.filename}:{where.lineno})")
        else:
            self._inspect(call, response)
        code, seconds = _error_code(response), round(time.monotonic() - start, 4)
        self._book.record(Entry(call.service, call.action, call.region, response.status_code, code, seconds))
        return response

    def _answer(self, call: Call, environ: dict[str, Any], body: bytes) -> Response:
        if mutates(call.action) and self._book.strikes(call):
            refused = Refused("AccessDenied", f"{call.action} is refused: the test asked for this failure")
            return call.refusal(refused, wire.BAD_REQUEST)
        if wrong := contract.problems(call):
            return call.refusal(Refused("ValidationException", f"{call.action}: {'; '.join(wrong)}"))
        hook = HOOKS.get((call.service, call.action))
        if hook is None:
            return self._ask(environ, body)
        moto = Moto(lambda: call.result(self._ask(environ, body)), self._memory.of(call))
        try:
            return call.answer(hook(call, moto))
        except Refused as refused:
            return call.refusal(refused)

    def _ask(self, environ: dict[str, Any], body: bytes) -> Response:
        return Response.from_app(self._moto, environ | {"wsgi.input": io.BytesIO(body)})

    def _inspect(self, call: Call, response: Response) -> None:
        """Keep an answer that AWS would not give: a server's error, or a page of a web server that found no route."""
        status = response.status_code
        no_route = status == NOT_FOUND and response.mimetype == "text/html" and call.service != "s3"
        if status >= SERVER_ERROR or no_route:
            last = " ".join(response.get_data(as_text=True).strip().splitlines()[-1:])
            self._fault(f"{call.service}:{call.action} was answered with {status}: {last[:LONGEST_FAULT]}")

    def _fault(self, text: str) -> Response:
        self._book.blame(text)
        answer = {"__type": "NotImplemented", "message": text}
        return Response(json.dumps(answer), SERVER_ERROR, content_type="application/json")

    def _control(self, request: Request, name: str) -> Response:
        book = self._book
        reads: dict[str, Callable[[], Any]] = {
            "faults": lambda: book.faults,
            "requests": book.log,
            "mutations": lambda: book.mutations,
            "leftovers": lambda: self._leftovers(request.host_url.rstrip("/"), book.regions),
        }
        changes: dict[str, Callable[[], None]] = {
            "fail": lambda: setattr(book, "sabotage", Sabotage(**request.get_json())),
            "fail-each": lambda: setattr(book, "sabotage", EachOnce()),
            "forgive": lambda: setattr(book, "sabotage", None),
            "clear": book.clear,
            "reset": lambda: self._reset(request.environ),
        }
        act = (reads if request.method == "GET" else changes).get(name)
        if act is None:
            return Response(f"no {request.method} /loop/{name}", NOT_FOUND)
        return Response(json.dumps(act()), content_type="application/json")

    def _reset(self, environ: dict[str, Any]) -> None:
        self._book, self._memory = Book(), Memory()
        Response.from_app(self._moto, environ | {"PATH_INFO": "/moto-api/reset"})


def _error_code(response: Response) -> str:
    if response.status_code < wire.BAD_REQUEST:
        return ""
    found = CODE.search(response.get_data())
    code = (found[1] or found[2]).decode() if found else response.headers.get("x-amzn-errortype", "")
    return code.rpartition("#")[2]  # Some of the JSON protocol write the name of the service before it.
