"""Assembles the parts of the local service into one ASGI application. Not for running it: see `server`."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from livegold.reporting import home as places
from livegold.reporting.service.assertions import CERTIFICATE
from livegold.reporting.service.calls import Calls
from livegold.reporting.service.capacity import Capacity
from livegold.reporting.service.device_codes import DeviceCodes
from livegold.reporting.service.entra import Entra
from livegold.reporting.service.faults import Faults
from livegold.reporting.service.front import Front
from livegold.reporting.service.grants import Grants
from livegold.reporting.service.guard import Guard
from livegold.reporting.service.local_calls import Levers, LocalCalls
from livegold.reporting.service.parameters import Parameters
from livegold.reporting.service.problems import Problem
from livegold.reporting.service.queries import Queries
from livegold.reporting.service.query_calls import QueryCalls
from livegold.reporting.service.refresh_calls import RefreshCalls
from livegold.reporting.service.refreshes import Refreshes
from livegold.reporting.service.row_calls import PushKeys, RowCalls
from livegold.reporting.service.schedule import Schedules
from livegold.reporting.service.semantics import ChosenSemantics, SequenceSemantics
from livegold.reporting.service.sequences import SequenceNumbers
from livegold.reporting.service.store import Store
from livegold.reporting.service.throttle import Throttle
from livegold.reporting.service.tokens import Tokens

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Options:
    """Options for starting the service; see `LocalService`."""

    http: bool = False
    open_token: str | None = field(default=None, repr=False)
    dedicated: bool = False
    semantics: SequenceSemantics | None = None


@contextlib.contextmanager
def opened_application(home: Path, clock: Callable[[], float], options: Options) -> Iterator[Front]:
    """The whole service on the state under `<home>/powerbi`, which must exist and not be in use by another service."""
    folder = places.service_folder(home)
    key = places.signing_key(home)
    tokens = Tokens(key, clock, options.open_token)
    codes = DeviceCodes(clock)
    grants = Grants(tokens, codes, places.client_secret(home), folder / CERTIFICATE)
    with contextlib.closing(Store(folder / "service.db", clock)) as store:
        capacity, semantics = Capacity(options.dedicated), ChosenSemantics(options.semantics)
        throttle, keys, faults = Throttle(store, clock), PushKeys(key), Faults(clock)
        sequences = SequenceNumbers(store, semantics, clock)
        schedules, parameters = Schedules(store, capacity), Parameters(store)
        refreshes = Refreshes(store, schedules, capacity, clock)
        guard = Guard(tokens, store)
        levers = Levers(store, tokens, faults, capacity, semantics, refreshes, parameters, keys)
        routes = [
            *LocalCalls(levers).routes(),
            *Calls(guard, store, capacity).routes(),
            *RowCalls(guard, store, throttle, sequences, keys).routes(),
            *RefreshCalls(guard, refreshes, schedules, parameters).routes(),
            *QueryCalls(guard, Queries(store), throttle).routes(),
            *Entra(grants, codes).routes(),
        ]
        handlers = {Problem: _refuse, HTTPException: _no_such_call, Exception: _broken}
        yield Front(Starlette(routes=routes, exception_handlers=handlers), faults)


async def _refuse(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, Problem)
    return JSONResponse(problem.body, problem.status, headers=problem.headers)


async def _no_such_call(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    message = f"{request.method} {request.url.path[:200]} is no call the local service knows"
    return JSONResponse({"error": {"code": "NotFound", "message": message}}, error.status_code)


async def _broken(request: Request, error: Exception) -> Response:
    """An error in the local service itself; a test that hits it finds the cause in the log."""
    log.error("the local service failed on %s %s", request.method, request.url.path, exc_info=error)
    message = "The local service failed: this is a bug of it, please report it"
    return JSONResponse({"error": {"code": "InternalError", "message": message}}, 500)
