"""Puts the contents of a batch into the outbox before it is sent: from a FeedBatch to rows to chunks. Sends nothing.

Everything derived from a batch (cumulative totals, new dimension values, the newest bucket, counts of what was left
out) changes in the same transaction that fills the outbox, so a crash never counts a batch twice or only in part. The
sink drops what its destination has no room for between `plan` and `enqueue`.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from livegold.reporting.schema import PREDICTIONS, PULSE, SPOTLIGHT, TICK, TOTALS, WRITTEN_BY_GOLD
from livegold.reporting.semantic import slicing_tables
from livegold.reporting.sinks.chunks import Cutter
from livegold.reporting.sinks.rows import Row, RowMaker, Totals, sums_of
from livegold.reporting.sinks.sink import PREDICTION_ROWS, PULSE_ROWS, SPOTLIGHT_ROWS, FeedBatch
from livegold.reporting.sinks.state import (
    BASE,
    LAST_BATCH,
    NEWEST_BUCKET,
    SinkState,
    add_chunks,
    add_counts,
    put_meta,
)
from livegold.reporting.sinks.values import Ranges
from livegold.reporting.specification import UseCase

THINNED = "spotlight_thinned"
SILENT = "silent_buckets"
PASSED_BY = "pulse_rows_beyond_retention"


@dataclass
class Planned:
    """The rows of a batch with gold's values, before they are enqueued.

    `pulse` is ordered by bucket and includes rows of zeros for silent ones; `spotlight` has the most severe and newest
    first; `ticks` is the number of rows in the newest tick of Totals before this batch. Totals include every row of
    pulse, even those a sink drops.
    """

    batch: FeedBatch
    pulse: list[Row]
    spotlight: list[Row]
    ticks: int
    merged: Sequence[Row]
    counts: Counter[str] = field(default_factory=Counter)

    def keep_newest_pulse(self, most: int) -> None:
        """Drops and counts the oldest rows of pulse: rows beyond the table's capacity would only evict each other."""
        self.counts[PASSED_BY] += max(0, len(self.pulse) - most)
        self.pulse = self.pulse[max(0, len(self.pulse) - most) :]

    def keep_worst_spotlight(self, most: int) -> None:
        """Drops and counts the least severe and oldest rows of spotlight."""
        self.counts[THINNED] += max(0, len(self.spotlight) - most)
        self.spotlight = self.spotlight[:most]


class Planner:
    """Fills the outbox. `ranges` are the values the destination accepts; `cutter` makes its chunks."""

    def __init__(self, case: UseCase, state: SinkState, needs: frozenset[str], ranges: Ranges, cutter: Cutter) -> None:
        self._case = case
        self._state = state
        self._needs = needs
        self._cutter = cutter
        self._maker = RowMaker(case, ranges)
        self._tables = slicing_tables(case)
        self._additive = [a.name for a in case.aggregates if a.additive]
        self._totals = Totals(case, state.totals())

    def plan(self, batch: FeedBatch) -> Planned:
        """The rows of a batch; changes nothing."""
        counts: Counter[str] = Counter()
        merged: list[Row] = []
        spotlight: list[Row] = []
        if PULSE_ROWS in self._needs:
            merged = self._maker.merged_pulse(batch.table(PULSE_ROWS), counts)
        if SPOTLIGHT_ROWS in self._needs:
            spotlight = self._maker.spotlight(batch.table(SPOTLIGHT_ROWS))
        newest = self._state.get(NEWEST_BUCKET)
        silent = self._maker.silent_buckets(merged, int(newest) if newest else None)
        counts[SILENT] = len(silent)
        pulse = sorted([*merged, *silent], key=lambda r: r["bucket_no"]) if silent else merged
        return Planned(batch, pulse, spotlight, len(self._totals), merged, counts)

    def enqueue(self, planned: Planned) -> None:
        """Enqueues dimension rows first, then totals, pulse, spotlight and predictions."""
        batch, counts = planned.batch, planned.counts
        known = self._state.dimension_keys()
        fresh = self._maker.dimensions(batch.dimensions, [*planned.merged, *planned.pulse, *planned.spotlight], known)
        newest = int(self._state.get(NEWEST_BUCKET) or 0)
        tables: list[tuple[str, Iterable[Row]]] = [(self._tables[name], rows) for name, rows in fresh.items()]
        try:
            with self._state.transaction() as db:
                changed = self._totals.add(planned.merged)
                db.executemany("insert or replace into totals values (?, ?)", list(changed.items()))
                db.executemany(
                    "insert or ignore into dimension_keys values (?, ?, ?)",
                    [(name, r["key"], r["order"] or 0) for name, rows in fresh.items() for r in rows],
                )
                if planned.merged:
                    tables.append((TOTALS, self._tick(db, counts)))
                tables += [(PULSE, planned.pulse), (SPOTLIGHT, planned.spotlight)]
                if PREDICTION_ROWS in self._needs:
                    tables.append((PREDICTIONS, self._maker.predictions(batch.table(PREDICTION_ROWS))))
                self._note_origin(db, batch)
                self._add(db, batch.number, tables, counts)
                add_counts(db, counts)
                put_meta(db, {LAST_BATCH: batch.number})
                if planned.pulse:
                    put_meta(db, {NEWEST_BUCKET: max(planned.pulse[-1]["bucket_no"], newest)})
        except BaseException:
            self._totals = Totals(self._case, self._state.totals())
            raise

    def replace_tick(self, batch: int) -> None:
        """Replaces what is left of a tick in doubt with a complete new one, since a tick must not be repeated."""
        columns = "batch, table_name, chunk_index, sequence, first_row, rows, sums, body"
        counts: Counter[str] = Counter()
        with self._state.transaction() as db:
            places = [
                p for (p,) in db.execute("select place from outbox where table_name = ? order by place", (TOTALS,))
            ]
            left = db.execute(f"select {columns} from outbox where place > ? order by place", (places[-1],)).fetchall()
            db.execute("delete from outbox where place >= ?", (places[0],))
            self._add(db, batch, [(TOTALS, self._tick(db, counts))], counts)
            db.executemany(f"insert into outbox ({columns}) values (?, ?, ?, ?, ?, ?, ?, ?)", left)

    def _add(
        self, db: sqlite3.Connection, batch: int, tables: Iterable[tuple[str, Iterable[Row]]], counts: Counter[str]
    ) -> None:
        ready = ((table, self._maker.converted(table, rows, counts)) for table, rows in tables)
        base = int(self._state.get(BASE, "0"))
        add_chunks(db, self._cutter.chunks(batch, base, ready, self._sums, counts))

    def _sums(self, table: str, rows: Sequence[Row]) -> str:
        """What the ledger keeps of a chunk for comparison with gold."""
        return sums_of(rows, self._additive) if table == PULSE else "{}"

    def _tick(self, db: sqlite3.Connection, counts: Counter[str]) -> list[Row]:
        before = _newest_tick(db)
        put_meta(db, {TICK: before + 1})
        left_out = self._state.counts().get(THINNED, 0) + counts[THINNED]
        return self._totals.rows(before + 1, left_out)

    def _note_origin(self, db: sqlite3.Connection, batch: FeedBatch) -> None:
        """Records which batches of gold are in this one, and in which tick, so that single events can be traced."""
        tables = (batch.pulse, batch.predictions, batch.spotlight)
        written = [*WRITTEN_BY_GOLD]
        origins = [t.select(written) for t in tables if t is not None and {*written} <= {*t.column_names}]
        if origins:
            tick = _newest_tick(db)
            pairs = origins[0].group_by(written).aggregate([]).to_pylist()
            rows = [(pair["query_id"], pair["batch_id"], batch.number, tick) for pair in pairs]
            db.executemany("insert or replace into batch_map values (?, ?, ?, ?)", rows)


def _newest_tick(db: sqlite3.Connection) -> int:
    (newest,) = db.execute(
        "select coalesce(max(cast(value as integer)), 0) from meta where key = ?", (TICK,)
    ).fetchone()
    return int(newest)
