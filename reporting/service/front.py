"""The outermost layer of the local service: what applies to every request. Not for any specific call.

Adds a RequestId to every response, removes doubled and trailing slashes, accepts only this machine's host names, limits
the request size, applies injected faults, and returns errors as JSON.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from typing import Any

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from livegold.reporting.powerbi.limits import MAX_REQUEST_BYTES, REQUEST_ID_HEADER
from livegold.reporting.service.faults import Fault, Faults
from livegold.reporting.service.problems import Problem, too_large

_REQUEST_ID = REQUEST_ID_HEADER.lower().encode()
log = logging.getLogger(__name__)
HOSTS = (b"localhost", b"127.0.0.1")
# How much of a too large body is read and discarded, so that the client gets the 413 instead of a reset connection.
MAX_DRAINED_BYTES = 8 * MAX_REQUEST_BYTES


class Front:
    """ASGI application around the routes."""

    def __init__(self, app: ASGIApp, faults: Faults) -> None:
        self._app = app
        self._faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope = _one_slash(scope)
        request_id = str(uuid.uuid4())

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [*message.get("headers", []), (b"cache-control", b"no-store")]
                if not any(name.lower() == _REQUEST_ID for name, _ in headers):  # a refresh sets its own
                    headers.append((_REQUEST_ID, request_id.encode()))
                message = {**message, "headers": headers}
            await send(message)

        try:
            _this_machine(scope)
            body = await _whole_body(receive)
            await self._meet_fault(scope, body, receive, answer)
        except Problem as problem:
            await _respond(answer, problem.status, orjson.dumps(problem.body), problem.headers)

    async def _meet_fault(self, scope: Scope, body: bytes, receive: Receive, answer: Send) -> None:
        path = scope["path"]
        fault = None if path.startswith("/_local") else self._faults.next(scope["method"], path)
        if fault is None:
            await self._app(scope, _replay(body, receive), answer)
            return
        if fault.delay:
            await asyncio.sleep(fault.delay)
        if fault.cut:
            if fault.cut == "after":
                await self._app(scope, _replay(body, receive), _nowhere)
            _cut(receive)
        elif fault.status:
            await _respond(answer, fault.status, _fault_body(fault), _fault_headers(fault))
        else:
            await self._app(scope, _replay(body, receive), answer)


def _one_slash(scope: Scope) -> Scope:
    """Normalises slashes: public clients request /myorg//datasets, and a token at .../token/."""
    path = "/" + "/".join(part for part in scope["path"].split("/") if part)
    return {**scope, "path": path, "raw_path": path.encode()}


def _this_machine(scope: Scope) -> None:
    host = dict(scope["headers"]).get(b"host", b"").rsplit(b":", 1)[0].lower()
    if host not in HOSTS:
        raise Problem(400, "BadRequest", "The local service answers to localhost and 127.0.0.1 only")


async def _whole_body(receive: Receive) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Problem(400, "BadRequest", "The client went away before the request was complete")
        part = message.get("body", b"")
        size += len(part)
        if size <= MAX_REQUEST_BYTES:
            parts.append(part)
        if not message.get("more_body") or size > MAX_DRAINED_BYTES:
            break
    if size > MAX_REQUEST_BYTES:
        raise too_large(f"The request has over {MAX_REQUEST_BYTES} bytes")
    return b"".join(parts)


def _replay(body: bytes, receive: Receive) -> Receive:
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


async def _nowhere(message: Message) -> None:
    """Discards the response to a request whose connection is about to be dropped."""


def _cut(receive: Receive) -> None:
    """Drops the connection without a response. ASGI cannot express this, so it uses uvicorn's transport directly."""
    cycle: Any = receive.__self__  # type: ignore[attr-defined]
    cycle.transport.abort()
    cycle.disconnected = True  # otherwise uvicorn would answer with a 500


def _fault_body(fault: Fault) -> bytes:
    if fault.empty:
        return b""
    code = fault.code or "FaultOnDemand"
    return orjson.dumps({"error": {"code": code, "message": fault.message or f"{code} (a fault on demand)"}})


def _fault_headers(fault: Fault) -> dict[str, str]:
    return {"Retry-After": str(int(fault.retry_after))} if fault.retry_after else {}


async def _respond(send: Send, status: int, body: bytes, headers: dict[str, str]) -> None:
    pairs: list[Any] = [(k.lower().encode(), v.encode()) for k, v in headers.items()]
    pairs += [(b"content-length", str(len(body)).encode())]
    if body:
        pairs += [(b"content-type", b"application/json; charset=utf-8")]
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": body})
