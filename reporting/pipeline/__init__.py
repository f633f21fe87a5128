"""What happens to an event once its fields have been read, defined once: SQL that both Spark and DuckDB run."""

from livegold.reporting.pipeline.database import Database, NotForDuckDB, prepare
from livegold.reporting.pipeline.dialect import for_duckdb, text_literal
from livegold.reporting.pipeline.dimensions import (
    declared_values,
    dimension_value,
    fresh_columns,
    fresh_values,
    identity_of,
)
from livegold.reporting.pipeline.gold import (
    arrival_buckets,
    bucket_columns,
    counts_rejected,
    prediction_steps,
    predictions,
    pulse,
    pulse_row_columns,
    rejected_pulse,
    spotlight,
    written_columns,
)
from livegold.reporting.pipeline.local import LocalPipeline
from livegold.reporting.pipeline.query import Columns, Order, Query, Steps
from livegold.reporting.pipeline.reader import EventReader, arrow_type, read_time
from livegold.reporting.pipeline.scoring import labelled_columns, scored_columns
from livegold.reporting.pipeline.validation import (
    FIELD_TEXTS,
    event_columns,
    event_fields,
    feature_columns,
    missing_reason,
    rule_reasons,
    validity,
)

__all__ = [
    "FIELD_TEXTS",
    "Columns",
    "Database",
    "EventReader",
    "LocalPipeline",
    "NotForDuckDB",
    "Order",
    "Query",
    "Steps",
    "arrival_buckets",
    "arrow_type",
    "bucket_columns",
    "counts_rejected",
    "declared_values",
    "dimension_value",
    "event_columns",
    "event_fields",
    "feature_columns",
    "for_duckdb",
    "fresh_columns",
    "fresh_values",
    "identity_of",
    "labelled_columns",
    "missing_reason",
    "prediction_steps",
    "predictions",
    "prepare",
    "pulse",
    "pulse_row_columns",
    "read_time",
    "rejected_pulse",
    "rule_reasons",
    "scored_columns",
    "spotlight",
    "text_literal",
    "validity",
    "written_columns",
]
