"""The local service as any client of the Power BI API sees it: real TLS, real msal, real requests."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import msal
import pytest
import requests

from livegold.reporting.errors import WrongUse
from livegold.reporting.home.endpoint import client_secret, read_endpoint
from livegold.reporting.powerbi.client import PowerBIClient
from livegold.reporting.powerbi.http import Session
from livegold.reporting.powerbi.limits import MAX_POSTS_PER_MINUTE, MAX_ROWS_BASIC_FIFO, SEQUENCE_HEADER
from livegold.reporting.service.server import LocalService
from powerbi_cases import Time, client_of, patient, rows_of
from service_cases import COLUMNS, DEFINITION, SCOPE, TABLE, Api


def test_msal_gets_a_token_longer_than_a_thousand_characters(api: Api) -> None:
    assert api.token["token_type"] == "Bearer"
    assert len(api.token["access_token"]) > 1_000


def test_msal_with_verify_works_unmodified(service: LocalService, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(variable, raising=False)
    at = service.endpoint
    application = msal.ConfidentialClientApplication(
        at.client_id,
        authority=f"{at.authority}/{at.tenant}",
        client_credential=service.secret,
        instance_discovery=False,
        verify=at.ca,
    )
    token = application.acquire_token_for_client([SCOPE])["access_token"]
    answer = Session(at.ca).get(f"{at.api}/v1.0/myorg/groups", headers={"Authorization": f"Bearer {token}"})
    assert [group["id"] for group in answer.json()["value"]] == [at.workspace]


def test_a_wrong_secret_is_refused_in_entra_ids_words(service: LocalService) -> None:
    at = service.endpoint
    form = {"grant_type": "client_credentials", "client_id": at.client_id, "client_secret": "wrong", "scope": SCOPE}
    answer = Session(at.ca).post(f"{at.authority}/{at.tenant}/oauth2/v2.0/token/", data=form)
    assert answer.status_code == 401
    assert answer.json()["error"] == "invalid_client"
    assert answer.json()["error_description"].startswith("AADSTS7000215")


def test_a_call_without_a_token_is_401_and_every_answer_has_a_request_id(service: LocalService) -> None:
    answer = Session(service.endpoint.ca).get(f"{service.endpoint.api}/v1.0/myorg/groups")
    assert answer.status_code == 401
    assert answer.json()["error"]["message"]
    assert len(answer.headers["RequestId"]) == 36


def test_an_old_token_is_403_token_expired(api: Api, time: Time) -> None:
    time.now += 3_600
    answer = api("GET", "/datasets")
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "TokenExpired")


def test_paths_with_doubled_and_trailing_slashes_are_understood(api: Api) -> None:
    answer = api.session.get(f"{api.at.api}/v1.0/myorg//groups/")
    assert [g["id"] for g in answer.json()["value"]] == [api.at.workspace]


def test_groups_can_be_filtered_by_name(api: Api) -> None:
    url = f"{api.at.api}/v1.0/myorg/groups"
    assert api.session.get(url, params={"$filter": "name eq 'nothing'"}).json()["value"] == []
    assert len(api.session.get(url, params={"$filter": "contains(name,'Livegold')", "$top": "1"}).json()["value"]) == 1


def test_a_dataset_can_be_made_listed_read_and_deleted_in_both_kinds_of_workspace(api: Api) -> None:
    for root in (api.root, f"{api.at.api}/v1.0/myorg"):
        api.sign_in(user=root != api.root)
        answer = api.session.post(f"{root}/datasets?defaultRetentionPolicy=basicFIFO", json=DEFINITION)
        made = answer.json()
        assert (answer.status_code, made["name"], made["defaultRetentionPolicy"]) == (201, "Tried", "basicFIFO")
        (listed,) = api.session.get(f"{root}/datasets").json()["value"]
        assert listed["id"] == made["id"]
        assert listed["addRowsAPIEnabled"] is True
        tables = api.session.get(f"{root}/datasets/{made['id']}/tables").json()["value"]
        assert tables == [{"name": "Facts"}, {"name": "Other"}]
        assert api.session.delete(f"{root}/datasets/{made['id']}").status_code == 200
        assert api.session.get(f"{root}/datasets/{made['id']}").status_code == 404


def test_another_workspace_is_not_authorized(api: Api) -> None:
    answer = api.session.get(f"{api.at.api}/v1.0/myorg/groups/8d8e5c6e-0000-4000-8000-000000000000/datasets")
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "PowerBINotAuthorizedException")


@pytest.mark.parametrize(
    "definition",
    [
        {"tables": []},
        {"name": "x", "tables": []},
        {"name": "x", "Tables": [TABLE]},
        {"name": "x", "tables": [{"name": "Date", "columns": [{"name": "n", "dataType": "Int64"}]}]},
        {"name": "x", "tables": [{"name": "T", "columns": [{"name": "n", "dataType": "Int32"}]}]},
        {"name": "x", "tables": [{"name": "T", "columns": [{"name": "n", "dataType": "Int64", "width": 3}]}]},
        {
            "name": "x",
            "tables": [{"name": "T", "columns": [{"name": f"c{i}", "dataType": "Int64"} for i in range(76)]}],
        },
        {"name": "x", "tables": [{**TABLE, "name": f"T{i}"} for i in range(76)]},
        {"name": "x", "tables": [TABLE, {**TABLE, "name": "facts"}]},
        {"name": "x", "tables": [TABLE], "defaultMode": "Streaming", "relationships": [{"name": "r"}]},
    ],
)
def test_a_definition_the_service_would_not_take_is_400(api: Api, definition: dict[str, Any]) -> None:
    answer = api("POST", "/datasets", json=definition)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] in ("BadRequest", "InvalidRequest")
    assert api("GET", "/datasets").json()["value"] == []


def test_rows_are_stored_as_they_were_sent_with_decimals_digit_by_digit(api: Api, service: LocalService) -> None:
    dataset = api.made()
    body = (
        '{"rows":[{"n":9007199254740993,"x":0.5,"ok":true,"at":"2026-03-01T12:00:00.123Z","text":"Ωmega",'
        '"money":123456789012345678901234.5678},{"n":null}]}'
    )
    answer = api("POST", f"/datasets/{dataset}/tables/Facts/rows", data=body.encode())
    assert answer.status_code == 200
    assert answer.content == b""
    first, second = api.rows(dataset)
    assert first["n"] == 9007199254740993
    assert first["ok"] is True
    assert first["text"] == "Ωmega"
    assert first["money"] == Decimal("123456789012345678901234.5678")
    assert second == dict.fromkeys(COLUMNS)


@pytest.mark.parametrize(
    "row",
    [
        '{"n":true}',
        '{"n":1.5}',
        '{"n":"1"}',
        '{"n":9223372036854775807}',
        '{"n":-9223372036854775808}',
        '{"x":NaN}',
        '{"x":1e999}',
        '{"x":true}',
        '{"ok":1}',
        '{"at":"yesterday"}',
        '{"at":17}',
        '{"money":1.00001}',
        '{"money":1234567890123456789012345678901}',
        '{"text":{"a":1}}',
        '{"text":"' + "x" * 4_001 + '"}',
        '{"N":1}',
        "17",
    ],
)
def test_a_value_its_column_does_not_take_is_400_and_nothing_of_the_request_is_stored(api: Api, row: str) -> None:
    dataset = api.made()
    body = '{"rows":[{"n":1},' + row + "]}"
    answer = api("POST", f"/datasets/{dataset}/tables/Facts/rows", data=body.encode())
    assert answer.status_code == 400, answer.text
    assert "pbi.error" in answer.json()["error"]
    assert api.count(dataset)["stored"] == 0


def test_more_than_ten_thousand_rows_are_413(api: Api) -> None:
    dataset = api.made()
    assert api.post(dataset, [{"n": 1}] * 10_001).status_code == 413
    assert api.post(dataset, [{"n": 1}] * 10_000).status_code == 200
    assert api.count(dataset)["stored"] == 10_000


def test_more_than_sixteen_megabytes_are_413(api: Api) -> None:
    dataset = api.made()
    answer = api.post(dataset, [{"text": "x" * 4_000}] * 4_300)
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "RequestEntityTooLarge")
    assert api.count(dataset)["stored"] == 0


def test_the_121st_post_in_a_minute_is_429_with_retry_after_and_goes_through_then(api: Api, time: Time) -> None:
    dataset = api.made()
    for i in range(MAX_POSTS_PER_MINUTE):
        time.now += 0.25
        assert api.post(dataset, [{"n": i}]).status_code == 200
    answer = api.post(dataset, [{"n": -1}])
    assert answer.status_code == 429
    wait = int(answer.headers["Retry-After"])
    assert f"Retry in {wait} seconds" in answer.json()["error"]["message"]
    time.now += wait
    assert api.post(dataset, [{"n": -1}]).status_code == 200


def test_rows_beyond_a_million_in_an_hour_are_429_and_a_restart_does_not_forget(tmp_path: Path, time: Time) -> None:
    rows = [{"n": 1}] * 10_000
    with LocalService(tmp_path / "h", clock=time.clock) as service:
        api = Api(service)
        dataset = api.made()
        for _ in range(100):
            time.now += 1
            assert api.post(dataset, rows, "Other").status_code == 200
        assert api.count(dataset, "Other") == {"count": 200_000, "held": MAX_ROWS_BASIC_FIFO, "stored": 1_000_000}
    with LocalService(tmp_path / "h", clock=time.clock) as service:
        api = Api(service)
        answer = api.post(dataset, [{"n": 1}])
        assert answer.status_code == 429
        assert "rows per hour" in answer.json()["error"]["message"]
        assert int(answer.headers["Retry-After"]) == 3_501


def test_basic_fifo_drops_the_oldest_rows(api: Api, time: Time) -> None:
    dataset = api.made()
    for i in range(21):
        time.now += 1
        assert api.post(dataset, [{"n": i * 10_000 + j} for j in range(10_000)], "Other").status_code == 200
    assert api.count(dataset, "Other") == {"count": 200_000, "held": 200_000, "stored": 210_000}
    url = f"{api.at.api}/_local/datasets/{dataset}/tables/Other/rows?limit=1"
    assert api.session.get(url).json()["rows"] == [{"n": 10_000}]


def test_sequence_numbers_are_kept_by_table_and_need_not_start_at_one(api: Api) -> None:
    dataset = api.made()
    at = f"/datasets/{dataset}/tables/Facts/sequenceNumbers"
    assert api("GET", at).json()["value"] == []
    api.post(dataset, [{"n": 1}])
    assert api("GET", at).json()["value"] == []
    api.post(dataset, [{"n": 1}], **{SEQUENCE_HEADER: "2"})
    api.post(dataset, [{"n": 1}], **{SEQUENCE_HEADER: "7"})
    assert [v["sequenceNumber"] for v in api("GET", at).json()["value"]] == [7]
    assert api("GET", at.replace("Facts", "Other")).json()["value"] == []
    assert api.post(dataset, [{"n": 1}], **{SEQUENCE_HEADER: "seven"}).status_code == 400


def test_rows_are_deleted_all_at_once_and_a_table_is_changed_by_put(api: Api) -> None:
    dataset = api.made()
    api.post(dataset, [{"n": 1}, {"n": 2}])
    changed = {**TABLE, "columns": [*TABLE["columns"], {"name": "new", "dataType": "String"}]}
    answer = api("PUT", f"/datasets/{dataset}/tables/Facts", json=changed)
    assert (answer.status_code, answer.json()["name"]) == (200, "Facts")
    assert api.post(dataset, [{"n": 3, "new": "x"}]).status_code == 200
    assert api("PUT", f"/datasets/{dataset}/tables/Missing", json={**TABLE, "name": "Missing"}).status_code == 404
    assert api("DELETE", f"/datasets/{dataset}/tables/Facts/rows").status_code == 200
    assert api.count(dataset)["held"] == 0


def test_posts_of_ten_thousand_rows_are_stored_whole(tmp_path: Path) -> None:
    rows = [
        {"n": i, "x": i / 3, "ok": True, "at": "2026-03-01T12:00:00Z", "text": f"row {i}", "money": i / 100}
        for i in range(10_000)
    ]
    body = json.dumps({"rows": rows}).encode()
    with LocalService(tmp_path / "h") as service:
        api = Api(service)
        dataset = api.made()
        for number in range(1, 6):
            assert api("POST", f"/datasets/{dataset}/tables/Facts/rows", data=body).status_code == 200
            assert api.count(dataset)["stored"] == number * 10_000


def test_a_cut_connection_before_storing_stores_nothing_and_after_storing_everything(api: Api) -> None:
    dataset = api.made()
    for cut, stored in (("before", 0), ("after", 1)):
        api.session.post(f"{api.at.api}/_local/faults", json={"cut": cut})
        with pytest.raises(requests.ConnectionError):
            api.post(dataset, [{"n": 1}])
        assert api.count(dataset)["stored"] == stored
    assert api.session.get(f"{api.at.api}/_local/faults").json()["value"] == []


def test_faults_are_refused_when_they_cannot_be(api: Api) -> None:
    for fault in ({"cut": "sideways"}, {"stauts": 500}, {"times": "2"}, []):
        assert api.session.post(f"{api.at.api}/_local/faults", json=fault).status_code == 400


def test_datasets_and_tokens_outlive_a_restart_and_the_authority_stays_the_same(tmp_path: Path) -> None:
    with LocalService(tmp_path / "h") as service:
        api = Api(service)
        dataset = api.made()
        api.post(dataset, [{"n": 1}])
        before, port = Path(service.endpoint.ca).read_bytes(), int(service.endpoint.api.rsplit(":", 1)[1])
    with LocalService(tmp_path / "h", port=port) as service:
        assert Path(service.endpoint.ca).read_bytes() == before
        assert api.count(dataset)["stored"] == 1
        assert api("GET", f"/datasets/{dataset}").status_code == 200


def test_a_second_service_on_one_home_or_one_port_is_refused_with_advice(service: LocalService, tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match="already runs"), LocalService(service.home):
        pass
    port = int(service.endpoint.api.rsplit(":", 1)[1])
    with pytest.raises(WrongUse, match=f"port {port} .*--port"), LocalService(tmp_path / "other", port=port):
        pass


def test_requests_for_other_host_names_are_refused(api: Api) -> None:
    answer = api("GET", "/datasets", headers={"Host": "evil.example:443"})
    assert answer.status_code == 400


def test_an_unknown_call_is_a_404_in_json(api: Api) -> None:
    answer = api("GET", "/nothing")
    assert answer.status_code == 404
    assert "no call" in answer.json()["error"]["message"]


def test_serve_says_where_it_listens_and_ends_with_0_on_sigterm_and_sigint(tmp_path: Path) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        program = (
            "import sys, pathlib; from livegold.reporting.service.server import serve;"
            "serve(pathlib.Path(sys.argv[1]), 0, say=lambda t: print(t, flush=True))"
        )
        process = subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        try:
            patient(lambda: (tmp_path / "powerbi" / "endpoint.json").exists(), 400)
            at = read_endpoint(tmp_path)
            session = Session(at.ca)
            assert session.get(f"{at.api}/_local/health").json() == {"status": "ok"}
            process.send_signal(number)
            out, err = process.communicate(timeout=20)
        finally:
            process.kill()
        assert process.returncode == 0
        assert at.api in out
        assert client_secret(tmp_path) not in out + err
        assert err == ""
        with pytest.raises(WrongUse, match="livegold powerbi"):
            read_endpoint(tmp_path)


def test_secret_and_keys_are_readable_by_their_owner_only(service: LocalService) -> None:
    for name in ("client_secret", "token_key", "server.key"):
        mode = stat.S_IMODE(os.stat(service.home / "powerbi" / name).st_mode)
        assert mode == 0o600, name
    assert service.secret not in (service.home / "powerbi" / "endpoint.json").read_text()


def test_the_client_reads_what_the_service_stored(service: LocalService, client: PowerBIClient) -> None:
    made = client.create_dataset(DEFINITION, "basicFIFO")
    client.post_rows(made.id, "Facts", [{"n": 1, "money": Decimal("0.10")}])
    assert rows_of(service, made.id, "Facts")[0]["money"] == Decimal("0.10")
    assert [d.id for d in client_of(service).datasets()] == [made.id]
