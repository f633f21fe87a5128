"""Raw: every event as it arrived, byte for byte, written by its own query. Nothing is parsed and nothing is dropped."""

from __future__ import annotations

from collections.abc import Callable

from pyspark.sql import DataFrame

from livegold.reporting.lake import Lake
from livegold.streams.cleanse import raw_events
from livegold.streams.gold.tables import RAW


class RawWriter:
    """The `foreachBatch` of the raw query. `query_id` returns the id of the started query; it has to be picklable."""

    def __init__(self, lake: Lake, query_id: Callable[[], str]) -> None:
        self._lake = lake
        self._query_id = query_id

    def __call__(self, kafka: DataFrame, batch_id: int) -> None:
        """Appends one batch of the Kafka source (with headers) to raw, once."""
        rows = raw_events(kafka).select(*[c.name for c in RAW])
        (
            rows.write.format("delta")
            .mode("append")
            .option("txnAppId", f"{self._query_id()}/raw")
            .option("txnVersion", batch_id)
            .save(self._lake.raw)
        )
