"""Three incidents in one run, all of it real: a stakeholder who looks at the page can name each of them.

After a quiet beginning the model is replaced by one that learnt the opposite, then no trip comes from Queens any more,
then a third of the events is broken. Times of the events are minutes before the test began, so that nobody waits.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from livegold.dashboards.screenshots import Browser, take_screenshots
from livegold.reporting.powerbi.dataset import dataset_name
from livegold.reporting.service.server import LocalService
from livegold.reporting.settings.settings import load
from livegold.reporting.specification.usecase import UseCase
from livegold.reporting.usecases.taxi_events import history
from livegold.streams.local.broker import Broker
from livegold.streams.models.registry import Registry
from livegold.streams.models.training import train, training_rows
from preview_driver import Driver, window
from stream_cases import Labelled, events_frame
from visual_oracle import Chosen, Oracle
from whole_cases import Whole

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.spark, pytest.mark.broker, pytest.mark.long]

TEMPLATE = Path(__file__).parents[2] / "dashboards" / "taxi_tips" / "push"
SILENT = "Queens"
BROKEN = 0.35
PER_SECOND = 4.0


@dataclass
class Seen:
    """What the pages said, by page and measure: the values of a tile and its text, and the rows of a table by label."""

    values: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    texts: dict[tuple[str, str], str] = field(default_factory=dict)
    rows: dict[tuple[str, str], dict[str, dict[str, Any]]] = field(default_factory=dict)


@dataclass
class Run:
    quiet: Seen
    incidents: Seen
    contrary: str
    """The version of the model that learnt the opposite."""


def contrary_model(spark: SparkSession, case: UseCase, registry: Registry) -> str:
    """Makes a champion of a model that learnt from trips whose generous gave nothing and whose others gave much."""
    events = []
    for key, value in history(9, 4_000, datetime.now(UTC)):
        trip = json.loads(value)
        if trip["payment"].strip().lower() == "credit card":
            trip["tip"] = 0.0 if trip["tip"] >= 0.25 * trip["fare"] else round(0.4 * trip["fare"], 2)
        events.append((key, json.dumps(trip).encode()))
    model, evaluation = train(case, training_rows(case, events_frame(spark, events)))
    made = registry.register(case, model, evaluation.metrics(), {"learnt": "the opposite"})
    registry.promote(case, made.version)
    return made.version


def without(borough: str, events: Labelled) -> Labelled:
    """All but the trips that began in a borough."""
    began_there = f'"pickup_borough":"{borough}"'.encode()
    left = [event for event in events if began_there not in event[1][1].replace(b" ", b"")]
    assert 0 < len(left) < len(events)
    return left


def broken(events: Labelled) -> Labelled:
    """A third of them has another name for the fare."""
    return [
        ("dirty", (key, value.replace(b'"fare"', b'"far"'))) if number % 100 < BROKEN * 100 else (kind, (key, value))
        for number, (kind, (key, value)) in enumerate(events)
    ]


def look(driver: Driver, oracle: Oracle) -> Seen:
    """Reads every tile and every table of measures of the pages Live and Model, once they show all rows there are."""
    seen = Seen()
    for page in (oracle.page("Live"), oracle.page("Model")):
        driver.open(page)
        assert driver.settled(oracle, page, Chosen()) == []
        for visual in page.visuals:
            measures = [c.field.name for c in visual.columns if c.field.is_measure]
            if visual.kind not in ("cardVisual", "tableEx") or not measures:
                continue
            found = driver.values([visual])[visual.name]
            rows = [dict(zip(found["columns"], row, strict=True)) for row in found["rows"]]
            if visual.kind == "tableEx":
                seen.rows[page.title, measures[0]] = {row[found["columns"][0]]: row for row in rows}
            else:
                (seen.values[page.title, measures[0]],) = rows
                seen.texts[page.title, measures[0]] = driver.text(visual)
    return seen


def looked(whole: Whole) -> Seen:
    """What a browser shows now."""
    home, name = whole.settings.home, whole.case.name
    with window(whole.browser, home, name, TEMPLATE) as driver:
        return look(driver, Oracle.of_service(TEMPLATE, home, dataset_name(whole.case)))


@pytest.fixture(scope="module")
def run(
    spark: SparkSession,
    case: UseCase,
    broker: Broker,
    champion_uri: str,
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Iterator[Run]:
    folder = tmp_path_factory.mktemp("incidents")
    shutil.copy(champion_uri.removeprefix("sqlite:///"), folder / "models.db")
    topic = "incidents"
    broker.create_topic(topic, 4)
    settings = load(
        {},
        Path("none"),
        home=str(folder / "home"),
        hub__servers=broker.servers,
        hub__topic=topic,
        mlflow__uri=f"sqlite:///{folder / 'models.db'}",
    )
    with ExitStack() as stack:
        stack.enter_context(LocalService(settings.home))
        whole = Whole(spark, case, settings, topic, stack.enter_context(Browser()))

        def minutes(ago: float, until: float) -> Labelled:
            seconds = 60 * (ago - until)
            return whole.made(ago=60 * ago, seconds=seconds, count=round(PER_SECOND * seconds), dirty=0.0)

        # What is broken is counted when it arrives, which is now: in the quiet part nothing is.
        whole.publish(minutes(12, 8))
        whole.run()
        quiet = looked(whole)
        contrary = contrary_model(spark, case, Registry(settings))
        # Training takes a while: the last events are to be as new as what comes in broken.
        whole.now = datetime.now(UTC)
        whole.publish(minutes(8, 6), without(SILENT, minutes(6, 2)), broken(without(SILENT, minutes(2, 0))))
        whole.run()
        incidents = looked(whole)
        if (shown := request.config.getoption("--screenshots")) is not None:
            take_screenshots(settings, case.name, shown)
        yield Run(quiet, incidents, contrary)


ACCURACY, PACE, REJECTED = ("Live", "Accuracy, last 2 min"), ("Live", "Pace"), ("Live", "Rejected, last 2 min")
VERSIONS = ("Model", "Accuracy, last 2 min")


def test_before_the_incidents_nothing_is_wrong(run: Run) -> None:
    seen = run.quiet
    assert seen.values[ACCURACY]["Accuracy, last 2 min"] > 0.6
    assert "bad" not in seen.texts[ACCURACY]
    assert "● as usual" in seen.texts[PACE]
    assert "● clean" in seen.texts[REJECTED]
    assert seen.rows[PACE][SILENT]["State"] == "● as usual"
    assert set(seen.rows[VERSIONS]) == {"1"}


def test_a_model_that_learnt_the_opposite_is_seen_in_the_tile_and_named_by_its_version(run: Run) -> None:
    seen = run.incidents
    tile = seen.values[ACCURACY]
    assert tile["Accuracy, last 2 min"] < 0.45
    assert tile["Accuracy, last 2 min"] < tile["Baseline, last 2 min"]
    assert "▼ bad" in seen.texts[ACCURACY]
    versions = seen.rows[VERSIONS]
    assert set(versions) == {"1", run.contrary}
    assert versions[run.contrary]["State"] == "▼ bad"
    assert versions[run.contrary]["Accuracy"] < 0.45
    assert versions["1"]["Accuracy"] > 0.6


def test_a_borough_that_fell_silent_is_named_while_others_go_on(run: Run) -> None:
    boroughs = run.incidents.rows[PACE]
    silent, other = boroughs[SILENT], boroughs["Manhattan"]
    assert (silent["Pace"], silent["State"], silent["Trips, last 2 min"]) == (0, "▼ silent", 0)
    assert silent["Trips"] > run.quiet.rows[PACE][SILENT]["Trips"] > 0
    assert (other["State"], other["Trips, last 2 min"] > 0) == ("● as usual", True)


def test_a_flood_of_broken_events_is_seen_in_the_tile(run: Run) -> None:
    (share, *_) = run.incidents.values[REJECTED].values()
    assert 0.15 < share < 1
    assert "▼ flood" in run.incidents.texts[REJECTED]
