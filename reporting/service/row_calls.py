"""Adding rows (with a token, or through the push URL with a key), deleting them, sequence numbers. Not limits."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import sqlite3
from collections.abc import Callable
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from livegold.reporting.home import LOCAL_TENANT
from livegold.reporting.powerbi.limits import SEQUENCE_HEADER
from livegold.reporting.service.guard import Asked, Guard, ok
from livegold.reporting.service.problems import Problem, bad_request, not_a_push_dataset
from livegold.reporting.service.sequences import SequenceNumbers
from livegold.reporting.service.store import Store, StoredDataset, StoredTable
from livegold.reporting.service.throttle import Throttle
from livegold.reporting.service.values import row_texts, rows_of_body, rows_of_list

MAX_SEQUENCE = 2**63 - 1
_SEQUENCE = re.compile(r"[0-9]{1,19}")


class PushKeys:
    """The key in a dataset's push URL, derived from the service's own key so that it survives a restart."""

    def __init__(self, signing_key: str) -> None:
        self._key = signing_key.encode()

    def key(self, dataset: str) -> str:
        digest = hmac.new(self._key, f"push {dataset}".encode(), hashlib.sha512).digest()
        return base64.b64encode(digest).decode()

    def url(self, root: str, dataset: str) -> str:
        """The complete push URL, as a real tenant shows it in its portal."""
        return f"{root}/beta/{LOCAL_TENANT}/datasets/{dataset}/rows?key={quote(self.key(dataset), safe='')}"

    def fits(self, dataset: str, key: str) -> bool:
        return hmac.compare_digest(self.key(dataset).encode(), key.encode("utf-8", "replace"))


class RowCalls:
    """Routes of rows and sequence numbers."""

    def __init__(
        self, guard: Guard, store: Store, throttle: Throttle, sequences: SequenceNumbers, keys: PushKeys
    ) -> None:
        self._guard = guard
        self._store = store
        self._throttle = throttle
        self._sequences = sequences
        self._keys = keys

    def routes(self) -> list[Route]:
        table = "/datasets/{dataset}/tables/{table}"
        return [
            *self._guard.routes(
                {
                    f"{table}/rows": {"POST": self._post, "DELETE": self._delete},
                    f"{table}/sequenceNumbers": {"GET": self._numbers},
                }
            ),
            Route("/beta/{tenant}/datasets/{dataset}/rows", self._push, methods=["POST"]),
        ]

    def _post(self, asked: Asked) -> Response:
        dataset, table = self._table(asked)
        number = _sequence(asked.request)

        def accept(db: sqlite3.Connection) -> bool:
            return number is None or self._sequences.accept(db, table, asked.who.client, number)

        self._add(dataset, table, asked.body, rows_of_body, accept)
        return Response(status_code=200)

    def _delete(self, asked: Asked) -> Response:
        self._store.delete_rows(self._table(asked)[1])
        return Response(status_code=200)

    def _numbers(self, asked: Asked) -> Response:
        found = self._sequences.readable(self._table(asked)[1])
        values = [{"clientId": c, "sequenceNumber": n} for c, n in found]
        return ok({"@odata.context": asked.context("sequenceNumbers"), "value": values})

    async def _push(self, request: Request) -> Response:
        body = await request.body()
        return await run_in_threadpool(self._push_rows, request, body)

    def _push_rows(self, request: Request, body: bytes) -> Response:
        """Whoever has the key needs no token. A wrong tenant, dataset or key gives the same response."""
        dataset_id = request.path_params["dataset"]
        fits = self._keys.fits(dataset_id, request.query_params.get("key", ""))
        if request.path_params["tenant"].lower() != LOCAL_TENANT or not fits:
            raise Problem(403, "Forbidden", "The key of the push URL is not one of this dataset")
        dataset = self._store.dataset(None, dataset_id)
        tables = self._store.tables(dataset.id)
        if not dataset.takes_rows or len(tables) != 1:
            raise bad_request("a push URL is for a dataset with one table")
        self._add(dataset, tables[0], body, rows_of_list, lambda db: True)
        return Response(status_code=200)

    def _add(
        self,
        dataset: StoredDataset,
        table: StoredTable,
        body: bytes,
        rows_of: Callable[..., list[dict[str, object]]],
        accept: Callable[[sqlite3.Connection], bool],
    ) -> None:
        with self._throttle.pending(dataset.id):
            if dataset.streams:
                self._throttle.admit_stream(dataset.id, len(body))
            rows = rows_of(body, table.columns)

            def admit(db: sqlite3.Connection) -> bool:
                if not accept(db):
                    return False
                self._throttle.admit(db, dataset.id, len(rows))
                return True

            self._store.add_rows(table, dataset.retention, row_texts(rows, table.columns), admit)

    def _table(self, asked: Asked) -> tuple[StoredDataset, StoredTable]:
        dataset = self._guard.dataset(asked)
        if not dataset.takes_rows:
            raise not_a_push_dataset(dataset.id)
        return dataset, self._store.table(dataset.id, asked.path["table"])


def _sequence(request: Request) -> int | None:
    text = request.headers.get(SEQUENCE_HEADER)
    if text is None:
        return None
    if not _SEQUENCE.fullmatch(text.strip()) or int(text) > MAX_SEQUENCE:
        raise bad_request(f"{SEQUENCE_HEADER} is {text[:40]!r}: give a whole number of 0 to {MAX_SEQUENCE}")
    return int(text)
