"""Raw: every event as it arrived, byte for byte, by a query of its own. Nothing is parsed and nothing dropped."""

from __future__ import annotations

from pyspark.sql import DataFrame

from livegold.reporting.lake import Lake
from livegold.streams.cleanse import raw_events
from livegold.streams.gold.tables import RAW


def write_raw(kafka: DataFrame, lake: Lake, query_id: str, batch_id: int) -> None:
    """Appends one batch of the Kafka source (with headers) to raw, once."""
    rows = raw_events(kafka).select(*[c.name for c in RAW])
    (
        rows.write.format("delta")
        .mode("append")
        .option("txnAppId", f"{query_id}/raw")
        .option("txnVersion", batch_id)
        .save(lake.raw)
    )
