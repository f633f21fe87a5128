"""Every call of the client against the running local service, through real TLS and real msal."""

from __future__ import annotations

import logging
import socket
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from livegold.reporting.errors import (
    Ambiguous,
    NotFound,
    Refused,
    ServiceUnavailable,
    SettingsError,
    Unauthorized,
    WrongUse,
)
from livegold.reporting.powerbi.auth import GivenTokens
from livegold.reporting.powerbi.client import Parameter, PowerBIClient
from livegold.reporting.powerbi.dataset import push_dataset
from livegold.reporting.powerbi.http import Session
from livegold.reporting.powerbi.push_url import push_url_rows
from livegold.reporting.semantic.model import model_measures
from livegold.reporting.service.server import LocalService
from livegold.reporting.settings import settings as settings_module
from powerbi_cases import CASE, Time, TokensSession, client_of, rows_of, set_fault
from service_cases import Api

DEFINITION = {"name": "Tried", "tables": [{"name": "My Facts", "columns": [{"name": "n", "dataType": "Int64"}]}]}


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
    assert rows_of(service, made.id, "My Facts") == [{"n": 1}]


def test_a_token_that_stays_expired_is_an_error_and_not_a_loop(client: PowerBIClient, service: LocalService) -> None:
    set_fault(service, method="GET", path="/datasets", status=403, code="TokenExpired", times=2)
    with pytest.raises(Unauthorized, match="TokenExpired"):
        client.datasets()
    assert client.datasets() == []


def test_a_private_authority_wins_over_the_environments_bundle(
    service: LocalService, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bundle = tmp_path / "bundle.pem"
    bundle.write_text("")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    assert [g.id for g in client_of(service).groups()] == [service.endpoint.workspace]


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
    with pytest.raises(ServiceUnavailable, match="listing datasets: no answer"):
        client.datasets()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        api = f"https://localhost:{free.getsockname()[1]}"
        lost = PowerBIClient(api, "w", GivenTokens(lambda: "unused"), Session(service.endpoint.ca))
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


def imported(service: LocalService, **definition: Any) -> str:
    """Id of a dataset as if a file with an import model had been published."""
    answer = Session(service.endpoint.ca).post(f"{service.endpoint.api}/_local/datasets", json=definition)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def test_a_dataset_is_found_by_its_id_or_its_name_and_twins_are_refused(client: PowerBIClient) -> None:
    with pytest.raises(NotFound, match="'Tried'"):
        client.find_dataset("Tried")
    made = client.create_dataset(DEFINITION)
    assert client.find_dataset("Tried") == client.find_dataset(made.id.upper()) == made
    twin = client.create_dataset(DEFINITION)
    with pytest.raises(Refused, match="2 datasets named 'Tried': give the id") as caught:
        client.find_dataset("Tried")
    assert made.id in str(caught.value)
    assert twin.id in str(caught.value)
    with pytest.raises(NotFound, match="no dataset 'tried': choose 'Tried'"):
        client.find_dataset("tried")


@pytest.mark.parametrize("mode", ["Streaming", "PushStreaming"])
def test_a_streaming_dataset_is_made_and_fed_through_its_push_url(
    client: PowerBIClient, service: LocalService, mode: str
) -> None:
    made = client.create_dataset({**DEFINITION, "name": mode, "defaultMode": mode})
    session = Session(service.endpoint.ca)
    url = session.get(f"{service.endpoint.api}/_local/datasets/{made.id}").json()["pushUrl"]
    push_url_rows(url, [{"n": 7}], session)
    assert rows_of(service, made.id, "My Facts") == [{"n": 7}]
    with pytest.raises(Unauthorized, match="push URL"):
        push_url_rows(url + "x", [{"n": 8}], session)
    with pytest.raises(Refused, match="HTTP 400"):
        push_url_rows(url, [{"wrong": 8}], session)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"defaultMode": "AsAzure"}, "'AsAzure' takes no rows: give Push, Streaming or PushStreaming"),
        (
            {"tables": [{"name": "T", "columns": [{"name": "n", "dataType": "Int64", "formatString": "0"}]}]},
            "column 'n' of table 'T' has 'formatString': a Streaming dataset takes only name and dataType",
        ),
        ({"tables": [{"name": "T", "columns": [], "measures": []}]}, "table 'T' has 'measures'"),
        ({"relationships": [{"name": "r"}]}, "a Streaming dataset takes no relationships"),
    ],
)
def test_what_a_mode_does_not_take_is_refused_before_it_is_sent(
    client: PowerBIClient, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(Refused, match=message) as caught:
        client.create_dataset({**DEFINITION, "defaultMode": "Streaming", **change})
    assert caught.value.status is None
    assert client.datasets() == []


def test_the_settings_of_a_dataset_are_changed(client: PowerBIClient, service: LocalService, api: Api) -> None:
    made = client.create_dataset(DEFINITION)
    client.update_dataset(made.id, storage_mode="Abf")
    assert api("GET", f"/datasets/{made.id}").json()["targetStorageMode"] == "Abf"
    with pytest.raises(Refused, match="HTTP 400"):
        client.update_dataset(made.id, read_only_replicas=65)
    with pytest.raises(WrongUse, match="nothing to change"):
        client.update_dataset(made.id)
    on_capacity(service, dedicated=True)
    client.update_dataset(made.id, storage_mode="PremiumFiles", read_only_replicas=-1, sync_replicas=False)
    shown = api("GET", f"/datasets/{made.id}").json()
    assert (shown["targetStorageMode"], shown["queryScaleOutSettings"]) == (
        "PremiumFiles",
        {"maxReadOnlyReplicas": -1, "autoSyncReadOnlyReplicas": False},
    )


def on_capacity(service: LocalService, *, dedicated: bool) -> None:
    answer = Session(service.endpoint.ca).put(f"{service.endpoint.api}/_local/capacity", json={"dedicated": dedicated})
    assert answer.status_code == 200, answer.text


def test_the_capacity_of_the_workspace_is_told(client: PowerBIClient, service: LocalService) -> None:
    assert client.dedicated() is False
    on_capacity(service, dedicated=True)
    assert client.dedicated() is True


def test_parameters_are_read_and_changed(client: PowerBIClient, service: LocalService) -> None:
    given = [{"name": "Server", "type": "Text", "currentValue": "a", "isRequired": True}]
    dataset = imported(service, name="Imported", parameters=given)
    assert client.parameters(dataset) == [Parameter("Server", "Text", "a", True)]
    client.update_parameters(dataset, {"Server": "b"})
    assert [p.value for p in client.parameters(dataset)] == ["b"]
    with pytest.raises(Refused, match="'server' is unknown"):
        client.update_parameters(dataset, {"server": "c"})
    for none_or_too_many in ({}, {str(n): "x" for n in range(101)}):
        with pytest.raises(WrongUse, match="give 1 to 100"):
            client.update_parameters(dataset, none_or_too_many)


def test_a_dataset_is_taken_over_in_a_workspace_only(client: PowerBIClient, service: LocalService) -> None:
    dataset = imported(service, name="Imported")
    client.take_over(dataset)
    assert client.dataset(dataset).configured_by == service.endpoint.client_id
    mine = PowerBIClient(service.endpoint.api, None, GivenTokens(lambda: "unused"), Session(service.endpoint.ca))
    with pytest.raises(WrongUse, match="My workspace"):
        mine.take_over(dataset)


def test_an_imported_dataset_takes_no_rows_and_says_which_would(client: PowerBIClient, service: LocalService) -> None:
    dataset = imported(service, name="Imported")
    assert client.dataset(dataset).push is not True
    with pytest.raises(NotFound, match="not Push API dataset.*made through the API as a push dataset"):
        client.post_rows(dataset, "Model", [{"Key": 1}])


def test_the_dataset_of_a_use_case_is_accepted_by_the_service(client: PowerBIClient) -> None:
    definition = push_dataset(CASE)
    made = client.create_dataset(definition, "basicFIFO")
    assert made.name == "Parcel Delay Push"
    assert client.tables(made.id) == ["Pulse", "Totals", "Spotlight", "Site", "Score Band", "Model Version"]


def test_the_dataset_has_each_measure_as_dax_and_each_dimension_related_to_every_fact() -> None:
    definition = push_dataset(CASE)
    pulse, totals = definition["tables"][0], definition["tables"][1]
    names = [m["name"] for m in pulse["measures"]]
    own = [m.name for m in CASE.measures]
    assert names[: len(own)] == own
    assert names[-3:] == ["Last update", "Freshness", "Spotlight left out"]
    assert names == [*(m.name for m in model_measures(CASE, "push")), "Spotlight left out"]
    assert "Totals" in pulse["measures"][0]["expression"]
    types = {c["name"]: c["dataType"] for c in pulse["columns"]}
    assert (types["bucket"], types["price_sum"], types["weight_sum"]) == ("DateTime", "Decimal", "Double")
    assert "batch_id" not in types
    assert "price_max" not in {c["name"] for c in totals["columns"]}
    ends = {(r["fromTable"], r["fromColumn"], r["toTable"], r["toColumn"]) for r in definition["relationships"]}
    dimensions = {"site": "Site", "score_band": "Score Band", "model_version": "Model Version"}
    assert ends == {
        (fact, column, table, "key")
        for fact in ("Pulse", "Totals", "Spotlight")
        for column, table in dimensions.items()
    }


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
    session = TokensSession(service.endpoint.ca)
    client = PowerBIClient.from_settings(settings, session)
    made = client.create_dataset(DEFINITION)
    client.post_rows(made.id, "My Facts", [{"n": 1}])
    with pytest.raises(Refused) as caught:
        client.post_rows(made.id, "My Facts", [{"wrong": 1}])
    (token,) = session.sent
    assert len(token) > 1_000
    assert f"POST /v1.0/myorg/groups/{service.endpoint.workspace}/datasets/{made.id}" in caplog.text
    for secret in (service.secret, token):
        assert secret not in caplog.text
        assert secret not in str(caught.value)
