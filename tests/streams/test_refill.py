"""Gold handed over again, and use cases that change: Power BI ends with what gold has, once."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from livegold.reporting.cli import main
from livegold.reporting.errors import Refused, WrongUse
from livegold.reporting.home.endpoint import read_endpoint
from livegold.reporting.lake.paths import Lake
from livegold.reporting.measures.measure import Measure, Sum
from livegold.reporting.powerbi.http import Session
from livegold.reporting.service.server import LocalService
from livegold.reporting.settings.settings import Settings
from livegold.reporting.sinks import PowerBISink, inspector_of, make_sinks
from livegold.reporting.specification.usecase import Dimension, UseCase
from livegold.streams.accounts.reconciliation import reconcile
from livegold.streams.switch import Pipeline
from stream_cases import gold_rows, made_events, publish_events

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.spark, pytest.mark.broker, pytest.mark.long]


KEYS = ("hub.servers", "hub.topic", "mlflow.uri")


class Place:
    """A home with a local Power BI service, and a topic that gets more events."""

    def __init__(self, spark: SparkSession, settings: Settings, topic: str) -> None:
        self.spark = spark
        self.settings = settings
        self.topic = topic
        self.seed = 60

    def publish(self, count: int) -> None:
        self.seed += 1
        publish_events(self.settings, self.topic, made_events(self.seed, count))

    def pipeline(self, case: UseCase) -> Pipeline:
        return Pipeline(self.spark, case, self.settings, make_sinks(["powerbi"], self.settings, case))

    def run(self, case: UseCase) -> None:
        self.pipeline(case).run("batch", threading.Event())

    @property
    def begun(self) -> Path:
        """What says that a backfill has begun and not ended."""
        return self.settings.home / "sinks" / "taxi_tips" / "backfill-powerbi"

    def command(self, *arguments: str) -> int:
        """The exit code of a command line in this process, which has Spark already."""
        given = {"LIVEGOLD_HOME": str(self.settings.home)}
        given |= {f"LIVEGOLD_{k.replace('.', '_').upper()}": self.settings[k] for k in KEYS}
        with pytest.MonkeyPatch.context() as patch:
            for name, value in given.items():
                patch.setenv(name, value)
            return main.run(arguments)

    def ever_accepted(self, case: UseCase) -> int:
        """Rows of Pulse that the service has taken, those that were deleted since among them."""
        at = read_endpoint(self.settings.home)
        dataset = inspector_of("powerbi", self.settings, case).status()["dataset"]
        found = Session(at.ca).get(f"{at.api}/_local/datasets/{dataset}/tables/Pulse/rows?count=true")
        return int(found.json()["stored"])

    def delivered(self, case: UseCase) -> dict[str, Any]:
        found = reconcile(case, self.settings)
        assert found.problems == ()
        assert found.delivered
        # A double adds up in another order each time: rounded; everything else is exact.
        return {name: tuple(_rounded(v) for v in (s.accepted, s.gold)) for name, s in found.delivered.items()}


def _rounded(value: Any) -> Any:
    return round(value, 6) if isinstance(value, float) else value


@pytest.fixture
def place(spark: SparkSession, make_settings: Callable[..., Settings], topic: str) -> Iterator[Place]:
    settings = make_settings("refill", hub__topic=topic)
    with LocalService(settings.home):
        yield Place(spark, settings, topic)


def test_with_a_deleted_checkpoint_of_the_feed_every_row_is_there_once(place: Place, case: UseCase) -> None:
    place.publish(800)
    place.run(case)
    first = place.delivered(case)
    place.publish(500)
    shutil.rmtree(Path(Lake.of(place.settings, case.name).checkpoint("feed-powerbi")))
    place.run(case)
    more, gold = place.delivered(case)["events"]
    assert more == gold == len(gold_rows(Lake.of(place.settings, case.name).predictions)) > first["events"][0]


def test_with_a_deleted_state_of_the_sink_every_row_is_there_once(place: Place, case: UseCase) -> None:
    place.publish(800)
    place.run(case)
    delivered, before = place.delivered(case), place.ever_accepted(case)
    shutil.rmtree(PowerBISink.folder(place.settings, case))
    place.run(case)
    assert place.ever_accepted(case) > before > 0, "nothing was sent again"
    assert place.delivered(case) == delivered


def test_a_backfill_leaves_every_row_once(place: Place, case: UseCase) -> None:
    place.publish(800)
    place.run(case)
    delivered, before = place.delivered(case), place.ever_accepted(case)
    assert place.command("backfill", case.name) == 0
    assert place.ever_accepted(case) > before > 0, "nothing was sent again"
    assert place.delivered(case) == delivered
    assert not place.begun.exists()


def test_a_backfill_that_was_cut_off_goes_on(place: Place, case: UseCase, capfd: pytest.CaptureFixture[str]) -> None:
    place.publish(800)
    place.run(case)
    delivered = place.delivered(case)
    sink = make_sinks(["powerbi"], place.settings, case)["powerbi"]
    sink.reset()
    place.begun.touch()
    stop = threading.Event()
    stop.set()
    place.pipeline(case).backfill(stop)
    assert place.begun.exists(), "the backfill was not cut off: it was done"
    before = place.ever_accepted(case)
    assert place.command("backfill", case.name) == 0
    assert "goes on with the backfill that was cut off" in capfd.readouterr().err
    assert place.ever_accepted(case) > before > 0, "nothing was sent again"
    assert place.delivered(case) == delivered
    assert not place.begun.exists()


def test_a_dropped_dataset_is_made_anew_and_filled(place: Place, case: UseCase) -> None:
    place.publish(800)
    place.run(case)
    before, delivered = inspector_of("powerbi", place.settings, case).status()["dataset"], place.delivered(case)
    assert place.command("backfill", case.name, "--drop") == 0
    assert inspector_of("powerbi", place.settings, case).status()["dataset"] != before
    assert place.delivered(case) == delivered


def test_a_gold_that_was_made_anew_from_raw_reaches_power_bi_whole(place: Place, case: UseCase) -> None:
    place.publish(800)
    place.run(case)
    before = place.delivered(case)
    assert place.command("run", case.name, "--switch", "batch", "--from", "raw", "--sink", "powerbi") == 0
    assert place.delivered(case) == before
    place.publish(300)
    # Without its sink: the next run with it finds out that gold is another.
    assert place.command("run", case.name, "--switch", "batch", "--from", "raw") == 0
    place.run(case)
    assert place.delivered(case)["events"][0] > before["events"][0]
    assert place.command("run", case.name, "--switch", "stream", "--from", "raw") == 2


def test_a_measure_that_is_added_counts_from_then_on_in_gold_and_in_power_bi(place: Place, case: UseCase) -> None:
    place.publish(800)
    place.run(case)
    more = replace(case, measures=(*case.measures, Measure("Passengers", Sum("passengers"), format="#,0")))
    (added,) = {a.name for a in more.aggregates} - {a.name for a in case.aggregates}
    place.publish(800)
    place.run(more)
    gold = place.delivered(more)
    pulse = gold_rows(
        Lake.of(place.settings, case.name).pulse, *(c.name for c in more.pulse_columns if c.name != added)
    )
    assert None in {value for (value,) in pulse}
    assert gold[added][0] == sum(value or 0 for (value,) in pulse) > 0


def test_a_change_that_no_dataset_can_follow_is_refused_before_anything_starts(place: Place, case: UseCase) -> None:
    place.publish(300)
    place.run(case)
    versions = sorted(Path(place.settings.lake).rglob("*.json"))
    more = replace(case, dimensions=(*case.dimensions, Dimension("colour", "color")))
    with pytest.raises(Refused, match=r"table .* is new.*powerbi\.dataset.*livegold backfill taxi_tips --drop"):
        place.run(more)
    assert sorted(Path(place.settings.lake).rglob("*.json")) == versions


def test_a_column_of_another_type_is_refused_with_the_choices(place: Place, case: UseCase) -> None:
    place.publish(300)
    Pipeline(place.spark, case, place.settings, {}).run("batch", threading.Event())
    fields = tuple(replace(f, type="int") if f.name == "tolls" else f for f in case.fields)
    with pytest.raises(
        WrongUse, match=r"column tolls is int but has type .* in .*rename the column, or use another LIVEGOLD_LAKE"
    ):
        Pipeline(place.spark, replace(case, fields=fields), place.settings, {}).run("batch", threading.Event())
