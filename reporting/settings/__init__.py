"""Settings from the environment, `livegold.toml` and defaults, and the interpretation of their values."""

from livegold.reporting.settings.eventhubs import (
    CLIENT_OPTIONS,
    MAX_EVENT_BYTES,
    USER,
    ConnectionString,
    checked_servers,
    checked_topic,
)
from livegold.reporting.settings.settings import (
    SETTINGS,
    SINKS,
    Setting,
    Settings,
    all_settings,
    load,
    secret_variables,
    variable_of,
)

__all__ = [
    "CLIENT_OPTIONS",
    "MAX_EVENT_BYTES",
    "SETTINGS",
    "SINKS",
    "USER",
    "ConnectionString",
    "Setting",
    "Settings",
    "all_settings",
    "checked_servers",
    "checked_topic",
    "load",
    "secret_variables",
    "variable_of",
]
