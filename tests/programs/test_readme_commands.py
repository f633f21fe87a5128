"""README.md and docs/doctor.md, followed by a reader: each command as it is printed, in an empty folder, for real.

Not run here are `make` (what runs this) and the demo (test_demo.py). Nobody has the Kafka, the event hub, the dataset
and the eventstream of whoever reads: the first has this broker's address here, the second is read but not connected to,
the third is made in the local service, the fourth is a topic. Commands without an end get Ctrl-C.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import requests

from livegold.reporting.cli.watch import Watch
from livegold.reporting.home.endpoint import read_endpoint
from livegold.reporting.powerbi.http import Session
from livegold.reporting.settings.settings import Settings, load
from livegold.reporting.specification.usecase import UseCase
from livegold.streams.accounts.reconciliation import Reconciliation, reconcile
from livegold.streams.hub.hub import Hub, ensure_topic
from livegold.streams.local.broker import Broker, running_servers
from livegold.streams.local.java import QUICK_START
from stream_cases import held_events

pytestmark = [pytest.mark.spark, pytest.mark.broker, pytest.mark.long]

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = [block.strip().splitlines() for block in re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)]
DOCTOR = re.findall(r"^livegold .*", (ROOT / "docs" / "doctor.md").read_text(encoding="utf-8"), re.MULTILINE)
SECONDS = 240.0
LIVE = "live-rows"
"""The topic that stands for somebody's eventstream."""


def block_with(words: str) -> list[str]:
    """The lines of the one block that has these words in it."""
    (found,) = [block for block in BLOCKS if any(words in line for line in block)]
    return found


class Typed:
    """A command in a terminal of its own; what it prints is in `said`."""

    def __init__(self, line: str, folder: Path, environment: dict[str, str], log: Path, before: list[str]) -> None:
        self.line = line
        self._log = log
        with log.open("wb") as out:
            self._process = subprocess.Popen(
                ["bash", "-euc", "\n".join([*before, f"exec {line}"])],
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                # A shell that runs these tests in the background has switched Ctrl-C off for all of them.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
            )

    @property
    def said(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")

    def until(self, what: Callable[[], object]) -> None:
        """Waits while the command runs on; an error when it ends by itself."""
        deadline = time.monotonic() + SECONDS
        while not what():
            assert self._process.poll() is None, f"{self.line} ended by itself:\n{self.said}"
            assert time.monotonic() < deadline, f"{self.line} did not get so far:\n{self.said}"
            time.sleep(0.1)

    def ends(self) -> None:
        """Waits for its end, which has to be a good one."""
        code = self._process.wait(SECONDS)
        assert code == 0, f"{self.line} ended with {code}:\n{self.said}"

    def ctrl_c(self) -> None:
        assert self._process.poll() is None, f"{self.line} ended by itself:\n{self.said}"
        self._process.send_signal(signal.SIGINT)
        self.ends()

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(30)


class Reader:
    """Types what README prints, in a folder that was empty."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.home = folder, folder / ".livegold"
        own = {k: v for k, v in os.environ.items() if not k.startswith("LIVEGOLD_")}
        own["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{own['PATH']}"
        self._environment = {**own, "PYTHONUNBUFFERED": "1", "LIVEGOLD_SPARK_JAVA_OPTIONS": QUICK_START}
        self.typed: list[Typed] = []
        self.live: list[dict[str, Any]] = []
        """What came to the topic that stands for an eventstream."""
        self.refilled: Reconciliation | None = None
        """Everything compared, after the refill."""

    def starts(self, line: str, before: list[str] | None = None, **environment: str) -> Typed:
        log = self.folder / "printed" / f"{len(self.typed)}.log"
        log.parent.mkdir(exist_ok=True)
        self.typed.append(Typed(line, self.folder, {**self._environment, **environment}, log, before or []))
        return self.typed[-1]

    def runs(self, line: str) -> Typed:
        typed = self.starts(line)
        typed.ends()
        return typed

    @property
    def settings(self) -> Settings:
        return load({}, Path("none"), home=str(self.home))

    def said(self, words: str) -> str:
        """What the one command that begins so has printed."""
        (found,) = [typed.said for typed in self.typed if typed.line.startswith(words)]
        return found


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory, broker: Broker, case: UseCase) -> Iterator[Reader]:
    """One who has followed the page: from "Step by step" to "Working with Power BI", and last "history again"."""
    reader = Reader(tmp_path_factory.mktemp("reader"))
    (reader.home / "broker").mkdir(parents=True)
    (reader.home / "broker" / "jars.json").write_bytes((broker.folder / "jars.json").read_bytes())
    try:
        step_by_step(reader, case)
        what_people_look_at(reader)
        your_own_kafka(reader)
        power_bi_in_use(reader, case)
        for line in DOCTOR:
            reader.runs(line)
        # Last: gold is another one afterwards.
        for line in block_with("--from raw"):
            reader.runs(line)
        for lasting in reversed(reader.typed[:2]):
            lasting.ctrl_c()
        yield reader
    finally:
        for typed in reversed(reader.typed):
            typed.kill()


def step_by_step(reader: Reader, case: UseCase) -> None:
    broker, powerbi, publish, train, run, status, *rest = block_with("livegold broker")
    started = reader.starts(broker)
    started.until(lambda: running_servers(reader.home))
    started = reader.starts(powerbi)
    started.until(lambda: (reader.home / "powerbi" / "endpoint.json").exists())
    published = reader.starts(publish)
    published.until(lambda: "published " in published.said)
    published.ctrl_c()
    reader.runs(train)
    running = reader.starts(run)
    watch = Watch(reader.settings, case)

    def caught_up() -> bool:
        watch.look()
        return watch.status().get("state") == "running" and watch.published > 0 and not watch.behind()

    running.until(caught_up)
    reader.runs(status)
    running.ctrl_c()
    for line in rest:
        reader.runs(line)


def what_people_look_at(reader: Reader) -> None:
    page, screenshots, report = block_with("livegold preview taxi_tips  ")
    shown = reader.starts(page)
    shown.until(lambda: "preview: http" in shown.said)
    (address,) = re.findall(r"preview: (http://\S+)", shown.said)
    assert "Taxi Tips · live preview" in requests.get(address, timeout=30).text
    shown.ctrl_c()
    reader.runs(screenshots)
    reader.runs(report)


def your_own_kafka(reader: Reader) -> None:
    export, run = block_with("kafka-1:9092")
    mine = export.replace("kafka-1:9092,kafka-2:9092", str(running_servers(reader.home)))
    assert mine != export
    running = reader.starts(run, [mine])
    running.until(lambda: "the queries of taxi_tips start, switch stream" in running.said)
    running.ctrl_c()


def power_bi_in_use(reader: Reader, case: UseCase) -> None:
    backfill, refresh, schedule, eventstream = block_with("livegold backfill")
    reader.runs(backfill)
    at = read_endpoint(reader.home)
    made = Session(at.ca).post(f"{at.api}/_local/datasets", json={"name": "Sales model"})
    assert made.status_code == 201, made.text
    reader.runs(refresh)
    reader.runs(schedule)
    servers = str(running_servers(reader.home))
    ensure_topic(Hub.of(load({}, Path("none"), hub__servers=servers), LIVE), 1)
    own = {"LIVEGOLD_EVENTSTREAM_SERVERS": servers, "LIVEGOLD_EVENTSTREAM_TOPIC": LIVE}
    running = reader.starts(eventstream, **own)
    reader.refilled = found = reconcile(case, reader.settings)

    def all_came() -> bool:
        reader.live = [json.loads(value) for _, value in held_events(servers, LIVE).get(0, [])]
        return sum(row["events"] for row in reader.live if row["table"] == "Pulse") >= found.predictions

    running.until(all_came)
    running.ctrl_c()


def test_every_command_of_the_page_is_run_or_known_to_be_run_elsewhere(reader: Reader) -> None:
    ran = {typed.line for typed in reader.typed}
    others = [line for block in BLOCKS for line in block if line not in ran and not line.startswith("export ")]
    assert [line.split("#")[0].strip() for line in others] == [
        "make demo",
        "make test",
        "livegold demo taxi_tips --events trips.parquet --rate 500",
    ]


def number(text: str) -> int:
    return int(text.replace(",", ""))


def test_what_is_published_until_ctrl_c_is_counted(reader: Reader) -> None:
    (count,) = re.findall(
        r"published ([\d,]+) events to taxi_tips on 127\.0\.0\.1:\d+ in", reader.said("livegold publish")
    )
    assert reader.refilled is not None
    assert number(count) == reader.refilled.hub > 0


def test_a_first_model_is_the_champion_and_is_shown_beside_the_baseline(reader: Reader) -> None:
    said = reader.said("livegold train")
    assert "model version 1 of taxi_tips: champion (the first model of its use case)" in said
    (accuracy, baseline) = re.findall(r"accuracy +([\d.]+)% +([\d.]+)%", said)[0]
    assert 50 <= float(baseline) < float(accuracy) < 90


def test_status_shows_each_query_caught_up_and_what_was_pushed(reader: Reader) -> None:
    said = reader.said("livegold status")
    assert "taxi_tips running, stream, model version 1" in said
    for query in ("raw", "gold", "feed-powerbi"):
        assert re.search(rf"^\W*{query}\b", said, re.MULTILINE), query
    assert reader.refilled is not None
    assert f"{reader.refilled.predictions:,} predictions" in said


def test_reconcile_finds_every_event_accounted_for(reader: Reader) -> None:
    found = reader.refilled
    assert found is not None
    said = reader.said("livegold reconcile")
    for name, count in (
        ("hub", found.hub),
        ("raw", found.raw),
        (r"gold \(predictions\)", found.predictions),
        ("quarantine", found.quarantined),
        ("duplicates, recounted", found.duplicates),
    ):
        assert re.search(rf"^\W*{name} +{count:,}\b", said, re.MULTILINE), name
    assert min(found.predictions, found.quarantined, found.duplicates) > 0


def test_sql_gives_a_row_for_each_borough_with_all_predictions_in_them(reader: Reader) -> None:
    rows = re.findall(
        r"^\W*([A-Z][A-Za-z ]+?|unknown|other) +(\d[\d,]*) +(0\.\d+)", reader.said("livegold sql"), re.MULTILINE
    )
    assert {"Manhattan", "Queens"} <= {borough for borough, _, _ in rows}
    assert reader.refilled is not None
    assert sum(number(count) for _, count, _ in rows) == reader.refilled.predictions


def test_doctor_finds_nothing_that_failed_with_everything_running(reader: Reader) -> None:
    said = reader.said("livegold doctor taxi_tips                # checks")
    assert not re.search(r"^failed", said, re.MULTILINE)
    for found in (
        "ok          hub reachable: ",
        "ok          model champion: version 1",
        "ok          Power BI dataset: ",
    ):
        assert found in said


def test_the_commands_of_the_doctors_page_check_everything_and_probe_the_service(reader: Reader) -> None:
    assert len(DOCTOR) == 4
    (document,) = [typed.said for typed in reader.typed if typed.line.startswith("livegold doctor --json")]
    assert json.loads(document)["ok"] is True
    assert (reader.folder / "report.md").read_text(encoding="utf-8").startswith("# livegold probe\n")


def test_screenshots_are_of_every_page_on_desktop_and_phone(reader: Reader) -> None:
    made = sorted(path.name for path in (reader.folder / "screenshots").iterdir())
    assert made == sorted(f"{page}{size}.png" for page in ("live", "model", "borough") for size in ("", "-phone"))


def test_the_report_is_a_project_for_power_bi_desktop(reader: Reader) -> None:
    assert {path.name for path in (reader.folder / "my-report").iterdir()} >= {
        "Taxi Tips.pbip",
        "Taxi Tips.Report",
        "Taxi Tips.SemanticModel",
    }


def test_a_backfill_leaves_power_bi_with_what_gold_has(reader: Reader) -> None:
    assert reader.refilled is not None
    assert reader.refilled.problems == ()
    events = reader.refilled.delivered["events"]
    assert events.accepted == events.gold == reader.refilled.predictions


def test_a_refresh_is_run_and_scheduled(reader: Reader) -> None:
    assert "refresh of Sales model: Completed after " in reader.said("livegold refresh run")
    assert "Sales model: mon, fri at 07:00, 19:00 UTC" in reader.said("livegold refresh schedule")


def test_history_scored_again_is_all_of_gold(reader: Reader) -> None:
    assert reader.refilled is not None
    (scored,) = re.findall(r"([\d,]+) scored", reader.said("livegold run taxi_tips --switch batch --from raw"))
    assert number(scored) == reader.refilled.predictions > 0


def test_an_eventstream_gets_the_rows_of_gold(reader: Reader) -> None:
    pulse = [row for row in reader.live if row["table"] == "Pulse"]
    assert reader.refilled is not None
    assert sum(row["events"] for row in pulse) == reader.refilled.predictions


def test_what_is_exported_for_event_hubs_is_a_hub() -> None:
    exports = block_with("LIVEGOLD_HUB_KIND=eventhubs")[:2]
    given = dict(re.findall(r"export (\w+)='?([^']*)'?$", "\n".join(exports), re.MULTILINE))
    given = {
        name: value.replace("sb://...", "sb://x.servicebus.windows.net/").replace("=...", "=x")
        for name, value in given.items()
    }
    hub = Hub.of(load(given, Path("none")), "taxi_tips")
    assert (hub.servers, hub.topic, hub.security) == ("x.servicebus.windows.net:9093", "taxi_tips", "sasl_ssl")
