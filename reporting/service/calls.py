"""Workspaces, datasets and tables: the calls that create, list, change and delete them. Not rows, not refreshes."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from livegold.reporting.home import LOCAL_WORKSPACE
from livegold.reporting.powerbi.limits import RETENTION_POLICIES
from livegold.reporting.service.capacity import Capacity
from livegold.reporting.service.guard import Asked, Guard, ok
from livegold.reporting.service.problems import bad_request, not_a_push_dataset
from livegold.reporting.service.schema import checked_dataset, checked_table, checked_update
from livegold.reporting.service.store import Store, StoredDataset

WORKSPACE_NAME = "livegold local"
SETTINGS = "settings"
OWNER = "owner"
# The filters public clients use; some put the value in double quotes, and ids without quotes.
_FIELD = r"(?:tolower\(\s*)?(?P<field>name|id)\s*\)?"
_VALUE = r"""(?:'(?P<single>(?:[^']|'')*)'|"(?P<double>[^"]*)"|(?P<bare>[0-9a-fA-F-]{36}))"""
_EQUAL = re.compile(rf"\s*{_FIELD}\s+eq\s+{_VALUE}\s*", re.IGNORECASE)
_CONTAINS = re.compile(rf"\s*contains\(\s*{_FIELD}\s*,\s*{_VALUE}\s*\)\s*", re.IGNORECASE)


class Calls:
    """Routes of workspaces, datasets and tables."""

    def __init__(self, guard: Guard, store: Store, capacity: Capacity) -> None:
        self._guard = guard
        self._store = store
        self._capacity = capacity

    def routes(self) -> list[Route]:
        return [
            *self._guard.plain_routes({"/groups": {"GET": self._groups}}),
            *self._guard.group_routes(
                {
                    "": {"GET": self._group},
                    "/dataflows": {"GET": self._none},
                    "/datasets/{dataset}/Default.TakeOver": {"POST": self._take_over},
                    "/datasets/{dataset}/TakeOver": {"POST": self._take_over},  # as public clients spell it
                }
            ),
            *self._guard.routes(
                {
                    "/datasets": {"GET": self._datasets, "POST": self._create},
                    "/datasets/{dataset}": {"GET": self._dataset, "PATCH": self._update, "DELETE": self._delete},
                    "/datasets/{dataset}/tables": {"GET": self._tables},
                    "/datasets/{dataset}/tables/{table}": {"PUT": self._put_table},
                    # What public clients list along the way; none of it is stored here.
                    "/datasets/{dataset}/datasources": {"GET": self._none_of_dataset},
                    **{f"/{kind}": {"GET": self._none} for kind in ("reports", "dashboards")},
                }
            ),
        ]

    def _groups(self, asked: Asked) -> Response:
        found = [self._workspace()] if _named(asked.request.query_params.get("$filter", "")) else []
        skip = asked.request.query_params.get("$skip", "0")
        if not (skip.isascii() and skip.isdigit() and len(skip) <= 9):
            raise bad_request(f"$skip is {skip[:40]!r}: give a whole number")
        kept = found[int(skip) :][: asked.top()]
        return ok({"@odata.context": asked.context("groups"), "@odata.count": len(kept), "value": kept})

    def _group(self, asked: Asked) -> Response:
        return ok({"@odata.context": asked.context("groups/$entity"), **self._workspace()})

    def _workspace(self) -> dict[str, Any]:
        return {
            "id": LOCAL_WORKSPACE,
            "isReadOnly": False,
            "type": "Workspace",
            "name": WORKSPACE_NAME,
            **self._capacity.of_group(),
        }

    def _datasets(self, asked: Asked) -> Response:
        condition = asked.request.query_params.get("$filter", "")
        found = [d for d in self._store.datasets(asked.workspace) if _named(condition, d.name, d.id)]
        shown = [self._shown(d, asked) for d in found[: asked.top()]]
        return ok({"@odata.context": asked.context("datasets"), "value": shown})

    def _create(self, asked: Asked) -> Response:
        retention = asked.request.query_params.get("defaultRetentionPolicy") or "None"
        spelled = {p.lower(): p for p in RETENTION_POLICIES}.get(retention.lower())
        if spelled is None:
            raise bad_request(f"defaultRetentionPolicy {retention[:60]!r} is not None or basicFIFO")
        made = self._store.create_dataset(asked.workspace, checked_dataset(asked.json()), spelled)
        self._store.put_document(made.id, OWNER, {"name": asked.who.name})
        content = {"@odata.context": asked.context("datasets/$entity"), **self._shown(made, asked)}
        return ok({**content, "defaultRetentionPolicy": spelled}, 201)

    def _dataset(self, asked: Asked) -> Response:
        found = self._guard.dataset(asked)
        return ok({"@odata.context": asked.context("datasets/$entity"), **self._shown(found, asked)})

    def _update(self, asked: Asked) -> Response:
        dataset = self._guard.dataset(asked)
        changed = checked_update(asked.json(), dedicated=self._capacity.is_dedicated(asked.workspace))
        self._store.put_document(dataset.id, SETTINGS, {**self._store.document(dataset.id, SETTINGS), **changed})
        return Response(status_code=200)

    def _delete(self, asked: Asked) -> Response:
        self._store.delete_dataset(self._guard.dataset(asked).id)
        return Response(status_code=200)

    def _take_over(self, asked: Asked) -> Response:
        self._store.put_document(self._guard.dataset(asked).id, OWNER, {"name": asked.who.name})
        return Response(status_code=200)

    def _tables(self, asked: Asked) -> Response:
        names = [{"name": t.name} for t in self._store.tables(self._pushed(asked).id)]
        return ok({"@odata.context": asked.context("tables"), "value": names})

    def _put_table(self, asked: Asked) -> Response:
        dataset = self._pushed(asked)
        table = self._store.table(dataset.id, asked.path["table"])
        definition = checked_table(asked.json(), dataset.mode)
        if definition["name"] != table.name:
            raise bad_request(f"the body is of table {definition['name']!r}, the address of {table.name!r}")
        made = self._store.put_table(table, definition)
        shown = {"name": made.name, "columns": made.columns, "measures": made.measures}
        return ok({"@odata.context": asked.context("tables/$entity"), **shown})

    def _none(self, asked: Asked) -> Response:
        return ok({"@odata.context": asked.context(asked.request.url.path.rsplit("/", 1)[1]), "value": []})

    def _none_of_dataset(self, asked: Asked) -> Response:
        self._guard.dataset(asked)
        return self._none(asked)

    def _pushed(self, asked: Asked) -> StoredDataset:
        dataset = self._guard.dataset(asked)
        if not dataset.takes_rows:
            raise not_a_push_dataset(dataset.id)
        return dataset

    def _shown(self, dataset: StoredDataset, asked: Asked) -> dict[str, Any]:
        created = dt.datetime.fromtimestamp(dataset.created, dt.UTC)
        return {
            "id": dataset.id,
            "name": dataset.name,
            "webUrl": f"{asked.root}/_local/datasets/{dataset.id}",
            "addRowsAPIEnabled": dataset.takes_rows,
            "configuredBy": self._store.document(dataset.id, OWNER).get("name", asked.who.name),
            "isRefreshable": True,
            "isEffectiveIdentityRequired": False,
            "isEffectiveIdentityRolesRequired": False,
            "isOnPremGatewayRequired": False,
            "targetStorageMode": "Abf",
            "createdDate": created.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            **self._store.document(dataset.id, SETTINGS),
        }


def _named(condition: str, name: str = WORKSPACE_NAME, known_id: str = LOCAL_WORKSPACE) -> bool:
    """Whether `$filter` matches something with this name and id."""
    if not condition.strip():
        return True
    has = {"name": name.lower(), "id": known_id.lower()}
    for pattern in (_EQUAL, _CONTAINS):
        if found := pattern.fullmatch(condition):
            given = (found["single"] or "").replace("''", "'") or found["double"] or found["bare"] or ""
            value = has[found["field"].lower()]
            return given.lower() == value if pattern is _EQUAL else given.lower() in value
    known = "name eq '...', id eq '...' and contains(name,'...')"
    raise bad_request(f"$filter {condition[:120]!r}: the local service knows {known}")
