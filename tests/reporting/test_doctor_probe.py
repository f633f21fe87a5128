"""The probe against the local service, whatever that does: what the report says is what the service does."""

from __future__ import annotations

import itertools
import json
import os
import re
import signal
import subprocess
import sys
import time as real_time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from livegold.reporting.cli import main
from livegold.reporting.doctor.exchanges import RecordingSession, Redactor
from livegold.reporting.doctor.lab import NAME
from livegold.reporting.doctor.probe import Probe, Probed
from livegold.reporting.doctor.questions import AS_ASSUMED, DIFFERS, NOT_SETTLED, QUESTIONS
from livegold.reporting.doctor.report import as_json, as_markdown
from livegold.reporting.powerbi.auth import TokenProvider, claims_of
from livegold.reporting.powerbi.limits import MAX_PENDING_POSTS, MAX_POSTS_PER_MINUTE, MINUTE_SECONDS
from livegold.reporting.service.server import LocalService
from powerbi_cases import Time, client_of, set_fault, set_semantics

pytestmark = pytest.mark.integration

SEQUENCES = {"without", "first", "gap", "repeated", "lower", "shown_after_lower", "readable", "client"}
SEQUENCES |= {"empty", "delete_resets", "after_delete"}


class Counting(RecordingSession):
    """Remembers when rows were posted, by the clock of service and probe."""

    def __init__(self, service: LocalService, time: Time) -> None:
        super().__init__(service.endpoint.api, service.endpoint.ca)
        self._time = time
        self.posts: list[float] = []
        self.refusals: list[int] = []

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **options: Any) -> Any:
        answer = super().request(method, url, *args, **options)
        if method == "POST" and str(url).endswith("/rows"):
            self.posts.append(self._time.now)
        if answer.status_code == 429:
            self.refusals.append(answer.status_code)
        return answer


def probe_of(service: LocalService, time: Time, session: Counting | None = None) -> Probe:
    session = session or Counting(service, time)
    at = service.endpoint
    tokens = TokenProvider(at.authority, at.tenant, at.client_id, service.secret, session)
    return Probe(client_of(service, session), session, claims_of(tokens.token()), clock=time.clock, sleep=time.sleep)


def report_of(service: LocalService, probed: Probed, *, with_ids: bool = False) -> dict[str, Any]:
    at = service.endpoint
    known = {at.tenant: "tenant", at.workspace: "workspace", at.client_id: "application"}
    return as_json(probed, Redactor(known, (service.secret,), with_ids=with_ids), at.api)


def verdicts(report: dict[str, Any]) -> dict[str, str]:
    return {f["key"]: f["verdict"] for f in report["findings"]}


def answers(report: dict[str, Any]) -> dict[str, str]:
    return {f["key"]: f["answer"] for f in report["findings"]}


def test_the_local_service_is_as_livegold_assumes_and_nothing_is_left_of_the_probe(
    service: LocalService, time: Time
) -> None:
    session = Counting(service, time)
    probed = probe_of(service, time, session)()
    report = report_of(service, probed)
    assert {k: v for k, v in verdicts(report).items() if v != AS_ASSUMED} == {}
    assert set(probed.results) == set(QUESTIONS)
    assert client_of(service).datasets() == []
    assert (report["leftovers"], report["undeleted"]) == ([], [])
    apart = [later - earlier for earlier, later in itertools.pairwise(session.posts)]
    assert sum(gap < MINUTE_SECONDS / MAX_POSTS_PER_MINUTE for gap in apart) <= MAX_PENDING_POSTS + 2
    assert len(session.refusals) <= 1


@pytest.mark.parametrize(
    ("semantics", "differs"),
    [
        (
            {"repeated": "ignored"},
            dict.fromkeys(("repeated", "lower", "after_delete"), "accepted, not stored"),
        ),
        (
            {"repeated": "rejected", "rejected_status": 409},
            {"repeated": "refused (409)", "lower": "refused (409)", "after_delete": "refused (409)"},
        ),
        ({"repeated": "rejected"}, dict.fromkeys(("repeated", "lower", "after_delete"), "refused (400)")),
        ({"delete_resets": True}, {"delete_resets": "yes"}),
        ({"offered": False}, {"offered": "no, refused (404)"}),
    ],
)
def test_what_the_service_does_with_sequence_numbers_is_what_the_report_says(
    service: LocalService, time: Time, semantics: dict[str, Any], differs: dict[str, str]
) -> None:
    set_semantics(service, **semantics)
    report = report_of(service, probe_of(service, time)())
    assert {f["key"]: f["answer"] for f in report["findings"] if f["verdict"] == DIFFERS} == differs
    unsettled = {k for k, v in verdicts(report).items() if v == NOT_SETTLED}
    assert unsettled == (SEQUENCES if semantics == {"offered": False} else set())


def test_a_number_that_is_readable_late_is_timed(service: LocalService, time: Time) -> None:
    set_semantics(service, readable_after_seconds=4.0)
    found = answers(report_of(service, probe_of(service, time)()))
    late = re.fullmatch(r"after (\d+) ms", found["readable"])
    assert late
    assert 4_000 <= int(late[1]) <= 4_600
    assert (found["first"], found["gap"], found["delete_resets"]) == ("accepted and stored",) * 2 + ("no",)


def test_where_queries_are_refused_what_was_stored_is_not_settled(service: LocalService, time: Time) -> None:
    set_fault(service, path="/executeQueries", status=403, code="Forbidden", times=1_000)
    report = report_of(service, probe_of(service, time)())
    assert {f["key"]: f["answer"] for f in report["findings"] if f["verdict"] == DIFFERS} == {
        "query": "refused (403)",
        "add_rows": "done, rows cannot be counted",
    }
    found = {f["key"]: f for f in report["findings"]}
    assert (found["repeated"]["verdict"], found["repeated"]["answer"]) == (NOT_SETTLED, "accepted, cannot be counted")
    assert (found["first"]["verdict"], found["long_text"]["verdict"]) == (AS_ASSUMED, AS_ASSUMED)


def test_a_tenant_that_makes_no_more_push_datasets_is_told_by_its_own_words(service: LocalService, time: Time) -> None:
    words = "Creation of streaming dataset is deprecated"
    fault = {"path": "/datasets", "status": 400, "code": "FeatureDeprecatedError", "message": words, "times": 20}
    set_fault(service, **fault)
    report = report_of(service, probe_of(service, time)())
    found = {f["key"]: f for f in report["findings"]}
    assert (found["create"]["answer"], found["create"]["verdict"]) == ("refused (400 FeatureDeprecatedError)", DIFFERS)
    assert words in found["create"]["exchanges"][0]["body"]
    assert (found["measure"]["verdict"], found["repeated"]["answer"]) == (NOT_SETTLED, "not asked")


def test_leftovers_are_listed_and_left_and_what_cannot_be_deleted_is_said(service: LocalService, time: Time) -> None:
    client = client_of(service)
    table = {"name": "T", "columns": [{"name": "n", "dataType": "Int64"}]}
    client.create_dataset({"name": f"{NAME}of yore", "tables": [table]})
    client.create_dataset({"name": "Somebody's", "tables": [table]})
    set_fault(service, path="/datasets/", method="DELETE", skip=1, status=403, code="Forbidden", times=1_000)
    report = report_of(service, probe_of(service, time)())
    there = sorted(d.name for d in client.datasets())
    assert report["leftovers"] == [f"{NAME}of yore"]
    assert len(report["undeleted"]) > 1
    assert there == sorted([f"{NAME}of yore", "Somebody's", *report["undeleted"]])
    assert "Could not be deleted, delete in the workspace: `livegold probe " in as_markdown(report)


def test_the_report_has_no_id_and_no_secret_unless_asked_for_and_requests_keep_theirs(
    service: LocalService, time: Time
) -> None:
    probed = probe_of(service, time)()
    text = as_markdown(report_of(service, probed))
    at = service.endpoint
    for value in (at.tenant, at.workspace, at.client_id, service.secret, *probed.ids):
        assert value not in text
    assert "/groups/<workspace>/datasets/<the probe's dataset>/tables/Numbered/rows" in text
    block = json.loads(text.split("```json\n")[1].split("\n```")[0])
    assert block == report_of(service, probed)
    missing = next(f for f in block["findings"] if f["key"] == "missing_dataset")["exchanges"][0]
    assert missing["status"] == 404
    assert missing["headers"]["RequestId"].count("-") == 4
    assert json.loads(missing["body"])["error"]["code"]
    for finding in block["findings"]:
        assert f"| {finding['question']} | {finding['answer']}" in text.replace("\\|", "|")
    with_ids = as_markdown(report_of(service, probed, with_ids=True))
    assert at.workspace in with_ids
    assert service.secret not in with_ids


def test_a_redactor_calls_one_id_by_one_name_and_takes_addresses_out() -> None:
    one, other = "0a0a0a0a-1111-4222-8333-444444444444", "0b0b0b0b-1111-4222-8333-444444444444"
    redact = Redactor({"contoso.example": "tenant"}, ("p4ss",), with_ids=False)
    redact.keep(other)
    assert redact(f"{one} {one.upper()} {other} a.b@contoso.com p4ss CONTOSO.example") == (
        f"<id 1> <id 1> {other} <address> *** <tenant>"
    )


def test_the_command_writes_the_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with LocalService(tmp_path / "home") as service:
        monkeypatch.setenv("LIVEGOLD_HOME", str(service.home))
        monkeypatch.chdir(tmp_path)
        code = main.run(["doctor", "--probe", "--out", "report.md", "--json"])
        assert client_of(service).datasets() == []
    out, err = capfd.readouterr()
    assert (code, "the probe's report is in report.md" in err) == (0, True)
    assert json.loads(out)["probe"]["findings"][0]["answer"] == "yes"
    assert (tmp_path / "report.md").read_text().startswith("# livegold probe\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_probe_that_is_interrupted_deletes_what_it_made(tmp_path: Path, number: signal.Signals) -> None:
    with LocalService(tmp_path / "home") as service:
        client = client_of(service)
        environment = {**os.environ, "LIVEGOLD_HOME": str(service.home)}
        command = [sys.executable, "-P", "-m", "livegold", "doctor", "--probe"]
        process = subprocess.Popen(
            command,
            env=environment,
            cwd=tmp_path,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            # A shell that runs these tests in the background has switched Ctrl-C off for all of them.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        try:
            assert until(lambda: len(client.datasets()) >= 3)
            process.send_signal(number)
            _, err = process.communicate(timeout=60)
        finally:
            process.kill()
            process.wait()
        assert process.returncode == main.INTERRUPTED
        assert "... the probe's datasets are deleted" in err
        assert client.datasets() == []


def until(what: Callable[[], bool], seconds: float = 60.0) -> bool:
    ends = real_time.monotonic() + seconds
    while real_time.monotonic() < ends:
        if what():
            return True
        real_time.sleep(0.1)
    return what()
