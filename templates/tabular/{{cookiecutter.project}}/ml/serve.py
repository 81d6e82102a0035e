"""The server: SageMaker's container contract (`GET /ping`, `POST /invocations`), the same locally and in the cloud.

    MODEL_DIR      the model's folder (default /opt/ml/model); an empty one is no error: there is no model yet
    MODEL_SHA256   when set, any other model is refused
    SERVE_HOST     the address to listen on (default 127.0.0.1; the image sets 0.0.0.0)
    SAGEMAKER_BIND_TO_PORT   the port (default 8080)

`/invocations` is plain ASGI and passes by FastAPI's layers: they would cost nearly as much as the prediction itself.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import logging
import os
import re
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
import uvicorn
from fastapi import FastAPI
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from ml.errors import LoopError
from ml.serving import openapi, responses, telemetry
from ml.serving.requests import MAX_BYTES, Refused, too_large
from ml.serving.service import Reply, Service

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGE_BYTES = 64 * 1024
"""A larger body is answered in a thread: `/ping` must not wait for it."""
GRACE_SECONDS = 25
"""SageMaker kills a container 30 seconds after SIGTERM."""
QUIET = {"/ping", "/metrics"}
"""Paths that are asked every few seconds, and not logged."""
GONE = 499
"""What is logged when the client left before its answer began."""
MAX_PATH = 256
ID_HEADERS = (b"x-amzn-sagemaker-inference-id", b"x-request-id", b"x-amzn-requestid")
ID = re.compile(rb"[\w.:-]{1,128}", re.ASCII)

NO_MODEL = LoopError(
    "there is no model yet",
    because="the model folder is empty",
    attempt="train a model and promote it; /ping answers already",
)
BROKEN = LoopError(
    "the server failed", because="of a fault of its own", attempt="look for the request id in the server's log"
)


def application(folder: Path | None, *, sha256: str | None = None) -> FastAPI:
    """Make the application that serves the model in ``folder``.

    Args:
        folder: Where the model is; None, or a folder that is empty or missing, when there is none yet.
        sha256: When given, any other model is refused.

    Raises:
        ArtefactError: The folder holds another model, or none that can be read.
    """
    service = None
    if folder is not None and (sha256 or (folder.is_dir() and any(folder.iterdir()))):
        service = Service.load(folder, sha256)
    model = service.sha256 if service else None
    metrics = telemetry.Metrics(model)
    invocations = _Invocations(service)

    async def ping(_: Request) -> Response:
        return Response(orjson.dumps({"model": {"sha256": model} if model else None}), media_type=responses.JSON)

    async def scrape(_: Request) -> Response:
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    app = _Application(
        title="Model",
        redirect_slashes=False,
        routes=[
            Route("/ping", ping),
            Route("/invocations", invocations, methods=["POST"]),
            Route("/metrics", scrape),
        ],
        exception_handlers={HTTPException: _http_error},
    )
    document = openapi.document(service)
    app.openapi = lambda: document  # type: ignore[method-assign]
    app.observed = _Observed(app.route, metrics=metrics, model=model)
    app.invocations = invocations
    return app


class _Application(FastAPI):
    """FastAPI for all paths but `POST /invocations`, which takes the short way: no middleware added here sees it."""

    observed: ASGIApp
    invocations: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.observed(scope, receive, send)

    async def route(self, scope: Scope, receive: Receive, send: Send) -> None:
        short = scope["type"] == "http" and scope["path"] == "/invocations" and scope["method"] == "POST"
        await (self.invocations if short else super().__call__)(scope, receive, send)


class _Invocations:
    """Answers POST /invocations."""

    def __init__(self, service: Service | None) -> None:
        self.service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        reply = await self._reply(scope, receive)
        scope.setdefault("state", {})["reply"] = reply
        await _send(send, reply)

    async def _reply(self, scope: Scope, receive: Receive) -> Reply:
        if not self.service:
            return Reply(status=503, body=responses.refusal(NO_MODEL))
        try:
            body = await _body(receive)
        except Refused as error:
            return Reply(status=error.status, body=responses.refusal(error))
        headers = dict(scope["headers"])
        media, accept = (headers.get(name, b"").decode("latin-1") for name in (b"content-type", b"accept"))
        if len(body) > LARGE_BYTES:
            return await asyncio.to_thread(self.service.answer, body, media, accept)
        return self.service.answer(body, media, accept)


class _Observed:
    """Gives each request an id, and logs and counts its answer; a fault becomes an answer here, too."""

    def __init__(self, app: ASGIApp, *, metrics: telemetry.Metrics, model: str | None) -> None:
        self.app, self.metrics, self.model = app, metrics, model

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start = time.perf_counter()
        request_id = _request_id(scope)
        status, fault = GONE, {}

        async def observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id)]
            await send(message)

        try:
            await self.app(scope, receive, observed)
        except ClientDisconnect:
            pass
        except Exception as error:  # noqa: BLE001 - whatever it is, the client gets an answer and the log the place
            fault = telemetry.trace(error)
            if status == GONE:
                await _send(observed, Reply(status=500, body=responses.refusal(BROKEN)))
        self._record(scope, request_id.decode(), status, time.perf_counter() - start, fault)

    def _record(self, scope: Scope, request_id: str, status: int, seconds: float, fault: dict[str, object]) -> None:
        path, reply = scope["path"], scope.get("state", {}).get("reply")
        if path == "/invocations":
            self.metrics.count(status, seconds, reply)
        if path not in QUIET:
            telemetry.line(
                "error" if fault else "info" if status < 400 else "warning",  # noqa: PLR2004 - HTTP's first error
                "request",
                request_id=request_id,
                method=scope["method"],
                path=path[:MAX_PATH].encode(errors="replace").decode(),
                status=status,
                rows=reply.rows if reply else 0,
                odd=reply.odd if reply else 0,
                latency_ms=round(seconds * 1000, 3),
                model=self.model,
                **fault,
            )


def _request_id(scope: Scope) -> bytes:
    headers: dict[bytes, bytes] = dict(scope["headers"])
    given = (headers.get(name, b"") for name in ID_HEADERS)
    return next(filter(ID.fullmatch, given), None) or os.urandom(16).hex().encode()


async def _body(receive: Receive) -> bytes:
    """Read the body, and stop where it gets too large, whatever it declared."""
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > MAX_BYTES:
            raise too_large()
        more = message.get("more_body", False)
    return b"".join(parts)


async def _send(send: Send, reply: Reply) -> None:
    headers = [(b"content-type", reply.media.encode()), (b"content-length", b"%d" % len(reply.body))]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})


async def _http_error(request: Request, error: Exception) -> Response:
    """Answer what the router refuses (404, 405) in the shape of every other error."""
    refused: HTTPException = error  # type: ignore[assignment]
    told = LoopError(
        f"{request.method} is not answered here",
        because=refused.detail,
        attempt="send POST /invocations; /openapi.json lists what there is",
    )
    body = responses.refusal(told)
    return Response(body, status_code=refused.status_code, headers=refused.headers, media_type=responses.JSON)


def main(argv: Sequence[str] | None = None) -> None:
    """Serve until SIGTERM or Ctrl-C; requests under way are answered first.

    Raises:
        ArtefactError: The model is not the one that `MODEL_SHA256` names, or cannot be read.
    """
    options = _options(argv)
    folder = Path(os.environ.get("MODEL_DIR", "/opt/ml/model"))
    logging.basicConfig(handlers=[telemetry.JsonHandler()], level=logging.INFO, force=True)
    app = application(folder, sha256=os.environ.get("MODEL_SHA256"))
    config = uvicorn.Config(
        app,
        host=options.host,
        port=options.port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    # What is loaded stays: without this, every full collection would walk through it and be seen in the p99.
    gc.collect()
    gc.freeze()
    # uvicorn stops, then sends itself the signal again: a stop that was asked for is not a failure.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with contextlib.suppress(KeyboardInterrupt):
        uvicorn.Server(config).run()


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m ml serve", description="Serve the model in MODEL_DIR.")
    port = os.environ.get("SAGEMAKER_BIND_TO_PORT", "8080")
    parser.add_argument("--host", default=os.environ.get("SERVE_HOST", "127.0.0.1"))
    parser.add_argument("--port", type=int, default=port)
    return parser.parse_args(argv)
