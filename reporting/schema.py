"""Names of tables and columns, in gold and in the model, each defined only here. Imports nothing."""

from __future__ import annotations

# ---- tables of the lake ----------------------------------------------------------------------------------------------

RAW_TABLE = "raw"
QUARANTINE_TABLE = "quarantine"
PREDICTIONS_TABLE = "predictions"
PULSE_TABLE = "pulse"
SPOTLIGHT_TABLE = "spotlight"
"""Folders of the lake and of gold, and names in SQL; the model's names for the same tables are below."""

# ---- columns of gold -------------------------------------------------------------------------------------------------

EVENT_ID = "event_id"
EVENT_TIME = "event_time"
ARRIVAL = "arrival"
BUCKET = "bucket"
"""Start (UTC) of a bucket."""
BUCKET_NO = "bucket_no"
"""Seconds since 1970 divided by the length of a bucket, rounded down."""
TIME_COLUMNS = (BUCKET, BUCKET_NO)
SOURCE = ("topic", "partition", "offset", ARRIVAL)
"""Where an event came from."""
REPLAY_TIME = "replay_time"
"""Field that events of any use case may have: when a replayed event is shown. If present, it is the event's time."""
LATE = "late"
SEVERITY = "severity"
MODEL_VERSION = "model_version"
"""Dimension that every use case has."""
QUERY_ID = "query_id"
BATCH_ID = "batch_id"
FEATURE_PREFIX = "feature_"
"""Prefix of the names of feature columns."""

RESERVED = (
    (EVENT_ID, "string", "business key of the event, or topic/partition/offset where the use case names none"),
    (EVENT_TIME, "timestamp", "when it happened (UTC); when it is shown, for a replayed event"),
    (BUCKET, "timestamp", "start (UTC) of the time bucket of event_time"),
    (BUCKET_NO, "bigint", "number of the bucket: seconds since 1970 divided by the length of a bucket"),
    (ARRIVAL, "timestamp", "when the hub got the event (UTC)"),
    ("topic", "string", "topic the event was published to"),
    ("partition", "int", "partition of the topic"),
    ("offset", "bigint", "offset in the partition"),
)
"""Columns of predictions that identify the event: name, Spark SQL type, meaning."""
WRITTEN = (
    (QUERY_ID, "string", "id of the streaming query that wrote the row"),
    (BATCH_ID, "bigint", "number of its batch"),
)
"""Gold's bookkeeping columns: name, Spark SQL type, meaning."""
WRITTEN_BY_GOLD = (QUERY_ID, BATCH_ID)
WORTH = (
    (LATE, "boolean", "arrived later after event_time than the use case calls punctual"),
    (SEVERITY, "double", "how much the prediction is worth seeing by itself; higher is more", "#,0.0"),
)
"""Columns of predictions in addition to those of the task: name, Spark SQL type, meaning, format."""
KEY, LABEL, ORDER = "key", "label", "order"
DIMENSION = (
    (KEY, "string", "the value as predictions and pulse hold it"),
    (LABEL, "string", "what a report shows"),
    (ORDER, "bigint", "place in a list"),
)
"""Columns of a dimension's table: name, Spark SQL type, meaning."""

# ---- values of dimensions --------------------------------------------------------------------------------------------

OTHER = "other"
"""Replaces a value that a dimension has no more room for, or that is not among its declared ones."""
UNKNOWN = "unknown"
"""Replaces null and blank in a dimension."""
LAST_ORDER = {OTHER: 1_000_000, UNKNOWN: 1_000_001}
"""Sort order of the values that livegold adds itself: after every declared or admitted one."""

# ---- tables and columns of the model ---------------------------------------------------------------------------------

PULSE = "Pulse"
TOTALS = "Totals"
SPOTLIGHT = "Spotlight"
PREDICTIONS = "Predictions"
NOW = "Now"
BUCKETS = "Buckets"
FACT_TABLES = (PULSE, TOTALS, SPOTLIGHT)
CUT_OFF_TABLE = "Cut Off"
"""A table without relationships: the cut-offs that can be selected, in percent (`order`), with key and label."""
BAND_TABLE = "Score Band"
TAKEN_NAMES = (*FACT_TABLES, CUT_OFF_TABLE, NOW, PREDICTIONS, BUCKETS)
"""Table names that no dimension may use."""

TICK = "tick"
COMPLETE_TICK = "complete_tick"
LEFT_OUT = "spotlight_left_out"
"""Rows of Spotlight since the start that the budget had no room for: in the last row of a tick, 0 in the others."""
LEFT_OUT_MEASURE = "Spotlight left out"
CUT_OFF = "cut_off"
"""The axis of a chart that shows every cut-off; not a dimension of predictions."""
