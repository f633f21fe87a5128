"""One event followed through a real broker, real Spark and Delta, and the local service."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from livegold.reporting.errors import NotFound, WrongUse
from livegold.reporting.lake.paths import Lake
from livegold.reporting.service.server import LocalService
from livegold.reporting.settings.settings import Settings
from livegold.reporting.sinks import make_sinks
from livegold.reporting.specification.usecase import UseCase
from livegold.streams.accounts.follow import ACCEPTED, GOLD, PUBLISHED, RAW, SCORED, TILE, Followed, Follower
from livegold.streams.hub.hub import Hub, ensure_topic
from livegold.streams.switch import Pipeline
from stream_cases import columns_of, made_events, publish_events

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.spark, pytest.mark.broker]


@pytest.fixture
def settings(make_settings: Callable[..., Settings], topic: str) -> Iterator[Settings]:
    settings = make_settings("follow", hub__topic=topic)
    with LocalService(settings.home):
        yield settings


def at(event: Followed) -> tuple[int, int]:
    return event.place.partition, event.place.offset


@pytest.mark.long
def test_a_good_a_bad_and_a_repeated_event_are_followed_to_their_end(
    spark: SparkSession, case: UseCase, settings: Settings, topic: str
) -> None:
    follower = Follower(case, settings)
    publish_events(settings, topic, made_events(5, 300))
    fields = follower.sample(3)
    good = follower.publish(fields)
    again = follower.publish(fields)
    bad = follower.publish(fields | {"trip_id": "followed-bad", "fare": "much"})
    assert [s.name for s in follower.look(good, None) if s.at] == [PUBLISHED]

    def run() -> None:
        Pipeline(spark, case, settings, make_sinks(["powerbi"], settings, case)).run("batch", threading.Event())

    run()
    steps = {s.name: s for s in follower.look(good, None)}
    assert [n for n, s in steps.items() if s.at] == [PUBLISHED, RAW, SCORED, GOLD, ACCEPTED]
    assert steps[RAW].text == "the same bytes"
    lake = Lake.of(settings, case.name)
    (score,) = [row[-1] for row in columns_of(lake.predictions, "partition", "offset", "score") if row[:2] == at(good)]
    label = "generous" if score >= 0.5 else "not generous"
    assert steps[SCORED].text == f"{label} with probability {score:.1%} (model version 1)"
    assert steps[PUBLISHED].at < steps[ACCEPTED].at <= min(steps[name].at for name in (RAW, SCORED, GOLD))
    follower.look(good, 0)
    assert not good.done, "a tick that is not shown yet is in no tile"
    follower.look(good, 1)
    assert good.done
    assert good.steps[TILE].text == "tick 1 of Totals is complete and shown"

    follower.look(bad, 1)
    assert bad.done
    assert bad.ended.startswith("in quarantine: fare is not decimal(10,2)")
    assert RAW in bad.steps
    assert GOLD not in bad.steps

    follower.look(again, 1)
    assert not again.done, "nothing says yet that gold is done with its batch"
    for seed in (6, 7):
        publish_events(settings, topic, made_events(seed, 300))
        run()
    follower.look(again, 1)
    assert again.ended.startswith("a duplicate")
    assert RAW in again.steps


def test_the_next_event_is_any_that_is_published(case: UseCase, settings: Settings, topic: str) -> None:
    follower = Follower(case, settings)
    ensure_topic(Hub.of(settings, case.name), 2)
    with pytest.raises(NotFound, match="no event came"):
        follower.next_one(0.5)
    fields = follower.sample()
    late = threading.Timer(2.0, follower.publish, [fields])
    late.start()
    found = follower.next_one(60)
    late.join()
    assert str(fields["trip_id"]).encode() in found.value


def test_a_folder_cannot_be_followed(make_settings: Callable[..., Settings], case: UseCase) -> None:
    with pytest.raises(WrongUse, match="hub.kind is 'folder'"):
        Follower(case, make_settings("folder", hub__kind="folder", hub__folder="somewhere"))
