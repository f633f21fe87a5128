"""Functions of `foreachBatch` are copied into another process under Spark Connect: copies work, and fail clearly."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cloudpickle
import pytest

from livegold.reporting.errors import LivegoldError, NotFound, WrongUse
from livegold.reporting.lake.paths import Lake
from livegold.reporting.settings.settings import load
from livegold.reporting.sinks.eventstream import EventstreamSink
from livegold.reporting.specification.usecase import UseCase
from livegold.streams.accounts.reconciliation import reconcile
from livegold.streams.batches import Batches, BatchFailed, error_in
from livegold.streams.checkpoints import QueryId, begin_anew, query_of
from livegold.streams.feeds.spark import Delivery, SparkFeed
from livegold.streams.gold.raw import RawWriter
from livegold.streams.gold.tables import create_tables
from livegold.streams.gold.writer import GoldWriter
from livegold.streams.hub.hub import FILE_SUFFIX, Hub
from livegold.streams.hub.source import hub_stream
from livegold.streams.models.champion import Champion
from livegold.streams.models.registry import Registry
from livegold.streams.queries import Query
from livegold.streams.status import GoldCounts
from livegold.streams.switch import write_positioned
from stream_cases import ListingSink, fail_at, gold_rows, made_events

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def copied(function: Any) -> Any:
    return cloudpickle.loads(cloudpickle.dumps(function))


def failing(error: Exception) -> Callable[[object, int], None]:
    def write(rows: object, batch_id: int) -> None:
        raise error

    return write


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (WrongUse("table [x] is\nnot 'that'"), WrongUse, "table [x] is\nnot 'that'"),
        (NotFound("gone"), NotFound, "gone"),
        (type("OfAPlugin", (LivegoldError,), {})("theirs"), LivegoldError, "theirs"),
        (ValueError("first\nsecond"), LivegoldError, "query gold failed: first"),
    ],
)
def test_an_error_is_read_again_from_the_text_that_spark_passes_on(
    error: Exception, kind: type[LivegoldError], text: str
) -> None:
    with pytest.raises(BatchFailed) as raised:
        copied(Batches(failing(error)))(None, 0)
    # Spark hands on the text with a trace around it.
    passed_on = RuntimeError(f"[STREAM_FAILED] Traceback:\n  File x\nBatchFailed: {raised.value}\n\tat java.base")
    found = error_in("gold", passed_on)
    assert (type(found), str(found)) == (kind, text)


def test_what_spark_itself_says_is_shown_by_its_first_line() -> None:
    assert str(error_in("raw", RuntimeError("\nno space left\n at java"))) == "query raw failed: no space left"


@pytest.mark.parametrize("place", [str, Path.as_uri], ids=["path", "url"])
def test_a_query_is_known_by_its_checkpoint_from_its_start_on(tmp_path: Path, place: Callable[[Path], str]) -> None:
    checkpoint = f"{place(tmp_path)}/checkpoints/gold"
    query_id = QueryId(checkpoint)
    assert query_of(checkpoint) is None
    with pytest.raises(RuntimeError, match="belongs to no query"):
        query_id()
    folder = tmp_path / "checkpoints" / "gold"
    folder.mkdir(parents=True)
    (folder / "metadata").write_text('{"id":"2b0c"}')
    assert (query_of(checkpoint), query_id(), copied(query_id)()) == ("2b0c", "2b0c", "2b0c")
    begin_anew(checkpoint)
    assert query_of(checkpoint) is None
    with pytest.raises(RuntimeError, match="belongs to no query"):
        copied(query_id)()


def test_a_sink_that_holds_locks_is_made_again_from_its_settings(case: UseCase, tmp_path: Path) -> None:
    settings = load({}, Path("none"), home=str(tmp_path), eventstream__servers="127.0.0.1:1", eventstream__topic="t")
    sink = EventstreamSink.from_settings(settings, case)
    copy = copied(Delivery(case, settings, sink, QueryId("none")))
    assert isinstance(copy._sink, EventstreamSink)
    assert copy._sink is not sink


@pytest.mark.spark
def test_copies_of_all_functions_write_raw_gold_and_a_sink_as_the_originals_would(
    spark: SparkSession, case: UseCase, champion_uri: str, tmp_path: Path
) -> None:
    hub_folder = tmp_path / "hub"
    hub_folder.mkdir()
    events = [(kind, e) for kind, e in made_events(71, 900) if b"\n" not in e[1] and e[1]]
    for number in range(3):
        lines = b"".join(value + b"\n" for _, (_, value) in events[number * 300 :][:300])
        (hub_folder / f"{number}{FILE_SUFFIX}").write_bytes(lines)
    own = {"hub__kind": "folder", "hub__folder": str(hub_folder), "hub__batch_events": "10000"}
    settings = load({}, Path("none"), home=str(tmp_path / "home"), mlflow__uri=champion_uri, **own)
    lake, hub = Lake.of(settings, case.name), Hub.of(settings, case.name)
    create_tables(spark, case, lake)
    counts = GoldCounts(lake)
    counts.start()
    champion = Champion(Registry(settings), case)
    raw = RawWriter(lake, QueryId(lake.checkpoint("raw")))
    gold = GoldWriter(case, lake, champion, QueryId(lake.checkpoint("gold")))
    stopped = GoldWriter(case, lake, champion, QueryId(lake.checkpoint("gold")), functools.partial(fail_at, "pulse"))
    function = copied(functools.partial(write_positioned, stopped, False, None))
    rows = functools.partial(hub_stream, spark, hub, False)
    query = Query("gold", "gold", rows, function, lake.checkpoint("gold"))
    with pytest.raises(WrongUse, match=f"stopped after pulse in process {os.getpid()}"):
        finish(query)
    for name, writer, headers in (("raw", raw, True), ("gold", gold, False)):
        function = copied(functools.partial(write_positioned, writer, headers, None))
        rows = functools.partial(hub_stream, spark, hub, headers)
        finish(Query(name, name, rows, function, lake.checkpoint(name)))
    told = tmp_path / "told.txt"
    feed = SparkFeed(spark, case, settings, "listing", ListingSink(told))
    deliver = copied(Delivery(case, settings, ListingSink(told), QueryId(lake.checkpoint(feed.name))))
    finish(Query(feed.name, feed.name, feed._rows, deliver, lake.checkpoint(feed.name)))

    valid = sorted(key for kind, (key, _) in events if kind in ("valid", "late"))
    assert [row[0] for row in gold_rows(lake.predictions)] == valid
    assert reconcile(case, settings).problems == ()
    found = counts.read()
    assert (found["batches"], found["events"], found["predictions"]) == (3, len(events), len(valid))
    assert found["quarantined"] == sum(kind == "dirty" for kind, _ in events)
    assert counts.model_version == "1"
    lines = [line.split() for line in told.read_text().splitlines()]
    assert sum(int(line[1]) for line in lines) == len(gold_rows(lake.pulse))
    assert {line[3] for line in lines} == {feed.id}


def finish(query: Query) -> None:
    query.start(None)
    assert query.wait(120)
    if query.error is not None:
        raise query.error
