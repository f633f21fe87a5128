"""Calls that only the local service has, under /_local: reading rows back, faults, refresh plans and switches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from livegold.reporting.home import LOCAL_WORKSPACE
from livegold.reporting.service.capacity import Capacity
from livegold.reporting.service.faults import Faults
from livegold.reporting.service.guard import MY_WORKSPACE, parsed
from livegold.reporting.service.parameters import Parameters
from livegold.reporting.service.problems import bad_request
from livegold.reporting.service.refreshes import Refreshes
from livegold.reporting.service.row_calls import PushKeys
from livegold.reporting.service.schema import checked_dataset
from livegold.reporting.service.semantics import ChosenSemantics
from livegold.reporting.service.store import IMPORTED, Store, StoredDataset
from livegold.reporting.service.tokens import Tokens

MAX_ROWS = 200_000
IMPORT_KEYS = {"name", "tables", "relationships", "parameters", "workspace"}


@dataclass(frozen=True)
class Levers:
    """The parts of the service that /_local controls."""

    store: Store
    tokens: Tokens
    faults: Faults
    capacity: Capacity
    semantics: ChosenSemantics
    refreshes: Refreshes
    parameters: Parameters
    keys: PushKeys


class LocalCalls:
    """Routes under /_local, open to all programs on this machine."""

    def __init__(self, levers: Levers) -> None:
        self._has = levers

    def routes(self) -> list[Route]:
        made = []
        for path, methods in {
            "/health": {"GET": self._health},
            "/datasets": {"GET": self._datasets, "POST": self._import},
            "/datasets/{dataset}": {"GET": self._definition},
            "/datasets/{dataset}/tables/{table}/rows": {"GET": self._rows},
            "/faults": {"GET": self._list_faults, "POST": self._add_fault, "DELETE": self._clear_faults},
            "/tokens/expire": {"POST": self._expire_tokens},
            "/semantics": {"GET": self._semantics, "PUT": self._choose_semantics},
            "/capacity": {"GET": self._show_capacity, "PUT": self._set_capacity},
            "/refreshes": {"POST": self._plan_refreshes, "DELETE": self._clear_plans},
        }.items():
            for method, call in methods.items():
                made.append(Route(f"/_local{path}", _endpoint(call), methods=[method]))
        return made

    def _health(self, request: Request, body: bytes) -> Response:
        return JSONResponse({"status": "ok"})

    def _datasets(self, request: Request, body: bytes) -> Response:
        """All datasets, in My workspace and in the workspace."""
        found = [d for w in (LOCAL_WORKSPACE, MY_WORKSPACE) for d in self._has.store.datasets(w)]
        return JSONResponse({"value": [{"id": d.id, "name": d.name, "workspace": d.workspace} for d in found]})

    def _import(self, request: Request, body: bytes) -> Response:
        """Creates a dataset as if an import model had been published: it can be refreshed but not pushed to."""
        given = parsed(body)
        if not isinstance(given, dict) or not set(given) <= IMPORT_KEYS:
            raise bad_request(f"an imported dataset has {', '.join(sorted(IMPORT_KEYS))}")
        mine = given.get("workspace") == MY_WORKSPACE
        tables = given.get("tables") or [{"name": "Model", "columns": [{"name": "Key", "dataType": "Int64"}]}]
        definition = {"name": given.get("name"), "tables": tables, "relationships": given.get("relationships")}
        checked = {**checked_dataset(definition), "defaultMode": IMPORTED}
        made = self._has.store.create_dataset(MY_WORKSPACE if mine else LOCAL_WORKSPACE, checked, "None")
        try:
            self._has.parameters.set(made, given.get("parameters") or [])
        except Exception:
            self._has.store.delete_dataset(made.id)
            raise
        return JSONResponse(self._shown(made, request), 201)

    def _definition(self, request: Request, body: bytes) -> Response:
        return JSONResponse(self._shown(self._dataset(request), request))

    def _shown(self, dataset: StoredDataset, request: Request) -> dict[str, Any]:
        """The dataset as defined, with the row counts of each table and its push URL."""
        tables = [
            {"name": t.name, "columns": t.columns, "measures": t.measures, "stored": t.stored, "held": t.held}
            for t in self._has.store.tables(dataset.id)
        ]
        shown = {
            "id": dataset.id,
            "name": dataset.name,
            "workspace": dataset.workspace,
            "defaultMode": dataset.mode,
            "defaultRetentionPolicy": dataset.retention,
            "relationships": dataset.relationships,
            "tables": tables,
        }
        if dataset.takes_rows and len(tables) == 1:
            root = f"{request.url.scheme}://{request.url.netloc}"
            shown["pushUrl"] = self._has.keys.url(root, dataset.id)
        return shown

    def _rows(self, request: Request, body: bytes) -> Response:
        """Rows in order of arrival, paged by `?after=N&limit=N`; with `?count=true` only the counts.

        `held` is the current number of rows; `stored` also counts those that basicFIFO has dropped; `last` is where to
        continue from.
        """
        table = self._has.store.table(self._dataset(request).id, request.path_params["table"])
        counts = {"count": table.held, "held": table.held, "stored": table.stored}
        if request.query_params.get("count", "").lower() == "true":
            return JSONResponse(counts)
        after = _number(request, "after", 0)
        limit = min(_number(request, "limit", MAX_ROWS), MAX_ROWS)
        texts, last = self._has.store.rows_text(table, after, limit)
        head = orjson.dumps({**counts, "last": last})[:-1]
        return Response(head + b',"rows":[' + b",".join(texts) + b"]}", media_type="application/json")

    def _dataset(self, request: Request) -> StoredDataset:
        return self._has.store.dataset(None, request.path_params["dataset"])

    def _list_faults(self, request: Request, body: bytes) -> Response:
        return JSONResponse({"value": self._has.faults.waiting()})

    def _add_fault(self, request: Request, body: bytes) -> Response:
        return JSONResponse(self._has.faults.add(parsed(body)), 201)

    def _clear_faults(self, request: Request, body: bytes) -> Response:
        self._has.faults.clear()
        return Response(status_code=204)

    def _expire_tokens(self, request: Request, body: bytes) -> Response:
        self._has.tokens.expire_all()
        return Response(status_code=204)

    def _semantics(self, request: Request, body: bytes) -> Response:
        return JSONResponse(self._has.semantics.shown())

    def _choose_semantics(self, request: Request, body: bytes) -> Response:
        return JSONResponse(self._has.semantics.choose(parsed(body)))

    def _show_capacity(self, request: Request, body: bytes) -> Response:
        return JSONResponse({"dedicated": self._has.capacity.dedicated})

    def _set_capacity(self, request: Request, body: bytes) -> Response:
        given = parsed(body)
        if not isinstance(given, dict) or set(given) != {"dedicated"} or not isinstance(given["dedicated"], bool):
            raise bad_request('capacity: give {"dedicated": true} or {"dedicated": false}')
        self._has.capacity.dedicated = given["dedicated"]
        return self._show_capacity(request, body)

    def _plan_refreshes(self, request: Request, body: bytes) -> Response:
        return JSONResponse(self._has.refreshes.plan(parsed(body)), 201)

    def _clear_plans(self, request: Request, body: bytes) -> Response:
        self._has.refreshes.clear_plans()
        return Response(status_code=204)


def _endpoint(call: Callable[[Request, bytes], Response]) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        return await run_in_threadpool(call, request, await request.body())

    return endpoint


def _number(request: Request, key: str, default: int) -> int:
    text = request.query_params.get(key, str(default))
    if not (text.isascii() and text.isdigit()) or len(text) > 18:
        raise bad_request(f"{key} is {text[:40]!r}, which is no whole number")
    return int(text)
