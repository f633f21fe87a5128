"""Writes gold exactly once: predictions, quarantine, pulse and spotlight, batch by batch.

The steps of a batch, and why a crash between any two of them loses nothing and writes nothing twice:

1. The batch is parsed, validated and scored in one pass, and cached (`persist`).
2. Duplicates are told from new events by the keys of the batch and gold's recent keys.
3. New values of dimensions are admitted, before the first row that uses them.
4. **Predictions are the first write and the record of the batch**: the commit carries the query, the batch, the model's
   version and the digest of the use case. A replay that finds it does not write the predictions again.
5. Quarantine, pulse and spotlight follow in parallel. Pulse and spotlight are computed from the predictions *as
   committed*, never from the batch: whichever model is champion by then, pulse sums what is in gold. If a measure
   counts rejected events, pulse has rows for those too: the rejected events are the same in every replay.

Every write carries its own `txnAppId` (query, table) and the batch as `txnVersion`, so that Delta skips what exists.

Under Spark Connect the writer is pickled once, into a process beside the server, and called there for every batch: the
state it keeps persists, but none of it comes back. It therefore consists of picklable parts, prepares itself in its
first batch if that has not been done, and records the counts of each batch in the commit of its predictions, where
anyone who reads the lake can see them (as streams/status.py does). streams/batches.py brings failures back.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark.sql import Column, DataFrame, DataFrameWriter, SparkSession
from pyspark.sql import functions as F

from livegold.reporting.errors import WrongUse
from livegold.reporting.lake import Lake, commit_records, open_table, transaction_version
from livegold.reporting.pipeline import (
    arrival_buckets,
    counts_rejected,
    labelled_columns,
    prediction_steps,
    predictions,
    pulse,
    rejected_pulse,
    spotlight,
    text_literal,
    written_columns,
)
from livegold.reporting.schema import (
    ARRIVAL,
    BATCH_ID,
    EVENT_ID,
    EVENT_TIME,
    MODEL_VERSION,
    PREDICTIONS_TABLE,
    PULSE_TABLE,
    QUARANTINE_TABLE,
    QUERY_ID,
    SOURCE,
    SPOTLIGHT_TABLE,
    WRITTEN_BY_GOLD,
)
from livegold.reporting.specification import UseCase
from livegold.streams.batches import portable
from livegold.streams.cleanse import Cleanser, raw_events
from livegold.streams.gold.dimensions import Dimensions
from livegold.streams.gold.duplicates import KEY_COLUMNS, RecentKeys
from livegold.streams.models import Scorer, labelled
from livegold.streams.plan import select, with_columns, with_steps

SMALL_BATCH = 50_000
"""A batch of up to this many events writes one file per table: more files would be too small to read efficiently."""
RECORDS_LOOKED_AT = 50
"""The commit of the replayed batch is the newest of its query, but others may have written after it."""

POSITION = ("topic", "partition", "offset")
"""Identifies an event. The topic is included because a batch may have several: every file of a folder is one."""


@dataclass(frozen=True)
class BatchCounts:
    """Counts of a batch's events by where they ended up; recorded in the commit of its predictions."""

    events: int
    predictions: int
    quarantined: int
    duplicates: int
    late: int


class GoldWriter:
    """The `foreachBatch` of the gold query; a new one for each start of the query.

    `champion` returns the model to score with and is called once a batch. `query_id` returns the id of the started
    query. `on_step` is called with the name of each completed step (`persisted`, `predictions`, `quarantine`, `pulse`,
    `spotlight`, `batch`), in the process that writes. All three have to be picklable.
    """

    spark: SparkSession

    def __init__(
        self,
        case: UseCase,
        lake: Lake,
        champion: Callable[[], Scorer],
        query_id: Callable[[], str],
        on_step: Callable[[str], None] = lambda step: None,
        digest: str = "",
    ) -> None:
        self.case = case
        # A copy in another process has the use case without its functions, which are part of the digest.
        self._digest = digest or case.digest
        self.lake = lake
        self._champion = champion
        self._query_id = query_id
        self._on_step = on_step
        self._cleanser = Cleanser(case)
        self._dimensions: Dimensions
        self._keys: RecentKeys
        self._is_ready = False
        self._started = False

    def __reduce__(self) -> tuple[Any, ...]:
        return GoldWriter, (portable(self.case), self.lake, self._champion, self._query_id, self._on_step, self._digest)

    def prepare(self, spark: SparkSession) -> None:
        """Reads admitted dimension values and recent keys, writes declared values; call before the first batch."""
        self.spark = spark
        self._dimensions = Dimensions(spark, self.case, self.lake)
        self._dimensions.load()
        self._keys = RecentKeys(self.case.duplicates_within_hours * 3600)
        self._keys.add(self._recent_keys())
        self._is_ready = True

    def __call__(self, kafka: DataFrame, batch_id: int) -> None:
        """Writes one batch; raises whatever Spark raises, and WrongUse for a replay under another use case."""
        if not self._is_ready:
            self.prepare(kafka.sparkSession)
        query_id = self._query_id()
        events = raw_events(kafka)
        written = False
        if not self._started:
            written = self._is_written(query_id, batch_id)
            self._started = True
        if written:
            self._refuse_other_case(query_id, batch_id)
            self._finish_replay(events, query_id, batch_id)
        else:
            self._write(events, query_id, batch_id)
        self._on_step("batch")

    # ---- a new batch -----------------------------------------------------------------------------------------------

    def _write(self, events: DataFrame, query_id: str, batch_id: int) -> None:
        champion = self._champion()
        self._dimensions.admit_value(MODEL_VERSION, champion.version)
        batch = self._judged(events, champion).persist()
        try:
            counts = batch.agg(F.count("*"), F.count_if("ok"), F.count_if(F.col("ok") & F.col("late"))).first()
            assert counts is not None
            total, valid, late = counts
            self._on_step("persisted")
            if total == 0:
                return
            good = batch.where("ok")
            duplicates = self._duplicates(good)
            self._dimensions.admit_from(good)
            if duplicates.num_rows:
                found = self.spark.createDataFrame(duplicates).hint("broadcast")
                good = good.join(found, list(POSITION), "left_anti")
            small = total <= SMALL_BATCH
            became = BatchCounts(total, valid - duplicates.num_rows, total - valid, duplicates.num_rows, late)
            self._write_predictions(good, champion.version, query_id, batch_id, became, small)
            self._on_step("predictions")
            bad = batch.where("NOT ok").select("key", "value", *SOURCE)
            self._write_rest(bad if total > valid else None, query_id, batch_id, small)
        finally:
            batch.unpersist()

    def _judged(self, events: DataFrame, champion: Scorer) -> DataFrame:
        frame = champion.score(self._cleanser.validated(events)).drop(*self._cleanser.feature_columns)
        frame = labelled(self.case, frame)
        # Valid rows no longer need their bytes (raw has them), which are most of what would be cached.
        bytes_of_bad = {n: F.when(~F.col("ok"), F.col(n)) for n in ("key", "value")}
        keep = {"ok", "key", "value", *SOURCE, EVENT_ID, EVENT_TIME, self.case.task.answer}
        keep |= {name for step in labelled_columns(self.case) for name in step}
        keep |= {c.name for c in self.case.event_columns}
        return frame.withColumns(bytes_of_bad).select(*[c for c in frame.columns if c in keep])

    def _duplicates(self, good: DataFrame) -> pa.Table:
        keys = good.select(*_key_columns(), *POSITION).toArrow()
        duplicate = self._keys.duplicates(keys)
        return keys.select(list(POSITION)).filter(pa.array(duplicate))

    def _write_predictions(
        self, good: DataFrame, version: str, query_id: str, batch_id: int, became: BatchCounts, small: bool
    ) -> None:
        record = {
            QUERY_ID: query_id,
            BATCH_ID: batch_id,
            MODEL_VERSION: version,
            "use_case_digest": self._digest,
            **asdict(became),
        }
        rows = self._prediction_rows(good, version, query_id, batch_id)
        writer = (rows.coalesce(1) if small else rows).write.format("delta").mode("append")
        writer = writer.option("userMetadata", json.dumps(record))
        self._idempotent(writer, PREDICTIONS_TABLE, query_id, batch_id).save(self.lake.predictions)

    def _prediction_rows(self, good: DataFrame, version: str, query_id: str, batch_id: int) -> DataFrame:
        stamped = {**written_columns(query_id, batch_id), MODEL_VERSION: text_literal(version)}
        rows = with_steps(with_columns(good, stamped), prediction_steps(self.case, self._dimensions.admitted))
        return select(rows, predictions(self.case))

    # ---- what follows predictions ----------------------------------------------------------------------------------

    def _write_rest(self, bad: DataFrame | None, query_id: str, batch_id: int, small: bool) -> None:
        committed = (
            self.spark.read.format("delta")
            .load(self.lake.predictions)
            .where((F.col(QUERY_ID) == query_id) & (F.col(BATCH_ID) == batch_id))
        )
        steps: list[Callable[[], None]] = [
            lambda: self._write_pulse(committed, bad, query_id, batch_id),
            lambda: self._write_spotlight(committed, query_id, batch_id),
        ]
        if bad is not None:
            steps.insert(0, lambda: self._write_quarantine(bad, query_id, batch_id, small))
        with ThreadPoolExecutor(len(steps)) as pool:
            for done in [pool.submit(step) for step in steps]:
                done.result()

    def _write_quarantine(self, bad: DataFrame, query_id: str, batch_id: int, small: bool) -> None:
        rows = with_columns(self._cleanser.reasons(bad), written_columns(query_id, batch_id))
        rows = rows.select("key", "value", "reasons", *SOURCE, *WRITTEN_BY_GOLD)
        writer = (rows.coalesce(1) if small else rows).write.format("delta").mode("append")
        self._idempotent(writer, QUARANTINE_TABLE, query_id, batch_id).save(self.lake.quarantine)
        self._on_step("quarantine")

    def _write_pulse(self, committed: DataFrame, bad: DataFrame | None, query_id: str, batch_id: int) -> None:
        case = self.case
        rows = select(committed, pulse(case))
        if bad is not None and counts_rejected(case):
            rows = rows.unionByName(select(with_columns(bad, arrival_buckets(case)), rejected_pulse(case)))
        rows = with_columns(rows, written_columns(query_id, batch_id)).select(*[c.name for c in case.pulse_columns])
        rows = rows.coalesce(1)
        writer = rows.write.format("delta").mode("append")
        self._idempotent(writer, PULSE_TABLE, query_id, batch_id).save(self.lake.pulse)
        self._on_step("pulse")

    def _write_spotlight(self, committed: DataFrame, query_id: str, batch_id: int) -> None:
        rows = select(committed, spotlight(self.case)).coalesce(1)
        writer = rows.write.format("delta").mode("append")
        self._idempotent(writer, SPOTLIGHT_TABLE, query_id, batch_id).save(self.lake.spotlight)
        self._on_step("spotlight")

    def _idempotent(self, writer: DataFrameWriter, table: str, query_id: str, batch_id: int) -> DataFrameWriter:
        return writer.option("txnAppId", f"{query_id}/{table}").option("txnVersion", batch_id)

    # ---- a replay --------------------------------------------------------------------------------------------------

    def _is_written(self, query_id: str, batch_id: int) -> bool:
        return transaction_version(self.lake.predictions, f"{query_id}/{PREDICTIONS_TABLE}") >= batch_id

    def _refuse_other_case(self, query_id: str, batch_id: int) -> None:
        records = commit_records(open_table(self.lake.predictions), RECORDS_LOOKED_AT)
        own = (r for r in records if r.get(QUERY_ID) == query_id and r.get(BATCH_ID) == batch_id)
        record = next(own, None)
        if record and record["use_case_digest"] != self._digest:
            raise WrongUse(
                f"use case {self.case.name}: batch {batch_id} was partly written by another version of the use case "
                f"({record['use_case_digest']}, now {self._digest}): run that version once to finish it, then switch"
            )

    def _finish_replay(self, events: DataFrame, query_id: str, batch_id: int) -> None:
        """Writes whatever else is missing of a batch whose predictions exist."""
        batch = self._cleanser.validated(events).where("NOT ok").select("key", "value", *SOURCE)
        self._write_rest(batch, query_id, batch_id, small=True)

    def _recent_keys(self) -> pa.Table:
        gold = self.spark.read.format("delta").load(self.lake.predictions)
        newest = gold.agg(F.max(ARRIVAL)).first()
        if newest is None or newest[0] is None:
            empty = np.array([], dtype=np.int64)
            return pa.table({name: empty for name in KEY_COLUMNS})
        # Twice the time, as in `RecentKeys`: an event of a lagging partition is still compared with the first one.
        oldest = F.lit(newest[0]) - F.expr(f"INTERVAL {2 * self.case.duplicates_within_hours} HOUR")
        return gold.where(F.col(ARRIVAL) >= oldest).select(*_key_columns()).toArrow()


def _key_columns() -> list[Column]:
    """KEY_COLUMNS of an event: two hashes with different seeds make 128 bits, and the arrival."""
    hashes = [F.xxhash64(F.lit(seed), F.col(EVENT_ID)) for seed in ("high", "low")]
    return [c.alias(n) for c, n in zip([*hashes, F.unix_micros(ARRIVAL)], KEY_COLUMNS, strict=True)]
