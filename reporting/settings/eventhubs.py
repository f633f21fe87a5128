"""Azure Event Hubs as a Kafka broker: connection string, port, user, client options. Not for connecting.

A Fabric Eventstream's custom endpoint is also an event hub and is accessed in the same way.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from livegold.reporting.errors import SettingsError

# learn.microsoft.com/azure/event-hubs/azure-event-hubs-apache-kafka-overview: port, mechanism, user name
PORT = 9093
USER = "$ConnectionString"
# learn.microsoft.com/azure/event-hubs/apache-kafka-configurations: below the service's idle limit of 240 s, and its
# recommended request timeout
CLIENT_OPTIONS: dict[str, str | int | bool] = {
    "metadata.max.age.ms": 180_000,
    "socket.keepalive.enable": True,
    "socket.timeout.ms": 60_000,
}
# learn.microsoft.com/azure/event-hubs/event-hubs-quotas: 1 MB per event, including its properties
MAX_EVENT_BYTES = 1024 * 1024

_ENDPOINT = re.compile(r"sb://([^/:]+)(?::\d+)?/?")
TOPIC_NAME = re.compile(r"[A-Za-z0-9._-]{1,249}")  # org.apache.kafka.common.internals.Topic
SERVER = re.compile(r"(\[[0-9A-Fa-f:]+\]|[^\s:,/@]+):(\d{1,5})")


@dataclass(frozen=True)
class ConnectionString:
    """A parsed connection string; `entity` is its event hub, empty for a whole namespace."""

    host: str
    entity: str
    text: str = field(repr=False)

    @classmethod
    def parse(cls, text: str, setting: str) -> ConnectionString:
        """Raises SettingsError, which names the `setting` it came from without revealing its value."""
        parts = dict(part.split("=", 1) for part in text.strip().strip(";").split(";") if "=" in part)
        endpoint = _ENDPOINT.fullmatch(parts.get("Endpoint", ""))
        if endpoint is None or "SharedAccessKeyName" not in parts or "SharedAccessKey" not in parts:
            raise SettingsError(
                f"secret {setting} is no Event Hubs connection string: "
                "give Endpoint=sb://<namespace>.servicebus.windows.net/;SharedAccessKeyName=...;SharedAccessKey=..."
            )
        return cls(endpoint[1], parts.get("EntityPath", ""), text.strip())

    @property
    def server(self) -> str:
        """Its Kafka endpoint, host:port."""
        return f"{self.host}:{PORT}"


def checked_topic(name: str, setting: str) -> str:
    """The name, if it is valid for a topic; otherwise raises SettingsError naming the `setting`."""
    if not TOPIC_NAME.fullmatch(name) or name in (".", ".."):
        raise SettingsError(f"setting {setting} is {name!r}: give letters, digits, '.', '_' and '-', at most 249")
    return name


def checked_servers(text: str, setting: str) -> str:
    """Comma-separated `host:port` pairs without blanks. Raises SettingsError naming the `setting`."""
    servers = [server.strip() for server in text.split(",") if server.strip()]
    for server in servers:
        match = SERVER.fullmatch(server)
        if match is None or not 0 < int(match[2]) < 65_536:
            raise SettingsError(f"setting {setting} has {server!r}: give host:port, several with commas between")
    if not servers:
        raise SettingsError(f"setting {setting} is empty: give host:port, several with commas between")
    return ",".join(servers)
