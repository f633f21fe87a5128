"""A home with a local service, a pipeline that fills it from a real broker, and a browser on its preview."""

from __future__ import annotations

import datetime as dt
import json
import threading
from typing import TYPE_CHECKING

from livegold.dashboards.screenshots import Browser
from livegold.reporting.settings.settings import Settings
from livegold.reporting.sinks import make_sinks
from livegold.reporting.specification.usecase import UseCase
from livegold.reporting.usecases.taxi_events import generate_labelled
from livegold.streams.switch import Pipeline
from stream_cases import Labelled, publish_events

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


class Whole:
    """What the tests of whole runs share; times are counted from its beginning."""

    def __init__(self, spark: SparkSession, case: UseCase, settings: Settings, topic: str, browser: Browser) -> None:
        self.spark, self.case, self.settings, self.topic, self.browser = spark, case, settings, topic, browser
        self.now = dt.datetime.now(dt.UTC).replace(microsecond=0)
        self.seed = 80

    def made(self, *, ago: float, seconds: float, count: int, dirty: float = 0.05) -> Labelled:
        """Events whose times begin `ago` seconds before now, with what they were made to be."""
        self.seed += 1
        start = self.now - dt.timedelta(seconds=ago)
        return list(generate_labelled(self.seed, start, count / seconds, dirty=dirty, late=0.0, count=count))

    def publish(self, *parts: Labelled) -> None:
        for part in parts:
            publish_events(self.settings, self.topic, part)

    def run(self) -> None:
        sinks = make_sinks(["powerbi"], self.settings, self.case)
        Pipeline(self.spark, self.case, self.settings, sinks).run("batch", threading.Event())


def with_two_dear_trips(events: Labelled) -> Labelled:
    """Of two more trips that are dear and differ in nothing but the tip, one is a miss worth seeing."""
    trip = json.loads(next(value for kind, (_, value) in events if kind == "valid"))
    trip |= {"payment": "credit card", "fare": 900.0}
    keys = {f"{trip['trip_id']}-{tip:g}": tip for tip in (0.0, 400.0)}
    more = [("valid", (key, json.dumps({**trip, "trip_id": key, "tip": tip}).encode())) for key, tip in keys.items()]
    return [*events, *more]
