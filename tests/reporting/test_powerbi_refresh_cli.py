"""`livegold refresh` as a job runs it: exit codes, one JSON object, no terminal, the local service over TLS."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from livegold.reporting.cli import main
from livegold.reporting.powerbi.client import Dataset
from livegold.reporting.powerbi.http import Session
from livegold.reporting.service.server import LocalService
from powerbi_cases import client_of, set_fault

pytestmark = pytest.mark.integration
Livegold = Callable[..., tuple[int, str, str]]


@pytest.fixture
def service(tmp_path: Path) -> Iterator[LocalService]:
    """In real time, unlike the service of the other tests: the command has no other."""
    with LocalService(tmp_path / "home") as running:
        yield running


@pytest.fixture
def dataset(service: LocalService) -> Dataset:
    local(service, "POST", "datasets", {"name": "Imported"})
    return client_of(service).find_dataset("Imported")


@pytest.fixture
def livegold(
    service: LocalService, capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Livegold:
    """Runs `livegold refresh`; exit code, standard output and standard error."""
    monkeypatch.setenv("LIVEGOLD_HOME", str(service.home))
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main.run(["refresh", *arguments])
        out, err = capfd.readouterr()
        return code, out, err

    return run


def local(service: LocalService, method: str, path: str, body: Any) -> None:
    at = service.endpoint
    answer = Session(at.ca).request(method, f"{at.api}/_local/{path}", json=body)
    assert answer.status_code < 300, answer.text


def one_object(out: str) -> dict[str, Any]:
    assert out.count("\n") == 1
    found = json.loads(out)
    assert isinstance(found, dict)
    return found


def test_a_refresh_that_completes_exits_with_0(livegold: Livegold, service: LocalService, dataset: Dataset) -> None:
    local(service, "POST", "refreshes", {"seconds": 0})
    code, out, err = livegold("run", "Imported", "--json")
    assert code == 0, err
    found = one_object(out)
    assert (found["ok"], found["state"], found["dataset"], found["name"]) == (True, "Completed", dataset.id, "Imported")
    assert (found["enhanced"], found["kind"], found["error"]) == (False, "ViaApi", None)
    assert found["start"].endswith("Z")
    code, out, _ = livegold("run", dataset.id)
    assert (code, out.startswith("refresh of Imported: Completed after ")) == (0, True)


def test_a_refresh_that_fails_exits_with_1_and_the_services_own_message(
    livegold: Livegold, service: LocalService, dataset: Dataset
) -> None:
    local(service, "PUT", "capacity", {"dedicated": True})
    local(service, "POST", "refreshes", {"seconds": 0, "error": "SourceIsDown", "description": "Nobody home."})
    code, out, err = livegold("run", "Imported", "--type", "dataonly", "--json")
    found = one_object(out)
    assert (code, found["ok"], found["state"], found["enhanced"]) == (1, False, "Failed", True)
    assert "SourceIsDown Nobody home." in found["error"]
    assert "ended as Failed" in err.splitlines()[-1]
    assert "SourceIsDown Nobody home." in err.splitlines()[-1]
    assert "Traceback" not in err


def test_no_wait_only_starts(livegold: Livegold, service: LocalService, dataset: Dataset) -> None:
    local(service, "POST", "refreshes", {"seconds": 3_600})
    code, out, _ = livegold("run", "Imported", "--no-wait", "--json")
    found = one_object(out)
    assert (code, found["state"], len(found["request_id"])) == (0, "Started", 36)
    code, out, _ = livegold("history", "Imported", "--json")
    (entry,) = one_object(out)["refreshes"]
    assert (code, entry["request_id"], entry["state"]) == (0, found["request_id"], "Unknown")
    code, out, _ = livegold("run", "Imported")
    assert (code, out) == (1, "")


def test_waiting_too_long_exits_with_1(livegold: Livegold, service: LocalService, dataset: Dataset) -> None:
    local(service, "POST", "refreshes", {"seconds": 3_600})
    code, out, err = livegold("run", "Imported", "--timeout", "0.2", "--json")
    found = one_object(out)
    assert (code, found["ok"]) == (1, False)
    assert "did not finish within 0.2 s" in err
    assert "it is still running" in found["error"]


def test_tables_on_shared_capacity_are_wrong_use(livegold: Livegold, dataset: Dataset) -> None:
    code, out, err = livegold("run", "Imported", "--tables", "Model, Other", "--json")
    found = one_object(out)
    assert (code, found["ok"], found["status"], found["code"]) == (2, False, None, None)
    assert "omit tables and type" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run", "Imported", "--type", "half"), "'half' is not one of"),
        (("run", "Imported", "--tables", " , "), "--tables is ' , '"),
        (("run", "Imported", "--timeout", "0"), "0.0 is not in the range"),
        (("history", "Imported", "--top", "0"), "0 is not in the range"),
        (("schedule", "Imported", "--times", "7:10"), "give HH:00 or HH:30"),
        (("schedule", "Imported", "--days", "someday"), "'someday' is no day"),
        (("schedule", "Imported", "--disable", "--times", "07:00"), "switching it off cannot be combined with other"),
        (("schedule", "Imported", "--times", "0:00,1:00,2:00,3:00,4:00,5:00,6:00,7:00,8:00"), "9 times a day"),
        (("run",), "Missing argument 'DATASET'"),
    ],
)
def test_wrong_use_is_one_line_and_exit_code_2(
    livegold: Livegold, dataset: Dataset, arguments: tuple[str, ...], message: str
) -> None:
    code, out, err = livegold(*arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err


def test_a_name_that_is_there_twice_or_not_at_all_is_refused(livegold: Livegold, service: LocalService) -> None:
    code, _, err = livegold("run", "Imported")
    assert (code, "no dataset 'Imported', nor any other: create one first" in err) == (1, True)
    for _ in range(2):
        local(service, "POST", "datasets", {"name": "Imported"})
    code, _, err = livegold("run", "Imported")
    assert code == 1
    for twin in client_of(service).datasets():
        assert twin.id in err


def test_the_history_is_a_table_for_people(livegold: Livegold, service: LocalService, dataset: Dataset) -> None:
    assert livegold("history", "Imported")[:2] == (0, "Imported: no refresh so far\n")
    local(service, "POST", "refreshes", {"seconds": 0, "error": "SourceIsDown"})
    assert livegold("run", "Imported")[0] == 1
    code, out, _ = livegold("history", "Imported", "--top", "1")
    assert code == 0
    for word in ("Failed", "ViaApi", "SourceIsDown"):
        assert word in out


def test_a_schedule_is_set_shown_and_switched_off(livegold: Livegold, dataset: Dataset) -> None:
    assert livegold("schedule", "Imported")[:2] == (0, "Imported: no refresh is scheduled\n")
    code, out, err = livegold("schedule", "Imported", "--times", "19:00,7:00", "--days", "tue,mon")
    assert (code, out) == (0, "Imported: mon, tue at 07:00, 19:00 UTC\n"), err
    code, out, _ = livegold("schedule", "Imported", "--time-zone", "Romance Standard Time", "--json")
    assert (code, one_object(out)["time_zone"], one_object(out)["days"]) == (
        0,
        "Romance Standard Time",
        ["Monday", "Tuesday"],
    )
    code, out, _ = livegold("schedule", "Imported", "--disable")
    assert (code, "switched off" in out) == (0, True)
    assert "switched off" in livegold("schedule", "Imported")[1]
    code, out, _ = livegold("schedule", "Imported", "--enable")
    assert (code, "switched off" in out) == (0, False)


def test_times_alone_are_for_every_day(livegold: Livegold, dataset: Dataset) -> None:
    code, out, _ = livegold("schedule", "Imported", "--times", "07:00", "--json")
    found = one_object(out)
    assert (code, found["enabled"], len(found["days"]), found["times"]) == (0, True, 7, ["07:00"])


def test_the_refresh_at_work_is_cancelled(livegold: Livegold, service: LocalService, dataset: Dataset) -> None:
    code, _, err = livegold("cancel", "Imported")
    assert (code, "nothing to cancel" in err) == (1, True)
    local(service, "PUT", "capacity", {"dedicated": True})
    local(service, "POST", "refreshes", {"seconds": 3_600, "times": 2})
    for given in ((), ("id",)):
        found = one_object(livegold("run", "Imported", "--no-wait", "--json")[1])
        which = [found["request_id"]] if given else []
        code, out, _ = livegold("cancel", "Imported", *which, "--json")
        assert (code, one_object(out)["request_id"]) == (0, found["request_id"])
        newest = one_object(livegold("history", "Imported", "--json", "--top", "1")[1])["refreshes"][0]
        assert newest["state"] == "Cancelled"


def test_an_error_is_one_object_too_and_holds_no_secret(
    livegold: Livegold, service: LocalService, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = service.endpoint
    for key, value in at.settings().items():
        monkeypatch.setenv("LIVEGOLD_" + key.replace("__", "_").upper(), value)
    monkeypatch.setenv("LIVEGOLD_POWERBI_CLIENT_SECRET", "wrong-secret")
    set_fault(service, path="oauth2", status=401, code="invalid_client", message="it is not wrong-secret")
    code, out, err = livegold("history", "Imported", "--json")
    found = one_object(out)
    assert (code, found["ok"]) == (1, False)
    assert (found["code"], found["error"].count("***")) == ("invalid_client", 1)
    assert "powerbi.client_id" in found["error"]
    assert "wrong-secret" not in out + err


def test_a_job_needs_no_terminal_and_its_progress_is_not_in_its_answer(
    service: LocalService, dataset: Dataset, tmp_path: Path
) -> None:
    local(service, "POST", "refreshes", {"seconds": 0})
    environment = {**os.environ, "LIVEGOLD_HOME": str(service.home)}
    command = [sys.executable, "-P", "-m", "livegold", "refresh", "run", "Imported", "--json"]
    done = subprocess.run(
        command,
        env=environment,
        cwd=Path(__file__).parents[2],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        start_new_session=True,
    )
    assert done.returncode == 0, done.stderr
    assert one_object(done.stdout)["state"] == "Completed"
    assert all(line.startswith("... ") for line in done.stderr.splitlines())
