"""The destinations of live output. Sinks receive numbered batches as Arrow tables; they know nothing of Spark or feeds.

`make_sinks` creates a run's sinks by name; `inspector_of` reports what one has delivered. A new sink is a subclass of
OutboxSink with an entry point in the group `livegold.sinks` (docs/sinks.md).
"""

from livegold.reporting.sinks.chunks import Chunk
from livegold.reporting.sinks.inspector import Accepted, Delivered, DeliveredTable, Inspector
from livegold.reporting.sinks.outbox import FOUND, SENT, OutboxSink
from livegold.reporting.sinks.planner import Planned
from livegold.reporting.sinks.powerbi import PowerBISink
from livegold.reporting.sinks.registry import check_sink_names, inspector_of, make_sinks, sink_classes, sink_names
from livegold.reporting.sinks.rows import Row
from livegold.reporting.sinks.sink import NEEDS, PREDICTION_ROWS, PULSE_ROWS, SPOTLIGHT_ROWS, FeedBatch, Sink
from livegold.reporting.sinks.state import SinkState
from livegold.reporting.sinks.values import CUT, CUT_MARK, NULLED, Ranges

__all__ = [
    "CUT",
    "CUT_MARK",
    "FOUND",
    "NEEDS",
    "NULLED",
    "PREDICTION_ROWS",
    "PULSE_ROWS",
    "SENT",
    "SPOTLIGHT_ROWS",
    "Accepted",
    "Chunk",
    "Delivered",
    "DeliveredTable",
    "FeedBatch",
    "Inspector",
    "OutboxSink",
    "Planned",
    "PowerBISink",
    "Ranges",
    "Row",
    "Sink",
    "SinkState",
    "check_sink_names",
    "inspector_of",
    "make_sinks",
    "sink_classes",
    "sink_names",
]
