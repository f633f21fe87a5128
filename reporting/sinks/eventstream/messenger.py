"""An idempotent Kafka producer that reports why it cannot continue. Knows nothing of rows and persists nothing.

librdkafka retries a rejected password forever and a missing topic for half a minute, and reports this only through
callbacks; here both are errors. An outage is not: messages stay queued, and are sent once and in order when the broker
is back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka import Message as Sent

from livegold.reporting.errors import LivegoldError, NotFound, Refused, ServiceUnavailable, SettingsError, Unauthorized
from livegold.reporting.settings import (
    CLIENT_OPTIONS,
    MAX_EVENT_BYTES,
    USER,
    ConnectionString,
    Setting,
    Settings,
    checked_servers,
    checked_topic,
)
from livegold.reporting.sinks.eventstream.messages import Message

SECRET = "eventstream.connection_string"
EVENTSTREAM_SETTINGS: tuple[Setting, ...] = (
    Setting(
        "eventstream.connection_string", "", "connection string of the Eventstream endpoint or event hub", secret=True
    ),
    Setting("eventstream.servers", "", "bootstrap servers; empty is those of the connection string"),
    Setting("eventstream.topic", "", "topic (event hub); empty is the EntityPath of the connection string"),
    Setting(
        "eventstream.security",
        "",
        "security protocol; empty is sasl_ssl with a connection string and plaintext without",
        ("", "plaintext", "ssl", "sasl_plaintext", "sasl_ssl"),
    ),
    Setting("eventstream.ca", "", "PEM file of the certificate authority of those servers, when it is a private one"),
)
SLICE_SECONDS = 0.2
"""Duration of one poll of the producer, and so the longest that closing a sink may have to wait."""
LINGER_MS = 5
# Event Hubs closes connections that have been idle for 240 s.
IDLE_MS = 180_000
RECONNECT_MOST_MS = 5_000
_GONE = (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC, KafkaError._UNKNOWN_PARTITION)
_NOT_ALLOWED = (
    KafkaError.SASL_AUTHENTICATION_FAILED,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
)


@dataclass(frozen=True)
class Target:
    """Where messages go. Create it with `Target.of`; printing it shows no secret."""

    servers: str
    topic: str
    security: str
    ca: str = ""
    _password: str = field(default="", repr=False)

    @classmethod
    def of(cls, settings: Settings, use_case: str) -> Target:
        """The target given by the settings, without network access. Raises SettingsError for what could not work."""
        connection = None
        if settings.has_secret(SECRET):
            connection = ConnectionString.parse(settings.secret(SECRET), SECRET)
        security = settings["eventstream.security"] or ("sasl_ssl" if connection else "plaintext")
        if connection is None and (not settings["eventstream.servers"] or security.startswith("sasl")):
            settings.secret(SECRET)  # raises an error that says where to put it
        if connection is not None and not security.startswith("sasl"):
            raise SettingsError(
                f"setting eventstream.security is {security!r}, which uses no connection string: leave it empty"
            )
        topic, entity = settings["eventstream.topic"], connection.entity if connection else ""
        if topic and entity and topic != entity:
            raise SettingsError(
                f"setting eventstream.topic is {topic!r} and the connection string is for {entity!r}: "
                "give the same, or leave eventstream.topic empty"
            )
        if not (topic or entity):
            raise SettingsError("setting eventstream.topic is empty and the connection string names no EntityPath")
        servers = settings["eventstream.servers"] or (connection.server if connection else "")
        servers = checked_servers(servers, "eventstream.servers")
        topic = checked_topic(topic or entity, "eventstream.topic")
        same_hub = set(servers.split(",")) & {s.strip() for s in settings["hub.servers"].split(",")}
        if same_hub and topic == (settings["hub.topic"] or use_case):
            raise SettingsError(
                f"setting eventstream.topic is {topic!r}, where the use case's events come from: give another topic"
            )
        ca = settings["eventstream.ca"]
        if ca and not Path(ca).is_file():
            raise SettingsError(f"setting eventstream.ca is {ca!r}, which is not a file: give the authority's PEM file")
        return cls(servers, topic, security, ca, connection.text if connection else "")

    @property
    def where(self) -> str:
        """For use in messages: contains no secret."""
        return f"{self.topic} on {self.servers}"

    def client_options(self) -> dict[str, str | int | bool]:
        """Options for any confluent-kafka client. They contain the password: never print them."""
        options: dict[str, str | int | bool] = {
            "bootstrap.servers": self.servers,
            "security.protocol": self.security,
            "client.id": "livegold",
            "log_level": 0,  # what matters comes through error_cb; the rest would land on the user's terminal
        }
        if self._password:
            options |= {"sasl.mechanism": "PLAIN", "sasl.username": USER, "sasl.password": self._password}
            options |= CLIENT_OPTIONS
        if self.ca:
            options["ssl.ca.location"] = self.ca
        return options

    def producer_options(self) -> dict[str, str | int | bool]:
        """Options for the producer: idempotent, and never gives up."""
        return self.client_options() | {
            "enable.idempotence": True,
            "acks": "all",
            "message.timeout.ms": 0,  # 0 means forever: closing the sink ends the wait
            "message.max.bytes": MAX_EVENT_BYTES,
            "linger.ms": LINGER_MS,
            "connections.max.idle.ms": IDLE_MS,
            "reconnect.backoff.max.ms": RECONNECT_MOST_MS,
            "partitioner": "murmur2_random",  # like the Java client, so that equal keys map to the same partition
        }


class Trouble:
    """An `error_cb` that distinguishes outages, which pass, from permanent errors."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._final: LivegoldError | None = None
        self.last = ""

    def __call__(self, error: KafkaError) -> None:
        self.last = error.str()
        if (
            error.fatal()
            or error.code() == KafkaError._AUTHENTICATION
            or error.code() in (*_NOT_ALLOWED, KafkaError._SSL)
        ):
            found = error_of(error, self._target)
            if not isinstance(found, ServiceUnavailable) or error.fatal():
                self._final = found

    def check(self) -> None:
        """Raises the permanent error, if there was one."""
        if self._final is not None:
            raise self._final


def error_of(error: KafkaError, target: Target) -> LivegoldError:
    """Maps an error of librdkafka: to a Terminal error, or to ServiceUnavailable if a retry may help."""
    code, text = error.code(), error.str()
    # The connection can break during authentication; only the text says so.
    broken = "transport failure" in text or "timed out" in text.lower()
    if code in _NOT_ALLOWED or (code == KafkaError._AUTHENTICATION and not broken):
        what = f"secret {SECRET}" if target.security.startswith("sasl") else "eventstream.security"
        return Unauthorized(f"eventstream {target.where}: refused to let us in: check {what}")
    if code == KafkaError._SSL and "certificate" in text:
        return Unauthorized(
            f"eventstream {target.where}: the server's certificate is not trusted: give its authority as eventstream.ca"
        )
    if code in _GONE:
        return NotFound(
            f"eventstream {target.where}: there is no such topic: create it first, or set eventstream.topic"
        )
    if code in (KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.RECORD_LIST_TOO_LARGE):
        return Refused(
            f"eventstream {target.where}: a row is too long for the topic: let it take messages of "
            f"{MAX_EVENT_BYTES:,} bytes (max.message.bytes)"
        )
    return ServiceUnavailable(f"eventstream {target.where}: {text}")


class Messenger:
    """Sends messages in order and waits until all are accepted. One thread at a time.

    `waiting` is called repeatedly while it waits, with the latest trouble ("" for none); anything it raises ends the
    call. After any error a new producer is created, and messages not reported as accepted may be duplicated.
    """

    def __init__(self, target: Target, waiting: Callable[[str], None]) -> None:
        self._target = target
        self._waiting = waiting
        self._producer: Producer | None = None
        self._trouble = Trouble(target)

    def check(self) -> str:
        """Waits until the broker answers; returns the cluster id. Raises Unauthorized, or NotFound for the topic."""
        while True:
            producer = self._made()
            try:
                metadata = producer.list_topics(self._target.topic, timeout=SLICE_SECONDS * 5)
                found = metadata.topics[self._target.topic]
                if found.error is None:
                    return str(metadata.cluster_id or "")
                raise KafkaException(found.error)
            except KafkaException as error:
                producer.poll(0)  # runs error_cb, which knows the cause of a silent retry
                self._trouble.check()
                said = error_of(error.args[0], self._target)
                if not isinstance(said, ServiceUnavailable):
                    raise said from None
                self._waiting(self._trouble.last or str(said))

    def send(self, messages: Sequence[Message]) -> None:
        """Returns when the broker has all messages. Raises Terminal errors, and ServiceUnavailable for an error that
        only a new producer can recover from."""
        try:
            self._send(messages)
        except KafkaException as error:
            self.close()
            raise error_of(error.args[0], self._target) from None
        except BaseException:
            self.close()
            raise

    def _send(self, messages: Sequence[Message]) -> None:
        producer = self._made()
        self._trouble.last = ""
        left = len(messages)
        failed: list[KafkaError] = []

        def told(error: KafkaError | None, _: Sent) -> None:
            nonlocal left
            left -= 1
            if error is not None:
                failed.append(error)

        def look() -> None:
            producer.poll(SLICE_SECONDS)
            self._trouble.check()
            if failed:
                raise KafkaException(failed[0])

        for message in messages:
            while True:
                try:
                    producer.produce(
                        self._target.topic, message.value, message.key, headers=message.headers, on_delivery=told
                    )
                    break
                except BufferError:
                    look()
                    self._waiting(self._trouble.last)
        producer.poll(0)
        while left:
            look()
            if left:
                self._waiting(self._trouble.last)
        if failed:
            raise KafkaException(failed[0])

    def _made(self) -> Producer:
        if self._producer is None:
            self._trouble = Trouble(self._target)
            self._producer = Producer(self._target.producer_options() | {"error_cb": self._trouble})
        return self._producer

    def close(self) -> None:
        """Drops queued messages and connections."""
        if self._producer is not None:
            self._producer.purge()
            self._producer.poll(0)
            self._producer = None
