"""The call executeQueries over HTTP, and its limit of queries per minute. Queries are evaluated in `queries`."""

from __future__ import annotations

from starlette.responses import Response
from starlette.routing import Route

from livegold.reporting.service.guard import Asked, Guard
from livegold.reporting.service.queries import Queries
from livegold.reporting.service.throttle import Throttle


class QueryCalls:
    """The route of executeQueries."""

    def __init__(self, guard: Guard, queries: Queries, throttle: Throttle) -> None:
        self._guard = guard
        self._queries = queries
        self._throttle = throttle

    def routes(self) -> list[Route]:
        return self._guard.routes({"/datasets/{dataset}/executeQueries": {"POST": self._execute}})

    def _execute(self, asked: Asked) -> Response:
        dataset = self._guard.dataset(asked)
        self._throttle.admit_query(asked.who.name)
        return Response(self._queries.answer(dataset, asked.json()), media_type="application/json")
