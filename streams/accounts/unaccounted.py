"""Events that are in raw and in no other table: each is proven a duplicate, or reported as missing. Writes nothing.

There are two proofs, the cheap one first. A value that is byte for byte the same as one that was predicted, within the
use case's hours, has the same key and is just as valid. The rest are validated by the pipeline's own parser in Spark:
an event is a duplicate if it is valid and its key is among the predictions within the hours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import duckdb

from livegold.reporting.specification import UseCase, columns_of
from livegold.streams.accounts.positions import line

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

JUDGED_AT_ONCE = 50_000
"""Events handed to Spark at a time, which bounds the memory their bytes take."""
ROWS_READ_AT_ONCE = 16_384
"""Rows of raw read at a time with their bytes: Arrow's default, 131,072 with much read-ahead, took a gigabyte."""
PLACE = 'topic, "partition", "offset"'


def account_for(
    db: duckdb.DuckDBPyConnection, case: UseCase, raw: Any, has_pulse: bool, spark_factory: Callable[[], SparkSession]
) -> tuple[int, list[str]]:
    """The number of proven duplicates, and a line for each kind of event that is not one.

    `raw` is the Arrow dataset of raw. The database has the views predictions and pulse (if `has_pulse`) and the
    position tables `raw_at`, `predictions_at` and `quarantine_at`.
    """
    problems = _keys_twice(db, case)
    db.execute(
        f"""
        CREATE TEMP TABLE unaccounted AS
        SELECT {PLACE}, any_value(arrival) AS arrival, NULL::BOOLEAN AS valid, false AS duplicates FROM (
            SELECT * FROM raw_at
            ANTI JOIN predictions_at p USING ({PLACE}) ANTI JOIN quarantine_at q USING ({PLACE}))
        GROUP BY {PLACE}
        """
    )
    if case.event_id is not None and _left(db):
        if not any("arrival" in columns_of(check.sql, check.name) for check in case.checks):
            _prove_by_bytes(db, case, raw)
        if _left(db):
            _prove_by_judging(db, case, raw, spark_factory())
    unproven = f"""
        WITH {"unfinished AS (" + UNFINISHED + ")," if has_pulse else ""}
        reach AS (
            SELECT topic, "partition", max("offset") AS last FROM predictions
            {"ANTI JOIN unfinished USING (query_id, batch_id)" if has_pulse else ""} GROUP BY ALL)
        SELECT u.*, u."offset" > coalesce(reach.last, -1) AS ahead
        FROM unaccounted u LEFT JOIN reach ON reach.topic = u.topic AND reach."partition" = u."partition"
        WHERE NOT duplicates
    """
    for condition, text in (
        ("ahead", "gold is not yet caught up: {} in raw, in no other table and after gold's last one"),
        ("NOT ahead AND valid", "missing: {} in raw and in no other table, valid and no duplicate"),
        ("NOT ahead AND NOT valid", "missing: {} in raw and in no other table, not valid and not in quarantine"),
        ("NOT ahead AND valid IS NULL", "missing: {} in raw and in no other table"),
    ):
        problems += line(db, f"SELECT * FROM ({unproven}) WHERE {condition}", text)
    return int(db.execute("SELECT count(*) FROM unaccounted WHERE duplicates").fetchall()[0][0]), problems


UNFINISHED = "SELECT DISTINCT query_id, batch_id FROM predictions ANTI JOIN pulse USING (query_id, batch_id)"
"""Batches of gold with no rows in pulse, which is written after predictions: still being written, or interrupted."""


def _left(db: duckdb.DuckDBPyConnection) -> int:
    return int(db.execute("SELECT count(*) FROM unaccounted WHERE NOT duplicates").fetchall()[0][0])


def _micros(case: UseCase) -> int:
    return case.duplicates_within_hours * 3_600_000_000


def _keys_twice(db: duckdb.DuckDBPyConnection, case: UseCase) -> list[str]:
    twice = f"""
        SELECT *, epoch_us(arrival) - lag(epoch_us(arrival)) OVER (PARTITION BY event_id ORDER BY arrival) AS apart
        FROM (SELECT event_id, arrival, {PLACE} FROM predictions)
        SEMI JOIN (SELECT event_id FROM predictions GROUP BY event_id HAVING count(*) > 1) t USING (event_id)
    """
    hours = case.duplicates_within_hours
    text = f"{{}} in predictions whose event_id came before, within duplicates_within_hours ({hours})"
    return line(db, f"SELECT * FROM ({twice}) WHERE apart <= {_micros(case)}", text)


@contextmanager
def _bytes(db: duckdb.DuckDBPyConnection, raw: Any) -> Iterator[None]:
    """The view `raw_bytes` (position, key, value), which can be read once."""
    columns = ["topic", "partition", "offset", "key", "value"]
    scanner = raw.scanner(columns=columns, batch_size=ROWS_READ_AT_ONCE, batch_readahead=2, fragment_readahead=1)
    db.register("raw_bytes", scanner.to_reader())
    # DuckDB cannot know how long a stream is, and would hold all of it in memory instead of the few rows joined to it.
    db.execute("SET disabled_optimizers = 'join_order,build_side_probe_side'")
    yield
    db.execute("RESET disabled_optimizers")
    db.unregister("raw_bytes")


def _prove_by_bytes(db: duckdb.DuckDBPyConnection, case: UseCase, raw: Any) -> None:
    """Equal bytes are equal events; only whether the time is too far in the future depends on the arrival."""
    tolerance = case.future_tolerance_seconds * 1_000_000
    with _bytes(db, raw):
        db.execute(
            f"""
            CREATE TEMP TABLE unaccounted_values AS
            SELECT u.*, r.value FROM raw_bytes r JOIN unaccounted u USING ({PLACE})
            """
        )
    # Of all events with the same value only those predicted are kept: a handful, however many duplicates there are.
    with _bytes(db, raw):
        db.execute(
            f"""
            CREATE TEMP TABLE twins AS
            SELECT r.value, p.arrival, p.event_time FROM raw_bytes r
            SEMI JOIN unaccounted_values v ON v.value = r.value
            JOIN predictions_at p USING ({PLACE})
            """
        )
    db.execute(
        f"""
        UPDATE unaccounted SET valid = true, duplicates = true FROM (
            SELECT v.topic, v."partition", v."offset" FROM unaccounted_values v SEMI JOIN twins t
            ON t.value = v.value AND abs(epoch_us(t.arrival) - epoch_us(v.arrival)) <= {_micros(case)}
            AND (t.arrival <= v.arrival OR epoch_us(t.event_time) <= epoch_us(v.arrival) + {tolerance})) proven
        WHERE proven.topic = unaccounted.topic AND proven."partition" = unaccounted."partition"
        AND proven."offset" = unaccounted."offset"
        """
    )
    db.execute("DROP TABLE unaccounted_values; DROP TABLE twins")


def _prove_by_judging(db: duckdb.DuckDBPyConnection, case: UseCase, raw: Any, spark: SparkSession) -> None:
    """Proof by the pipeline's own parser: the event is valid, and its key was predicted."""
    from livegold.streams.cleanse import Cleanser

    cleanser = Cleanser(case)
    while True:
        with _bytes(db, raw):
            rows = db.sql(
                f"""
                SELECT {PLACE}, r.key, r.value, u.arrival FROM raw_bytes r JOIN (
                    SELECT * FROM unaccounted WHERE NOT duplicates AND valid IS NULL
                    ORDER BY {PLACE} LIMIT {JUDGED_AT_ONCE}) u USING ({PLACE})
                """
            ).to_arrow_table()
        if rows.num_rows == 0:
            return
        validated = cleanser.validated(spark.createDataFrame(rows))
        validated = validated.withColumn("event_id", validated["event_id"].cast("string"))
        columns = ("topic", "partition", "offset", "arrival", "event_id", "ok")
        db.register("validated", validated.select(*columns).toArrow())
        db.execute(
            f"""
            UPDATE unaccounted SET valid = j.ok, duplicates = j.duplicates FROM (
                SELECT {PLACE}, bool_and(ok) AS ok, bool_or(twin) AS duplicates FROM (
                    SELECT j.*, ok AND EXISTS (
                        SELECT 1 FROM predictions p WHERE p.event_id = j.event_id
                        AND abs(epoch_us(p.arrival) - epoch_us(j.arrival)) <= {_micros(case)}) AS twin
                    FROM validated j) GROUP BY {PLACE}) j
            WHERE j.topic = unaccounted.topic AND j."partition" = unaccounted."partition"
            AND j."offset" = unaccounted."offset"
            """
        )
        db.unregister("validated")
