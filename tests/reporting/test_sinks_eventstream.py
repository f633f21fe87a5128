"""The eventstream sink against a real Kafka with SASL: the rows of the powerbi sink, in order, none lost."""

from __future__ import annotations

import io
import itertools
import json
import logging
import threading
import time as real_time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
from confluent_kafka import Consumer, TopicPartition
from rich.console import Console

from livegold.reporting.cli.view import sink as view
from livegold.reporting.errors import (
    NotFound,
    Refused,
    SecondWriter,
    SettingsError,
    SpecificationError,
    Unauthorized,
    WrongUse,
)
from livegold.reporting.service.server import LocalService
from livegold.reporting.settings.eventhubs import MAX_EVENT_BYTES
from livegold.reporting.settings.settings import Settings, load
from livegold.reporting.sinks import FeedBatch, inspector_of, make_sinks
from livegold.reporting.sinks.chunks import Chunk
from livegold.reporting.sinks.eventstream import EventstreamSink
from livegold.reporting.sinks.eventstream.messages import Message, body_of, check_columns, fitted, messages
from livegold.reporting.sinks.eventstream.messenger import Messenger, Target
from livegold.reporting.sinks.values import CUT_MARK
from livegold.reporting.specification.usecase import Field, Spotlight
from powerbi_cases import (
    CASE,
    PULSE_SCHEMA,
    START_BUCKET,
    ZONED,
    Crash,
    Time,
    batch,
    patient,
    pulse_row,
    rows_of,
    sink_of,
    spot_row,
)

if TYPE_CHECKING:
    from livegold.streams.local.broker import Broker

pytestmark = pytest.mark.integration

NO_FILE = Path("none")
AZURE = (
    "Endpoint=sb://trips.servicebus.windows.net/;SharedAccessKeyName=send;SharedAccessKey=S3cr3tK3y=;EntityPath=es_1"
)
_numbers = itertools.count(1)

Given = tuple[str, str, str, int]


def settings_of(home: Path, **eventstream: str) -> Settings:
    return load({}, NO_FILE, home=str(home), **{f"eventstream__{k}": v for k, v in eventstream.items()})


def small_batches(n: int = 3, feed: str = "f1") -> list[FeedBatch]:
    made = [
        batch(i, [pulse_row(i, "North", i + 1), pulse_row(i, "South", 2, "0.30")], [spot_row(f"p{i}", 5.0 + i, i)])
        for i in range(n)
    ]
    return [replace(b, feed=feed) for b in made]


def status_of(state: Path) -> dict[str, Any]:
    """What is seen from outside."""
    return EventstreamSink.inspector("eventstream", CASE, state).status()


def write_all(sink: EventstreamSink, batches: list[FeedBatch]) -> None:
    for one in batches:
        sink.write(one)


# ---- settings and messages: no broker ------------------------------------------------------------------------------


def test_the_connection_string_alone_is_enough(tmp_path: Path) -> None:
    target = Target.of(settings_of(tmp_path, connection_string=AZURE), "trips")
    assert (target.servers, target.topic, target.security) == ("trips.servicebus.windows.net:9093", "es_1", "sasl_ssl")
    options = target.producer_options()
    assert (options["sasl.username"], options["sasl.password"]) == ("$ConnectionString", AZURE)
    assert (options["enable.idempotence"], options["acks"]) == (True, "all")
    assert "S3cr3tK3y" not in repr(target) + target.where


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "put it in the environment as LIVEGOLD_EVENTSTREAM_CONNECTION_STRING"),
        (
            {"connection_string": "Endpoint=x;SharedAccessKey=S3cr3tK3y="},
            "is no Event Hubs connection string: give Endp",
        ),
        ({"servers": "a:1"}, "eventstream.topic is empty"),
        ({"servers": "a", "topic": "t"}, "eventstream.servers has 'a': give host:port"),
        ({"servers": "a:1", "topic": "t t"}, "eventstream.topic is 't t'"),
        ({"servers": "a:1", "topic": "t", "security": "sasl_ssl"}, "eventstream.connection_string is not set"),
        ({"connection_string": AZURE, "security": "ssl"}, "'ssl', which uses no connection string"),
        ({"connection_string": AZURE, "topic": "es_2"}, "is 'es_2' and the connection string is for 'es_1'"),
        ({"servers": "127.0.0.1:9092", "topic": "trips"}, "where the use case's events come from"),
        ({"servers": "a:1", "topic": "t", "ca": "/no/such.pem"}, "ca is '/no/such.pem', which is not a file"),
    ],
)
def test_settings_that_cannot_work_are_refused_before_anything_starts(
    tmp_path: Path, given: dict[str, str], message: str
) -> None:
    with pytest.raises(SettingsError, match=message.replace("$", "\\$")) as refused:
        make_sinks(["eventstream"], settings_of(tmp_path, **given), replace(CASE, name="trips"))
    assert "S3cr3tK3y" not in str(refused.value)


def test_a_row_that_is_too_long_loses_the_ends_of_its_longest_texts_and_they_are_counted() -> None:
    counts: Counter[str] = Counter()
    row = {"table": "Spotlight", "long": "é" * 2000, "longer": "\x01" * 2000, "short": "x", "n": 1}
    value = fitted(row, 11_000, counts)
    kept = json.loads(value)
    assert len(value) <= 11_000
    assert kept["longer"].endswith(CUT_MARK)
    assert (kept["short"], kept["n"], kept["long"]) == ("x", 1, row["long"])
    assert counts == {"strings_cut": 1}
    with pytest.raises(Refused, match="a row of 'Spotlight' is .* bytes even without its text columns"):
        fitted({"table": "Spotlight", "n": 10**15}, 20, Counter())


def test_digits_of_numbers_go_through_as_gold_has_them_and_rows_are_numbered_within_the_batch() -> None:
    row = {"a": Decimal("123456789012345678901234.567890"), "b": 2**53 + 1, "c": 2**63 - 1, "d": Decimal("0.0000001")}
    body = body_of("Pulse", [{"a": Decimal(1)}, row], Counter())
    _, message = messages(Chunk(3, "Pulse", 0, 1, 6, 2, "{}", body), "trips", "feed")
    assert message.value == (
        b'{"table":"Pulse","a":123456789012345678901234.567890,"b":9007199254740993,"c":9223372036854775807,'
        b'"d":0.0000001}'
    )
    assert {name: value.decode() for name, value in message.headers} == {
        "livegold-usecase": "trips",
        "livegold-feed": "feed",
        "livegold-batch": "3",
        "livegold-table": "Pulse",
        "livegold-row": "7",
    }


def test_a_column_that_would_hide_the_tables_name_is_refused(tmp_path: Path) -> None:
    case = replace(
        CASE,
        fields=(*CASE.fields, Field("table", "string")),
        spotlight=Spotlight(severity="double(price)", where="severity > 0", columns=("price", "note", "table")),
    )
    with pytest.raises(SpecificationError, match="column 'table' of Spotlight .*: give the column another name"):
        check_columns(case)


# ---- with a broker -------------------------------------------------------------------------------------------------


@pytest.fixture
def topic(broker: Broker) -> str:
    name = f"live-{next(_numbers)}"
    broker.create_topic(name, 3)
    return name


@pytest.fixture
def target(broker: Broker, topic: str, connection_string: str, tmp_path: Path) -> Target:
    """As an event hub has it, but for TLS."""
    return target_of(broker, topic, connection_string, tmp_path)


def target_of(broker: Broker, topic: str, connection_string: str, home: Path) -> Target:
    own = {"servers": broker.sasl_servers, "security": "sasl_plaintext", "connection_string": connection_string}
    return Target.of(settings_of(home, topic=topic, **own), CASE.name)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "eventstream"


@pytest.fixture
def sink(target: Target, state: Path) -> Callable[[], EventstreamSink]:
    """Makes a sink on the one topic and state."""
    return lambda: EventstreamSink(CASE, target, state)


def read(servers: str, topic: str, partitions: int = 3) -> list[tuple[Given, dict[str, Any]]]:
    """Everything in a topic by partition and offset: ((feed, batch, table, row) of the headers, the message)."""
    consumer = Consumer({"bootstrap.servers": servers, "group.id": "reader", "enable.auto.commit": False})
    found = []
    try:
        for number in range(partitions):
            at = TopicPartition(topic, number, 0)
            low, high = consumer.get_watermark_offsets(at, timeout=20)
            consumer.assign([at])
            partition: list[Any] = []
            while len(partition) < high - low:
                partition += consumer.consume(high - low - len(partition), timeout=20)
            for message in partition:
                headers = {k: v.decode() for k, v in message.headers()}
                assert message.key().decode() == headers["livegold-table"]
                given = (headers["livegold-feed"], headers["livegold-batch"], headers["livegold-table"])
                body = json.loads(message.value(), parse_float=Decimal)
                found.append(((*given, int(headers["livegold-row"])), body))
    finally:
        consumer.close()
    return found


def once(found: list[tuple[Given, dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    """What a reader has that drops duplicates of (feed, batch, row): the rows of each table, in the order they came."""
    tables: dict[str, list[dict[str, Any]]] = {}
    seen: dict[tuple[str, str, int], dict[str, Any]] = {}
    for (feed, number, table, row), body in found:
        if (feed, number, row) in seen:
            assert seen[feed, number, row] == body
            continue
        seen[feed, number, row] = body
        assert body["table"] == table
        tables.setdefault(table, []).append({k: v for k, v in body.items() if k != "table"})
    return tables


@pytest.mark.broker
def test_the_messages_are_the_rows_of_the_powerbi_sink_in_their_order(
    broker: Broker,
    topic: str,
    sink: Callable[[], EventstreamSink],
    service: LocalService,
    time: Time,
    tmp_path: Path,
) -> None:
    batches = small_batches(4)
    with sink_of(service, tmp_path / "powerbi", time) as powerbi, sink() as eventstream:
        for one in batches:
            powerbi.write(one)
            eventstream.write(one)
        status = eventstream.status()
        found = read(broker.servers, topic)
        given = once(found)
        assert sum(len(rows) for rows in given.values()) == len(found) == status["rows_delivered"]
        assert {"Pulse", "Totals", "Spotlight", "Site"} < set(given)
        assert given == {table: rows_of(service, powerbi.dataset, table) for table in given}
        made = {t for t, v in powerbi.status()["tables"].items() if v["rows"]}
    assert made == set(given)
    assert {body["price_sum"] for body in given["Pulse"]} == {Decimal("1.1"), Decimal("0.3")}
    for number in range(4):
        rows = sorted(row for (_, b, _, row), _ in found if b == str(number))
        assert rows == list(range(len(rows)))
    shown = Console(file=io.StringIO(), width=200)
    shown.print(view("eventstream", status, running=True))
    text = shown.file.getvalue()  # type: ignore[attr-defined]
    assert f"running, delivers at least once, topic {topic}" in text
    assert "drop duplicates of livegold-feed, livegold-batch, livegold-row" in text
    assert f"{status['rows_delivered']} rows (" in text
    assert (status["mode"], status["last_batch"], status["outbox_rows"], status["rows_maybe_twice"]) == (
        "at least once",
        3,
        0,
        0,
    )


class Dying(Messenger):
    """Dies after the broker has the messages of chunk number `at` (from 1): between sending and ledger."""

    def __init__(self, target: Target, waiting: Callable[[str], None], at: int) -> None:
        super().__init__(target, waiting)
        self.left = at

    def send(self, messages: Any) -> None:
        super().send(messages)
        self.left -= 1
        if self.left == 0:
            raise Crash


@pytest.mark.broker
@pytest.mark.parametrize("at", [1, 6, 9])
def test_after_a_crash_in_mid_batch_nothing_is_missing_and_what_came_twice_says_so(
    broker: Broker, topic: str, target: Target, state: Path, sink: Callable[[], EventstreamSink], at: int
) -> None:
    batches = small_batches()
    first = EventstreamSink(CASE, target, state, messenger=lambda target, waiting: Dying(target, waiting, at))
    first.open()
    with pytest.raises(Crash):
        write_all(first, batches)
    first.close()
    last = status_of(state)["last_batch"]
    with sink() as second:
        for one in batches[last:]:
            second.write(one)
        status = second.status()
    found = read(broker.servers, topic)
    assert 0 < status["rows_maybe_twice"] == len(found) - status["rows_delivered"]
    rows = once(found)
    assert [(r["bucket_no"], r["site"]) for r in rows["Pulse"]] == [
        (r["bucket_no"], r["site"]) for b in batches for r in b.pulse.to_pylist()
    ]
    assert [r["event_id"] for r in rows["Spotlight"]] == ["p0", "p1", "p2"]
    assert [r["tick"] for r in rows["Totals"]] == [1, 1, 2, 2, 3, 3]
    for number in ("0", "1", "2"):
        numbers = {row for (_, b, _, row), _ in found if b == number}
        assert numbers == set(range(len(numbers)))


@pytest.mark.broker
def test_a_batch_that_comes_again_is_left_out_and_another_feed_is_everything_once_more(
    broker: Broker, topic: str, sink: Callable[[], EventstreamSink]
) -> None:
    with sink() as first:
        assert first.source_id() is None
        for one in (*small_batches(2), small_batches(2)[1]):
            first.write(one)
        assert first.source_id() == "f1"
    with sink() as second:
        for one in small_batches(2, feed="f2"):
            second.write(one)
        assert second.source_id() == "f2"
        assert second.status()["rows_delivered"] == sum(given[0] == "f2" for given, _ in read(broker.servers, topic))
    found = read(broker.servers, topic)
    feeds = [[(g[1:], body["events"]) for g, body in found if g[0] == f and g[2] == "Pulse"] for f in ("f1", "f2")]
    assert feeds[0] == feeds[1]
    # Ticks go on, so that the newest tick of all is of the newest feed.
    assert [body["tick"] for given, body in found if given[2] == "Totals"] == [1, 1, 2, 2, 3, 3, 4, 4]


@pytest.mark.broker
def test_a_wrong_password_stops_the_sink_with_the_cause_and_shows_no_secret(
    broker: Broker, topic: str, connection_string: str, state: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    wrong = connection_string.replace("SharedAccessKey=", "SharedAccessKey=wr0ng")
    refused = EventstreamSink(CASE, target_of(broker, topic, wrong, tmp_path), state)
    with pytest.raises(
        Unauthorized, match=f"^eventstream {topic} on .*: refused to let us in: check secret eventst"
    ) as e:
        refused.open()
    status = status_of(state)
    assert (status["state"], status["stopped"]) == ("stopped", str(e.value))
    assert "\n" not in str(e.value)
    refused.close()
    kept = b"".join(file.read_bytes() for file in state.iterdir())
    assert "wr0ng" not in str(e.value) + str(status) + caplog.text
    assert b"wr0ng" not in kept


@pytest.mark.broker
def test_a_topic_that_is_not_there_is_told_at_once(
    broker: Broker, connection_string: str, state: Path, tmp_path: Path
) -> None:
    nowhere = EventstreamSink(CASE, target_of(broker, "nowhere", connection_string, tmp_path), state)
    with pytest.raises(NotFound, match="^eventstream nowhere on .*: there is no such topic: create it first"):
        nowhere.open()


@pytest.mark.broker
def test_state_of_another_topic_and_a_second_writer_are_refused(
    broker: Broker, connection_string: str, state: Path, sink: Callable[[], EventstreamSink], tmp_path: Path
) -> None:
    with sink() as first:
        first.write(small_batches(1)[0])
        with pytest.raises(SecondWriter, match="another livegold delivers parcel_delay"):
            sink().check()
    broker.create_topic("elsewhere", 1)
    other = EventstreamSink(CASE, target_of(broker, "elsewhere", connection_string, tmp_path), state)
    for call in (other.check, other.open):
        with pytest.raises(
            WrongUse, match="belongs to topic 'live-.*but the setting is now 'elsewhere': change it back, or del"
        ):
            call()
    sink().check()


@pytest.mark.broker
def test_a_row_above_the_message_limit_arrives_with_its_texts_cut(
    broker: Broker, topic: str, target: Target, tmp_path: Path
) -> None:
    names = [f"note_{i}" for i in range(60)]
    case = replace(
        CASE,
        fields=(*CASE.fields, *(Field(n, "string") for n in names)),
        spotlight=Spotlight(severity="double(price)", where="severity > 0", columns=("price", "note", *names)),
    )
    row = {**spot_row("big", 9.0), **dict.fromkeys(names, "\x01" * 4000)}
    with EventstreamSink(case, target, tmp_path / "big") as big:
        big.write(batch(0, [pulse_row(0, "North", 1)], [row]))
        status = big.status()
    (given,) = once(read(broker.servers, topic))["Spotlight"]
    assert MAX_EVENT_BYTES * 0.7 < len(json.dumps(given, default=str)) < MAX_EVENT_BYTES
    cut = [n for n in names if given[n].endswith(CUT_MARK)]
    assert 0 < len(cut) == status["strings_cut"]
    assert {given[n] for n in names if n not in cut} <= {"\x01" * 4000}
    assert given["price"] == Decimal("12.5")


@pytest.mark.broker
def test_a_topic_that_takes_less_than_a_row_stops_the_sink_with_the_cause(
    broker: Broker, state: Path, sink: Callable[[], EventstreamSink], target: Target
) -> None:
    messenger = Messenger(target, lambda trouble: None)
    assert messenger.check(), "the cluster has no id: another one would not be noticed"
    with pytest.raises(Refused, match="a row is too long for the topic: let it take messages of 1,048,576 bytes"):
        messenger.send([Message(b"Pulse", b"x" * 2 * MAX_EVENT_BYTES, [])])
    messenger.send([Message(b"Pulse", b"x", [])])
    messenger.close()


@pytest.mark.broker
def test_an_outage_holds_the_sink_and_nothing_is_lost_nor_sent_twice_when_the_broker_is_back(
    broker: Broker, state: Path, tmp_path: Path
) -> None:
    from livegold.streams.local.broker import Broker as OwnBroker

    (tmp_path / "broker").mkdir()
    (tmp_path / "broker" / "jars.json").write_bytes((broker.folder / "jars.json").read_bytes())
    own = OwnBroker(tmp_path).start()
    try:
        own.create_topic("live", 3)
        port = int(own.servers.rpartition(":")[2])
        target = Target.of(settings_of(tmp_path, servers=own.servers, topic="live"), CASE.name)
        batches = small_batches()
        with EventstreamSink(CASE, target, state) as sink:
            sink.write(batches[0])
            own.stop()
            rest = threading.Thread(target=lambda: [sink.write(b) for b in batches[1:]])
            rest.start()
            patient(lambda: bool(sink.status()["last_error"]), 400)
            held = sink.status()
            own = OwnBroker(tmp_path, port=port).start()
            rest.join(120)
            assert not rest.is_alive()
            status = sink.status()
        found = read(own.servers, "live")
        assert (held["state"], held["last_batch"]) == ("running", 1)
        assert held["outbox_rows"] > 0
        assert (status["last_batch"], status["outbox_rows"], status["stopped"]) == (2, 0, None)
        assert len(found) == status["rows_delivered"]
        assert [r["tick"] for r in once(found)["Totals"]] == [1, 1, 2, 2, 3, 3]

        # One that is closed while it waits ends at once, and the next takes up where it was.
        sink = EventstreamSink(CASE, target, state)
        sink.open()
        own.stop()
        ended: list[BaseException] = []

        def write() -> None:
            try:
                sink.write(replace(small_batches(4)[3]))
            except BaseException as error:
                ended.append(error)

        waiting = threading.Thread(target=write)
        waiting.start()
        patient(lambda: sink.status()["outbox_rows"] > 0)
        before = real_time.monotonic()
        sink.close()
        waiting.join(30)
        assert real_time.monotonic() - before < 30
        assert "was closed while it waited" in str(ended[0])
        assert status_of(state)["stopped"] is None
        own = OwnBroker(tmp_path, port=port).start()
        with EventstreamSink(CASE, target, state) as sink:
            assert sink.status()["outbox_rows"] == 0
        assert [r["tick"] for r in once(read(own.servers, "live"))["Totals"]] == [1, 1, 2, 2, 3, 3, 4, 4]
    finally:
        own.stop()


def pulse_of(rows: int) -> pa.Table:
    """That many rows of pulse that nothing merges: a bucket each, an event in each."""
    numbers = np.arange(START_BUCKET - rows, START_BUCKET)
    same = {"site": "North", "score_band": "50-60%", "model_version": "1", "price_sum": Decimal("0.25")}
    same |= {"weight_sum": 0.5, "weight_count": 1, "price_max": Decimal("0.25"), "events": 1, "predicted": 0}
    columns = {"bucket": pa.array(numbers * 60_000_000, pa.int64()).cast(ZONED), "bucket_no": pa.array(numbers)}
    columns |= {name: pa.repeat(pa.scalar(value, PULSE_SCHEMA.field(name).type), rows) for name, value in same.items()}
    return pa.table(columns).select(PULSE_SCHEMA.names)


def counted(servers: str, topic: str, partitions: int = 3) -> tuple[Counter[str], Counter[str]]:
    """(messages, different rows) by table, of everything in a topic; rows are told apart by their headers."""
    consumer = Consumer({"bootstrap.servers": servers, "group.id": "reader", "enable.auto.commit": False})
    every: Counter[str] = Counter()
    different: set[tuple[str, bytes, bytes, bytes]] = set()
    try:
        for number in range(partitions):
            at = TopicPartition(topic, number, 0)
            low, high = consumer.get_watermark_offsets(at, timeout=20)
            consumer.assign([at])
            left = high - low
            while left:
                got = consumer.consume(min(left, 50_000), timeout=20)
                left -= len(got)
                for message in got:
                    table = message.key().decode()
                    headers = dict(message.headers())
                    every[table] += 1
                    names = ("livegold-feed", "livegold-batch", "livegold-row")
                    different.add((table, *(headers[name] for name in names)))
    finally:
        consumer.close()
    return every, Counter(table for table, *_ in different)


@pytest.mark.broker
@pytest.mark.parametrize("rows", [200_500, pytest.param(1_000_000, marks=pytest.mark.long)])
def test_every_row_of_a_batch_that_no_push_table_could_hold_is_counted_at_the_consumer(
    broker: Broker, topic: str, sink: Callable[[], EventstreamSink], state: Path, rows: int
) -> None:
    backfill = FeedBatch(0, pulse_of(rows), small_batches(1)[0].spotlight, small_batches(1)[0].dimensions, "f1")
    began = real_time.monotonic()
    with sink() as eventstream:
        eventstream.write(backfill)
        status = eventstream.status()
        delivered = EventstreamSink.inspector("eventstream", CASE, state).delivered()
    took = real_time.monotonic() - began
    every, different = counted(broker.servers, topic)
    print(
        f"{rows:,} rows of pulse: {every['Pulse']:,} messages at the consumer, written in {took:.1f} s, {dict(every)}"
    )
    assert every["Pulse"] == rows
    assert every == different == {t: v["rows"] for t, v in status["tables"].items()}
    assert delivered.sums["events"] == rows


@pytest.mark.broker
def test_both_sinks_have_states_of_their_own(broker: Broker, topic: str, service: LocalService, tmp_path: Path) -> None:
    own = {"eventstream__servers": broker.servers, "eventstream__topic": topic}
    own |= service.endpoint.settings() | {"powerbi__client_secret": service.secret}
    settings = load({}, NO_FILE, home=str(tmp_path / "both"), **own)
    made = make_sinks(["powerbi", "eventstream"], settings, CASE)
    try:
        for sink in made.values():
            sink.check()
            sink.open()
            sink.write(small_batches(1)[0])
        said = {name: sink.status() for name, sink in made.items()}
    finally:
        for sink in made.values():
            sink.close()
    assert said["powerbi"]["rows_delivered"] == said["eventstream"]["rows_delivered"] > 0
    assert inspector_of("eventstream", settings, CASE).last_batch() == 0
