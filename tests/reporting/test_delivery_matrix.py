"""Every fault under every meaning a repeated sequence number may have: the service's rows are the expected set.

Not known of the real service is what it answers to a number it has seen, when it shows a number, and whether deleting
rows forgets it. Each possibility is played here, by the local service, over TLS, with msal and the real sink.
"""

from __future__ import annotations

import time as real_time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from livegold.reporting.errors import NotFound, SecondWriter
from livegold.reporting.powerbi.http import Session
from livegold.reporting.service.server import LocalService
from livegold.reporting.sinks import FeedBatch, PowerBISink
from powerbi_cases import (
    AnswersSession,
    Crash,
    CrashingSession,
    Time,
    assert_nothing_lost,
    assert_once,
    batch,
    client_of,
    pulse_row,
    set_fault,
    set_semantics,
    sink_of,
    spot_row,
)

pytestmark = pytest.mark.integration

SEMANTICS: dict[str, dict[str, object]] = {
    "stored again": {},
    "ignored": {"repeated": "ignored"},
    "rejected with 400": {"repeated": "rejected"},
    "rejected with 409": {"repeated": "rejected", "rejected_status": 409},
    "readable late": {"readable_after_seconds": 5.0},
    "readable late and rejected": {"readable_after_seconds": 5.0, "repeated": "rejected"},
    "reset by deleting rows": {"delete_resets": True},
    "not offered": {"offered": False},
}
BATCHES = [
    batch(i, [pulse_row(i, "North", i + 1), pulse_row(i, "South", 2, "0.30")], [spot_row(f"p{i}", 5.0 + i, i)])
    for i in range(4)
]
FAULTY = 5
"""Which POST of rows the faults hit, counted from the first: in the middle of a batch."""


@dataclass
class Scene:
    """What a fault has to work with; `dataset` is the one to look at in the end."""

    service: LocalService
    folder: Path
    time: Time
    semantics: dict[str, object]
    dataset: str = ""

    @property
    def state(self) -> Path:
        return self.folder / "state"

    def deliver(self, batches: list[FeedBatch] = BATCHES, state: Path | None = None) -> None:
        with sink_of(self.service, state or self.state, self.time) as sink:
            for one in batches:
                sink.write(one)
            self.dataset = sink.dataset

    def deliver_past(self, error: str, *, counted: str = "failures") -> None:
        """Delivers through a fault that has been set, and makes sure that it was met."""
        self.deliver()
        status = sink_of(self.service, self.state, self.time).status()
        assert status[counted] > 0, "the fault did not happen"
        assert error in status["last_error"]


def write_all(sink: PowerBISink) -> None:
    for one in BATCHES:
        sink.write(one)


def throttled(scene: Scene) -> None:
    set_fault(scene.service, status=429, retry_after=7.0, path="/rows", skip=FAULTY, times=2)
    scene.deliver_past("HTTP 429", counted="throttled")


def answered_500(scene: Scene) -> None:
    set_fault(scene.service, status=500, path="/rows", skip=FAULTY, times=2)
    scene.deliver_past("HTTP 500")


def answered_503(scene: Scene) -> None:
    set_fault(scene.service, status=503, path="/rows", skip=FAULTY, times=2)
    scene.deliver_past("HTTP 503")


def cut_before_storing(scene: Scene) -> None:
    set_fault(scene.service, cut="before", path="/rows", skip=FAULTY)
    scene.deliver_past("may have been carried out")


def cut_after_storing(scene: Scene) -> None:
    set_fault(scene.service, cut="after", path="/rows", skip=FAULTY)
    scene.deliver_past("may have been carried out")


def every_kind_of_post_cut_after_storing(scene: Scene) -> None:
    for table in ("Site", "Totals", "Pulse", "Spotlight"):
        set_fault(scene.service, cut="after", path=f"/{table}/rows", times=2)
    scene.deliver_past("may have been carried out")


def token_expired_in_mid_run(scene: Scene) -> None:
    session = AnswersSession(scene.service.endpoint.ca)
    client = client_of(scene.service, session)
    with sink_of(scene.service, scene.state, scene.time, client) as sink:
        for one in BATCHES:
            sink.write(one)
            requests.post(
                f"{scene.service.endpoint.api}/_local/tokens/expire", verify=scene.service.endpoint.ca, timeout=10
            ).raise_for_status()
        scene.dataset = sink.dataset
    assert session.statuses.count(403) >= len(BATCHES) - 1, "no token was refused"


def stalled(scene: Scene) -> None:
    """The answer comes after the client has given up waiting; the rows are stored."""
    set_fault(scene.service, delay=2.0, path="/rows", skip=FAULTY)

    class Impatient(Session):
        def request(self, method: str | bytes, url: str | bytes, *args: object, **options: object) -> requests.Response:
            if method == "POST" and str(url).endswith("/rows"):
                options["timeout"] = (5.0, 0.5)
            return super().request(method, url, *args, **options)  # type: ignore[arg-type]

    client = client_of(scene.service, Impatient(scene.service.endpoint.ca))
    with sink_of(scene.service, scene.state, scene.time, client) as sink:
        for one in BATCHES:
            sink.write(one)
        scene.dataset = sink.dataset
        assert "ReadTimeout" in sink.status()["last_error"]


def down_for_two_minutes(scene: Scene) -> None:
    port = int(scene.service.endpoint.api.rsplit(":", 1)[1])
    comes_back = scene.time.now + 120
    sleep = scene.time.sleep

    def sleep_until_back(seconds: float) -> None:
        sleep(seconds)
        if scene.time.now >= comes_back and not back:
            again = LocalService(scene.service.home, port=port, clock=scene.time.clock)
            again.__enter__()
            set_semantics(again, **scene.semantics)
            back.append(again)

    back: list[LocalService] = []
    with sink_of(scene.service, scene.state, scene.time, sleep=sleep_until_back) as sink:
        sink.write(BATCHES[0])
        scene.service.__exit__(None, None, None)
        for one in BATCHES[1:]:
            sink.write(one)
        assert sink.status()["failures"] > 2
        scene.dataset = sink.dataset
    scene.service = back[0]


def killed_between_post_and_ledger(scene: Scene) -> None:
    dying = client_of(scene.service, CrashingSession(scene.service.endpoint.ca, FAULTY + 1))
    sink = sink_of(scene.service, scene.state, scene.time, dying)
    sink.open()
    with pytest.raises(Crash):
        write_all(sink)
    sink.close()
    scene.deliver()


def checkpoint_deleted(scene: Scene) -> None:
    """The feed begins again under another id, in other batches: gold is handed over as it is by then."""
    scene.deliver(BATCHES[:3])
    pulse = [row for one in BATCHES for row in one.pulse.to_pylist()]
    spots = [row for one in BATCHES for row in one.spotlight.to_pylist()]
    scene.deliver([batch(0, pulse[:3], spots[:2], "feed-2"), batch(1, pulse[3:], spots[2:], "feed-2")])


def state_deleted(scene: Scene) -> None:
    scene.deliver(BATCHES[:3])
    scene.deliver(state=scene.folder / "another")


def dataset_deleted(scene: Scene) -> None:
    sink = sink_of(scene.service, scene.state, scene.time)
    sink.open()
    sink.write(BATCHES[0])
    client_of(scene.service).delete_dataset(sink.dataset)
    with pytest.raises(NotFound, match="livegold backfill"):
        sink.write(BATCHES[1])
    sink.close()
    sink_of(scene.service, scene.state, scene.time).reset()
    scene.deliver([batch(i, b.pulse.to_pylist(), b.spotlight.to_pylist(), "feed-2") for i, b in enumerate(BATCHES)])


FAULTS: tuple[Callable[[Scene], None], ...] = (
    throttled,
    answered_500,
    answered_503,
    cut_before_storing,
    cut_after_storing,
    every_kind_of_post_cut_after_storing,
    token_expired_in_mid_run,
    stalled,
    down_for_two_minutes,
    killed_between_post_and_ledger,
    checkpoint_deleted,
    state_deleted,
    dataset_deleted,
)


@pytest.mark.parametrize("semantics", SEMANTICS)
@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f.__name__)
def test_the_service_has_the_expected_rows(
    service: LocalService, tmp_path: Path, time: Time, fault: Callable[[Scene], None], semantics: str
) -> None:
    set_semantics(service, **SEMANTICS[semantics])
    scene = Scene(service, tmp_path, time, SEMANTICS[semantics])
    fault(scene)
    status = sink_of(scene.service, scene.state, time).status()
    if semantics == "not offered":
        assert_nothing_lost(scene.service, scene.dataset, BATCHES)
        assert status["mode"] == "at least once"
    else:
        assert_once(scene.service, scene.dataset, BATCHES)
        assert status["mode"] == "once"
    if scene.service is not service:
        scene.service.__exit__(None, None, None)


@pytest.mark.long
def test_a_stall_of_half_a_minute_is_sat_out(service: LocalService, tmp_path: Path, time: Time) -> None:
    set_fault(service, delay=30.0, path="/rows", skip=FAULTY)
    scene = Scene(service, tmp_path, time, {})
    before = real_time.monotonic()
    scene.deliver()
    assert real_time.monotonic() - before >= 30, "nothing stalled"
    assert_once(service, scene.dataset, BATCHES)


@pytest.mark.parametrize("semantics", [name for name in SEMANTICS if name != "not offered"])
def test_of_two_writers_on_two_machines_the_newer_goes_on_and_the_older_stops(
    service: LocalService, tmp_path: Path, time: Time, semantics: str
) -> None:
    set_semantics(service, **SEMANTICS[semantics])
    first = sink_of(service, tmp_path / "first", time, writers=tmp_path / "one machine")
    first.open()
    first.write(BATCHES[0])
    stopped: list[SecondWriter] = []
    unsent = iter(BATCHES[1:])

    def first_writes_on(seconds: float) -> None:
        time.sleep(seconds)
        if not stopped:
            try:
                first.write(next(unsent))
            except SecondWriter as error:
                stopped.append(error)

    second = sink_of(service, tmp_path / "second", time, sleep=first_writes_on, writers=tmp_path / "another machine")
    with second:
        for one in BATCHES:
            second.write(one)
        assert stopped
        assert "somebody else writes to it" in str(stopped[0])
        assert_once(service, second.dataset, BATCHES)
    first.close()


def test_a_second_livegold_on_this_machine_is_refused_before_anything_starts(
    service: LocalService, tmp_path: Path, time: Time
) -> None:
    with sink_of(service, tmp_path / "first", time) as first:
        first.write(BATCHES[0])
        second = sink_of(service, tmp_path / "second", time)
        with pytest.raises(SecondWriter, match="another livegold on this machine delivers to dataset"):
            second.check()
        with pytest.raises(SecondWriter, match="powerbi.dataset"):
            second.open()
        second.close()
