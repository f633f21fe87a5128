"""Refreshes against the running local service, on both kinds of capacity, through all that gets in between."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest

from canned_server import CannedServer
from livegold.reporting.errors import (
    Ambiguous,
    CheckFailed,
    LivegoldError,
    NotFound,
    Refused,
    ServiceUnavailable,
    Throttled,
    WrongUse,
)
from livegold.reporting.powerbi.auth import GivenTokens
from livegold.reporting.powerbi.client import Dataset, PowerBIClient
from livegold.reporting.powerbi.http import Session
from livegold.reporting.powerbi.refresh import Enhanced, Refreshes, RefreshObject
from livegold.reporting.powerbi.refresh_run import MAX_SILENCE_SECONDS, MAX_STARTS, RefreshRun, check_outcome
from livegold.reporting.powerbi.schedule import Schedule
from livegold.reporting.service.server import LocalService
from powerbi_cases import Time, client_of, set_fault

pytestmark = pytest.mark.integration
TABLES = [{"name": "Sales", "columns": [{"name": "n", "dataType": "Int64"}]}]
HALF_HOURS = [f"{n // 2:02}:{n % 2 * 30:02}" for n in range(48)]


def local(service: LocalService, method: str, path: str, body: Any) -> Any:
    """A call of what only the local service has."""
    at = service.endpoint
    answer = Session(at.ca).request(method, f"{at.api}/_local/{path}", json=body)
    assert answer.status_code < 300, answer.text
    return answer.json()


@pytest.fixture
def refreshes(service: LocalService) -> Iterator[Refreshes]:
    client = client_of(service)
    yield Refreshes(client)
    client.close()


@pytest.fixture
def dataset(service: LocalService, refreshes: Refreshes) -> Dataset:
    local(service, "POST", "datasets", {"name": "Imported", "tables": TABLES})
    return refreshes.client.find_dataset("Imported")


@pytest.fixture
def dedicated(service: LocalService) -> None:
    local(service, "PUT", "capacity", {"dedicated": True})


class Told:
    """A refresh run on the service's own clock: a sleep of its lets the service's time pass."""

    def __init__(self, refreshes: Refreshes, dataset: Dataset, time: Time, timeout: float = 3_600.0) -> None:
        self.said: list[str] = []
        self.run = RefreshRun(refreshes, dataset, timeout, clock=time.clock, sleep=time.sleep, say=self.said.append)


# The calls.


def test_a_plain_refresh_is_in_the_history_under_the_id_it_was_given(
    refreshes: Refreshes, dataset: Dataset, time: Time
) -> None:
    assert refreshes.refresh_history(dataset.id) == []
    first = refreshes.refresh(dataset.id)
    (found,) = refreshes.refresh_history(dataset.id)
    assert (found.request_id, found.kind, found.at_work, found.end) == (first, "ViaApi", True, None)
    assert found.start == dt.datetime.fromtimestamp(time.now, dt.UTC)
    time.sleep(60)
    (found,) = refreshes.refresh_history(dataset.id)
    assert (found.state, found.at_work, found.error) == ("Completed", False, "")
    assert (found.end, found.seconds) == (found.start + dt.timedelta(seconds=1), 1.0)
    second = refreshes.refresh(dataset.id)
    assert [r.request_id for r in refreshes.refresh_history(dataset.id, 1)] == [second]
    with pytest.raises(Refused, match="already executing.*wait for it, or cancel it"):
        refreshes.refresh(dataset.id)


@pytest.mark.usefixtures("dedicated")
def test_an_enhanced_refresh_is_followed_and_cancelled(refreshes: Refreshes, dataset: Dataset, time: Time) -> None:
    everything = Enhanced(
        type="DataOnly",
        commit_mode="Transactional",
        max_parallelism=2,
        retry_count=1,
        objects=(RefreshObject("Sales"), RefreshObject("Sales", "p1")),
        apply_refresh_policy=False,
        effective_date=dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
        timeout=dt.timedelta(hours=1, seconds=5),
    )
    started = refreshes.refresh_enhanced(dataset.id, everything)
    found = refreshes.refresh_details(dataset.id, started)
    assert (found.request_id, found.state, found.kind) == (started, "InProgress", "ViaEnhancedApi")
    refreshes.cancel_refresh(dataset.id, started)
    found = refreshes.refresh_details(dataset.id, started)
    assert (found.state, found.at_work) == ("Cancelled", False)
    with pytest.raises(Refused, match="not in progress"):
        refreshes.cancel_refresh(dataset.id, started)
    with pytest.raises(NotFound, match="PowerBIEntityNotFound"):
        refreshes.refresh_details(dataset.id, "10ca1000-0000-4000-8000-00000000ffff")


def test_what_a_refresh_cannot_be_is_refused_before_it_is_sent(refreshes: Refreshes) -> None:
    for wrong, message in (
        ({"type": "full"}, "type is 'full': give Full, ClearValues"),
        ({"commit_mode": "Half"}, "give Transactional or PartialBatch"),
        ({"timeout": dt.timedelta(days=1)}, "at most 23:59:59"),
        ({}, "an enhanced refresh needs a type or another option"),
    ):
        with pytest.raises(WrongUse, match=message):
            Enhanced(**wrong)  # type: ignore[arg-type]
    with pytest.raises(WrongUse, match="give NoNotification, MailOnFailure or MailOnCompletion"):
        refreshes.refresh("d", "Shout")
    with pytest.raises(WrongUse, match="top is 0"):
        refreshes.refresh_history("d", 0)


def test_the_schedule_is_read_and_changed(refreshes: Refreshes, dataset: Dataset) -> None:
    assert refreshes.refresh_schedule(dataset.id).enabled is False
    refreshes.update_refresh_schedule(
        dataset.id,
        days=["tue", "Monday"],
        times=["19:00", "7:00"],
        enabled=True,
        time_zone="UTC",
        notify="NoNotification",
    )
    wanted = Schedule(("Monday", "Tuesday"), ("07:00", "19:00"), True, "UTC", "NoNotification")
    assert refreshes.refresh_schedule(dataset.id) == wanted
    refreshes.update_refresh_schedule(dataset.id, enabled=False)
    assert refreshes.refresh_schedule(dataset.id).enabled is False


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({}, "nothing to change"),
        ({"days": ["someday"]}, "'someday' is no day: give mon, tue, wed, thu, fri, sat or sun"),
        ({"days": []}, "no day is left"),
        ({"times": ["07:15"]}, "'07:15' is no time the service takes: give HH:00 or HH:30"),
        ({"times": ["24:00"]}, "no time the service takes"),
        ({"notify": "MailOnCompletion"}, "give NoNotification or MailOnFailure"),
        ({"enabled": False, "times": ["07:00"]}, "switching it off cannot be combined with other changes"),
        ({"times": [*HALF_HOURS[:8], "23:30"]}, "9 times a day, .*shared capacity, which takes 8"),
    ],
)
def test_a_schedule_that_cannot_be_is_refused_and_nothing_is_changed(
    refreshes: Refreshes, dataset: Dataset, change: dict[str, Any], message: str
) -> None:
    before = refreshes.refresh_schedule(dataset.id)
    with pytest.raises(WrongUse, match=message):
        refreshes.update_refresh_schedule(dataset.id, **change)
    assert refreshes.refresh_schedule(dataset.id) == before


@pytest.mark.usefixtures("dedicated")
def test_dedicated_capacity_takes_48_times_a_day(refreshes: Refreshes, dataset: Dataset) -> None:
    refreshes.update_refresh_schedule(dataset.id, days=["mon"], times=HALF_HOURS, enabled=True)
    assert len(HALF_HOURS) == 48
    assert refreshes.refresh_schedule(dataset.id).times == tuple(HALF_HOURS)


# From start to end.


@pytest.mark.usefixtures("dedicated")
def test_a_refresh_is_enhanced_where_that_is_taken_and_watched_to_its_end(
    service: LocalService, refreshes: Refreshes, dataset: Dataset, time: Time
) -> None:
    local(service, "POST", "refreshes", {"seconds": 300})
    told = Told(refreshes, dataset, time)
    started = told.run.start()
    outcome = told.run.wait(started)
    assert (started.enhanced, outcome.state, outcome.kind) == (True, "Completed", "ViaEnhancedApi")
    assert time.slept == sorted(time.slept)
    assert max(time.slept) <= 30
    assert "refresh of Imported: InProgress" in told.said[0]
    assert 3 <= len(told.said) <= 7
    check_outcome(dataset, outcome)


def test_shared_capacity_gets_a_plain_one_after_it_refused(
    service: LocalService, refreshes: Refreshes, dataset: Dataset, time: Time
) -> None:
    local(service, "POST", "refreshes", {"seconds": 30})
    told = Told(refreshes, dataset, time)
    started = told.run.start()
    assert "a plain one" in told.said[0]
    outcome = told.run.wait(started)
    assert (started.enhanced, outcome.state, outcome.kind) == (False, "Completed", "ViaApi")
    assert outcome.request_id == started.id


def test_tables_and_type_on_shared_capacity_are_wrong_use(refreshes: Refreshes, dataset: Dataset, time: Time) -> None:
    wanted = Enhanced(type="Full", objects=(RefreshObject("Sales"),))
    with pytest.raises(WrongUse, match="Only notifyOption can be specified.*omit tables and type"):
        Told(refreshes, dataset, time).run.start(wanted)
    assert refreshes.refresh_history(dataset.id) == []


@pytest.mark.usefixtures("dedicated")
def test_a_failed_refresh_ends_with_the_services_own_message(
    service: LocalService, refreshes: Refreshes, dataset: Dataset, time: Time
) -> None:
    plan = {
        "seconds": 10,
        "error": "ModelRefreshFailed_CredentialsNotSpecified",
        "description": "Sign in to the source.",
    }
    local(service, "POST", "refreshes", plan)
    told = Told(refreshes, dataset, time)
    outcome = told.run.wait(told.run.start())
    message = "ended as Failed: .*ModelRefreshFailed_CredentialsNotSpecified Sign in to the source.*RequestId"
    with pytest.raises(CheckFailed, match=message) as caught:
        check_outcome(dataset, outcome)
    assert caught.value.request_id == outcome.request_id


def test_a_failed_plain_refresh_has_its_message_too(
    service: LocalService, refreshes: Refreshes, dataset: Dataset, time: Time
) -> None:
    local(service, "POST", "refreshes", {"seconds": 10, "error": "SourceIsDown"})
    told = Told(refreshes, dataset, time)
    with pytest.raises(CheckFailed, match="ended as Failed: SourceIsDown"):
        check_outcome(dataset, told.run.wait(told.run.start()))


@pytest.mark.usefixtures("dedicated")
def test_a_refresh_that_somebody_cancels_is_no_success(refreshes: Refreshes, dataset: Dataset, time: Time) -> None:
    told = Told(refreshes, dataset, time)
    started = told.run.start()
    refreshes.cancel_refresh(dataset.id, started.id)
    with pytest.raises(CheckFailed, match="ended as Cancelled"):
        check_outcome(dataset, told.run.wait(started))


@pytest.mark.parametrize("capacity", ["shared", "dedicated"])
def test_a_start_whose_answer_was_lost_is_found_again_and_not_repeated(
    service: LocalService, refreshes: Refreshes, dataset: Dataset, time: Time, capacity: str
) -> None:
    local(service, "PUT", "capacity", {"dedicated": capacity == "dedicated"})
    local(service, "POST", "refreshes", {"seconds": 300})
    skip = 0 if capacity == "dedicated" else 1
    set_fault(service, path="/refreshes", cut="after", skip=skip)
    told = Told(refreshes, dataset, time)
    outcome = told.run.wait(told.run.start())
    assert outcome.state == "Completed"
    assert len(refreshes.refresh_history(dataset.id)) == 1


@pytest.mark.usefixtures("dedicated")
@pytest.mark.parametrize("fault", [{"cut": "before"}, {"status": 500}, {"status": 503, "empty": True}])
def test_a_start_that_did_not_get_through_is_repeated(
    service: LocalService, refreshes: Refreshes, dataset: Dataset, time: Time, fault: dict[str, Any]
) -> None:
    set_fault(service, path="/refreshes", times=2, **fault)
    told = Told(refreshes, dataset, time)
    assert told.run.wait(told.run.start()).state == "Completed"
    assert len(refreshes.refresh_history(dataset.id)) == 1


@pytest.mark.usefixtures("dedicated")
def test_watching_survives_an_outage_and_honours_the_pause_it_is_asked_for(
    service: LocalService, refreshes: Refreshes, dataset: Dataset, time: Time
) -> None:
    local(service, "POST", "refreshes", {"seconds": 120})
    told = Told(refreshes, dataset, time)
    started = told.run.start()
    set_fault(service, method="GET", path="/refreshes", status=429, retry_after=77)
    set_fault(service, method="GET", path="/refreshes", times=5, cut="before")
    assert told.run.wait(started).state == "Completed"
    assert time.slept[0] == 77
    assert sum("HTTP 429" in line for line in told.said) == 1
    assert sum("no answer came" in line for line in told.said) == 5


def test_a_service_that_never_answers_is_given_up(
    service: LocalService, refreshes: Refreshes, dataset: Dataset, time: Time
) -> None:
    set_fault(service, method="GET", path="/refreshes", times=1_000, status=503)
    before = time.now
    with pytest.raises(ServiceUnavailable, match="HTTP 503"):
        Told(refreshes, dataset, time, timeout=86_400).run.start()
    assert MAX_SILENCE_SECONDS <= time.now - before < MAX_SILENCE_SECONDS + 60


def test_a_start_that_fails_again_and_again_is_given_up(
    service: LocalService, refreshes: Refreshes, dataset: Dataset, time: Time
) -> None:
    set_fault(service, path="/refreshes", times=1_000, status=500)
    with pytest.raises(Ambiguous, match="HTTP 500"):
        Told(refreshes, dataset, time, timeout=86_400).run.start()
    assert len(time.slept) == MAX_STARTS - 1


def test_the_ninth_refresh_of_a_day_fails_at_once_and_says_why(
    refreshes: Refreshes, dataset: Dataset, time: Time
) -> None:
    for _ in range(8):
        refreshes.refresh(dataset.id)
        time.sleep(60)
    before = time.now
    with pytest.raises(Throttled, match="8 refreshes a day"):
        Told(refreshes, dataset, time, timeout=86_400).run.start()
    assert time.now == before


@pytest.mark.usefixtures("dedicated")
def test_a_refresh_that_is_at_work_already_is_not_waited_for(
    refreshes: Refreshes, dataset: Dataset, time: Time
) -> None:
    refreshes.refresh_enhanced(dataset.id, Enhanced(type="Full"))
    with pytest.raises(Refused, match="HTTP 409 .*already executing"):
        Told(refreshes, dataset, time).run.start()


@pytest.mark.usefixtures("dedicated")
def test_waiting_ends_at_the_time_out_and_the_refresh_goes_on(
    service: LocalService, refreshes: Refreshes, dataset: Dataset, time: Time
) -> None:
    local(service, "POST", "refreshes", {"seconds": 300})
    told = Told(refreshes, dataset, time, timeout=60)
    started, before = told.run.start(), time.now
    with pytest.raises(LivegoldError, match="did not finish within 60 s.*it is still running.*livegold refresh cancel"):
        told.run.wait(started)
    assert time.now - before == 60
    assert refreshes.refresh_details(dataset.id, started.id).at_work


# Answers that the local service does not give.


def canned_refreshes(canned: CannedServer) -> Refreshes:
    return Refreshes(PowerBIClient(canned.url, "w", GivenTokens(lambda: "t"), Session()))


def test_the_id_of_an_enhanced_refresh_is_also_read_from_the_location() -> None:
    with CannedServer() as canned:
        canned.reply(202, b"", {"Location": "https://x/refreshes/r-1/", "RequestId": "other"})
        assert canned_refreshes(canned).refresh_enhanced("d", Enhanced(type="Full")) == "r-1"
        assert canned.got[0].json == {"type": "Full"}
        canned.reply(202, b"", {"x-ms-request-id": "r-2", "RequestId": "other"})
        assert canned_refreshes(canned).refresh_enhanced("d", Enhanced(retry_count=0)) == "r-2"
        canned.reply(202)
        assert canned_refreshes(canned).refresh("d", "MailOnFailure") == ""
        assert canned.got[-1].json == {"notifyOption": "MailOnFailure"}


def test_a_refresh_without_an_id_is_the_one_that_was_not_there_before(time: Time) -> None:
    entry = {"requestId": "new", "status": "Completed", "startTime": "2026-03-01T12:00:00.1234567Z"}
    with CannedServer() as canned:
        canned.reply(200, {"value": [{"requestId": "old", "status": "Failed"}]})
        canned.reply(400, {"error": {"code": "InvalidRequest"}})
        canned.reply(200, {"value": []}).reply(202)
        canned.reply(200, {"value": [{"requestId": "old", "status": "Failed"}]})
        canned.reply(200, {"value": [entry, {"requestId": "old", "status": "Failed"}]})
        told = Told(canned_refreshes(canned), Dataset("d", "D", None), time)
        started = told.run.start()
        assert (started.id, started.enhanced) == ("", False)
        outcome = told.run.wait(started)
    assert (outcome.request_id, outcome.state) == ("new", "Completed")
    assert outcome.start == dt.datetime(2026, 3, 1, 12, 0, 0, 123_456, dt.UTC)


@pytest.mark.parametrize(
    ("entry", "error"),
    [
        ({"serviceExceptionJson": '{"errorCode":"A","errorDescription":"b\\n c"}'}, "A b c"),
        ({"serviceExceptionJson": '{"errorCode":"A"}'}, "A"),
        ({"serviceExceptionJson": "no JSON"}, "no JSON"),
        ({"serviceExceptionJson": '["a list"]'}, '["a list"]'),
        ({"refreshAttempts": [{"serviceExceptionJson": '{"errorCode":"A"}'}, {"attemptId": 2}, 3]}, "A"),
        (
            {
                "messages": [
                    {"code": "0x1", "message": "bad", "type": "Error"},
                    {"code": "0x2", "message": "meh", "type": "Warning"},
                ]
            },
            "0x1 bad",
        ),
        ({}, ""),
        ({"startTime": "no time", "endTime": None, "numberOfAttempts": None}, ""),
    ],
)
def test_the_message_of_a_failure_is_found_wherever_it_is(entry: dict[str, Any], error: str) -> None:
    with CannedServer() as canned:
        canned.reply(200, {"value": [{"requestId": "r", "status": "Failed", **entry}]})
        (found,) = canned_refreshes(canned).refresh_history("d")
    assert (found.error, found.state, found.seconds) == (error, "Failed", None)


def test_times_without_a_zone_are_utc() -> None:
    entry = {"status": "Completed", "startTime": "2026-03-01T12:00:00", "endTime": "2026-03-01T12:00:01.5Z"}
    with CannedServer() as canned:
        canned.reply(200, {"value": [entry]})
        (found,) = canned_refreshes(canned).refresh_history("d")
    assert found.seconds == 1.5
