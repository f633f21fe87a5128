"""A run with three incidents, all of it real, and its pictures: can a stakeholder name them? A program, not a test.

    python tests/dashboards/incident_run.py HOME PICTURES

After a quiet beginning the model is replaced by one that learnt the opposite, then no event comes from Queens any more,
then a third of the events is bad. Takes about a quarter of an hour.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from livegold.reporting.cli.stage import Stage
from livegold.reporting.home.endpoint import client_secret, read_endpoint
from livegold.reporting.settings import settings as all_settings
from livegold.reporting.settings.settings import variable_of
from livegold.reporting.specification import UseCase, load_use_case
from livegold.streams.hub.hub import Hub, ensure_topic
from livegold.streams.hub.publisher import Event, publish
from livegold.streams.local.broker import running_servers
from livegold.streams.local.java import QUICK_START

RATE = 120.0
QUIET_MINUTES, SILENT_AFTER, FLOOD_AFTER, END = 4.0, 1.0, 3.0, 5.5
"""Length of the beginning; then minutes after the change of the model."""
SILENT = "Queens"
FLOOD_SHARE = 0.35


class Incidents:
    """What the events of the generator go through."""

    def __init__(self) -> None:
        self.silent = threading.Event()
        self.flood = threading.Event()

    def __call__(self, events: Iterator[Event]) -> Iterator[Event]:
        for number, (key, value) in enumerate(events):
            if self.silent.is_set() and f'"{SILENT}"'.encode() in value.split(b"dropoff_borough")[0]:
                continue
            if self.flood.is_set() and number % 100 < FLOOD_SHARE * 100:
                value = value.replace(b'"fare_amount"', b'"far_amount"').replace(b'"fare"', b'"far"')
            yield key, value


def contrary_history(case: UseCase, path: Path) -> None:
    """History in which the generous gave nothing and the others gave much."""
    assert case.history is not None
    with path.open("w", encoding="utf-8") as out:
        for _, value in case.history(9, 40_000, datetime.now(UTC)):
            trip = json.loads(value)
            fare, tip = float(trip["fare"]), float(trip["tip"])
            if trip["payment"].strip().lower() == "credit card":
                trip["tip"] = 0.0 if tip >= 0.25 * fare else round(0.4 * fare, 2)
            out.write(json.dumps(trip) + "\n")


def wait(stage: Stage, ready, seconds: float, what: str) -> None:
    until = time.monotonic() + seconds
    while not ready():
        stage.check("broker", "powerbi")
        if time.monotonic() > until:
            raise SystemExit(f"{what} took more than {seconds:.0f} s")
        time.sleep(0.5)


def main(home: Path, pictures: Path) -> None:
    home.mkdir(parents=True)
    case = load_use_case("taxi_tips")
    own = {variable_of("home"): str(home), variable_of("spark.java_options"): QUICK_START}
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"{(time.monotonic() - began) / 60:5.1f} min  {text}", flush=True)

    with Stage(home / "logs", {**os.environ, **own}) as stage:
        stage.start("broker", "--port", "0", "--topic", case.name)
        stage.start("powerbi", "--port", "0")
        stage.start("train", case.name, "--promote")
        wait(stage, lambda: running_servers(home) and (home / "powerbi" / "endpoint.json").exists(), 300, "the start")
        given = read_endpoint(home).settings() | {"powerbi__client_secret": client_secret(home)}
        stage.environment[variable_of("hub.servers")] = running_servers(home) or ""
        stage.environment.update({variable_of(k.replace("__", ".")): v for k, v in given.items()})
        wait(stage, lambda: stage.done("train"), 300, "training")
        stage.start("run", case.name, "--switch", "stream", "--sink", "powerbi")
        hub = Hub.of(all_settings.load(stage.environment), case.name)
        ensure_topic(hub, 2)
        incidents, stop = Incidents(), threading.Event()

        def now() -> datetime:
            return datetime.now(UTC)

        assert case.generator is not None
        events = incidents(case.generator(1, now(), RATE, now=now))
        publisher = threading.Thread(target=publish, args=(hub, events), kwargs={"rate": RATE, "stop": stop})
        publisher.start()
        say("events flow")
        contrary = home / "contrary.jsonl"
        contrary_history(case, contrary)
        time.sleep(QUIET_MINUTES * 60)
        stage.start("train", case.name, "--events", str(contrary), "--promote")
        wait(stage, lambda: stage.done("train"), 300, "training")
        changed = time.monotonic()
        say("another model is champion")
        for minutes, what in ((SILENT_AFTER, incidents.silent), (FLOOD_AFTER, incidents.flood), (END, None)):
            time.sleep(max(0.0, changed + minutes * 60 - time.monotonic()))
            if what is not None:
                what.set()
                say("silence" if what is incidents.silent else "flood")
        stage.start("preview", case.name, "--png", str(pictures))
        wait(stage, lambda: stage.done("preview"), 300, "the pictures")
        say(f"pictures are in {pictures}")
        stop.set()
        publisher.join()
        stage.stop("run")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve())
