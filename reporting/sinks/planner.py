"""Writes down what a batch holds before it is sent: from a FeedBatch to parcels in the outbox. Sends nothing.

Everything that follows from a batch - cumulative totals, new dimension values, the newest bucket, counts of what was
left out - changes in the same transaction that fills the outbox, so that a crash never counts a batch twice or half.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable

from livegold.reporting.powerbi.limits import MAX_ROWS_BASIC_FIFO
from livegold.reporting.schema import PULSE, SPOTLIGHT, TOTALS
from livegold.reporting.semantic import slicing_tables
from livegold.reporting.sinks.base import FeedBatch
from livegold.reporting.sinks.budget import Budget
from livegold.reporting.sinks.chunks import parcels
from livegold.reporting.sinks.rows import RowMaker, Totals, sums_of
from livegold.reporting.sinks.state import Journal, Parcel, add_counts, add_parcels, put_meta
from livegold.reporting.specification import UseCase

THINNED = "spotlight_thinned"
SILENT = "silent_buckets"
PASSED_BY = "pulse_rows_beyond_retention"
LAST_BATCH = "last_batch"
FEED = "feed"
NEWEST_BUCKET = "newest_bucket_no"
TICK = "tick"
BASE = "sequence_base"


class Planner:
    """Fills the outbox. `clock` gives seconds since the epoch."""

    def __init__(self, case: UseCase, journal: Journal, budget: Budget, clock: Callable[[], float]) -> None:
        self._case = case
        self._journal = journal
        self._budget = budget
        self._clock = clock
        self._maker = RowMaker(case)
        self._tables = slicing_tables(case)
        self._additive = [a.name for a in case.aggregates if a.additive]
        self._totals = Totals(case, journal.totals())

    def is_written_down(self, number: int) -> bool:
        """Whether a batch of this number, or a later one, was planned before."""
        return number <= int(self._journal.get(LAST_BATCH, "-1"))

    def write_down(self, batch: FeedBatch) -> None:
        """Plans a batch: dimension rows first, then totals, pulse, and spotlight with what the budget has left."""
        counts: Counter[str] = Counter()
        base = int(self._journal.get(BASE, "0"))
        newest = self._journal.get(NEWEST_BUCKET)
        merged = self._maker.merged_pulse(batch.pulse, counts)
        silent = self._maker.silent_buckets(merged, int(newest) if newest else None)
        counts[SILENT] = len(silent)
        everything = sorted([*merged, *silent], key=lambda r: r["bucket_no"])
        # More than the table holds: the oldest would only push each other out. Totals have them all.
        counts[PASSED_BY] = max(0, len(everything) - MAX_ROWS_BASIC_FIFO)
        everything = everything[counts[PASSED_BY] :]
        room = min(MAX_ROWS_BASIC_FIFO, self._budget.spotlight_room(len(everything) + len(self._totals)))
        spotlight, counts[THINNED] = self._maker.spotlight(batch.spotlight, room, counts)
        fresh = self._maker.dimensions(batch.dimensions, [*everything, *spotlight], self._journal.dimension_keys())

        def sums(rows: object) -> str:
            return sums_of(rows, self._additive)  # type: ignore[arg-type]

        found: list[Parcel] = []
        for name, rows in fresh.items():
            found += parcels(batch.number, self._tables[name], rows, base)
        pulse = parcels(batch.number, PULSE, self._maker.pulse(everything, counts), base, sums)
        spots = parcels(batch.number, SPOTLIGHT, spotlight, base)
        try:
            with self._journal.transaction() as db:
                changed = self._totals.add(merged)
                db.executemany("insert or replace into totals values (?, ?)", list(changed.items()))
                db.executemany(
                    "insert or ignore into dimension_keys values (?, ?, ?)",
                    [(name, r["key"], r["order"] or 0) for name, rows in fresh.items() for r in rows],
                )
                if merged:
                    found += self._tick(db, batch.number, base, counts)
                self._note_fed(db, batch)
                add_parcels(db, [*found, *pulse, *spots])
                add_counts(db, counts)
                put_meta(db, {LAST_BATCH: batch.number, f"written_{LAST_BATCH}_at": self._clock()})
                if everything:
                    last = max(everything[-1]["bucket_no"], int(newest) if newest else 0)
                    put_meta(db, {NEWEST_BUCKET: last})
        except BaseException:
            self._totals = Totals(self._case, self._journal.totals())
            raise
        self._budget.forget_old()

    def _note_fed(self, db: sqlite3.Connection, batch: FeedBatch) -> None:
        """Which batches of gold are in this one, and in which tick: what tells where a single event has got to."""
        if not {"query_id", "batch_id"} <= set(batch.pulse.column_names):
            return
        tick = _newest_tick(db)
        pairs = (
            batch.pulse.select(["query_id", "batch_id"]).group_by(["query_id", "batch_id"]).aggregate([]).to_pylist()
        )
        rows = [(pair["query_id"], pair["batch_id"], batch.number, tick) for pair in pairs]
        db.executemany("insert or replace into fed values (?, ?, ?, ?)", rows)

    def replace_tick(self, batch: int) -> None:
        """A tick in doubt is not repeated: the whole of a new one takes the place of what is left of it."""
        base = int(self._journal.get(BASE, "0"))
        with self._journal.transaction() as db:
            places = [
                p for (p,) in db.execute("select place from outbox where table_name = ? order by place", (TOTALS,))
            ]
            left = db.execute("select * from outbox where place > ? order by place", (places[-1],)).fetchall()
            db.execute("delete from outbox where place >= ?", (places[0],))
            add_parcels(db, self._tick(db, batch, base, Counter()))
            kept = (
                "insert into outbox (batch, table_name, chunk, sequence, rows, sums, body) values (?, ?, ?, ?, ?, ?, ?)"
            )
            db.executemany(kept, [row[1:8] for row in left])

    def _tick(self, db: sqlite3.Connection, batch: int, base: int, counts: Counter[str]) -> list[Parcel]:
        before = _newest_tick(db)
        put_meta(db, {TICK: before + 1})
        left_out = self._journal.counts().get(THINNED, 0) + counts[THINNED]
        rows = self._totals.rows(before + 1, left_out, counts)
        return parcels(batch, TOTALS, rows, base)


def _newest_tick(db: sqlite3.Connection) -> int:
    (newest,) = db.execute(
        "select coalesce(max(cast(value as integer)), 0) from meta where key = ?", (TICK,)
    ).fetchone()
    return int(newest)
