"""Settings, from the environment, `livegold.toml` and defaults, and what their values mean."""

from livegold.reporting.settings.eventhubs import (
    CLIENT_OPTIONS,
    MAX_EVENT_BYTES,
    USER,
    ConnectionString,
    checked_servers,
    checked_topic,
)
from livegold.reporting.settings.settings import SETTINGS, Settings, load

__all__ = [
    "CLIENT_OPTIONS",
    "MAX_EVENT_BYTES",
    "SETTINGS",
    "USER",
    "ConnectionString",
    "Settings",
    "checked_servers",
    "checked_topic",
    "load",
]
