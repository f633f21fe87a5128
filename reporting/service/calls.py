"""The calls of the Power BI REST API that the local service answers, one function each. Not for transport or limits."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from typing import Any

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from reporting.powerbi.limits import RETENTION_POLICIES, SEQUENCE_HEADER
from reporting.service.endpoint import LOCAL_WORKSPACE
from reporting.service.problems import Problem, bad_request, not_authorized
from reporting.service.schema import checked_dataset, checked_table
from reporting.service.store import Store, StoredDataset
from reporting.service.throttle import Throttle
from reporting.service.tokens import Tokens

MY_WORKSPACE = "my workspace"
WORKSPACE_NAME = "livegold local"
CONTEXT = "http://localhost/v1.0/myorg/$metadata#"
_NAME_FILTER = re.compile(r"\s*name\s+eq\s+'((?:[^']|'')*)'\s*", re.IGNORECASE)
_NAME_CONTAINS = re.compile(r"\s*contains\(\s*name\s*,\s*'((?:[^']|'')*)'\s*\)\s*", re.IGNORECASE)


class Calls:
    """Routes under /v1.0/myorg; each checks the bearer token first."""

    def __init__(self, store: Store, tokens: Tokens, throttle: Throttle) -> None:
        self._store = store
        self._tokens = tokens
        self._throttle = throttle

    def routes(self) -> list[Route]:
        found = [Route("/v1.0/myorg/groups", self._guarded(self._groups), methods=["GET"])]
        for root in ("/v1.0/myorg", "/v1.0/myorg/groups/{group}"):
            for path, methods in (
                ("/datasets", {"GET": self._datasets, "POST": self._create}),
                ("/datasets/{dataset}", {"GET": self._dataset, "DELETE": self._delete}),
                ("/datasets/{dataset}/tables", {"GET": self._tables}),
                ("/datasets/{dataset}/tables/{table}", {"PUT": self._put_table}),
                ("/datasets/{dataset}/tables/{table}/rows", {"POST": self._post_rows, "DELETE": self._delete_rows}),
                ("/datasets/{dataset}/tables/{table}/sequenceNumbers", {"GET": self._sequence_numbers}),
            ):
                for method, call in methods.items():
                    found.append(Route(root + path, self._guarded(call), methods=[method]))
        return found

    def _guarded(self, call: Callable[[Request, bytes], Response]) -> Callable[[Request], Any]:
        async def endpoint(request: Request) -> Response:
            request.state.client = self._tokens.check(request.headers.get("authorization", ""))
            body = await request.body()
            return await run_in_threadpool(call, request, body)

        return endpoint

    def _groups(self, request: Request, body: bytes) -> Response:
        group = {"id": LOCAL_WORKSPACE, "isReadOnly": False, "isOnDedicatedCapacity": False, "name": WORKSPACE_NAME}
        found = [group] if _named(request.query_params.get("$filter", ""), WORKSPACE_NAME) else []
        top = request.query_params.get("$top", "")
        if top and not top.isdigit():
            raise bad_request(f"$top is {top!r}, which is no number")
        skip = request.query_params.get("$skip", "0")
        kept = found[int(skip) if skip.isdigit() else 0 :][: int(top) if top else None]
        return _ok({"@odata.context": CONTEXT + "groups", "@odata.count": len(kept), "value": kept})

    def _datasets(self, request: Request, body: bytes) -> Response:
        found = self._store.datasets(_workspace(request))
        return _ok({"@odata.context": CONTEXT + "datasets", "value": [_shown(d, request) for d in found]})

    def _create(self, request: Request, body: bytes) -> Response:
        retention = request.query_params.get("defaultRetentionPolicy") or "None"
        spelled = {p.lower(): p for p in RETENTION_POLICIES}.get(retention.lower())
        if spelled is None:
            raise bad_request(f"defaultRetentionPolicy {retention!r} is not None or basicFIFO")
        made = self._store.create_dataset(_workspace(request), checked_dataset(_json(body)), spelled)
        content = {"@odata.context": CONTEXT + "datasets/$entity", **_shown(made, request)}
        return JSONResponse({**content, "defaultRetentionPolicy": spelled}, 201)

    def _dataset(self, request: Request, body: bytes) -> Response:
        found = self._found(request)
        return _ok({"@odata.context": CONTEXT + "datasets/$entity", **_shown(found, request)})

    def _delete(self, request: Request, body: bytes) -> Response:
        self._store.delete_dataset(self._found(request).id)
        return Response(status_code=200)

    def _tables(self, request: Request, body: bytes) -> Response:
        names = [{"name": t.name} for t in self._store.tables(self._found(request).id)]
        return _ok({"@odata.context": CONTEXT + "tables", "value": names})

    def _put_table(self, request: Request, body: bytes) -> Response:
        dataset = self._found(request)
        table = self._store.table(dataset.id, request.path_params["table"])
        definition = checked_table(_json(body), dataset.mode)
        if definition["name"] != table.name:
            raise bad_request(f"the body is of table {definition['name']!r}, the address of {table.name!r}")
        made = self._store.put_table(table, definition)
        return _ok({"name": made.name, "columns": made.columns, "measures": made.measures})

    def _post_rows(self, request: Request, body: bytes) -> Response:
        dataset = self._found(request)
        table = self._store.table(dataset.id, request.path_params["table"])
        sequence = _sequence(request)
        with self._throttle.pending(dataset.id):
            self._store.add_rows(
                table,
                dataset.retention,
                body,
                None if sequence is None else (request.state.client, sequence),
                lambda db, rows: self._throttle.admit(db, dataset.id, rows),
            )
        return Response(status_code=200)

    def _delete_rows(self, request: Request, body: bytes) -> Response:
        self._store.delete_rows(self._store.table(self._found(request).id, request.path_params["table"]))
        return Response(status_code=200)

    def _sequence_numbers(self, request: Request, body: bytes) -> Response:
        table = self._store.table(self._found(request).id, request.path_params["table"])
        numbers = [{"clientId": c, "sequenceNumber": n} for c, n in self._store.sequence_numbers(table)]
        return _ok({"@odata.context": CONTEXT + "sequenceNumbers", "value": numbers})

    def _found(self, request: Request) -> StoredDataset:
        return self._store.dataset(_workspace(request), request.path_params["dataset"])


def _workspace(request: Request) -> str:
    group = request.path_params.get("group")
    if group is None:
        return MY_WORKSPACE
    if group.lower() != LOCAL_WORKSPACE:
        raise not_authorized(f"No access to group {group}")
    return LOCAL_WORKSPACE


def _sequence(request: Request) -> int | None:
    text = request.headers.get(SEQUENCE_HEADER)
    if text is None:
        return None
    try:
        number = int(text)
    except ValueError:
        raise bad_request(f"{SEQUENCE_HEADER} is {text!r}, which is no integer") from None
    if not 0 <= number < 2**63:
        raise bad_request(f"{SEQUENCE_HEADER} is {number}, which is out of range")
    return number


def _named(condition: str, name: str) -> bool:
    if not condition:
        return True
    if equal := _NAME_FILTER.fullmatch(condition):
        return equal[1].replace("''", "'").lower() == name.lower()
    if part := _NAME_CONTAINS.fullmatch(condition):
        return part[1].replace("''", "'").lower() in name.lower()
    raise bad_request(f"$filter {condition!r}: the local service knows name eq '...' and contains(name,'...')")


def _shown(dataset: StoredDataset, request: Request) -> dict[str, Any]:
    created = dt.datetime.fromtimestamp(dataset.created, dt.UTC)
    return {
        "id": dataset.id,
        "name": dataset.name,
        "webUrl": f"{request.url.scheme}://{request.url.netloc}/_local/datasets/{dataset.id}",
        "addRowsAPIEnabled": True,
        "configuredBy": str(request.state.client),
        "isRefreshable": False,
        "isEffectiveIdentityRequired": False,
        "isEffectiveIdentityRolesRequired": False,
        "isOnPremGatewayRequired": False,
        "targetStorageMode": "Abf",
        "createdDate": created.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
    }


def _json(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except ValueError as error:
        raise bad_request(f"the body is not valid JSON: {error}") from error


def _ok(content: dict[str, Any]) -> Response:
    return JSONResponse(content)


async def refuse(request: Request, problem: Exception) -> Response:
    """A Problem as an answer."""
    assert isinstance(problem, Problem)
    return JSONResponse(problem.body, problem.status, headers=problem.headers)
