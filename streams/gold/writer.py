"""Gold, exactly once: predictions, quarantine, pulse and spotlight of one batch after the other.

The order of a batch, and why a crash between any two steps loses nothing and writes nothing twice:

1. The batch is parsed, validated and scored in one pass, and kept (`persist`).
2. Duplicates are told from new events by the keys of the batch and those gold has had lately.
3. New values of dimensions are admitted, before the first row that uses them.
4. **Predictions are the first write and the record of the batch**: the commit carries the query, the batch, the model's
   version and the digest of the use case. A replay that finds it writes no prediction again.
5. Quarantine, pulse and spotlight follow, side by side. Pulse and spotlight are computed from the predictions *as
   committed*, never from the batch: whatever model is champion by then, pulse sums what is in gold. Where a measure
   counts what was rejected, pulse has rows for that too: what is rejected is the same in every replay.

Every write carries its own `txnAppId` (query, table) and the batch as `txnVersion`, so that Delta skips what is there.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from pyspark.sql import Column, DataFrame, DataFrameWriter, SparkSession
from pyspark.sql import functions as F

from livegold.reporting.errors import WrongUse
from livegold.reporting.lake import Lake
from livegold.reporting.measures import Rejected
from livegold.reporting.schema import SOURCE, UNKNOWN
from livegold.reporting.specification import UseCase
from livegold.streams.cleanse import Cleanser, raw_events
from livegold.streams.gold.dimensions import Dimensions
from livegold.streams.gold.duplicates import KEY_COLUMNS, RecentKeys
from livegold.streams.gold.tables import commit_record, transaction_version
from livegold.streams.models import Scorer, labelled

SMALL_BATCH = 50_000
"""Up to this many events a table of a batch is one file: more would be files too small to read well."""


@dataclass
class BatchCounts:
    """What became of the events since the query was started."""

    batches: int = 0
    events: int = 0
    predictions: int = 0
    quarantined: int = 0
    duplicates: int = 0
    late: int = 0
    seconds: dict[str, float] = field(default_factory=dict)


class GoldWriter:
    """The `foreachBatch` of the gold query; one for each start of the query.

    `champion` gives the model to score with; it is asked once a batch. `on_step` is called with the name of each step
    once it is done (`persisted`, `predictions`, `quarantine`, `pulse`, `spotlight`, `batch`).
    """

    def __init__(
        self,
        spark: SparkSession,
        case: UseCase,
        lake: Lake,
        champion: Callable[[], Scorer],
        on_step: Callable[[str], None] = lambda step: None,
    ) -> None:
        self.spark = spark
        self.case = case
        self.lake = lake
        self.counts = BatchCounts()
        self._champion = champion
        self._on_step = on_step
        self._cleanser = Cleanser(case)
        self._dimensions = Dimensions(spark, case, lake)
        self._keys = RecentKeys(case.duplicates_within_hours * 3600)
        self._started = False

    def prepare(self) -> None:
        """Reads admitted values of dimensions and recent keys, writes declared values; before the first batch."""
        self._dimensions.load()
        self._keys.add(self._recent_keys())

    def __call__(self, kafka: DataFrame, batch_id: int) -> None:
        """Writes one batch; raises whatever Spark raises, and WrongUse for a replay under another use case."""
        query_id = kafka.sparkSession.sparkContext.getLocalProperty("sql.streaming.queryId")
        if not query_id:
            raise RuntimeError("gold is written by a streaming query only: its id is part of every write")
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
        self.counts.batches += 1
        self._on_step("batch")

    # ---- a new batch -----------------------------------------------------------------------------------------------

    def _write(self, events: DataFrame, query_id: str, batch_id: int) -> None:
        started = time.perf_counter()
        champion = self._champion()
        self._dimensions.admit_value("model_version", champion.version)
        batch = self._judged(events, champion).persist()
        try:
            counts = batch.agg(F.count("*"), F.count_if("ok"), F.count_if(F.col("ok") & F.col("late"))).first()
            assert counts is not None
            total, valid, late = counts
            self._took("validate", started)
            self._on_step("persisted")
            if total == 0:
                return
            good = batch.where("ok")
            duplicates = self._duplicates(good)
            self._dimensions.admit_from(good)
            if duplicates.num_rows:
                found = self.spark.createDataFrame(duplicates).hint("broadcast")
                good = good.join(found, ["partition", "offset"], "left_anti")
            small = total <= SMALL_BATCH
            started = time.perf_counter()
            self._write_predictions(good, champion.version, query_id, batch_id, duplicates.num_rows, small)
            self._took("predictions", started)
            self._on_step("predictions")
            started = time.perf_counter()
            bad = batch.where("NOT ok").select("key", "value", *SOURCE)
            self._write_rest(bad if total > valid else None, query_id, batch_id, small)
            self._took("rest", started)
            self.counts.events += total
            self.counts.predictions += valid - duplicates.num_rows
            self.counts.quarantined += total - valid
            self.counts.duplicates += duplicates.num_rows
            self.counts.late += late
        finally:
            batch.unpersist()

    def _judged(self, events: DataFrame, champion: Scorer) -> DataFrame:
        frame = champion.score(self._cleanser.validated(events)).drop(*self._cleanser.feature_columns)
        frame = labelled(self.case, frame)
        # Good rows need their bytes no more (raw has them), and bytes are most of what is kept.
        bytes_of_bad = {n: F.when(~F.col("ok"), F.col(n)) for n in ("key", "value")}
        task = self.case.model.task
        keep = {"ok", "key", "value", *SOURCE, "event_id", "event_time", "late", *(d.column for d in task.dimensions)}
        keep |= {c.name for c in (*task.columns, *self.case.event_columns)}
        return frame.withColumns(bytes_of_bad).select(*[c for c in frame.columns if c in keep])

    def _duplicates(self, good: DataFrame) -> pa.Table:
        keys = good.select(*_key_columns(), "partition", "offset").toArrow()
        duplicate = self._keys.duplicates(keys)
        return keys.select(["partition", "offset"]).filter(pa.array(duplicate))

    def _write_predictions(
        self, good: DataFrame, version: str, query_id: str, batch_id: int, duplicates: int, small: bool
    ) -> None:
        record = {
            "query_id": query_id,
            "batch_id": batch_id,
            "model_version": version,
            "use_case_digest": self.case.digest,
            "duplicates": duplicates,
        }
        rows = self._prediction_rows(good, version, query_id, batch_id)
        writer = (rows.coalesce(1) if small else rows).write.format("delta").mode("append")
        writer = writer.option("userMetadata", json.dumps(record))
        self._idempotent(writer, "predictions", query_id, batch_id).save(self.lake.predictions)

    def _prediction_rows(self, good: DataFrame, version: str, query_id: str, batch_id: int) -> DataFrame:
        case = self.case
        bucket_no = F.floor(F.unix_seconds("event_time") / case.bucket_seconds).cast("bigint")
        rows = good.withColumns(
            {
                "bucket_no": bucket_no,
                "bucket": F.timestamp_seconds(bucket_no * case.bucket_seconds),
                "model_version": F.lit(version),
                "query_id": F.lit(query_id),
                "batch_id": F.lit(batch_id).cast("bigint"),
            }
        )
        rows = rows.withColumns({d.name: self._dimensions.mapped(d) for d in case.all_dimensions})
        rows = rows.withColumn("severity", F.expr(f"double({case.spotlight.severity})"))
        return rows.select(*[F.col(c.name).cast(c.type).alias(c.name) for c in case.prediction_columns])

    # ---- what follows predictions ----------------------------------------------------------------------------------

    def _write_rest(self, bad: DataFrame | None, query_id: str, batch_id: int, small: bool) -> None:
        committed = (
            self.spark.read.format("delta")
            .load(self.lake.predictions)
            .where((F.col("query_id") == query_id) & (F.col("batch_id") == batch_id))
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
        rows = self._cleanser.reasons(bad).withColumns(
            {"query_id": F.lit(query_id), "batch_id": F.lit(batch_id).cast("bigint")}
        )
        rows = rows.select("key", "value", "reasons", *SOURCE, "query_id", "batch_id")
        writer = (rows.coalesce(1) if small else rows).write.format("delta").mode("append")
        self._idempotent(writer, "quarantine", query_id, batch_id).save(self.lake.quarantine)
        self._on_step("quarantine")

    def _write_pulse(self, committed: DataFrame, bad: DataFrame | None, query_id: str, batch_id: int) -> None:
        case = self.case
        keys = ["bucket", "bucket_no", *(d.name for d in case.all_dimensions)]
        sums = [F.expr(a.sql).alias(a.name) for a in case.aggregates]
        rows = committed.groupBy(*keys).agg(*sums)
        if bad is not None and any(isinstance(a, Rejected) for a in case.aggregates):
            rows = rows.unionByName(self._rejected(bad))
        rows = rows.withColumns({"query_id": F.lit(query_id), "batch_id": F.lit(batch_id).cast("bigint")})
        rows = rows.select(*[F.col(c.name).cast(c.type).alias(c.name) for c in case.pulse_columns]).coalesce(1)
        writer = rows.write.format("delta").mode("append")
        self._idempotent(writer, "pulse", query_id, batch_id).save(self.lake.pulse)
        self._on_step("pulse")

    def _rejected(self, bad: DataFrame) -> DataFrame:
        """Rows of pulse for what goes to quarantine: by bucket of arrival, for a bad event has no time to trust."""
        case = self.case
        bucket_no = F.floor(F.unix_seconds("arrival") / case.bucket_seconds).cast("bigint")
        rows = bad.groupBy(bucket_no.alias("bucket_no")).agg(F.count("*").alias("rejected_here"))
        rows = rows.withColumn("bucket", F.timestamp_seconds(F.col("bucket_no") * case.bucket_seconds))
        types = {c.name: c.type for c in case.pulse_columns}
        columns = [F.col("bucket"), F.col("bucket_no"), *(F.lit(UNKNOWN).alias(d.name) for d in case.all_dimensions)]
        for a in case.aggregates:
            value = F.lit(0 if a.additive else None)
            columns.append(
                (F.col("rejected_here") if isinstance(a, Rejected) else value).cast(types[a.name]).alias(a.name)
            )
        return rows.select(*columns)

    def _write_spotlight(self, committed: DataFrame, query_id: str, batch_id: int) -> None:
        spotlight = self.case.spotlight
        rows = committed.where(spotlight.where)
        rows = rows.orderBy(F.desc("severity"), F.desc("event_time"), "event_id").limit(spotlight.limit)
        rows = rows.select(*[c.name for c in self.case.spotlight_columns]).coalesce(1)
        writer = rows.write.format("delta").mode("append")
        self._idempotent(writer, "spotlight", query_id, batch_id).save(self.lake.spotlight)
        self._on_step("spotlight")

    def _idempotent(self, writer: DataFrameWriter, table: str, query_id: str, batch_id: int) -> DataFrameWriter:
        return writer.option("txnAppId", f"{query_id}/{table}").option("txnVersion", batch_id)

    # ---- a replay --------------------------------------------------------------------------------------------------

    def _is_written(self, query_id: str, batch_id: int) -> bool:
        return transaction_version(self.spark, self.lake.predictions, f"{query_id}/predictions") >= batch_id

    def _refuse_other_case(self, query_id: str, batch_id: int) -> None:
        record = commit_record(self.spark, self.lake.predictions, query_id, batch_id)
        if record and record["use_case_digest"] != self.case.digest:
            raise WrongUse(
                f"use case {self.case.name}: batch {batch_id} was half written by another version of the use case "
                f"({record['use_case_digest']}, now {self.case.digest}): run once with that version, then change it"
            )

    def _finish_replay(self, events: DataFrame, query_id: str, batch_id: int) -> None:
        """The predictions of the batch are there; writes what is missing of the rest."""
        batch = self._cleanser.validated(events).where("NOT ok").select("key", "value", *SOURCE)
        self._write_rest(batch, query_id, batch_id, small=True)

    def _recent_keys(self) -> pa.Table:
        gold = self.spark.read.format("delta").load(self.lake.predictions)
        newest = gold.agg(F.max("arrival")).first()
        if newest is None or newest[0] is None:
            empty = np.array([], dtype=np.int64)
            return pa.table({name: empty for name in KEY_COLUMNS})
        # Twice the time, as `RecentKeys` itself keeps: a partition that lags behind still meets its first.
        oldest = F.lit(newest[0]) - F.expr(f"INTERVAL {2 * self.case.duplicates_within_hours} HOUR")
        return gold.where(F.col("arrival") >= oldest).select(*_key_columns()).toArrow()

    def _took(self, step: str, started: float) -> None:
        self.counts.seconds[step] = self.counts.seconds.get(step, 0.0) + time.perf_counter() - started


def _key_columns() -> list[Column]:
    """KEY_COLUMNS of an event: two hashes with different seeds make 128 bits, and the arrival."""
    hashes = [F.xxhash64(F.lit(seed), F.col("event_id")) for seed in ("high", "low")]
    return [c.alias(n) for c, n in zip([*hashes, F.unix_micros("arrival")], KEY_COLUMNS, strict=True)]
