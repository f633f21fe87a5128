"""The hub: where events are published and read, resolved from the settings. Does no publishing or streaming itself.

A `Hub` knows how Spark reads it (`spark_options`), how a plain client does (`client_options`), and what it holds
(`offsets`). It is Kafka, Azure Event Hubs through its Kafka endpoint, or a folder of JSON-lines files.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from livegold.reporting.errors import LivegoldError, NotFound, ServiceUnavailable, SettingsError, Unauthorized
from livegold.reporting.settings import (
    CLIENT_OPTIONS,
    SETTINGS,
    USER,
    ConnectionString,
    Settings,
    checked_servers,
    checked_topic,
)

ANSWER_SECONDS = 15.0
FILE_EVENTS = 10_000
"""Maximum number of events that the publisher writes to one file of a folder hub."""
FILE_SUFFIX = ".jsonl"

_DEFAULT_SERVERS = next(s.default for s in SETTINGS if s.key == "hub.servers")

T = TypeVar("T")


@dataclass(frozen=True)
class Hub:
    """Where a use case's events are. Build it with `Hub.of`; printing it shows no secret."""

    kind: str
    topic: str
    servers: str = ""
    security: str = "plaintext"
    username: str = ""
    ca: str = ""
    folder: Path | None = None
    batch_events: int = 1_000_000
    _password: str = field(default="", repr=False)

    @classmethod
    def of(cls, settings: Settings, use_case: str) -> Hub:
        """The hub described by the settings; its topic is the use case's name unless one is set.

        Raises SettingsError for every combination that cannot work; does not access the network.
        """
        kind = settings["hub.kind"]
        batch_events = settings.integer("hub.batch_events")
        topic = settings["hub.topic"] or use_case
        if kind == "folder":
            if not settings["hub.folder"]:
                raise SettingsError("hub.kind is 'folder' and hub.folder is not set: give the folder of the events")
            return cls(kind, _topic(topic), folder=Path(settings["hub.folder"]), batch_events=batch_events)
        common = {"ca": _ca(settings["hub.ca"]), "batch_events": batch_events}
        if kind == "eventhubs":
            return cls(kind, **_event_hubs(settings, topic), **common)  # type: ignore[arg-type]
        return cls(kind, **_kafka(settings, topic), **common)  # type: ignore[arg-type]

    @property
    def format(self) -> str:
        """`kafka` or `folder`: what Spark reads."""
        return "folder" if self.kind == "folder" else "kafka"

    @property
    def where(self) -> str:
        """For messages; contains no secret."""
        return str(self.folder) if self.folder is not None else f"{self.topic} on {self.servers}"

    def spark_options(self, shaded: bool | None = None) -> dict[str, str]:
        """Options for `spark.readStream.format("kafka")`, or for `format("text")` if the hub is a folder.

        `shaded` is whether Spark's Kafka client has Databricks' package name; None detects it. The result contains the
        password: never print it.
        """
        if self.folder is not None:
            # By default \r and \r\n end a line too, which would split one event in two.
            return {"lineSep": "\n", "maxFilesPerTrigger": str(max(1, self.batch_events // FILE_EVENTS))}
        options = {
            "kafka.bootstrap.servers": self.servers,
            "subscribe": self.topic,
            "startingOffsets": "earliest",
            "failOnDataLoss": "true",
            "includeHeaders": "true",
            "maxOffsetsPerTrigger": str(self.batch_events),
            "kafka.security.protocol": self.security.upper(),
        }
        if self.security.startswith("sasl"):
            shaded = "DATABRICKS_RUNTIME_VERSION" in os.environ if shaded is None else shaded
            module = "org.apache.kafka.common.security.plain.PlainLoginModule"
            options["kafka.sasl.mechanism"] = "PLAIN"
            options["kafka.sasl.jaas.config"] = (
                f"{'kafkashaded.' if shaded else ''}{module} required "
                f"username={_jaas(self.username)} password={_jaas(self._password)};"
            )
        if self.ca:
            options["kafka.ssl.truststore.type"] = "PEM"
            options["kafka.ssl.truststore.location"] = self.ca
        return options

    def client_options(self) -> dict[str, str | int | float | bool]:
        """Options for a confluent-kafka client; they contain the password: never print them."""
        if self.folder is not None:
            raise SettingsError(
                f"the hub is the folder {self.folder}: a Kafka client needs hub.kind = kafka or eventhubs"
            )
        options: dict[str, str | int | float | bool] = {
            "bootstrap.servers": self.servers,
            "security.protocol": self.security,
            "log_level": 0,  # what matters comes through error_cb; the rest would clutter the user's terminal
        }
        if self.security.startswith("sasl"):
            options |= {"sasl.mechanism": "PLAIN", "sasl.username": self.username, "sasl.password": self._password}
        if self.ca:
            options["ssl.ca.location"] = self.ca
        return options | (CLIENT_OPTIONS if self.kind == "eventhubs" else {})


def offsets(hub: Hub, deadline: float = ANSWER_SECONDS) -> dict[int, tuple[int, int]]:
    """What the hub holds: partition -> (first offset, next offset).

    A folder is partition 0 and counts its lines. Raises Unauthorized (user or password), NotFound (topic or folder),
    ServiceUnavailable (no answer within `deadline` seconds).
    """
    if hub.folder is not None:
        return {0: (0, _count_lines(hub.folder))}
    ends = time.monotonic() + deadline
    failure = Failure(hub)
    consumer = Consumer(hub.client_options() | {"group.id": "livegold-offsets", "error_cb": failure})
    try:

        def ask(question: Callable[[float], T]) -> T:
            while True:
                try:
                    return question(min(1.0, deadline))
                except KafkaException as error:
                    consumer.poll(0)  # runs error_cb, which learns the cause of a silent retry
                    failure.check()
                    if time.monotonic() > ends:
                        raise failure.unreachable(error.args[0].str(), deadline) from error

        def partitions(timeout: float) -> list[int]:
            found = consumer.list_topics(hub.topic, timeout=timeout).topics[hub.topic]
            if found.error is not None:
                if found.error.code() in (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC):
                    raise NotFound(f"hub {hub.where}: there is no such topic: publish to it first, or set hub.topic")
                raise KafkaException(found.error)
            return sorted(found.partitions)

        def bounds(number: int, timeout: float) -> tuple[int, int]:
            low, high = consumer.get_watermark_offsets(TopicPartition(hub.topic, number), timeout=timeout)
            return low, high

        return {number: ask(partial(bounds, number)) for number in ask(partitions)}
    finally:
        consumer.close()


def ensure_topic(hub: Hub, partitions: int, deadline: float = ANSWER_SECONDS) -> None:
    """Creates the topic of a Kafka hub, or the folder, if it does not exist yet.

    An event hub has to be created in Azure; NotFound says so. Raises what `offsets` raises.
    """
    if hub.folder is not None:
        hub.folder.mkdir(parents=True, exist_ok=True)
        return
    try:
        offsets(hub, deadline)
        return
    except NotFound:
        if hub.kind == "eventhubs" and hub.security == "sasl_ssl":
            raise NotFound(f"hub {hub.where}: there is no such event hub: create it in the namespace first") from None
    admin = AdminClient(hub.client_options())
    try:
        created = admin.create_topics([NewTopic(hub.topic, partitions)], request_timeout=deadline)[hub.topic]
        created.result(deadline)
    except KafkaException as error:
        if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
            raise ServiceUnavailable(f"hub {hub.where}: could not create the topic: {error.args[0].str()}") from error
    ends = time.monotonic() + deadline
    while True:
        try:
            if len(offsets(hub, deadline)) == partitions:
                return
        except NotFound:
            pass
        if time.monotonic() > ends:
            raise ServiceUnavailable(f"hub {hub.where}: the new topic did not appear within {deadline:.0f} s")
        time.sleep(0.05)


class Failure:
    """An `error_cb` that remembers why a client cannot continue: librdkafka would retry a wrong password forever."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._fatal: LivegoldError | None = None
        self.last = ""

    def __call__(self, error: KafkaError) -> None:
        self.last = error.str()
        code = error.code()
        if code in (
            KafkaError._AUTHENTICATION,
            KafkaError.SASL_AUTHENTICATION_FAILED,
            KafkaError.TOPIC_AUTHORIZATION_FAILED,
        ):
            secret = "hub.connection_string" if self._hub.kind == "eventhubs" else "hub.username and hub.password"
            self._fatal = Unauthorized(f"hub {self._hub.where}: refused to let us in: check {secret}")
        elif code == KafkaError._SSL:
            self._fatal = Unauthorized(
                f"hub {self._hub.where}: TLS failed ({error.str()}): check hub.security and hub.ca"
            )
        elif error.fatal():
            self._fatal = ServiceUnavailable(f"hub {self._hub.where}: {error.str()}: start again")

    def check(self) -> None:
        """Raises the error, if there was one that retrying cannot fix."""
        if self._fatal is not None:
            raise self._fatal

    def unreachable(self, cause: str, seconds: float) -> ServiceUnavailable:
        return ServiceUnavailable(
            f"hub {self._hub.where}: no answer in {seconds:.0f} s ({self.last or cause}): "
            "check hub.servers and hub.security, and that the broker runs"
        )


def _event_hubs(settings: Settings, topic: str) -> dict[str, str]:
    secret = "hub.connection_string"
    connection = ConnectionString.parse(settings.secret(secret), secret)
    entity = connection.entity
    if entity and settings["hub.topic"] and entity != settings["hub.topic"]:
        raise SettingsError(
            f"setting hub.topic is {settings['hub.topic']!r} and the connection string is for event hub {entity!r}: "
            "give the same, or leave hub.topic empty"
        )
    security = settings["hub.security"] or "sasl_ssl"
    if not security.startswith("sasl"):
        raise SettingsError(f"setting hub.security is {security!r} with hub.kind eventhubs: leave it empty (sasl_ssl)")
    servers = settings["hub.servers"]
    if servers == _DEFAULT_SERVERS:
        servers = connection.server
    return {
        "topic": _topic(entity or topic),
        "servers": _servers(servers),
        "security": security,
        "username": USER,
        "_password": connection.text,
    }


def _kafka(settings: Settings, topic: str) -> dict[str, str]:
    security = settings["hub.security"] or "plaintext"
    known = {"topic": _topic(topic), "servers": _servers(settings["hub.servers"]), "security": security}
    if not security.startswith("sasl"):
        if settings["hub.username"] or settings.has_secret("hub.password"):
            raise SettingsError(
                f"setting hub.security is {security!r}, which takes no user: give sasl_ssl or sasl_plaintext, "
                "or leave hub.username and hub.password empty"
            )
        return known
    if not settings["hub.username"]:
        raise SettingsError(f"setting hub.security is {security!r} and hub.username is not set: give the user's name")
    return known | {"username": settings["hub.username"], "_password": settings.secret("hub.password")}


def _topic(name: str) -> str:
    return checked_topic(name, "hub.topic")


def _servers(text: str) -> str:
    return checked_servers(text, "hub.servers")


def _ca(text: str) -> str:
    if text and not Path(text).is_file():
        raise SettingsError(
            f"setting hub.ca is {text!r}, which is not a file: give the PEM file of the hub's authority"
        )
    return str(Path(text).resolve()) if text else ""


def _jaas(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _count_lines(folder: Path) -> int:
    if not folder.is_dir():
        raise NotFound(f"hub folder {folder} is not there: publish to it first, or set hub.folder")
    # Spark skips names that begin with "." or "_" too.
    files = (f for f in folder.iterdir() if f.is_file() and not f.name.startswith((".", "_")))
    return sum(_lines(f) for f in files)


def _lines(file: Path) -> int:
    count, last = 0, b"\n"
    with file.open("rb") as data:
        while block := data.read(1 << 20):
            count += block.count(b"\n")
            last = block[-1:]
    return count + (last != b"\n")
