"""The hub: where events are published and read; files as events, and publishing them."""

from livegold.streams.hub.files import EventFile, replay
from livegold.streams.hub.hub import ANSWER_SECONDS, FILE_EVENTS, FILE_SUFFIX, Failure, Hub, ensure_topic, offsets
from livegold.streams.hub.publisher import Event, Published, publish
from livegold.streams.hub.source import Positions, hub_stream, positioned

__all__ = [
    "ANSWER_SECONDS",
    "FILE_EVENTS",
    "FILE_SUFFIX",
    "Event",
    "EventFile",
    "Failure",
    "Hub",
    "Positions",
    "Published",
    "ensure_topic",
    "hub_stream",
    "offsets",
    "positioned",
    "publish",
    "replay",
]
