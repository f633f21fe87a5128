"""Recounts what was summed and sent: pulse and spotlight from predictions, and what Power BI accepted from pulse.

Writes nothing. Works on a DuckDB database with the views predictions, pulse and spotlight; each function returns a
line for every problem.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from livegold.reporting.errors import ServiceUnavailable
from livegold.reporting.lake import Lake, arrow_dataset, open_table
from livegold.reporting.measures import DOUBLE_TOLERANCE, Aggregate
from livegold.reporting.pipeline import for_duckdb
from livegold.reporting.schema import PULSE_TABLE, TIME_COLUMNS
from livegold.reporting.settings import Settings
from livegold.reporting.sinks import inspector_of
from livegold.reporting.specification import UseCase
from livegold.streams.accounts.positions import EXAMPLES, events
from livegold.streams.accounts.unaccounted import UNFINISHED

FEED = "feed-powerbi"
"""Name of the query whose checkpoint holds the progress of the powerbi sink."""


# ---- pulse -----------------------------------------------------------------------------------------------------------


def compare_pulse(db: duckdb.DuckDBPyConnection, case: UseCase) -> list[str]:
    """Compares every aggregate over predictions with the sum of pulse's partial ones, by bucket and dimension values.

    Integers and decimals have to be equal; doubles may differ by DOUBLE_TOLERANCE times the sum of absolute values. An
    aggregate added to the use case later is compared from the first batch that has it.
    """
    problems = _unfinished(db)
    for early, aggregates in _by_first_batch(db, case):
        db.execute("CREATE OR REPLACE TEMP TABLE early (query_id VARCHAR, batch_id BIGINT)")
        if early:
            db.executemany("INSERT INTO early VALUES (?, ?)", list(early))
        problems += _compare_aggregates(db, case, [a for a in aggregates if not a.counts_rejected])
        problems += [p for a in aggregates if a.counts_rejected for p in _compare_rejected(db, case, a)]
    return problems


def _compare_rejected(db: duckdb.DuckDBPyConnection, case: UseCase, aggregate: Aggregate) -> list[str]:
    """Compares what pulse counts as rejected with quarantine, by bucket of arrival."""
    rows = db.execute(
        f"""
        WITH counted AS (
            SELECT epoch_us(arrival) // {case.bucket_seconds * 1_000_000} AS bucket_no, count(*) AS n FROM quarantine
            SEMI JOIN pulse USING (query_id, batch_id) ANTI JOIN early USING (query_id, batch_id) GROUP BY ALL),
        kept AS (
            SELECT bucket_no, sum("{aggregate.name}") AS n FROM pulse ANTI JOIN early USING (query_id, batch_id)
            GROUP BY ALL HAVING n > 0)
        SELECT bucket_no, counted.n, kept.n FROM counted FULL JOIN kept USING (bucket_no)
        WHERE counted.n IS DISTINCT FROM kept.n ORDER BY 1 LIMIT {EXAMPLES}
        """
    ).fetchall()
    return [
        f"pulse counts {there or 0} rejected (bucket_no {no}), quarantine has {here or 0}" for no, here, there in rows
    ]


def _by_first_batch(
    db: duckdb.DuckDBPyConnection, case: UseCase
) -> list[tuple[frozenset[tuple[str, int]], list[Aggregate]]]:
    """The aggregates, grouped by the batches of pulse that predate them: all rows of these batches hold null."""
    lacks = ", ".join(f'bool_and("{a.name}" IS NULL)' for a in case.aggregates)
    found = db.execute(
        f"SELECT * FROM (SELECT query_id, batch_id, [{lacks}] AS lacks FROM pulse GROUP BY ALL) "
        "WHERE list_bool_or(lacks)"
    ).fetchall()
    groups: dict[frozenset[tuple[str, int]], list[Aggregate]] = {}
    for i, aggregate in enumerate(case.aggregates):
        early = frozenset((query, batch) for query, batch, lacks in found if lacks[i])
        groups.setdefault(early, []).append(aggregate)
    return list(groups.items())


def _compare_aggregates(db: duckdb.DuckDBPyConnection, case: UseCase, aggregates: Sequence[Aggregate]) -> list[str]:
    problems = []
    keys = [*TIME_COLUMNS, *(d.name for d in case.all_dimensions)]
    names = ", ".join(f'"{k}"' for k in keys)
    sums = ", ".join(f'{for_duckdb(a.sql)} AS "{a.name}", {_scale(case, a)} AS "{a.name} scale"' for a in aggregates)
    partial = ", ".join(f'{for_duckdb(a.merge_sql)} AS "{a.name}"' for a in aggregates)
    same_keys = " AND ".join(f'r."{k}" IS NOT DISTINCT FROM p."{k}"' for k in keys)
    differs = " OR ".join(f"({_differs(case, a)})" for a in aggregates)
    both = ", ".join(f'r."{a.name}", p."{a.name}", ({_differs(case, a)})' for a in aggregates)
    rows = db.execute(
        f"""
        WITH unfinished AS ({UNFINISHED}),
        recounted AS (
            SELECT {names}, {sums} FROM predictions ANTI JOIN unfinished USING (query_id, batch_id)
            ANTI JOIN early USING (query_id, batch_id) GROUP BY {names}),
        kept AS (
            SELECT {names}, {partial} FROM pulse ANTI JOIN early USING (query_id, batch_id)
            WHERE {_of_predictions(case)} GROUP BY {names})
        SELECT count(*) OVER (), {", ".join(f'coalesce(r."{k}", p."{k}")' for k in keys[1:])}, {both}
        FROM recounted r FULL JOIN kept p ON {same_keys} WHERE {differs} ORDER BY ALL LIMIT {EXAMPLES}
        """
    ).fetchall()
    if rows:
        shown = "; ".join(_difference(row[1:], len(keys) - 1, aggregates) for row in rows)
        more = "; ..." if rows[0][0] > len(rows) else ""
        problems.append(f"pulse differs from predictions in {rows[0][0]:,} rows: {shown}{more}")
    return problems


def _of_predictions(case: UseCase) -> str:
    """A condition that is true for the rows of pulse that sum predictions: others count rejected events."""
    return " AND ".join(f'coalesce("{a.name}", 0) = 0' for a in case.aggregates if a.counts_rejected) or "true"


def _unfinished(db: duckdb.DuckDBPyConnection) -> list[str]:
    rows = db.execute(
        f"""
        SELECT batch_id, count(*) FROM predictions SEMI JOIN ({UNFINISHED}) u USING (query_id, batch_id)
        GROUP BY query_id, batch_id ORDER BY batch_id
        """
    ).fetchall()
    if not rows:
        return []
    said = events(sum(n for _, n in rows))
    shown = ", ".join(str(batch) for batch, _ in rows[:EXAMPLES])
    return [f"pulse is not yet caught up: {said} in predictions of batches it has nothing of: {shown}"]


def _is_double(case: UseCase, aggregate: Aggregate) -> bool:
    types = {c.name: c.type for c in case.prediction_columns}
    return aggregate.additive and aggregate.type_over(types) == "double"


def _scale(case: UseCase, aggregate: Aggregate) -> str:
    return f'sum(abs("{aggregate.columns[0]}"))' if _is_double(case, aggregate) else "0"


def _differs(case: UseCase, aggregate: Aggregate) -> str:
    here, there = f'r."{aggregate.name}"', f'p."{aggregate.name}"'
    different = f"{here} IS DISTINCT FROM {there}"
    if _is_double(case, aggregate):
        near = f'abs({here} - {there}) <= {DOUBLE_TOLERANCE!r} * r."{aggregate.name} scale"'
        return f"{different} AND NOT coalesce({near}, false)"
    return different


def _difference(row: Sequence[Any], keys: int, aggregates: Sequence[Aggregate]) -> str:
    where = ", ".join(str(v) for v in row[:keys])
    for i, aggregate in enumerate(aggregates):
        right, kept, differs = row[keys + 3 * i : keys + 3 * i + 3]
        if differs:
            return f"{aggregate.name} is {_shown(kept)}, recounted {_shown(right)} (bucket_no {where})"
    raise AssertionError("a row that differs in nothing")


def _shown(value: Any) -> str:
    return "not there" if value is None else str(value)


# ---- spotlight -------------------------------------------------------------------------------------------------------


def compare_spotlight(db: duckdb.DuckDBPyConnection, case: UseCase) -> list[str]:
    """Every row of spotlight is in predictions, occurs once, and no batch has more of them than the use case allows."""
    key = "event_id, query_id, batch_id"
    limit = case.spotlight.limit
    checks = (
        (
            f"SELECT event_id FROM spotlight ANTI JOIN predictions p USING ({key})",
            "spotlight has {} not in predictions",
        ),
        (f"SELECT event_id FROM spotlight GROUP BY {key} HAVING count(*) > 1", "spotlight has {} more than once"),
    )
    problems = []
    for sql, text in checks:
        rows = db.execute(f"SELECT count(*) OVER (), event_id FROM ({sql}) ORDER BY 2 LIMIT {EXAMPLES}").fetchall()
        if rows:
            problems.append(f"{text.format(events(rows[0][0]))}: {', '.join(str(r[1]) for r in rows)}")
    over = db.execute(
        f"SELECT batch_id, count(*) FROM spotlight GROUP BY query_id, batch_id HAVING count(*) > {limit} ORDER BY 1"
    ).fetchall()
    problems += [
        f"spotlight has {n} rows of batch {batch}, {limit} at most are allowed" for batch, n in over[:EXAMPLES]
    ]
    return problems


# ---- what was delivered ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class DeliveredSum:
    """One additive aggregate: accepted by Power BI, in pulse as far as the feed has handed it over, in all of pulse."""

    accepted: Any
    handed_over: Any
    gold: Any


def compare_delivered(
    db: duckdb.DuckDBPyConnection, case: UseCase, settings: Settings
) -> tuple[dict[str, DeliveredSum], list[str], str]:
    """Compares what was accepted, by the ledger and the dataset itself, with gold's pulse up to the feed's position.

    The last text says why the dataset was not queried, if it was not.

    It is not a problem if the feed is behind gold, because Power BI may be down, but POSTs that are still waiting are.
    Empty if the sink has not run.
    """
    sink = inspector_of("powerbi", settings, case)
    if not sink.has_run():
        return {}, [], ""
    try:
        found = sink.delivered()
    except ServiceUnavailable as error:
        return {}, [f"what was delivered was not compared: {error}"], ""
    additive = [a for a in case.aggregates if a.additive]
    gold, scales = _sums(db, case, additive, PULSE_TABLE)
    handed_over = gold
    version = _handed_over_version(case, settings, sink.last_batch())
    if version is not None:
        db.register("handed_over", arrow_dataset(open_table(Lake.of(settings, case.name).pulse, version)))
        handed_over, _ = _sums(db, case, additive, "handed_over")
        db.unregister("handed_over")
    sums = {a.name: DeliveredSum(found.sums[a.name], handed_over[a.name], gold[a.name]) for a in additive}
    problems = []
    if found.waiting:
        problems.append(
            f"powerbi: POSTs that are not delivered yet: {found.waiting:,}: run again, or wait for the service"
        )
    else:
        problems += _unequal("powerbi: accepted rows of pulse sum up to", found.sums, handed_over, scales)
        if found.totals is not None:
            problems += _unequal("powerbi: the newest complete totals are", found.totals, handed_over, scales)
        if found.pulse is not None:
            problems += _unequal("powerbi: rows of pulse in the dataset sum up to", found.pulse, handed_over, scales)
    return sums, problems, found.unasked


def _sums(
    db: duckdb.DuckDBPyConnection, case: UseCase, additive: Sequence[Aggregate], table: str
) -> tuple[dict[str, Any], dict[str, float]]:
    """The sum of each aggregate over a table with pulse's columns, and how much two sums of the same may differ."""
    sums = ", ".join(for_duckdb(a.merge_sql) for a in additive)
    absolute = ", ".join(f'coalesce(sum(abs("{a.name}")), 0)::DOUBLE' if _is_double(case, a) else "0" for a in additive)
    row = db.execute(f"SELECT {sums}, {absolute} FROM {table}").fetchall()[0]
    names = [a.name for a in additive]
    scales = [DOUBLE_TOLERANCE * scale for scale in row[len(names) :]]
    return dict(zip(names, row, strict=False)), dict(zip(names, scales, strict=True))


def _unequal(
    what: str, accepted: Mapping[str, Any], handed_over: Mapping[str, Any], allowed: Mapping[str, float]
) -> list[str]:
    different = [
        f"{name} {accepted[name]} (gold has {right})"
        for name, right in handed_over.items()
        if abs(Decimal(accepted[name]) - Decimal(right)) > allowed[name]
    ]
    return [f"{what} {', '.join(different)}"] if different else []


def _handed_over_version(case: UseCase, settings: Settings, batch: int | None) -> int | None:
    """The version of pulse up to which the sink has it; None if the checkpoint does not tell, or is remote."""
    lake = Lake.of(settings, case.name)
    file = Path(lake.checkpoint(FEED)) / "offsets" / str(batch)
    if batch is None or not file.is_file():
        return None
    pulse = str(open_table(lake.pulse).metadata().id)
    for text in file.read_text(encoding="utf-8").splitlines()[2:]:
        offset = json.loads(text)
        # In Delta's streaming source an index below 0 is before the first file of the version.
        if offset.get("reservoirId") == pulse and offset["index"] < 0 and not offset.get("isStartingVersion"):
            return int(offset["reservoirVersion"]) - 1
    return None
