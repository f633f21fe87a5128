"""What a sink keeps on disk: outbox, ledger, totals, posts of the last hour. Decides nothing, sends nothing.

One SQLite file. What a batch holds is written to the outbox, together with everything that was derived from it (totals,
dimension values, counts), in one transaction before any of it is sent.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from livegold.reporting.errors import WrongUse

FILE_NAME = "powerbi.db"
SCHEMA = """
create table if not exists meta (key text primary key, value text not null);
create table if not exists outbox (
    place integer primary key autoincrement, batch integer not null, table_name text not null, chunk integer not null,
    sequence integer not null, rows integer not null, sums text not null, body blob not null,
    attempts integer not null default 0, doubt integer not null default 0);
create table if not exists ledger (
    table_name text not null, sequence integer not null, batch integer not null, chunk integer not null,
    rows integer not null, sums text not null, attempts integer not null, accepted real not null, how text not null,
    primary key (table_name, sequence)) without rowid;
create table if not exists totals (key text primary key, value text not null) without rowid;
create table if not exists dimension_keys (
    dimension text not null, key text not null, place integer not null, primary key (dimension, key)) without rowid;
create table if not exists counts (name text primary key, n integer not null) without rowid;
create table if not exists posts (no integer primary key autoincrement, at real not null, rows integer not null);
create index if not exists posts_by_time on posts (at);
create table if not exists fed (
    query_id text not null, gold_batch integer not null, batch integer not null, tick integer not null,
    primary key (query_id, gold_batch)) without rowid;
"""


@dataclass(frozen=True)
class Parcel:
    """One POST of rows that is to be sent: a chunk of a batch for one table."""

    batch: int
    table: str
    chunk: int
    sequence: int
    rows: int
    sums: str
    body: bytes
    place: int = 0
    attempts: int = 0
    doubt: int = 0


class Journal:
    """The file, and the few questions and changes the sink has for it. Any thread may call; they take turns."""

    def __init__(self, folder: Path, *, read_only: bool = False, sink: str = "powerbi") -> None:
        file = folder / f"{sink}.db"
        if read_only:
            missing = WrongUse(f"the {sink} sink has no state in {folder}: it has not run yet")
            if not file.exists():
                raise missing
            self._db = sqlite3.connect(f"file:{file}?mode=ro", uri=True, check_same_thread=False, isolation_level=None)
            # The sink may be making the file at this very moment: its tables come all at once.
            if self._db.execute("select count(*) from sqlite_master").fetchone()[0] == 0:
                self._db.close()
                raise missing
        else:
            folder.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
            self._db.execute("pragma journal_mode = wal")
            # Full: after a power cut the outbox must still say what may have been sent.
            self._db.execute("pragma synchronous = full")
            self._db.executescript(f"begin immediate; {SCHEMA} commit;")
        self._lock = threading.RLock()

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *ignored: object) -> None:
        self.close()

    def close(self) -> None:
        with self._lock:
            self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._db.execute("begin immediate")
            try:
                yield self._db
            except BaseException:
                self._db.execute("rollback")
                raise
            self._db.execute("commit")

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            yield self._db

    def get(self, key: str, default: str = "") -> str:
        with self._lock:
            row = self._db.execute("select value from meta where key = ?", (key,)).fetchone()
        return default if row is None else str(row[0])

    def put(self, **values: object) -> None:
        with self.transaction() as db:
            put_meta(db, values)

    def next_parcel(self) -> Parcel | None:
        """The oldest parcel in the outbox."""
        with self._lock:
            row = self._db.execute(
                "select batch, table_name, chunk, sequence, rows, sums, body, place, attempts, doubt from outbox"
                " order by place limit 1"
            ).fetchone()
        return None if row is None else Parcel(*row)

    def waiting(self) -> int:
        with self._lock:
            return int(self._db.execute("select count(*) from outbox").fetchone()[0])

    def sending(self, parcel: Parcel, at: float) -> None:
        """Notes, before a POST, that from now on it may have been carried out, and that it uses up budget."""
        with self.transaction() as db:
            db.execute("update outbox set attempts = attempts + 1, doubt = 1 where place = ?", (parcel.place,))
            db.execute("insert into posts (at, rows) values (?, ?)", (at, parcel.rows))

    def not_sent(self, parcel: Parcel) -> None:
        """Notes that the service said no, or never got it."""
        with self.transaction() as db:
            db.execute("update outbox set doubt = 0 where place = ?", (parcel.place,))

    def accepted(self, parcel: Parcel, at: float, how: str) -> None:
        """Moves a parcel from the outbox to the ledger; a batch whose last parcel it is, is done."""
        with self.transaction() as db:
            (attempts,) = db.execute("select attempts from outbox where place = ?", (parcel.place,)).fetchone()
            db.execute("delete from outbox where place = ?", (parcel.place,))
            db.execute(
                "insert or replace into ledger values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    parcel.table,
                    parcel.sequence,
                    parcel.batch,
                    parcel.chunk,
                    parcel.rows,
                    parcel.sums,
                    attempts,
                    at,
                    how,
                ),
            )
            put_meta(db, {"last_accepted_at": at})

    def start_over(self, **values: object) -> None:
        """Forgets everything that was delivered, waits or was summed up, in one step; `values` go into meta.

        What was sent lately stays: it has used up budget.
        """
        with self.transaction() as db:
            for table in ("outbox", "ledger", "totals", "dimension_keys", "counts", "fed"):
                db.execute(f"delete from {table}")
            put_meta(db, values)

    def last_begun(self) -> float:
        """When the newest POST was begun (seconds since the epoch), 0 for never."""
        with self._lock:
            (at,) = self._db.execute("select max(at) from posts").fetchone()
        return float(at or 0.0)

    def highest_number(self) -> int:
        """The highest sequence number of any table, sent or waiting, -1 for none."""
        with self._lock:
            rows = self._db.execute("select max(sequence) from ledger union all select max(sequence) from outbox")
            return max((int(n) for (n,) in rows if n is not None), default=-1)

    def last_accepted(self, table: str) -> int | None:
        """The highest sequence number of a table that is in the ledger."""
        with self._lock:
            row = self._db.execute("select max(sequence) from ledger where table_name = ?", (table,)).fetchone()
        return None if row[0] is None else int(row[0])

    def highest_planned(self, table: str) -> int:
        """The highest sequence number of a table that is in the outbox, -1 for none."""
        with self._lock:
            row = self._db.execute("select max(sequence) from outbox where table_name = ?", (table,)).fetchone()
        return -1 if row[0] is None else int(row[0])

    def totals(self) -> dict[str, str]:
        with self._lock:
            return dict(self._db.execute("select key, value from totals").fetchall())

    def dimension_keys(self) -> dict[str, dict[str, int]]:
        """For each dimension the keys that were planned to be sent, with their place in the order."""
        found: dict[str, dict[str, int]] = {}
        with self._lock:
            for dimension, key, place in self._db.execute("select dimension, key, place from dimension_keys"):
                found.setdefault(dimension, {})[key] = place
        return found

    def counts(self) -> dict[str, int]:
        with self._lock:
            return dict(self._db.execute("select name, n from counts").fetchall())

    def delivered(self) -> list[tuple[str, int, int, float]]:
        """(table, rows, POSTs, newest acceptance) for each table in the ledger."""
        with self._lock:
            return self._db.execute(
                "select table_name, sum(rows), count(*), max(accepted) from ledger group by table_name"
            ).fetchall()

    def rows_since(self, table: str, since: float) -> int:
        """Rows of a table that were accepted after a time (seconds since the epoch)."""
        with self._lock:
            found = self._db.execute(
                "select coalesce(sum(rows), 0) from ledger where table_name = ? and accepted > ?", (table, since)
            )
            return int(found.fetchone()[0])

    def fed(self, query_id: str, gold_batch: int) -> tuple[int, int] | None:
        """(number of the delivered batch, its tick of Totals) that a batch of gold went into; None for not yet."""
        with self._lock:
            sql = "select batch, tick from fed where query_id = ? and gold_batch = ?"
            row = self._db.execute(sql, (query_id, gold_batch)).fetchone()
        return None if row is None else (int(row[0]), int(row[1]))

    def accepted_of(self, batch: int) -> tuple[int, int, float | None]:
        """(rows accepted, POSTs still waiting, newest acceptance) of a delivered batch."""
        with self._lock:
            row = self._db.execute("select sum(rows), max(accepted) from ledger where batch = ?", (batch,)).fetchone()
            (waiting,) = self._db.execute("select count(*) from outbox where batch = ?", (batch,)).fetchone()
        return int(row[0] or 0), int(waiting), None if row[1] is None else float(row[1])

    def sums(self, table: str) -> list[str]:
        with self._lock:
            return [s for (s,) in self._db.execute("select sums from ledger where table_name = ?", (table,))]


def put_meta(db: sqlite3.Connection, values: Mapping[str, object]) -> None:
    db.executemany("insert or replace into meta values (?, ?)", [(k, str(v)) for k, v in values.items()])


def add_parcels(db: sqlite3.Connection, parcels: Sequence[Parcel]) -> None:
    db.executemany(
        "insert into outbox (batch, table_name, chunk, sequence, rows, sums, body) values (?, ?, ?, ?, ?, ?, ?)",
        [(p.batch, p.table, p.chunk, p.sequence, p.rows, p.sums, p.body) for p in parcels],
    )


def add_counts(db: sqlite3.Connection, counts: Counter[str]) -> None:
    db.executemany(
        "insert into counts values (?, ?) on conflict (name) do update set n = n + excluded.n",
        [(name, n) for name, n in counts.items() if n],
    )
