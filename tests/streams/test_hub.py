"""The hub: what the settings become, and what the broker answers."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient

from livegold.reporting.errors import NotFound, ServiceUnavailable, SettingsError, Unauthorized
from livegold.reporting.settings import settings
from livegold.streams.hub.hub import Hub, ensure_topic, offsets
from livegold.streams.hub.publisher import publish
from livegold.streams.local.broker import Broker
from stream_cases import held_events

AZURE = (
    "Endpoint=sb://trips.servicebus.windows.net/;SharedAccessKeyName=send;SharedAccessKey=S3cr3tKey+/=;EntityPath=taxis"
)


def hub(use_case: str = "taxi_tips", /, **changed: str) -> Hub:
    return Hub.of(settings.load({}, None, **changed), use_case)


def event_hubs(broker: Broker, topic: str, connection_string: str) -> Hub:
    return hub(
        topic,
        hub__kind="eventhubs",
        hub__security="sasl_plaintext",
        hub__servers=broker.sasl_servers,
        hub__connection_string=connection_string,
    )


def test_plain_kafka_is_read_from_the_start_and_fails_on_loss() -> None:
    kafka = hub(hub__servers="a:1, b:2", hub__batch_events="1000")
    assert kafka.spark_options() == {
        "kafka.bootstrap.servers": "a:1,b:2",
        "subscribe": "taxi_tips",
        "startingOffsets": "earliest",
        "failOnDataLoss": "true",
        "includeHeaders": "true",
        "maxOffsetsPerTrigger": "1000",
        "kafka.security.protocol": "PLAINTEXT",
    }
    assert kafka.client_options()["bootstrap.servers"] == "a:1,b:2"
    assert kafka.format == "kafka"


def test_event_hubs_derives_server_topic_and_user_from_the_connection_string() -> None:
    azure = hub(hub__kind="eventhubs", hub__connection_string=AZURE)
    assert azure.servers == "trips.servicebus.windows.net:9093"
    assert azure.topic == "taxis"
    options = azure.spark_options(shaded=False)
    assert options["kafka.security.protocol"] == "SASL_SSL"
    assert options["kafka.sasl.mechanism"] == "PLAIN"
    assert options["kafka.sasl.jaas.config"] == (
        "org.apache.kafka.common.security.plain.PlainLoginModule required "
        f'username="$ConnectionString" password="{AZURE}";'
    )
    assert azure.spark_options(shaded=True)["kafka.sasl.jaas.config"].startswith("kafkashaded.org.apache.kafka.")
    client = azure.client_options()
    assert client["sasl.username"] == "$ConnectionString"
    assert client["sasl.password"] == AZURE


def test_kafka_with_sasl_quotes_what_java_would_misread() -> None:
    kafka = hub(hub__security="sasl_ssl", hub__username="me", hub__password='a"b\\c')
    assert 'password="a\\"b\\\\c";' in kafka.spark_options()["kafka.sasl.jaas.config"]
    assert kafka.client_options()["sasl.password"] == 'a"b\\c'


def test_a_private_authority_reaches_both_clients(tmp_path: Path) -> None:
    authority = tmp_path / "ca.pem"
    authority.write_text("-----BEGIN CERTIFICATE-----")
    kafka = hub(hub__security="ssl", hub__ca=str(authority))
    assert kafka.spark_options()["kafka.ssl.truststore.type"] == "PEM"
    assert kafka.spark_options()["kafka.ssl.truststore.location"] == str(authority)
    assert kafka.client_options()["ssl.ca.location"] == str(authority)


def test_a_printed_hub_shows_no_secret() -> None:
    azure = hub(hub__kind="eventhubs", hub__connection_string=AZURE)
    kafka = hub(hub__security="sasl_ssl", hub__username="me", hub__password="S3cr3tKey")
    for text in (repr(azure), str(azure), azure.where, repr(kafka)):
        assert "S3cr3t" not in text


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"hub__servers": "localhost"}, "hub.servers has 'localhost': give host:port"),
        ({"hub__servers": "localhost:99999"}, "give host:port"),
        ({"hub__servers": " , "}, "hub.servers is empty"),
        ({"hub__topic": "no spaces"}, "hub.topic is 'no spaces'"),
        ({"hub__batch_events": "0"}, "hub.batch_events is '0'"),
        ({"hub__security": "sasl_ssl"}, "hub.username is not set"),
        ({"hub__security": "sasl_ssl", "hub__username": "me"}, "LIVEGOLD_HUB_PASSWORD"),
        ({"hub__username": "me"}, "takes no user"),
        ({"hub__ca": "/no/such.pem"}, "hub.ca is '/no/such.pem', which is not a file"),
        ({"hub__kind": "eventhubs"}, "LIVEGOLD_HUB_CONNECTION_STRING"),
        ({"hub__kind": "eventhubs", "hub__connection_string": "S3cr3t"}, "no Event Hubs connection string"),
        (
            {"hub__kind": "eventhubs", "hub__connection_string": AZURE, "hub__topic": "other"},
            "hub.topic is 'other' and the connection string is for event hub 'taxis'",
        ),
        (
            {"hub__kind": "eventhubs", "hub__connection_string": AZURE, "hub__security": "plaintext"},
            "leave it empty",
        ),
        ({"hub__kind": "folder"}, "hub.folder is not set"),
    ],
)
def test_a_combination_that_cannot_work_is_refused_before_anything_starts(changed: dict[str, str], says: str) -> None:
    with pytest.raises(SettingsError) as caught:
        hub(**changed)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "S3cr3t" not in str(caught.value)


def test_a_folder_holds_the_lines_of_its_visible_files(tmp_path: Path) -> None:
    folder = hub(hub__kind="folder", hub__folder=str(tmp_path / "in"), hub__batch_events="50000")
    with pytest.raises(NotFound, match="is not there"):
        offsets(folder)
    ensure_topic(folder, 4)
    assert offsets(folder) == {0: (0, 0)}
    (tmp_path / "in" / "a.jsonl").write_bytes(b"{}\n\n{}\n")
    (tmp_path / "in" / "b.jsonl").write_bytes(b"{}\n{}")
    (tmp_path / "in" / ".c.jsonl.tmp").write_bytes(b"{}\n")
    assert offsets(folder) == {0: (0, 5)}
    assert folder.format == "folder"
    assert folder.spark_options() == {"lineSep": "\n", "maxFilesPerTrigger": "5"}
    with pytest.raises(SettingsError, match=r"needs hub\.kind = kafka or eventhubs"):
        folder.client_options()


@pytest.mark.broker
def test_event_hubs_mechanism_publishes_and_reads_offsets(broker: Broker, connection_string: str) -> None:
    there = event_hubs(broker, "through_sasl", connection_string)
    ensure_topic(there, 2)
    published = publish(there, [(str(i), b"{}") for i in range(1_000)])
    assert published.count == 1_000
    found = offsets(there)
    assert sorted(found) == [0, 1]
    assert sum(high for _, high in found.values()) == 1_000
    assert published.next_offsets == {p: high for p, (_, high) in found.items()}
    # The door without a password shows what came through the one with it.
    held = itertools.chain(*held_events(broker.servers, "through_sasl").values())
    assert sorted(held) == sorted((str(i).encode(), b"{}") for i in range(1_000))


@pytest.mark.broker
def test_a_wrong_password_is_a_clear_error(broker: Broker, connection_string: str) -> None:
    wrong = event_hubs(broker, "taxi_tips", connection_string.replace("c2Vj", "XXXX"))
    with pytest.raises(Unauthorized, match=r"refused to let us in: check hub\.connection_string$"):
        offsets(wrong)
    with pytest.raises(Unauthorized, match=r"refused to let us in: check hub\.connection_string$"):
        publish(wrong, [(None, b"{}")])


@pytest.mark.broker
def test_a_topic_that_is_not_there_is_said_so_and_not_created(broker: Broker) -> None:
    missing = hub("never_made", hub__servers=broker.servers)
    for _ in range(2):
        with pytest.raises(NotFound, match="there is no such topic"):
            offsets(missing)
    with pytest.raises(NotFound, match="there is no such topic"):
        publish(missing, [(None, b"{}")])
    assert "never_made" not in AdminClient({"bootstrap.servers": broker.servers}).list_topics(timeout=10).topics


def test_a_hub_that_does_not_answer_is_said_so_within_the_deadline() -> None:
    with pytest.raises(ServiceUnavailable, match=r"no answer in 2 s .*check hub\.servers"):
        offsets(hub(hub__servers="127.0.0.1:1"), deadline=2)
