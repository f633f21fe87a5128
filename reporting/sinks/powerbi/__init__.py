"""The powerbi sink: batches as rows of a push dataset, effectively once."""

from livegold.reporting.sinks.powerbi.sink import PowerBISink

__all__ = ["PowerBISink"]
