"""Reconcile: compares hub, raw, gold, quarantine and what was delivered, event by event. It changes nothing.

Everything is counted again from the broker's offsets and the rows on disk; no counter and no commit's record is
trusted. An event is identified by its position: topic, partition, offset. A run may be writing meanwhile, so the tables
a batch writes last are opened first (pulse, spotlight, quarantine, predictions), then raw, and the hub is queried last:
if one is then ahead of the other, it is only a matter of waiting.

DuckDB does the joins, and spills to disk when memory runs out. The bytes of events are read only for those that are in
raw and in no other table.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import duckdb
from deltalake import DeltaTable

from livegold.reporting.errors import NotFound, ServiceUnavailable
from livegold.reporting.lake import Lake, arrow_dataset, database, open_table
from livegold.reporting.pipeline import prepare
from livegold.reporting.schema import PREDICTIONS_TABLE, PULSE_TABLE, QUARANTINE_TABLE, RAW_TABLE, SPOTLIGHT_TABLE
from livegold.reporting.settings import Settings
from livegold.reporting.specification import UseCase
from livegold.streams.accounts.follow import Place
from livegold.streams.accounts.positions import beyond_raw, held_by_hub, in_two_tables, twice, without_reason
from livegold.streams.accounts.recount import DeliveredSum, compare_delivered, compare_pulse, compare_spotlight
from livegold.streams.accounts.unaccounted import account_for
from livegold.streams.hub import ANSWER_SECONDS, Hub

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

MEMORY_LIMIT = "2GB"
"""Memory DuckDB may use before it spills; the positions of a million events take less than a tenth of it."""
POSITIONS = (QUARANTINE_TABLE, PREDICTIONS_TABLE, RAW_TABLE)
TABLES = (PULSE_TABLE, SPOTLIGHT_TABLE, *POSITIONS)
"""In the order in which they are opened: see the module's docstring."""


@dataclass(frozen=True)
class Reconciliation:
    """Numbers of events, and one line for each difference with examples of positions (topic/partition/offset).

    `hub` is what the hub holds, or None if it was not compared. `reasons` counts quarantined events by the text of a
    reason before its colon; an event may have several. `delivered` has, for each additive aggregate, what Power BI
    accepted and what gold's pulse contains; it is empty if the sink never ran. `notes` say what could not be compared,
    which is not a difference.
    """

    hub: int | None
    raw: int
    predictions: int
    quarantined: int
    duplicates: int
    reasons: Mapping[str, int]
    problems: tuple[str, ...]
    delivered: Mapping[str, DeliveredSum] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return not self.problems


def reconcile(
    case: UseCase,
    settings: Settings,
    spark_factory: Callable[[], SparkSession] | None = None,
    *,
    hub: bool = True,
    delivered: bool = True,
    deadline: float = ANSWER_SECONDS,
    lake: Lake | None = None,
    raw_version: int | None = None,
) -> Reconciliation:
    """Compares everything of one use case; takes seconds for a million events.

    `spark_factory` is called only if an event may be a duplicate with different bytes, which takes the pipeline's own
    parser to tell; the default is livegold's own session. With `hub` or `delivered` False that part is skipped. A hub
    that does not answer within `deadline` seconds and a missing table are problems; Unauthorized and SettingsError are
    raised. A `lake` other than that of the settings, and `raw_version`, are for a gold that is not the one in use.
    """
    lake = lake or Lake.of(settings, case.name)
    place = Hub.of(settings, case.name) if hub else None
    problems: list[str] = []
    with _spilling_database() as db:
        tables = _open(db, case, lake, problems, raw_version)
        held = None
        if place is not None and RAW_TABLE in tables:
            try:
                held, said = held_by_hub(db, place, deadline)
                problems += said
            except (ServiceUnavailable, NotFound) as error:
                problems.append(f"the hub was not compared: {error}")
        for name in POSITIONS:
            if name in tables:
                problems += twice(db, name)
        if QUARANTINE_TABLE in tables:
            problems += without_reason(db)
        duplicates = 0
        if all(name in tables for name in POSITIONS):
            problems += in_two_tables(db) + beyond_raw(db)
            start = spark_factory or _own_session(settings)
            duplicates, said = account_for(db, case, arrow_dataset(tables[RAW_TABLE]), PULSE_TABLE in tables, start)
            problems += said
        if {PREDICTIONS_TABLE, PULSE_TABLE, QUARANTINE_TABLE} <= set(tables):
            problems += compare_pulse(db, case)
        if {PREDICTIONS_TABLE, SPOTLIGHT_TABLE} <= set(tables):
            problems += compare_spotlight(db, case)
        sums: dict[str, DeliveredSum] = {}
        notes: list[str] = []
        if delivered and PULSE_TABLE in tables:
            sums, said, unasked = compare_delivered(db, case, settings)
            problems += said
            if unasked:
                notes.append(f"the dataset was not asked, only the ledger compared: {unasked}")
        if problems and _moved(tables):
            problems.append("a run was writing while this was compared: compare again when it has ended")
        return Reconciliation(
            hub=held,
            raw=_count(db, tables, RAW_TABLE),
            predictions=_count(db, tables, PREDICTIONS_TABLE),
            quarantined=_count(db, tables, QUARANTINE_TABLE),
            duplicates=duplicates,
            reasons=_reasons(db) if QUARANTINE_TABLE in tables else {},
            problems=tuple(problems),
            delivered=sums,
            notes=tuple(notes),
        )


@contextmanager
def _spilling_database() -> Iterator[duckdb.DuckDBPyConnection]:
    with tempfile.TemporaryDirectory(prefix="livegold-reconcile-") as folder, database() as db:
        prepare(db)
        db.execute(f"SET memory_limit = '{MEMORY_LIMIT}'")
        db.execute(f"SET temp_directory = '{folder}'")
        db.execute("SET preserve_insertion_order = false")
        yield db


def gold_beyond(lake: Lake, raw_version: int) -> list[Place]:
    """Where gold or quarantine has events that a version of raw lacks: for each partition, the first one before and
    the first one after raw's last offset.
    """
    with _spilling_database() as db:
        known = []
        for name, path in (("predictions", lake.predictions), ("quarantine", lake.quarantine)):
            with suppress(NotFound):
                db.register(name, arrow_dataset(open_table(path)))
                known.append(f'SELECT topic, "partition", "offset" FROM {name}')
        if not known:
            return []
        db.register("raw", arrow_dataset(open_table(lake.raw, raw_version)))
        db.execute('CREATE TEMP TABLE raw_at AS SELECT topic, "partition", "offset" FROM raw')
        rows = db.execute(
            f"""
            WITH reach AS (SELECT topic, "partition", max("offset") AS last FROM raw_at GROUP BY ALL),
            beyond AS (
                SELECT * FROM ({" UNION ALL ".join(known)}) ANTI JOIN raw_at r USING (topic, "partition", "offset"))
            SELECT topic, "partition", min("offset") FROM beyond LEFT JOIN reach USING (topic, "partition")
            GROUP BY topic, "partition", "offset" > coalesce(last, -1) ORDER BY ALL
            """
        ).fetchall()
        return [Place(*row) for row in rows]


def _open(
    db: duckdb.DuckDBPyConnection, case: UseCase, lake: Lake, problems: list[str], raw_version: int | None
) -> dict[str, DeltaTable]:
    """Opens the tables: each becomes a view of its name, with its positions in `<name>_at`."""
    tables: dict[str, DeltaTable] = {}
    for name in TABLES:
        path = getattr(lake, name)
        try:
            tables[name] = open_table(path, raw_version if name == "raw" else None)
        except NotFound:
            problems.append(f"table {name} is not there ({path}): run `livegold run {case.name}` first")
    for name, table in tables.items():
        db.register(name, arrow_dataset(table))
        if name in POSITIONS:
            times = "arrival, event_time" if name == PREDICTIONS_TABLE else "arrival"
            db.execute(f'CREATE TEMP TABLE {name}_at AS SELECT topic, "partition", "offset", {times} FROM {name}')
    return tables


def _moved(tables: Mapping[str, DeltaTable]) -> bool:
    """Whether a table was written to after it was opened."""
    return any(open_table(table.table_uri).version() != table.version() for table in tables.values())


def _count(db: duckdb.DuckDBPyConnection, tables: Mapping[str, DeltaTable], name: str) -> int:
    return db.execute(f"SELECT count(*) FROM {name}_at").fetchall()[0][0] if name in tables else 0


def _reasons(db: duckdb.DuckDBPyConnection) -> dict[str, int]:
    rows = db.execute(
        """
        SELECT reason, count(*) FROM (
            SELECT unnest(list_distinct([trim(split_part(r, ':', 1)) FOR r IN reasons])) AS reason FROM quarantine)
        GROUP BY reason ORDER BY count(*) DESC, reason
        """
    ).fetchall()
    return dict(rows)


def _own_session(settings: Settings) -> Callable[[], SparkSession]:
    def start() -> SparkSession:
        from livegold.streams.local import spark_session

        return spark_session(settings)

    return start
