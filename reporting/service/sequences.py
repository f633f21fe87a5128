"""The sequence numbers of each table and client: what is accepted, remembered and shown. Not for the rows."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from livegold.reporting.service.problems import Problem
from livegold.reporting.service.semantics import IGNORED, REJECTED, ChosenSemantics
from livegold.reporting.service.store import Store, StoredTable

SCHEMA = """
create table if not exists numbers (
    dataset text not null, table_no integer not null, client text not null, number integer not null, at real not null);
create index if not exists numbers_by_table on numbers (table_no, client, number);
"""


class SequenceNumbers:
    """Numbers, stored on disk with the rows; `clock` gives seconds since the epoch."""

    def __init__(self, store: Store, semantics: ChosenSemantics, clock: Callable[[], float]) -> None:
        self._store = store
        self._semantics = semantics
        self._clock = clock
        store.own(SCHEMA, "numbers")
        store.on_rows_deleted(self._rows_deleted)

    def accept(self, db: sqlite3.Connection, table: StoredTable, client: str, number: int) -> bool:
        """Records a number that came with rows, in their transaction. False means the rows must not be stored.

        Raises a Problem if repeated numbers are to be rejected.
        """
        semantics = self._semantics.current
        if not semantics.offered:
            return True
        (highest,) = db.execute(
            "select max(number) from numbers where table_no = ? and client = ?", (table.no, client)
        ).fetchone()
        if highest is not None and number <= highest:
            if semantics.repeated == REJECTED:
                message = f"Sequence number {number} of table {table.name!r} is not above {highest}"
                raise Problem(semantics.rejected_status, "InvalidSequenceNumber", message)
            return semantics.repeated != IGNORED
        now = self._clock()
        # Keeps the highest readable number and everything newer, which is all that `readable` can need.
        db.execute(
            "delete from numbers where table_no = ? and client = ? and number < ("
            "select max(number) from numbers where table_no = ? and client = ? and at <= ?)",
            (table.no, client, table.no, client, now - semantics.readable_after_seconds),
        )
        db.execute("insert into numbers values (?, ?, ?, ?, ?)", (table.dataset, table.no, client, number, now))
        return True

    def readable(self, table: StoredTable) -> list[tuple[str, int]]:
        """(client, highest number) per client; raises a Problem of 404 if sequence numbers are not offered."""
        semantics = self._semantics.current
        if not semantics.offered:
            raise Problem(404, "NotFound", "No resource was found that matches the request: sequenceNumbers")
        return self._store.read(
            "select client, max(number) from numbers where table_no = ? and at <= ? group by client order by client",
            (table.no, self._clock() - semantics.readable_after_seconds),
        )

    def _rows_deleted(self, db: sqlite3.Connection, table: StoredTable) -> None:
        if self._semantics.current.delete_resets:
            db.execute("delete from numbers where table_no = ?", (table.no,))
