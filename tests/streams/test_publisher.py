"""Publishing, against the real broker and a real folder."""

from __future__ import annotations

import itertools
import re
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
from stream_cases import held_events


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


def held(hub: Hub) -> list[tuple[bytes | None, bytes]]:
    """Key and value of every event in the hub, whatever the partition."""
    return sorted(itertools.chain(*held_events(hub.servers, hub.topic).values()))


def as_held(events: list[Event]) -> list[tuple[bytes | None, bytes]]:
    return sorted((None if key is None else key.encode(), value) for key, value in events)


def lines(hub: Hub) -> list[bytes]:
    assert hub.folder is not None
    return [line for f in sorted(hub.folder.iterdir()) for line in f.read_bytes().split(b"\n")[:-1]]


@pytest.mark.broker
def test_what_is_published_is_acknowledged_and_is_what_the_broker_holds(hub: Hub) -> None:
    result = publish(hub, numbered(), count=5_000)
    assert result.count == 5_000
    assert result.bytes == sum(len(b'{"n":%d}' % i) for i in range(5_000))
    assert {p: (0, n) for p, n in result.next_offsets.items()} == offsets(hub)
    assert held(hub) == as_held(list(itertools.islice(numbered(), 5_000)))


@pytest.mark.broker
def test_what_is_published_comes_after_what_is_there(hub: Hub) -> None:
    publish(hub, numbered(), count=50)
    again = publish(hub, [("k", b"new")])
    assert again.count == 1
    assert sorted(held(hub)) == as_held([*itertools.islice(numbered(), 50), ("k", b"new")])
    ((partition, high),) = again.next_offsets.items()
    assert held_events(hub.servers, hub.topic)[partition][-1] == (b"k", b"new")
    assert offsets(hub)[partition] == (0, high)


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
    assert len(taken) == 50
    assert all(when >= i / 100 for i, when in enumerate(taken))


@pytest.mark.broker
def test_stop_ends_an_endless_stream_with_everything_acknowledged(hub: Hub) -> None:
    stop = threading.Event()
    timer = threading.Timer(0.5, stop.set)
    timer.start()
    result = publish(hub, numbered(), rate=1_000, stop=stop)
    timer.join()
    # At most what was due by then; how much less depends on the machine.
    assert 0 < result.count <= 1_000 * result.seconds + 1
    assert held(hub) == as_held(list(itertools.islice(numbered(), result.count)))


@pytest.mark.broker
def test_events_with_the_same_key_keep_their_order(hub: Hub) -> None:
    publish(hub, [(("one", "two")[i % 2], b"%d" % i) for i in range(200)])
    everything = list(itertools.chain(*held_events(hub.servers, hub.topic).values()))
    for odd, key in enumerate((b"one", b"two")):
        assert [value for found, value in everything if found == key] == [b"%d" % i for i in range(odd, 200, 2)]


@pytest.mark.broker
def test_a_hundred_thousand_events_in_a_burst_all_arrive(hub: Hub) -> None:
    events = [(f"k{i}", b"x" * 350) for i in range(100_000)]
    result = publish(hub, events)
    assert result.count == 100_000
    assert held(hub) == as_held(events)


def breaks() -> Iterator[Event]:
    yield "a", b"{}"
    yield "b", b"[]"
    raise RuntimeError("meter broke")


@pytest.mark.broker
def test_a_failing_iterator_still_delivers_what_it_gave(hub: Hub) -> None:
    with pytest.raises(RuntimeError, match="meter broke"):
        publish(hub, breaks())
    assert held(hub) == [(b"a", b"{}"), (b"b", b"[]")]


def test_a_failing_iterator_still_fills_the_folder_with_what_it_gave(folder: Hub) -> None:
    with pytest.raises(RuntimeError, match="meter broke"):
        publish(folder, breaks())
    assert lines(folder) == [b"{}", b"[]"]


@pytest.mark.broker
@pytest.mark.long
def test_a_broker_that_goes_away_is_a_clear_error(broker: Broker, tmp_path: Path) -> None:
    (tmp_path / "broker").mkdir()
    (tmp_path / "broker" / "jars.json").write_bytes((broker.folder / "jars.json").read_bytes())
    with Broker(tmp_path) as other:
        other.create_topic("gone", 1)
        hub = Hub.of(settings.load({}, hub__servers=other.servers), "gone")
        acknowledged = 0

        def stop_once_events_are_there(done: Published) -> None:
            nonlocal acknowledged
            if done.count and not acknowledged:
                acknowledged = done.count
                other.stop()

        with pytest.raises(ServiceUnavailable, match=r"hub gone on .* events were acknowledged before") as caught:
            publish(hub, numbered(), rate=200, count=100_000, delivery_seconds=3, progress=stop_once_events_are_there)
        (said,) = re.findall(r"(\d+) events were acknowledged before", str(caught.value))
        assert int(said) >= acknowledged > 0


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
