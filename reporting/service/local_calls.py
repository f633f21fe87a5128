"""What only the local service has, under /_local: rows read back, health, faults. The real service has none of it."""

from __future__ import annotations

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from reporting.service.faults import Faults
from reporting.service.problems import bad_request
from reporting.service.store import Store
from reporting.service.tokens import Tokens

MOST_ROWS = 200_000


class LocalCalls:
    """Routes under /_local, open to everything on this machine."""

    def __init__(self, store: Store, tokens: Tokens, faults: Faults) -> None:
        self._store = store
        self._tokens = tokens
        self._faults = faults

    def routes(self) -> list[Route]:
        return [
            Route("/_local/health", self._health, methods=["GET"]),
            Route("/_local/datasets/{dataset}", self._definition, methods=["GET"]),
            Route("/_local/datasets/{dataset}/tables/{table}/rows", self._rows, methods=["GET"]),
            Route("/_local/faults", self._list_faults, methods=["GET"]),
            Route("/_local/faults", self._add_fault, methods=["POST"]),
            Route("/_local/faults", self._clear_faults, methods=["DELETE"]),
            Route("/_local/tokens/expire", self._expire_tokens, methods=["POST"]),
        ]

    async def _health(self, request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    def _definition(self, request: Request) -> Response:
        """The dataset as it was defined, with the rows each table holds."""
        dataset = self._store.dataset(None, request.path_params["dataset"])
        tables = [
            {"name": t.name, "columns": t.columns, "measures": t.measures, "stored": t.stored, "held": t.held}
            for t in self._store.tables(dataset.id)
        ]
        return JSONResponse(
            {
                "id": dataset.id,
                "name": dataset.name,
                "defaultMode": dataset.mode,
                "defaultRetentionPolicy": dataset.retention,
                "relationships": dataset.relationships,
                "tables": tables,
            }
        )

    def _rows(self, request: Request) -> Response:
        """Rows in the order they came, `?after=N&limit=N` of them; with `?count=true` only how many.

        `held` rows are there, `stored` counts those that basicFIFO has dropped too; `last` is where to go on from.
        """
        dataset = self._store.dataset(None, request.path_params["dataset"])
        table = self._store.table(dataset.id, request.path_params["table"])
        counts = {"count": table.held, "held": table.held, "stored": table.stored}
        if request.query_params.get("count", "").lower() == "true":
            return JSONResponse(counts)
        after = _number(request, "after", 0)
        limit = min(_number(request, "limit", MOST_ROWS), MOST_ROWS)
        texts, last = self._store.rows_text(table, after, limit)
        head = orjson.dumps({**counts, "last": last})[:-1]
        return Response(head + b',"rows":[' + b",".join(texts) + b"]}", media_type="application/json")

    async def _list_faults(self, request: Request) -> Response:
        return JSONResponse({"value": self._faults.waiting()})

    async def _add_fault(self, request: Request) -> Response:
        try:
            body = orjson.loads(await request.body())
        except ValueError as error:
            raise bad_request(f"the body is not valid JSON: {error}") from error
        return JSONResponse(self._faults.add(body), 201)

    async def _clear_faults(self, request: Request) -> Response:
        self._faults.clear()
        return Response(status_code=204)

    async def _expire_tokens(self, request: Request) -> Response:
        await run_in_threadpool(self._tokens.expire_all)
        return Response(status_code=204)


def _number(request: Request, key: str, default: int) -> int:
    text = request.query_params.get(key, str(default))
    if not text.isdigit():
        raise bad_request(f"{key} is {text!r}, which is no whole number")
    return int(text)
