"""Refreshes, their schedule and parameters, by the clock of the service and as the specification has them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from livegold.reporting.home.endpoint import LOCAL_USER_NAME
from livegold.reporting.service.server import LocalService
from powerbi_cases import Time
from service_cases import Api, code_of

FULL = {"type": "Full", "commitMode": "transactional", "retryCount": 2, "timeout": "00:30:00"}


@pytest.fixture
def dedicated(tmp_path: Path, time: Time) -> Any:
    with LocalService(tmp_path / "home", clock=time.clock, dedicated=True) as running:
        yield Api(running)


def start(api: Api, dataset: str, **options: Any) -> str:
    answer = api("POST", f"/datasets/{dataset}/refreshes", **options)
    assert (answer.status_code, answer.content) == (202, b""), answer.text
    return str(answer.headers["RequestId"])


def later(api: Api, time: Time, seconds: float) -> None:
    """Long enough for the token to expire."""
    time.now += seconds
    api.sign_in()


def history(api: Api, dataset: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api("GET", f"/datasets/{dataset}/refreshes").json()["value"]
    return found


@pytest.mark.parametrize("options", [{}, {"json": {}}, {"json": {"notifyOption": "NoNotification"}}, {"data": "null"}])
def test_a_plain_refresh_is_202_with_no_body_and_the_request_id_of_its_history(
    api: Api, time: Time, options: dict[str, Any]
) -> None:
    dataset = api.imported()
    request_id = start(api, dataset, **options)
    (running,) = history(api, dataset)
    assert (running["requestId"], running["status"], running["refreshType"]) == (request_id, "Unknown", "ViaApi")
    assert "endTime" not in running
    time.now += 1
    (done,) = history(api, dataset)
    assert done["status"] == "Completed"
    assert done["startTime"] == "2026-03-01T12:00:00.000Z"
    assert done["endTime"] == "2026-03-01T12:00:01.000Z"


def test_history_is_newest_first_and_can_be_cut_off(api: Api, time: Time) -> None:
    dataset = api.imported()
    made = []
    for _ in range(3):
        made.append(start(api, dataset))
        time.now += 60
    assert [r["requestId"] for r in history(api, dataset)] == made[::-1]
    cut = api("GET", f"/datasets/{dataset}/refreshes?$top=1").json()["value"]
    assert [r["requestId"] for r in cut] == made[-1:]
    assert code_of(api("GET", f"/datasets/{dataset}/refreshes?$top=-1")) == (400, "BadRequest")


def test_a_failure_on_demand_shows_its_exception_as_json_in_json(api: Api, time: Time) -> None:
    dataset = api.imported()
    plan = {"dataset": dataset, "seconds": 5, "error": "ModelRefreshFailed_CredentialsNotSpecified"}
    assert api.local("POST", "/refreshes", json=plan).status_code == 201
    start(api, dataset)
    time.now += 5
    (failed,) = history(api, dataset)
    assert failed["status"] == "Failed"
    assert json.loads(failed["serviceExceptionJson"])["errorCode"] == plan["error"]
    start(api, dataset)
    time.now += 5
    assert [r["status"] for r in history(api, dataset)] == ["Completed", "Failed"]


def test_a_second_plain_refresh_is_400_while_one_runs(api: Api, time: Time) -> None:
    dataset = api.imported()
    start(api, dataset)
    answer = api("POST", f"/datasets/{dataset}/refreshes")
    assert code_of(answer) == (400, "InvalidRequest")
    assert "Another refresh request is already executing" in answer.json()["error"]["message"]
    start(api, api.imported())
    time.now += 1
    start(api, dataset)


def test_shared_capacity_takes_notify_option_only_and_eight_refreshes_a_day(api: Api, time: Time) -> None:
    dataset = api.imported()
    assert code_of(api("POST", f"/datasets/{dataset}/refreshes", json=FULL)) == (400, "InvalidRequest")
    for _ in range(8):
        start(api, dataset)
        time.now += 60
    answer = api("POST", f"/datasets/{dataset}/refreshes")
    assert code_of(answer) == (429, "TooManyRequests")
    later(api, time, int(answer.headers["Retry-After"]))
    start(api, dataset)


def test_a_service_principal_cannot_ask_for_mail(api: Api) -> None:
    dataset = api.imported(workspace="my workspace")
    answer = api("POST", f"/datasets/{api.imported()}/refreshes", json={"notifyOption": "MailOnFailure"})
    assert code_of(answer) == (400, "InvalidRequest")
    assert "app only owner" in answer.json()["error"]["message"]
    api.sign_in(user=True)
    answer = api.mine("POST", f"/datasets/{dataset}/refreshes", json={"notifyOption": "MailOnFailure"})
    assert answer.status_code == 202


def test_an_enhanced_refresh_is_followed_at_its_location(dedicated: Api, time: Time) -> None:
    columns = [{"name": "k", "dataType": "Int64"}]
    dataset = dedicated.imported(tables=[{"name": "Sales", "columns": columns}, {"name": "Shops", "columns": columns}])
    dedicated.local("POST", "/refreshes", json={"seconds": 60})
    body = {**FULL, "objects": [{"table": "Sales", "partition": "2026"}], "applyRefreshPolicy": "false"}
    answer = dedicated("POST", f"/datasets/{dataset}/refreshes", json=body)
    assert (answer.status_code, answer.content) == (202, b"")
    location = answer.headers["Location"]
    assert location.endswith(f"/refreshes/{answer.headers['x-ms-request-id']}")
    running = dedicated.session.get(location)
    assert running.status_code == 202
    found = running.json()
    assert (found["status"], found["extendedStatus"], found["type"]) == ("Unknown", "InProgress", "Full")
    assert found["objects"] == [{"table": "Sales", "partition": "2026", "status": "InProgress"}]
    time.now += 60
    done = dedicated.session.get(location)
    assert done.status_code == 200
    assert (done.json()["status"], done.json()["extendedStatus"]) == ("Completed", "Completed")
    assert done.json()["numberOfAttempts"] == 1


def test_a_second_enhanced_refresh_is_409(dedicated: Api) -> None:
    dataset = dedicated.imported()
    start(dedicated, dataset, json=FULL)
    assert code_of(dedicated("POST", f"/datasets/{dataset}/refreshes", json=FULL)) == (409, "Conflict")
    assert code_of(dedicated("POST", f"/datasets/{dataset}/refreshes")) == (400, "InvalidRequest")


def test_an_enhanced_refresh_can_be_cancelled_once(dedicated: Api, time: Time) -> None:
    dataset = dedicated.imported()
    dedicated.local("POST", "/refreshes", json={"seconds": 600})
    at = f"/datasets/{dataset}/refreshes/{start(dedicated, dataset, json=FULL)}"
    time.now += 30
    assert dedicated("DELETE", at).status_code == 200
    found = dedicated("GET", at)
    assert (found.status_code, found.json()["extendedStatus"]) == (200, "Cancelled")
    (entry,) = history(dedicated, dataset)
    assert (entry["status"], entry["endTime"]) == ("Cancelled", "2026-03-01T12:00:30.000Z")
    assert code_of(dedicated("DELETE", at)) == (400, "InvalidRequest")
    start(dedicated, dataset, json=FULL)


def test_a_plain_refresh_cannot_be_cancelled_and_an_unknown_one_is_404(api: Api) -> None:
    dataset = api.imported()
    at = f"/datasets/{dataset}/refreshes/{start(api, dataset)}"
    assert code_of(api("DELETE", at)) == (400, "InvalidRequest")
    for method in ("GET", "DELETE"):
        assert code_of(api(method, at[:-4] + "0000")) == (404, "PowerBIEntityNotFound")


def test_attempts_are_made_again_until_one_works(dedicated: Api, time: Time) -> None:
    dataset = dedicated.imported()
    dedicated.local("POST", "/refreshes", json={"seconds": 10, "error": "Flaky", "failures": 1})
    at = f"/datasets/{dataset}/refreshes/{start(dedicated, dataset, json=FULL)}"
    time.now += 15
    assert dedicated("GET", at).json()["numberOfAttempts"] == 2
    time.now += 5
    found = dedicated("GET", at).json()
    assert found["status"] == "Completed"
    assert ["serviceExceptionJson" in a for a in found["refreshAttempts"]] == [True, False]


def test_an_attempt_that_takes_longer_than_its_timeout_ends_as_timed_out(dedicated: Api, time: Time) -> None:
    dataset = dedicated.imported()
    dedicated.local("POST", "/refreshes", json={"seconds": 3_600})
    at = f"/datasets/{dataset}/refreshes/{start(dedicated, dataset, json={'timeout': '00:10:00'})}"
    time.now += 599
    assert dedicated("GET", at).status_code == 202
    time.now += 1
    assert dedicated("GET", at).json()["extendedStatus"] == "TimedOut"
    assert history(dedicated, dataset)[0]["status"] == "Failed"


def test_an_unknown_table_fails_the_refresh_with_a_message(dedicated: Api, time: Time) -> None:
    dataset = dedicated.imported()
    at = f"/datasets/{dataset}/refreshes/{start(dedicated, dataset, json={'objects': [{'table': 'Nowhere'}]})}"
    time.now += 1
    found = dedicated("GET", at).json()
    assert found["status"] == "Failed"
    assert "Model" in found["messages"][0]["message"]


def test_a_disabled_refresh_says_so(api: Api, time: Time) -> None:
    dataset = api.imported()
    api.local("POST", "/refreshes", json={"disabled": True})
    start(api, dataset)
    time.now += 1
    assert history(api, dataset)[0]["status"] == "Disabled"


@pytest.mark.parametrize(
    "body",
    [
        {"type": "Everything"},
        {"retryCount": -1},
        {"retryCount": True},
        {"maxParallelism": "2"},
        {"objects": {"table": "Sales"}},
        {"objects": [{"tabel": "Sales"}]},
        {"timeout": "30"},
        {"timeout": "24:00:00"},
        {"effectiveDate": "someday"},
        {"applyRefreshPolicy": "perhaps"},
        {"applyRefreshPolicy": True, "commitMode": "PartialBatch"},
        {"Type": "Full"},
        [],
    ],
)
def test_a_refresh_that_cannot_be_is_400(dedicated: Api, body: Any) -> None:
    dataset = dedicated.imported()
    assert dedicated("POST", f"/datasets/{dataset}/refreshes", json=body).status_code == 400
    assert history(dedicated, dataset) == []


def test_refreshes_outlive_a_restart_and_go_with_their_dataset(tmp_path: Path, time: Time) -> None:
    with LocalService(tmp_path, clock=time.clock) as service:
        api = Api(service)
        dataset = api.imported()
        request_id = start(api, dataset)
    with LocalService(tmp_path, clock=time.clock) as service:
        api = Api(service)
        assert history(api, dataset)[0]["requestId"] == request_id
        assert api("DELETE", f"/datasets/{dataset}").status_code == 200
        assert code_of(api("GET", f"/datasets/{dataset}/refreshes")) == (404, "PowerBIEntityNotFound")


@pytest.mark.parametrize(
    "plan", [{"seconds": -1}, {"seconds": True}, {"error": 5}, {"times": 0}, {"failures": 1.5}, {"secs": 1}, []]
)
def test_a_plan_that_cannot_be_is_refused(api: Api, plan: Any) -> None:
    assert code_of(api.local("POST", "/refreshes", json=plan)) == (400, "BadRequest")


# --- schedule


def schedule(api: Api, dataset: str, **value: Any) -> Any:
    return api("PATCH", f"/datasets/{dataset}/refreshSchedule", json={"value": value})


def test_a_schedule_is_off_until_it_is_set_and_can_be_changed_in_parts(api: Api) -> None:
    dataset = api.imported()
    at = f"/datasets/{dataset}/refreshSchedule"
    assert api("GET", at).json()["enabled"] is False
    assert schedule(api, dataset, days=["monday", "Friday"], times=["07:00", "19:30"], enabled=True).status_code == 200
    assert schedule(api, dataset, localTimeZoneId="W. Europe Standard Time").status_code == 200
    found = api("GET", at).json()
    assert (found["days"], found["times"]) == (["Monday", "Friday"], ["07:00", "19:30"])
    assert (found["localTimeZoneId"], found["notifyOption"]) == ("W. Europe Standard Time", "NoNotification")
    assert schedule(api, dataset, enabled=False).status_code == 200
    assert api("GET", at).json()["times"] == ["07:00", "19:30"]


@pytest.mark.parametrize(
    "value",
    [
        {"days": []},
        {"days": ["Someday"]},
        {"days": "Monday"},
        {"times": ["7:00"]},
        {"times": ["07:15"]},
        {"times": ["24:00"]},
        {"times": ["07:00", "07:00"]},
        {"times": [700]},
        {"enabled": "yes"},
        {"enabled": False, "times": ["07:00"]},
        {"enabled": True},
        {"localTimeZoneId": "Europe/Berlin"},
        {"localTimeZoneId": 1},
        {"notifyOption": "MailOnFailure"},
        {"notifyOption": "Always"},
        {"time": ["07:00"]},
    ],
)
def test_a_schedule_that_cannot_be_is_400_and_changes_nothing(api: Api, value: dict[str, Any]) -> None:
    dataset = api.imported()
    before = api("GET", f"/datasets/{dataset}/refreshSchedule").json()
    answer = schedule(api, dataset, **value)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"]
    assert api("GET", f"/datasets/{dataset}/refreshSchedule").json() == before


def test_a_day_has_eight_times_on_shared_and_forty_eight_on_dedicated_capacity(api: Api) -> None:
    dataset = api.imported()
    times = [f"{hour:02d}:{minute}" for hour in range(24) for minute in ("00", "30")]
    assert schedule(api, dataset, days=["Monday"], times=times[:8]).status_code == 200
    assert code_of(schedule(api, dataset, times=times[:9])) == (400, "InvalidRequest")
    api.local("PUT", "/capacity", json={"dedicated": True})
    assert schedule(api, dataset, times=times).status_code == 200


def test_scheduled_refreshes_happen_at_their_local_times(api: Api, time: Time) -> None:
    dataset = api.imported()  # on Sunday 2026-03-01, 12:00 UTC
    zone = "Tokyo Standard Time"
    schedule(api, dataset, days=["Sunday", "Monday"], times=["07:00", "22:00"], enabled=True, localTimeZoneId=zone)
    later(api, time, 24 * 3_600)
    found = history(api, dataset)
    assert [(r["refreshType"], r["startTime"][:16]) for r in found] == [
        ("Scheduled", "2026-03-01T22:00"),
        ("Scheduled", "2026-03-01T13:00"),
    ]
    assert {r["status"] for r in found} == {"Completed"}


def test_scheduled_refreshes_count_among_the_eight_of_a_day(api: Api, time: Time) -> None:
    dataset = api.imported()
    later(api, time, 12 * 3_600)
    times = [f"{hour:02d}:00" for hour in range(1, 9)]
    schedule(api, dataset, days=["Monday"], times=times, enabled=True)
    later(api, time, 10 * 3_600)
    assert len(history(api, dataset)) == 8
    assert code_of(api("POST", f"/datasets/{dataset}/refreshes")) == (429, "TooManyRequests")


# --- parameters


PARAMETERS = [
    {"name": "Server", "type": "Text", "currentValue": "one", "isRequired": True},
    {"name": "Top", "type": "Number", "currentValue": "5"},
    {"name": "Blob", "type": "Binary"},
]


def test_parameters_are_listed_and_updated(api: Api) -> None:
    dataset = api.imported(parameters=PARAMETERS)
    body = {"updateDetails": [{"name": "Server", "newValue": "two"}, {"name": "Top", "newValue": "7"}]}
    assert api("POST", f"/datasets/{dataset}/Default.UpdateParameters", json=body).status_code == 200
    found = {p["name"]: p["currentValue"] for p in api("GET", f"/datasets/{dataset}/parameters").json()["value"]}
    assert found == {"Server": "two", "Top": "7", "Blob": ""}


@pytest.mark.parametrize(
    "details",
    [
        [],
        [{"name": "server", "newValue": "x"}],
        [{"name": "Server", "newValue": ""}],
        [{"name": "Top", "newValue": "many"}],
        [{"name": "Top", "newValue": 7}],
        [{"name": "Blob", "newValue": "x"}],
        [{"name": "Top", "newValue": "1"}, {"name": "Top", "newValue": "2"}],
        [{"name": f"P{i}", "newValue": "1"} for i in range(101)],
    ],
)
def test_an_update_of_parameters_that_cannot_be_is_400_and_changes_nothing(api: Api, details: list[Any]) -> None:
    dataset = api.imported(parameters=PARAMETERS)
    before = api("GET", f"/datasets/{dataset}/parameters").json()
    answer = api("POST", f"/datasets/{dataset}/Default.UpdateParameters", json={"updateDetails": details})
    assert answer.status_code == 400
    assert api("GET", f"/datasets/{dataset}/parameters").json() == before


def test_who_takes_a_dataset_over_becomes_its_owner(api: Api) -> None:
    dataset = api.made()
    assert api("GET", f"/datasets/{dataset}").json()["configuredBy"] == api.at.client_id
    api.sign_in(user=True)
    assert api("POST", f"/datasets/{dataset}/Default.TakeOver").status_code == 200
    assert api("GET", f"/datasets/{dataset}").json()["configuredBy"] == LOCAL_USER_NAME
    assert api.mine("POST", f"/datasets/{dataset}/Default.TakeOver").status_code == 404
