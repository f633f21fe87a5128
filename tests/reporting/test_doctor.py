"""The checks of `livegold doctor`: what is there, what is not, and what to do, without a secret."""

from __future__ import annotations

import io
import json
import re
import shutil
import time as real_time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from livegold.reporting.cli import main
from livegold.reporting.doctor import machine
from livegold.reporting.errors import NotFound, Unauthorized
from livegold.reporting.findings import FAILED, NOT_CHECKED, OK, WARNING, Finding, refused
from livegold.reporting.powerbi.auth import claims_of
from livegold.reporting.powerbi.dataset import dataset_name, push_dataset
from livegold.reporting.powerbi.http import Session
from livegold.reporting.service.server import LocalService
from livegold.reporting.settings.settings import Settings, load
from livegold.reporting.sinks.eventstream.checks import eventstream_access
from livegold.reporting.sinks.powerbi.checks import PowerBIChecks
from powerbi_cases import CASE, client_of, set_semantics

pytestmark = pytest.mark.integration

NO_FILE = Path("none")
Doctor = Callable[..., tuple[int, str, str]]


@pytest.fixture
def service(tmp_path: Path) -> Iterator[LocalService]:
    """On the real clock: its Date header is."""
    with LocalService(tmp_path / "home") as running:
        yield running


def settings_of(service: LocalService, **changed: str) -> Settings:
    own = service.endpoint.settings() | {"powerbi__client_secret": service.secret}
    return load({}, NO_FILE, **{**own, **changed})


def checked(settings: Settings, session: Session | None = None, **options: Any) -> dict[str, Finding]:
    checks = PowerBIChecks(settings, CASE, session or Session(settings["powerbi.ca"]), **options)
    return {f.check: f for f in checks()}


def verdicts(found: dict[str, Finding]) -> dict[str, str]:
    return {check: f.verdict for check, f in found.items()}


def test_all_is_well_where_nothing_was_delivered_yet(service: LocalService) -> None:
    found = checked(settings_of(service))
    assert verdicts(found) == {
        "authority reachable": OK,
        "api reachable": OK,
        "clock": OK,
        "token": OK,
        "workspace": OK,
        "role": NOT_CHECKED,
        "dataset": OK,
    }
    assert "obtained for a service principal, valid for" in found["token"].found
    assert found["dataset"].found.endswith("is not there yet: the first run makes it")


def test_the_use_cases_dataset_is_looked_at(service: LocalService) -> None:
    client = client_of(service)
    made = client.create_dataset(push_dataset(CASE), "basicFIFO")
    found = checked(settings_of(service))
    assert found["dataset"].found == f"{dataset_name(CASE)!r}, push, its 6 tables are there"
    assert found["sequence numbers"].verdict == OK
    set_semantics(service, offered=False)
    assert checked(settings_of(service))["sequence numbers"].verdict == WARNING
    client.create_dataset(push_dataset(CASE), "basicFIFO")
    assert checked(settings_of(service))["dataset"].found == f"there are 2 named {dataset_name(CASE)!r}"
    for dataset in client.datasets():
        client.delete_dataset(dataset.id)
    lacking = push_dataset(CASE)
    lacking["tables"] = [{"name": "Pulse", "columns": [{"name": "n", "dataType": "Int64"}]}]
    client.create_dataset({**lacking, "relationships": []})
    found = checked(settings_of(service))
    assert (found["dataset"].verdict, found["dataset"].found) == (
        FAILED,
        f"{dataset_name(CASE)!r} has no table 'Totals'",
    )
    assert "livegold backfill parcel_delay --drop" in found["dataset"].advice
    assert made.push


def test_a_wrong_secret_workspace_or_authority_is_named_and_ends_the_checks(service: LocalService) -> None:
    found = checked(settings_of(service, powerbi__client_secret="wr0ng-s3cret"))
    assert list(found)[-1] == "token"
    assert (found["token"].verdict, found["token"].advice) == (
        FAILED,
        "check powerbi.tenant, powerbi.client_id and the secret",
    )
    assert "wr0ng" not in str(found)
    found = checked(settings_of(service, powerbi__workspace="00000000-0000-4000-8000-00000000dead"))
    assert list(found)[-1] == "workspace"
    assert found["workspace"].advice.startswith("check powerbi.workspace, add the caller to it as Member")
    found = checked(settings_of(service, powerbi__ca=""), Session(""))
    assert verdicts(found) == {"authority reachable": FAILED, "api reachable": FAILED, "token": NOT_CHECKED}
    assert "the certificate is not accepted: " in found["api reachable"].found
    assert found["api reachable"].advice == (
        "give the authority that signed it (a proxy's, or the local service's) as powerbi.ca"
    )
    other = settings_of(service, powerbi__api=service.endpoint.api.replace("localhost", "127.1"))
    assert checked(other)["api reachable"].advice.startswith("the address is another's")


def test_nobody_there_and_nothing_set_are_told_apart(service: LocalService) -> None:
    found = checked(settings_of(service, powerbi__api="https://localhost:1"))
    assert found["api reachable"].found.startswith("https://localhost:1: no answer (ConnectionError)")
    assert verdicts(checked(load({}, NO_FILE))) == {"set up": NOT_CHECKED}


@pytest.mark.parametrize(
    ("ahead", "verdict"), [(0, OK), (100, WARNING), (-100, WARNING), (1000, FAILED), (-1000, FAILED)]
)
def test_a_clock_that_is_wrong_is_said_before_a_token_is_refused(
    service: LocalService, ahead: float, verdict: str
) -> None:
    found = checked(settings_of(service), clock=lambda: real_time.time() + ahead)["clock"]
    assert found.verdict == verdict
    if verdict != OK:
        assert abs(float(found.found.split()[0]) - abs(ahead)) <= 60
        assert found.advice.startswith("set this machine's clock")


class WithMembers(Session):
    """The local service lists no members of a workspace: here somebody does, in the documented form."""

    def __init__(self, ca: str, members: list[dict[str, str]]) -> None:
        super().__init__(ca)
        self._members = members

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **options: Any) -> requests.Response:
        answer = super().request(method, url, *args, **options)
        if str(url).endswith("/users"):
            answer = requests.Response()
            answer.status_code = 200
            answer.raw = io.BytesIO(json.dumps({"value": self._members}).encode())
        return answer


@pytest.mark.parametrize(
    ("right", "verdict"), [("Admin", OK), ("Member", OK), ("Contributor", OK), ("Viewer", FAILED), ("", NOT_CHECKED)]
)
def test_the_role_is_told_where_members_are_listed(service: LocalService, right: str, verdict: str) -> None:
    settings = settings_of(service)
    somebody = {"identifier": "someone@example.com", "groupUserAccessRight": "Admin", "principalType": "User"}
    me = {"identifier": service.endpoint.client_id.upper(), "groupUserAccessRight": right, "principalType": "App"}
    members = [somebody, me] if right else [somebody]
    found = checked(settings, WithMembers(settings["powerbi.ca"], members))["role"]
    assert found.verdict == verdict
    assert found.found.startswith(right)


def test_a_token_that_is_no_jwt_says_nothing() -> None:
    assert claims_of("an-open-token-of-the-local-service") == {}
    assert claims_of("a.b.c") == {}


def test_the_lake_is_written_to_and_left_as_it_was(tmp_path: Path) -> None:
    settings = load({}, NO_FILE, home=str(tmp_path / "home"))
    (found,) = machine.lake_access(settings)
    assert (found.verdict, found.found) == (OK, str(tmp_path / "home" / "lake"))
    assert list(tmp_path.iterdir()) == []
    (found,) = machine.gold_tables(settings, CASE)
    assert (found.verdict, found.found) == (OK, f"none yet in {tmp_path}/home/lake/gold/parcel_delay")
    (tmp_path / "home").write_text("a file where a folder should be")
    (found,) = machine.lake_access(settings)
    assert found.verdict == FAILED
    assert "Not a directory" in found.found
    (found,) = machine.lake_access(load({}, NO_FILE, lake="abfss://lake@account.example/gold"))
    assert found.verdict == NOT_CHECKED


def test_gold_is_read_and_a_damaged_table_is_named(tmp_path: Path) -> None:
    import pyarrow as pa
    from deltalake import write_deltalake

    settings = load({}, NO_FILE, home=str(tmp_path))
    pulse = tmp_path / "lake" / "gold" / CASE.name / "pulse"
    write_deltalake(str(pulse), pa.table({"n": [1]}))
    (found,) = machine.gold_tables(settings, CASE)
    assert (found.verdict, found.found) == (OK, f"{pulse}: version 0, 1 files")
    (pulse / "_delta_log" / "00000000000000000000.json").write_text("{")
    (found,) = machine.gold_tables(settings, CASE)
    assert found.verdict == FAILED


def test_python_and_disk_are_checked(tmp_path: Path) -> None:
    (python,) = machine.python_version()
    assert python.verdict == OK
    (disk,) = machine.disk_space(load({}, NO_FILE, home=str(tmp_path / "not" / "there")))
    assert disk.check == "disk of home"
    (free,) = re.fullmatch(r"([\d,.]+) GB free", disk.found).groups()
    assert float(free.replace(",", "")) == pytest.approx(shutil.disk_usage(tmp_path).free / machine.GB, abs=2)


def test_eventstream_is_checked_where_it_is_set() -> None:
    (found,) = eventstream_access(load({}, NO_FILE), CASE)
    assert (found.verdict, found.found) == (NOT_CHECKED, "not set up")
    own = {"eventstream__servers": "127.0.0.1:1", "eventstream__topic": "live"}
    (found,) = eventstream_access(load({}, NO_FILE, **own), CASE, deadline=0.1)
    assert found.verdict == FAILED
    assert "eventstream live on 127.0.0.1:1: no answer in 0 s" in found.found
    assert found.advice.startswith("check eventstream.servers")
    own["eventstream__security"] = "sasl_ssl"
    (found,) = eventstream_access(load({}, NO_FILE, **own), CASE)
    assert found.advice == "put it in the environment as LIVEGOLD_EVENTSTREAM_CONNECTION_STRING"


def test_an_error_is_cut_into_what_is_and_what_to_do() -> None:
    found = refused("a", "b", NotFound("hub x: there is no such topic: publish to it first"))
    assert (found.found, found.advice) == ("hub x: there is no such topic", "publish to it first")
    found = refused("a", "b", Unauthorized("listing datasets: HTTP 401 no details"))
    assert (found.found, found.advice) == ("listing datasets: HTTP 401 no details", "")


@pytest.fixture
def doctor(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, service: LocalService
) -> Doctor:
    """`livegold doctor` on the home of the local service, whose application it finds by itself."""
    monkeypatch.setenv("LIVEGOLD_HOME", str(service.home))
    monkeypatch.setenv("LIVEGOLD_HUB_PASSWORD", "s3cret-of-the-hub")
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main.run(["doctor", *arguments])
        out, err = capfd.readouterr()
        assert service.secret not in out + err
        assert "s3cret-of-the-hub" not in out + err
        return code, out, err

    return run


def test_the_command_ends_with_0_when_nothing_failed_and_shows_secrets_as_set(doctor: Doctor) -> None:
    code, out, err = doctor()
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert "  hub.password = set" in lines
    assert "  powerbi.client_secret = set" in lines
    assert "  eventstream.connection_string = not set" in lines
    assert "ok          Power BI workspace: 'livegold local', shared capacity" in lines
    assert lines[-1].endswith(" not checked")


def test_the_command_ends_with_1_and_names_what_failed_in_json_too(
    doctor: Doctor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIVEGOLD_HUB_KIND", "folder")
    monkeypatch.setenv("LIVEGOLD_HUB_FOLDER", str(tmp_path / "nothing"))
    code, out, err = doctor("taxi_tips", "--json")
    document = json.loads(out)
    assert (code, document["ok"], document["probe"]) == (1, False, None)
    failed = {f"{f['area']} {f['check']}": f["advice"] for f in document["findings"] if f["verdict"] == FAILED}
    assert failed == {
        "hub reachable": "publish to it first, or set hub.folder",
        "model champion": "run `livegold train taxi_tips`",
    }
    assert err == "livegold: 2 checks failed: hub reachable, model champion\n"
    code, _, err = doctor("--out", "report.md")
    assert (code, "give --probe as well" in err) == (2, True)
