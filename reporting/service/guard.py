"""What all calls under /v1.0/myorg have in common: the caller, the workspace, the body. Not the calls themselves."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from livegold.reporting.home import LOCAL_WORKSPACE
from livegold.reporting.service.problems import NotForApplications, bad_request, not_authorized
from livegold.reporting.service.store import Store, StoredDataset
from livegold.reporting.service.tokens import Principal, Tokens

MY_WORKSPACE = "my workspace"
ROOT = "/v1.0/myorg"
MAX_TOP = 1_000_000
MAX_FIELDS = 100


@dataclass(frozen=True)
class Asked:
    """One call whose token has been checked. `workspace` is MY_WORKSPACE or the workspace's id."""

    request: Request
    body: bytes
    who: Principal
    workspace: str
    root: str

    @property
    def path(self) -> Mapping[str, str]:
        return self.request.path_params

    def json(self) -> Any:
        """The body as JSON; raises a Problem of 400 if it is not valid."""
        return parsed(self.body)

    def top(self) -> int | None:
        """`$top`, at least 1; None if it is not given."""
        text = self.request.query_params.get("$top", "")
        if not text:
            return None
        if not (text.isascii() and text.isdigit()) or not 1 <= len(text) <= 9 or int(text) < 1:
            raise bad_request(f"$top is {text[:40]!r}: give a whole number of 1 or more")
        return min(int(text), MAX_TOP)

    def context(self, what: str) -> str:
        """`@odata.context` of a response."""
        return f"{self.root}{ROOT}/$metadata#{what}"


Call = Callable[[Asked], Response]


class Guard:
    """Turns calls into routes. Each checks the bearer token, then the workspace, before anything else."""

    def __init__(self, tokens: Tokens, store: Store) -> None:
        self._tokens = tokens
        self._store = store

    def routes(self, calls: Mapping[str, Mapping[str, Call]]) -> list[Route]:
        """Routes for `calls`, by path and method, both in My workspace and in groups."""
        return [*self._below(ROOT, calls), *self.group_routes(calls)]

    def group_routes(self, calls: Mapping[str, Mapping[str, Call]]) -> list[Route]:
        """Routes for calls that My workspace does not have."""
        return self._below(ROOT + "/groups/{group}", calls)

    def plain_routes(self, calls: Mapping[str, Mapping[str, Call]]) -> list[Route]:
        """Routes for calls that belong to no workspace."""
        return self._below(ROOT, calls, any_principal=True)

    def dataset(self, asked: Asked) -> StoredDataset:
        """The dataset in the path; raises a Problem of 404."""
        return self._store.dataset(asked.workspace, asked.path["dataset"])

    def _below(self, root: str, calls: Mapping[str, Mapping[str, Call]], *, any_principal: bool = False) -> list[Route]:
        return [
            Route(root + path, self._endpoint(call, any_principal), methods=[method])
            for path, by_method in calls.items()
            for method, call in by_method.items()
        ]

    def _endpoint(self, call: Call, any_principal: bool) -> Callable[[Request], Any]:
        async def endpoint(request: Request) -> Response:
            who = self._tokens.check(request.headers.get("authorization", ""))
            workspace = MY_WORKSPACE if any_principal else _workspace(request, who)
            root = f"{request.url.scheme}://{request.url.netloc}"
            asked = Asked(request, await request.body(), who, workspace, root)
            return await run_in_threadpool(call, asked)

        return endpoint


def _workspace(request: Request, who: Principal) -> str:
    group = request.path_params.get("group")
    if group is None:
        if not who.is_user:
            raise NotForApplications
        return MY_WORKSPACE
    if group.lower() != LOCAL_WORKSPACE:
        raise not_authorized(f"No access to group {group[:60]}")
    return LOCAL_WORKSPACE


def parsed(body: bytes) -> Any:
    """Parses a request's JSON body; raises a Problem of 400 if it is not valid."""
    try:
        return orjson.loads(body)
    except ValueError as error:
        raise bad_request(f"the body is not valid JSON: {error}") from error


def parsed_or_empty(body: bytes, content_type: str = "") -> dict[str, Any]:
    """Like `parsed`, for calls whose body is optional; raises a Problem of 400 if it is not an object.

    A form is accepted too: a public client sends `notifyOption=NoNotification`.
    """
    if content_type.startswith("application/x-www-form-urlencoded") and not body.lstrip().startswith(b"{"):
        return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)[:MAX_FIELDS])
    found = parsed(body) if body.strip() else {}
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise bad_request("the body is not a JSON object")
    return found


def ok(content: dict[str, Any], status: int = 200) -> Response:
    return JSONResponse(content, status)


def shown_json(value: Any) -> str:
    """JSON embedded in JSON, as in `serviceExceptionJson`."""
    return json.dumps(value, separators=(",", ":"))
