"""What a sink keeps on disk: outbox, ledger, totals, recently started sends. Decides nothing, sends nothing.

One SQLite file. The contents of a batch are put into the outbox, together with everything derived from them (totals,
dimension values, counts), in one transaction before any of it is sent.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from livegold.reporting.errors import WrongUse
from livegold.reporting.sinks.chunks import Chunk

SCHEMA_VERSION = 1
SCHEMA = f"""
create table if not exists meta (key text primary key, value text not null);
create table if not exists outbox (
    place integer primary key autoincrement, batch integer not null, table_name text not null,
    chunk_index integer not null, sequence integer not null, first_row integer not null, rows integer not null,
    sums text not null, body blob not null, attempts integer not null default 0, doubt integer not null default 0);
create table if not exists ledger (
    table_name text not null, sequence integer not null, batch integer not null, chunk_index integer not null,
    rows integer not null, sums text not null, attempts integer not null, accepted real not null, how text not null,
    primary key (table_name, sequence)) without rowid;
create table if not exists totals (key text primary key, value text not null) without rowid;
create table if not exists dimension_keys (
    dimension text not null, key text not null, place integer not null, primary key (dimension, key)) without rowid;
create table if not exists counts (name text primary key, n integer not null) without rowid;
create table if not exists posts (no integer primary key autoincrement, at real not null, rows integer not null);
create index if not exists posts_by_time on posts (at);
create table if not exists batch_map (
    query_id text not null, gold_batch integer not null, batch integer not null, tick integer not null,
    primary key (query_id, gold_batch)) without rowid;
pragma user_version = {SCHEMA_VERSION};
"""

# Keys of `meta`.
FEED = "feed"
LAST_BATCH = "last_batch"
NEWEST_BUCKET = "newest_bucket_no"
BASE = "sequence_base"
STOPPED = "stopped"


def state_dir(home: Path, case: str, sink: str) -> Path:
    """The folder where a use case's sink keeps its state."""
    return home / "sinks" / case / sink


class SinkState:
    """The file, with the few queries and updates a sink needs. Thread-safe: calls are serialised.

    Raises WrongUse for a file written by another version of livegold and, if `read_only`, when there is no file yet.
    """

    def __init__(self, folder: Path, sink: str, *, read_only: bool = False) -> None:
        file = folder / f"{sink}.db"
        if read_only:
            missing = WrongUse(f"the {sink} sink has no state in {folder}: it has not run yet")
            if not file.exists():
                raise missing
            self._db = sqlite3.connect(f"file:{file}?mode=ro", uri=True, check_same_thread=False, isolation_level=None)
            # The sink may be creating the file at this very moment: its tables all appear at once.
            if not self._has_tables():
                self._db.close()
                raise missing
            self._refuse_other_versions(folder)
        else:
            folder.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
            if self._has_tables():
                self._refuse_other_versions(folder)
            self._db.execute("pragma journal_mode = wal")
            # Full: after a power failure the outbox must still show what may have been sent.
            self._db.execute("pragma synchronous = full")
            self._db.executescript(f"begin immediate; {SCHEMA} commit;")
        self._lock = threading.RLock()

    @classmethod
    def there(cls, folder: Path, sink: str) -> SinkState | None:
        """The state, opened read-only; None if the sink has not run yet."""
        if not (folder / f"{sink}.db").exists():
            return None
        try:
            return cls(folder, sink, read_only=True)
        except _OtherVersion:
            raise
        except WrongUse:
            return None

    def _has_tables(self) -> bool:
        return bool(self._db.execute("select count(*) from sqlite_master").fetchone()[0])

    def _refuse_other_versions(self, folder: Path) -> None:
        (version,) = self._db.execute("pragma user_version").fetchone()
        if version != SCHEMA_VERSION:
            self._db.close()
            raise _OtherVersion(
                f"the sink's state in {folder} is of version {version}, and this livegold has {SCHEMA_VERSION}: "
                "remove that folder, and everything gold has is delivered from the start"
            )

    def __enter__(self) -> SinkState:
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

    # Metadata and derived values.

    def get(self, key: str, default: str = "") -> str:
        with self._lock:
            row = self._db.execute("select value from meta where key = ?", (key,)).fetchone()
        return default if row is None else str(row[0])

    def put(self, **values: object) -> None:
        with self.transaction() as db:
            put_meta(db, values)

    @property
    def last_batch(self) -> int:
        """Number of the newest batch put into the outbox, -1 for none."""
        return int(self.get(LAST_BATCH, "-1"))

    def totals(self) -> dict[str, str]:
        with self._lock:
            return dict(self._db.execute("select key, value from totals").fetchall())

    def dimension_keys(self) -> dict[str, dict[str, int]]:
        """For each dimension, the keys that were put into the outbox, with their sort order."""
        found: dict[str, dict[str, int]] = {}
        with self._lock:
            for dimension, key, place in self._db.execute("select dimension, key, place from dimension_keys"):
                found.setdefault(dimension, {})[key] = place
        return found

    def counts(self) -> dict[str, int]:
        with self._lock:
            return dict(self._db.execute("select name, n from counts").fetchall())

    def start_over(self, **values: object) -> None:
        """Clears everything delivered, waiting or summed up in one transaction; `values` go into meta.

        Recently started sends stay: they have used up budget.
        """
        with self.transaction() as db:
            for table in ("outbox", "ledger", "totals", "dimension_keys", "counts", "batch_map"):
                db.execute(f"delete from {table}")
            put_meta(db, values)

    # The outbox.

    def next_chunk(self) -> Chunk | None:
        """The oldest chunk in the outbox."""
        with self._lock:
            row = self._db.execute(
                "select batch, table_name, chunk_index, sequence, first_row, rows, sums, body, place, attempts, doubt"
                " from outbox order by place limit 1"
            ).fetchone()
        return None if row is None else Chunk(*row)

    def waiting(self) -> tuple[int, int]:
        """(chunks, rows) in the outbox."""
        with self._lock:
            chunks, rows = self._db.execute("select count(*), coalesce(sum(rows), 0) from outbox").fetchone()
        return int(chunks), int(rows)

    def sending(self, chunk: Chunk, at: float) -> None:
        """Records, before a chunk is sent, that from now on it may have arrived, and that it uses up budget."""
        with self.transaction() as db:
            db.execute("update outbox set attempts = attempts + 1, doubt = 1 where place = ?", (chunk.place,))
            db.execute("insert into posts (at, rows) values (?, ?)", (at, chunk.rows))

    def not_sent(self, chunk: Chunk) -> None:
        """Records that the destination rejected a chunk or never received it."""
        with self.transaction() as db:
            db.execute("update outbox set doubt = 0 where place = ?", (chunk.place,))

    def accepted(self, chunk: Chunk, at: float, how: str) -> None:
        """Moves a chunk from the outbox to the ledger; a batch is done with its last chunk."""
        with self.transaction() as db:
            (attempts,) = db.execute("select attempts from outbox where place = ?", (chunk.place,)).fetchone()
            db.execute("delete from outbox where place = ?", (chunk.place,))
            kept = (chunk.table, chunk.sequence, chunk.batch, chunk.index, chunk.rows, chunk.sums, attempts, at, how)
            db.execute("insert or replace into ledger values (?, ?, ?, ?, ?, ?, ?, ?, ?)", kept)
            put_meta(db, {"last_accepted_at": at})

    def last_begun(self) -> float:
        """When the newest send was started (seconds since the epoch), 0 for never."""
        with self._lock:
            (at,) = self._db.execute("select max(at) from posts").fetchone()
        return float(at or 0.0)

    def drop_begun_before(self, at: float) -> None:
        """Drops sends started up to a time, which are no longer needed."""
        with self.transaction() as db:
            db.execute("delete from posts where at <= ?", (at,))

    # Sequence numbers.

    def highest_number(self) -> int:
        """The highest sequence number of any table, sent or waiting, -1 for none."""
        with self._lock:
            rows = self._db.execute("select max(sequence) from ledger union all select max(sequence) from outbox")
            return max((int(n) for (n,) in rows if n is not None), default=-1)

    def last_accepted(self, table: str) -> int | None:
        """The highest sequence number of a table in the ledger, None for none."""
        with self._lock:
            row = self._db.execute("select max(sequence) from ledger where table_name = ?", (table,)).fetchone()
        return None if row[0] is None else int(row[0])

    def highest_enqueued(self, table: str) -> int:
        """The highest sequence number of a table in the outbox, -1 for none."""
        with self._lock:
            row = self._db.execute("select max(sequence) from outbox where table_name = ?", (table,)).fetchone()
        return -1 if row[0] is None else int(row[0])

    # The ledger.

    def delivered(self) -> list[tuple[str, int, int, float]]:
        """(table, rows, chunks, newest acceptance) for each table in the ledger."""
        with self._lock:
            return self._db.execute(
                "select table_name, sum(rows), count(*), max(accepted) from ledger group by table_name"
            ).fetchall()

    def rows_since(self, table: str, since: float) -> int:
        """Number of rows of a table accepted after a time (seconds since the epoch)."""
        with self._lock:
            found = self._db.execute(
                "select coalesce(sum(rows), 0) from ledger where table_name = ? and accepted > ?", (table, since)
            )
            return int(found.fetchone()[0])

    def rows_sent_again(self) -> int:
        """Number of rows in chunks that took more than one attempt to deliver."""
        with self._lock:
            found = self._db.execute("select coalesce(sum(rows), 0) from ledger where attempts > 1")
            return int(found.fetchone()[0])

    def batch_map(self, query_id: str, gold_batch: int) -> tuple[int, int] | None:
        """The (delivered batch number, tick of Totals) that a batch of gold went into; None if not yet delivered."""
        with self._lock:
            sql = "select batch, tick from batch_map where query_id = ? and gold_batch = ?"
            row = self._db.execute(sql, (query_id, gold_batch)).fetchone()
        return None if row is None else (int(row[0]), int(row[1]))

    def accepted_of(self, batch: int) -> tuple[int, int, float | None]:
        """(rows accepted, chunks still waiting, newest acceptance) of a delivered batch."""
        with self._lock:
            row = self._db.execute("select sum(rows), max(accepted) from ledger where batch = ?", (batch,)).fetchone()
            (waiting,) = self._db.execute("select count(*) from outbox where batch = ?", (batch,)).fetchone()
        return int(row[0] or 0), int(waiting), None if row[1] is None else float(row[1])

    def sums(self, table: str) -> list[str]:
        with self._lock:
            return [s for (s,) in self._db.execute("select sums from ledger where table_name = ?", (table,))]


class _OtherVersion(WrongUse):
    """The file exists, but this version of livegold does not read it."""


def put_meta(db: sqlite3.Connection, values: Mapping[str, object]) -> None:
    db.executemany("insert or replace into meta values (?, ?)", [(k, str(v)) for k, v in values.items()])


def add_chunks(db: sqlite3.Connection, chunks: Iterable[Chunk]) -> None:
    """Puts chunks into the outbox as they are produced."""
    db.executemany(
        "insert into outbox (batch, table_name, chunk_index, sequence, first_row, rows, sums, body)"
        " values (?, ?, ?, ?, ?, ?, ?, ?)",
        ((c.batch, c.table, c.index, c.sequence, c.first_row, c.rows, c.sums, c.body) for c in chunks),
    )


def add_counts(db: sqlite3.Connection, counts: Counter[str]) -> None:
    db.executemany(
        "insert into counts values (?, ?) on conflict (name) do update set n = n + excluded.n",
        [(name, n) for name, n in counts.items() if n],
    )
