"""Publishing, against the real broker and a real folder."""

from __future__ import annotations

import itertools
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from livegold.reporting.errors import ServiceUnavailable, WrongUse
from livegold.reporting.settings import settings
from livegold.streams.hub.hub import Hub, offsets
from livegold.streams.hub.publisher import Event, Published, publish
from livegold.streams.local.broker import Broker


@pytest.fixture
def hub(broker: Broker) -> Hub:
    topic = f"t-{uuid.uuid4().hex[:8]}"
    broker.create_topic(topic, 4)
    return Hub.of(settings.load({}, hub__servers=broker.servers), topic)


@pytest.fixture
def folder(tmp_path: Path) -> Hub:
    return Hub.of(settings.load({}, hub__kind="folder", hub__folder=str(tmp_path / "in")), "trips")


def numbered() -> Iterator[Event]:
    return ((f"k{i}", b'{"n":%d}' % i) for i in itertools.count())


def lines(hub: Hub) -> list[bytes]:
    assert hub.folder is not None
    return [line for f in sorted(hub.folder.iterdir()) for line in f.read_bytes().split(b"\n")[:-1]]


@pytest.mark.broker
def test_what_is_published_is_acknowledged_and_is_what_the_broker_holds(hub: Hub) -> None:
    result = publish(hub, numbered(), count=5_000)
    assert result.count == 5_000
    assert result.bytes == sum(len(b'{"n":%d}' % i) for i in range(5_000))
    assert {p: (0, n) for p, n in result.next_offsets.items()} == offsets(hub)
    again = publish(hub, numbered(), count=10)
    assert sum(high for _, high in offsets(hub).values()) == 5_010
    assert again.count == 10


@pytest.mark.broker
def test_the_rate_is_kept_and_progress_is_shown(hub: Hub) -> None:
    seen: list[Published] = []
    result = publish(hub, numbered(), rate=500, count=1_000, progress=seen.append)
    assert result.count == 1_000
    # Never sooner than the rate allows; a busy machine may be later.
    assert result.seconds >= 1.9
    assert seen[-1] == result
    assert all(p.count <= 500 * (p.seconds + 0.1) for p in seen)


@pytest.mark.broker
def test_no_event_goes_out_before_it_is_due(hub: Hub) -> None:
    started = time.monotonic()
    taken: list[float] = []

    def noting() -> Iterator[Event]:
        for event in numbered():
            taken.append(time.monotonic() - started)
            yield event

    publish(hub, noting(), rate=100, count=50)
    assert all(when >= i / 100 for i, when in enumerate(taken))


@pytest.mark.broker
def test_stop_ends_an_endless_stream_with_everything_acknowledged(hub: Hub) -> None:
    stop = threading.Event()
    timer = threading.Timer(0.5, stop.set)
    timer.start()
    result = publish(hub, numbered(), rate=1_000, stop=stop)
    timer.join()
    assert 0 < result.count < 2_000
    assert sum(high for _, high in offsets(hub).values()) == result.count


@pytest.mark.broker
def test_events_with_the_same_key_keep_their_order(hub: Hub) -> None:
    result = publish(hub, [("one", b"%d" % i) for i in range(100)])
    assert list(result.next_offsets.values()) == [100]


@pytest.mark.broker
def test_a_hundred_thousand_events_in_a_burst_all_arrive(hub: Hub) -> None:
    events = [(f"k{i}", b"x" * 350) for i in range(100_000)]
    result = publish(hub, events)
    assert result.count == 100_000
    assert sum(high for _, high in offsets(hub).values()) == 100_000


@pytest.mark.broker
def test_a_failing_iterator_still_delivers_what_it_gave(hub: Hub) -> None:
    def breaks() -> Iterator[Event]:
        yield "a", b"{}"
        yield "b", b"{}"
        raise RuntimeError("meter broke")

    with pytest.raises(RuntimeError, match="meter broke"):
        publish(hub, breaks())


@pytest.mark.broker
@pytest.mark.long
def test_a_broker_that_goes_away_is_a_clear_error(broker: Broker, tmp_path: Path) -> None:
    (tmp_path / "broker").mkdir()
    (tmp_path / "broker" / "jars.json").write_bytes((broker.folder / "jars.json").read_bytes())
    with Broker(tmp_path) as other:
        other.create_topic("gone", 1)
        hub = Hub.of(settings.load({}, hub__servers=other.servers), "gone")
        timer = threading.Timer(0.5, other.stop)
        timer.start()
        with pytest.raises(ServiceUnavailable, match=r"hub gone on .* events were acknowledged before"):
            publish(hub, numbered(), rate=200, count=100_000, delivery_seconds=3)
        timer.join()


@pytest.mark.parametrize(("rate", "count"), [(0, None), (-1, None), (float("nan"), None), (None, -1)])
def test_a_rate_or_count_that_cannot_be_is_refused(folder: Hub, rate: float | None, count: int | None) -> None:
    with pytest.raises(WrongUse, match=r"^(rate|count) is "):
        publish(folder, numbered(), rate=rate, count=count)


def test_a_folder_gets_whole_files_of_one_event_a_line(folder: Hub) -> None:
    result = publish(folder, numbered(), count=25_000)
    assert result.count == 25_000
    assert lines(folder) == [b'{"n":%d}' % i for i in range(25_000)]
    assert offsets(folder) == {0: (0, 25_000)}
    assert folder.folder is not None
    assert {f.suffix for f in folder.folder.iterdir()} == {".jsonl"}
    assert result.bytes == sum(map(len, lines(folder)))


def test_a_second_publisher_adds_to_the_folder(folder: Hub) -> None:
    publish(folder, numbered(), count=3)
    publish(folder, [(None, b""), (None, b"\xff{")])
    assert sorted(lines(folder)) == sorted([b'{"n":0}', b'{"n":1}', b'{"n":2}', b"", b"\xff{"])
    assert offsets(folder) == {0: (0, 5)}


def test_a_folder_refuses_an_event_that_would_become_two(folder: Hub) -> None:
    with pytest.raises(WrongUse, match="line feed"):
        publish(folder, [(None, b"a\nb")])
