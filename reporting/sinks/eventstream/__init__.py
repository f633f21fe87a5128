"""The eventstream sink: batches as messages to a Fabric Eventstream, an event hub or any Kafka."""

from livegold.reporting.sinks.eventstream.sink import EventstreamSink

__all__ = ["EventstreamSink"]
