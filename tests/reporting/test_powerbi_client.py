"""The client against the running local service, and its reading of every shape of error users have seen."""

from __future__ import annotations

import json
import logging
import socket
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests

from powerbi_cases import CASE, Time, client_of, rows_of, set_fault
from reporting import settings as settings_module
from reporting.errors import Ambiguous, NotFound, Refused, ServiceUnavailable, SettingsError, Throttled, Unauthorized
from reporting.powerbi.auth import TokenProvider
from reporting.powerbi.client import PowerBIClient
from reporting.powerbi.dataset import push_dataset
from reporting.powerbi.http import Session, answer_error, code_and_message
from reporting.service.server import LocalService

DEFINITION = {"name": "Tried", "tables": [{"name": "My Facts", "columns": [{"name": "n", "dataType": "Int64"}]}]}


def answer_of(status: int, body: Any, headers: dict[str, str] | None = None) -> requests.Response:
    answer = requests.Response()
    answer.status_code = status
    answer._content = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer.headers.update(headers or {})
    return answer


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        (
            {
                "error": {
                    "code": "A",
                    "pbi.error": {
                        "code": "B",
                        "parameters": {},
                        "details": [{"code": "D", "detail": {"type": 1, "value": "why"}}],
                    },
                }
            },
            "A",
            "why",
        ),
        ({"error": {"pbi.error": {"code": "B", "details": []}}}, "B", ""),
        ({"error": {"code": "A", "message": "m", "target": "t", "details": [{"message": "d"}]}}, "A", "m; d"),
        ({"error": {"code": "A", "message": "m"}}, "A", "m"),
        ({"message": "Retry in 12 seconds."}, "", "Retry in 12 seconds."),
        ({"error": "invalid_client", "error_description": "AADSTS7000215"}, "invalid_client", "AADSTS7000215"),
        (b"", "", ""),
        (b"<html>Bad gateway</html>", "", "<html>Bad gateway</html>"),
        ([1], "", ""),
        ({"error": {"code": None, "details": None, "pbi.error": None}}, "", ""),
    ],
)
def test_every_shape_of_error_is_read(body: Any, code: str, message: str) -> None:
    assert code_and_message(answer_of(400, body)) == (code, message)


@pytest.mark.parametrize(
    ("status", "method", "kind"),
    [
        (400, "POST", Refused),
        (401, "GET", Unauthorized),
        (403, "GET", Unauthorized),
        (404, "GET", NotFound),
        (413, "POST", Refused),
        (429, "POST", Throttled),
        (500, "GET", ServiceUnavailable),
        (503, "POST", Ambiguous),
    ],
)
def test_each_status_is_an_error_that_says_whether_to_try_again(status: int, method: str, kind: type) -> None:
    error = answer_error(answer_of(status, b"", {"RequestId": "r-1"}), method, "adding rows")
    assert type(error) is kind
    assert (error.status, error.request_id) == (status, "r-1")
    assert "r-1" in str(error)
    assert f"HTTP {status}" in str(error)


def test_the_pause_of_a_429_is_read_from_the_header_or_from_the_message() -> None:
    error = answer_error(answer_of(429, b"", {"Retry-After": "17"}), "POST", "x")
    assert isinstance(error, Throttled)
    assert error.retry_after == 17
    error = answer_error(answer_of(429, {"message": "Retry in 3392 seconds."}), "POST", "x")
    assert isinstance(error, Throttled)
    assert error.retry_after == 3392


def test_every_call_goes_through_to_the_service(client: PowerBIClient, service: LocalService) -> None:
    assert [g.id for g in client.groups()] == [service.endpoint.workspace]
    made = client.create_dataset(DEFINITION, "basicFIFO")
    assert (made.name, made.push) == ("Tried", True)
    assert client.datasets() == [made]
    assert client.dataset(made.id) == made
    assert client.tables(made.id) == ["My Facts"]
    assert client.sequence_numbers(made.id, "My Facts") == []
    client.post_rows(made.id, "My Facts", [{"n": 1}], 41)
    (number,) = client.sequence_numbers(made.id, "My Facts")
    assert (number.client_id, number.number) == (service.endpoint.client_id, 41)
    changed = {
        "name": "My Facts",
        "columns": [*DEFINITION["tables"][0]["columns"], {"name": "d", "dataType": "Decimal"}],
    }  # type: ignore[index]
    client.put_table(made.id, changed)
    client.post_rows(made.id, "My Facts", [{"n": 2, "d": Decimal("0.1000")}])
    assert rows_of(service, made.id, "My Facts")[-1] == {"n": 2, "d": Decimal("0.1")}
    client.delete_rows(made.id, "My Facts")
    assert rows_of(service, made.id, "My Facts") == []
    client.delete_dataset(made.id)
    with pytest.raises(NotFound, match="PowerBIEntityNotFound"):
        client.dataset(made.id)


def test_an_expired_token_is_renewed_once_in_the_middle_of_work(client: PowerBIClient, service: LocalService) -> None:
    made = client.create_dataset(DEFINITION)
    Session(service.endpoint.ca).post(f"{service.endpoint.api}/_local/tokens/expire")
    client.post_rows(made.id, "My Facts", [{"n": 1}])
    assert len(rows_of(service, made.id, "My Facts")) == 1


def test_a_token_that_stays_expired_is_an_error_and_not_a_loop(client: PowerBIClient, service: LocalService) -> None:
    set_fault(service, method="GET", path="/datasets", status=403, code="TokenExpired", times=2)
    with pytest.raises(Unauthorized, match="TokenExpired"):
        client.datasets()
    assert client.datasets() == []


def test_a_wrong_secret_is_unauthorized_with_the_code_and_without_the_secret(service: LocalService) -> None:
    at = service.endpoint
    tokens = TokenProvider(at.authority, at.tenant, at.client_id, "not-the-secret", Session(at.ca))
    with pytest.raises(Unauthorized, match="AADSTS7000215") as caught:
        tokens.token()
    assert "not-the-secret" not in str(caught.value) + repr(tokens)


def test_a_wrong_tenant_is_unauthorized(service: LocalService) -> None:
    at = service.endpoint
    with pytest.raises(Unauthorized):
        TokenProvider(at.authority, "no-such-tenant", at.client_id, service.secret, Session(at.ca)).token()


def test_a_private_authority_wins_over_the_environments_bundle(
    service: LocalService, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bundle = tmp_path / "bundle.pem"
    bundle.write_text("")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    assert client_of(service).groups()


def test_an_untrusted_certificate_says_which_setting_to_give(service: LocalService) -> None:
    with pytest.raises(Unauthorized, match=r"powerbi\.ca"):
        client_of(service, Session()).groups()


def test_nobody_listening_is_service_unavailable_and_a_cut_answer_to_a_post_is_ambiguous(
    client: PowerBIClient, service: LocalService
) -> None:
    made = client.create_dataset(DEFINITION)
    set_fault(service, cut="after")
    with pytest.raises(Ambiguous, match="may have been carried out"):
        client.post_rows(made.id, "My Facts", [{"n": 1}])
    set_fault(service, method="GET", path="/datasets", cut="before")
    with pytest.raises(ServiceUnavailable):
        client.datasets()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        api = f"https://localhost:{free.getsockname()[1]}"
        lost = PowerBIClient(api, "w", client._tokens, Session(service.endpoint.ca))
        with pytest.raises(ServiceUnavailable, match="refused"):
            lost.post_rows("d", "t", [{"n": 1}])


def test_a_server_that_does_not_answer_is_given_up_after_the_time_out(service: LocalService) -> None:
    client = client_of(service, Session(service.endpoint.ca, timeout=(1.0, 0.3)))
    made = client.create_dataset(DEFINITION)
    set_fault(service, delay=1.0)
    with pytest.raises(Ambiguous, match="ReadTimeout"):
        client.post_rows(made.id, "My Facts", [{"n": 1}])


def test_too_many_rows_are_refused_before_they_are_sent(client: PowerBIClient) -> None:
    with pytest.raises(Refused, match="10001 rows"):
        client.post_rows("d", "t", [{"n": 1}] * 10_001)


def test_the_dataset_of_a_use_case_is_accepted_by_the_service(client: PowerBIClient) -> None:
    definition = push_dataset(CASE)
    made = client.create_dataset(definition, "basicFIFO")
    assert made.name == "Parcel Delay Push"
    assert client.tables(made.id) == ["Pulse", "Totals", "Spotlight", "Site", "Score Band", "Model Version"]


def test_the_dataset_has_each_measure_as_dax_and_each_dimension_related_to_every_fact() -> None:
    definition = push_dataset(CASE)
    pulse, totals = definition["tables"][0], definition["tables"][1]
    assert [m["name"] for m in pulse["measures"]] == [m.name for m in CASE.measures]
    assert "Totals" in pulse["measures"][0]["expression"]
    types = {c["name"]: c["dataType"] for c in pulse["columns"]}
    assert (types["bucket"], types["price_sum"], types["weight_sum"]) == ("DateTime", "Decimal", "Double")
    assert "batch_id" not in types
    assert "price_max" not in {c["name"] for c in totals["columns"]}
    ends = {(r["fromTable"], r["fromColumn"], r["toTable"], r["toColumn"]) for r in definition["relationships"]}
    assert ("Totals", "score_band", "Score Band", "key") in ends
    assert len(ends) == 9


def test_settings_that_are_missing_are_named(tmp_path: Path) -> None:
    nothing = settings_module.load({}, tmp_path / "none.toml")
    with pytest.raises(SettingsError, match=r"powerbi\.tenant"):
        PowerBIClient.from_settings(nothing)


def test_a_client_from_settings_works_and_no_log_or_error_holds_secret_or_token(
    service: LocalService, tmp_path: Path, caplog: pytest.LogCaptureFixture, time: Time
) -> None:
    caplog.set_level(logging.DEBUG)
    environment = {"LIVEGOLD_POWERBI_CLIENT_SECRET": service.secret}
    settings = settings_module.load(environment, tmp_path / "none.toml", **service.endpoint.settings())
    client = PowerBIClient.from_settings(settings)
    made = client.create_dataset(DEFINITION)
    client.post_rows(made.id, "My Facts", [{"n": 1}])
    with pytest.raises(Refused) as caught:
        client.post_rows(made.id, "My Facts", [{"wrong": 1}])
    token = client._tokens.token()
    assert len(caplog.text) > 100
    for secret in (service.secret, token):
        assert secret not in caplog.text
        assert secret not in str(caught.value)
