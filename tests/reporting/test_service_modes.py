"""What kinds of dataset differ in: streaming modes and their limits, the push URL, PATCH, imported ones, capacity."""

from __future__ import annotations

from typing import Any

import pytest

from livegold.reporting.home.endpoint import LOCAL_CAPACITY
from livegold.reporting.powerbi.http import Session
from powerbi_cases import Time
from service_cases import TABLE, Api, code_of

NOW = {"name": "Now", "columns": [{"name": "at", "dataType": "DateTime"}, {"name": "n", "dataType": "Int64"}]}
STREAMING = {"name": "Live", "tables": [NOW], "relationships": []}


def push_url(api: Api, dataset: str) -> str:
    return str(api.local("GET", f"/datasets/{dataset}").json()["pushUrl"])


@pytest.mark.parametrize("mode", ["Streaming", "PushStreaming"])
@pytest.mark.parametrize("more", [{"formatString": "0"}, {"isHidden": True}, {"summarizeBy": "none"}])
def test_streaming_columns_take_name_and_type_only(api: Api, mode: str, more: dict[str, Any]) -> None:
    table = {"name": "Now", "columns": [{"name": "n", "dataType": "Int64", **more}]}
    answer = api("POST", "/datasets", json={**STREAMING, "tables": [table], "defaultMode": mode})
    assert code_of(answer) == (400, "InvalidRequest")
    assert api("POST", "/datasets", json={**STREAMING, "defaultMode": mode}).status_code == 201


def test_a_streaming_request_has_15_kilobytes_at_most(api: Api) -> None:
    dataset = api.made(**STREAMING, defaultMode="PushStreaming")
    assert code_of(api.post(dataset, [{"n": 1}] * 2_000, "Now")) == (413, "RequestEntityTooLarge")
    assert api.post(dataset, [{"n": 1}] * 1_000, "Now").status_code == 200
    assert api.count(dataset, "Now")["stored"] == 1_000


def test_a_streaming_dataset_takes_five_requests_a_second(api: Api, time: Time) -> None:
    dataset = api.made(**STREAMING, defaultMode="PushStreaming")
    for i in range(5):
        assert api.post(dataset, [{"n": i}], "Now").status_code == 200
    answer = api.post(dataset, [{"n": 5}], "Now")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "1")
    time.now += 1
    assert api.post(dataset, [{"n": 5}], "Now").status_code == 200


def test_the_push_url_takes_a_bare_list_with_its_key_instead_of_a_token(api: Api) -> None:
    dataset = api.made(**STREAMING, defaultMode="PushStreaming")
    url, anybody = push_url(api, dataset), Session(api.at.ca)
    assert "/beta/" in url
    assert anybody.post(url, json=[{"n": 1}, {"n": 2, "at": "2026-03-01T12:00:00Z"}]).status_code == 200
    assert [r["n"] for r in api.rows(dataset, "Now")] == [1, 2]
    assert code_of(anybody.post(url, json={"rows": [{"n": 3}]})) == (400, "BadRequest")
    assert code_of(anybody.post(url, json=[{"N": 3}])) == (400, "BadRequest")
    assert code_of(anybody.post(url[:-6], json=[{"n": 3}])) == (403, "Forbidden")
    assert code_of(anybody.post(url.split("?")[0], json=[{"n": 3}])) == (403, "Forbidden")
    assert api.count(dataset, "Now")["stored"] == 2


def test_push_urls_differ_and_go_with_their_dataset(api: Api) -> None:
    one, other = (api.made(**STREAMING, defaultMode="PushStreaming") for _ in range(2))
    assert push_url(api, one).split("key=")[1] != push_url(api, other).split("key=")[1]
    url = push_url(api, one)
    api("DELETE", f"/datasets/{one}")
    assert code_of(Session(api.at.ca).post(url, json=[])) == (404, "PowerBIEntityNotFound")
    assert "pushUrl" not in api.local("GET", f"/datasets/{api.made()}").json()


def test_a_dataset_is_changed_by_patch_where_its_capacity_allows(api: Api) -> None:
    dataset = api.made()
    assert api("PATCH", f"/datasets/{dataset}", json={"targetStorageMode": "Abf"}).status_code == 200
    large = {"targetStorageMode": "PremiumFiles", "queryScaleOutSettings": {"maxReadOnlyReplicas": -1}}
    assert code_of(api("PATCH", f"/datasets/{dataset}", json=large)) == (400, "InvalidRequest")
    api.local("PUT", "/capacity", json={"dedicated": True})
    assert api("PATCH", f"/datasets/{dataset}", json=large).status_code == 200
    shown = api("GET", f"/datasets/{dataset}").json()
    assert (shown["targetStorageMode"], shown["queryScaleOutSettings"]) == ("PremiumFiles", {"maxReadOnlyReplicas": -1})
    for wrong in ({"name": "x"}, {"targetStorageMode": "Big"}, {"queryScaleOutSettings": {"maxReadOnlyReplicas": 65}}):
        assert code_of(api("PATCH", f"/datasets/{dataset}", json=wrong)) == (400, "BadRequest")


def test_the_workspace_says_which_capacity_it_is_on(api: Api) -> None:
    def group() -> dict[str, Any]:
        found: dict[str, Any] = api.mine("GET", "/groups").json()["value"][0]
        return found

    assert group()["isOnDedicatedCapacity"] is False
    api.local("PUT", "/capacity", json={"dedicated": True})
    assert group()["isOnDedicatedCapacity"] is True
    assert group()["capacityId"] == LOCAL_CAPACITY
    assert api("GET", "").json()["id"] == api.at.workspace
    assert code_of(api.local("PUT", "/capacity", json={"dedicated": "yes"})) == (400, "BadRequest")


def test_an_imported_dataset_takes_no_rows_in_the_words_users_have_seen(api: Api) -> None:
    dataset = api.imported()
    assert api("GET", f"/datasets/{dataset}").json()["addRowsAPIEnabled"] is False
    for answer in (
        api.post(dataset, [{"Key": 1}], "Model"),
        api("GET", f"/datasets/{dataset}/tables"),
        api("PUT", f"/datasets/{dataset}/tables/Model", json={**TABLE, "name": "Model"}),
        api("DELETE", f"/datasets/{dataset}/tables/Model/rows"),
        api("GET", f"/datasets/{dataset}/tables/Model/sequenceNumbers"),
    ):
        assert code_of(answer) == (404, "ItemNotFound")
        assert "is not Push API dataset" in answer.json()["error"]["message"]


def test_get_and_delete_may_carry_bodies_and_form_content_types(api: Api) -> None:
    dataset = api.made()
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert api("GET", "/datasets", data="{}", headers=form).status_code == 200
    assert api("GET", f"/datasets/{dataset}/tables", json={}).status_code == 200
    assert api("DELETE", f"/datasets/{dataset}/tables/Facts/rows", json={}).status_code == 200
    assert api("DELETE", f"/datasets/{dataset}", data="{}", headers=form).status_code == 200


def test_datasets_can_be_filtered_and_cut_off(api: Api) -> None:
    names = ["One", "Two", "Three's"]
    for name in names:
        api.made(name=name)
    assert len(api("GET", "/datasets?$top=2").json()["value"]) == 2
    (found,) = api("GET", "/datasets", params={"$filter": "name eq 'Three''s'"}).json()["value"]
    assert found["name"] == "Three's"
    for wrong in ("$top=-1", "$top=0", "$top=x", "$top=1e9", "$filter=name lt 'x'"):
        assert code_of(api("GET", f"/datasets?{wrong}")) == (400, "BadRequest")


def test_columns_with_rows_stay_as_they_are_and_others_may_go(api: Api) -> None:
    dataset = api.made()
    less = {**TABLE, "columns": TABLE["columns"][1:]}
    retyped = {**TABLE, "columns": [{"name": "n", "dataType": "String"}, *TABLE["columns"][1:]]}
    api.post(dataset, [{"n": 1}])
    for table in (less, retyped):
        assert code_of(api("PUT", f"/datasets/{dataset}/tables/Facts", json=table)) == (400, "BadRequest")
    api("DELETE", f"/datasets/{dataset}/tables/Facts/rows")
    assert api("PUT", f"/datasets/{dataset}/tables/Facts", json=less).status_code == 200
    assert code_of(api.post(dataset, [{"n": 1}])) == (400, "BadRequest")


def test_a_fault_can_hold_for_a_time_of_the_services_clock(api: Api, time: Time) -> None:
    dataset = api.made()
    api.local("POST", "/faults", json={"status": 503, "seconds": 120.0, "path": "", "method": ""})
    for _ in range(3):
        assert api.post(dataset, [{"n": 1}]).status_code == 503
        time.now += 50
    assert api.post(dataset, [{"n": 1}]).status_code == 200
    assert api.local("GET", "/faults").json()["value"] == []


@pytest.mark.parametrize("fault", [{"status": 200}, {"delay": -1.0}, {"seconds": 1e9}, {"cut": "x" * 999}])
def test_a_fault_that_cannot_be_is_refused(api: Api, fault: dict[str, Any]) -> None:
    assert code_of(api.local("POST", "/faults", json=fault)) == (400, "BadRequest")
