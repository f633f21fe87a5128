"""Every shape of error that users have seen, as bytes over a real connection, becomes one line that says what to do."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from canned_server import CannedServer
from livegold.reporting.errors import (
    Ambiguous,
    LivegoldError,
    NotFound,
    Refused,
    ServiceUnavailable,
    Throttled,
    Unauthorized,
)
from livegold.reporting.powerbi.auth import GivenTokens
from livegold.reporting.powerbi.client import PowerBIClient
from livegold.reporting.powerbi.http import Session
from livegold.reporting.powerbi.refusals import code_and_message, refusal

NESTED = {
    "error": {
        "code": "RequestedFailed",
        "pbi.error": {
            "code": "InnerCode",
            "parameters": {},
            "details": [{"code": "DetailsMessage", "detail": {"type": 1, "value": "why it failed"}}],
        },
    }
}


@pytest.fixture
def canned() -> Iterator[CannedServer]:
    with CannedServer() as server:
        yield server


@pytest.fixture
def caller(canned: CannedServer) -> Iterator[PowerBIClient]:
    client = PowerBIClient(canned.url, "w", GivenTokens(lambda: "a-token"), Session())
    yield client
    client.close()


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        (NESTED, "RequestedFailed", "why it failed"),
        ({"error": {"pbi.error": {"code": "B", "details": []}}}, "B", ""),
        ({"error": {"code": "A", "message": "m", "target": "t", "details": [{"message": "d"}]}}, "A", "m; d"),
        ({"error": {"code": "A", "message": "m"}}, "A", "m"),
        ({"message": "Retry in 12 seconds."}, "", "Retry in 12 seconds."),
        ({"Message": "API is not accessible for application"}, "", "API is not accessible for application"),
        ({"error": {"code": "A"}, "message": "outside"}, "A", "outside"),
        ({"error": "invalid_client", "error_description": "AADSTS7000215"}, "invalid_client", "AADSTS7000215"),
        (b"", "", ""),
        (b"<html>Bad gateway</html>", "", "<html>Bad gateway</html>"),
        ([1], "", ""),
        ({"error": {"code": None, "details": None, "pbi.error": None}}, "", ""),
        ({"error": {"code": "A", "details": "no list", "pbi.error": {"details": ["no object"]}}}, "A", ""),
    ],
)
def test_code_and_message_are_found_in_every_shape(body: Any, code: str, message: str) -> None:
    answer = requests.Response()
    answer.raw = io.BytesIO(body if isinstance(body, bytes) else json.dumps(body).encode())
    assert code_and_message(answer) == (code, message)


@pytest.mark.parametrize(
    ("status", "kind_of_get", "kind_of_post"),
    [
        (400, Refused, Refused),
        (401, Unauthorized, Unauthorized),
        (403, Unauthorized, Unauthorized),
        (404, NotFound, NotFound),
        (408, ServiceUnavailable, Ambiguous),
        (409, Refused, Refused),
        (413, Refused, Refused),
        (429, Throttled, Throttled),
        (500, ServiceUnavailable, Ambiguous),
        (502, ServiceUnavailable, Ambiguous),
        (503, ServiceUnavailable, Ambiguous),
    ],
)
@pytest.mark.parametrize("body", [b"", NESTED], ids=["empty", "nested"])
def test_each_status_says_whether_to_try_again_whatever_its_body(
    canned: CannedServer, caller: PowerBIClient, status: int, kind_of_get: type, kind_of_post: type, body: Any
) -> None:
    canned.reply(status, body, {"RequestId": "r-1"})
    for call, kind in (
        (lambda: caller.datasets(), kind_of_get),
        (lambda: caller.post_rows("d", "t", [{"n": 1}]), kind_of_post),
    ):
        with pytest.raises(LivegoldError) as caught:
            call()
        error = caught.value
        assert type(error) is kind
        assert (error.status, error.request_id) == (status, "r-1")
        assert error.code == (None if body == b"" else "RequestedFailed")
        assert f"HTTP {status} " in str(error)
        assert "(RequestId r-1)" in str(error)
        assert ("no details" if body == b"" else "why it failed") in str(error)
        assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("status", "code", "message", "advice"),
    [
        (404, "ItemNotFound", "Dataset d is not Push API dataset.", "made through the API as a push dataset"),
        (404, "ItemNotFound", "Table t not found", ""),
        (404, "PowerBIEntityNotFound", "", "check the id"),
        (400, "FeatureDeprecatedError", "Creation of streaming dataset is deprecated", "eventstream sink"),
        (400, "", "Creation of streaming dataset is deprecated", "eventstream sink"),
        (413, "RequestEntityTooLarge", "", "send fewer rows in a request (16 MB at most)"),
        (413, "", "", "send fewer rows"),
        (401, "PowerBINotAuthorizedException", "", "check powerbi.workspace"),
        (401, "", "", "role in the workspace"),
        (403, "", "", "role in the workspace"),
        (403, "TokenExpired", "Access token has expired", "check the clock of this machine"),
        (409, "", "", "wait for that"),
        (400, "", "Another refresh request is already executing", "or cancel it"),
    ],
)
def test_the_message_ends_with_what_a_person_can_do(status: int, code: str, message: str, advice: str) -> None:
    answer = requests.Response()
    answer.status_code = status
    said = str(refusal(answer, "POST", "doing it", code, message))
    assert said.startswith(f"doing it: HTTP {status} ")
    assert advice in said.rpartition(": ")[2]
    assert bool(advice) == (said.count(": ") > 1)


@pytest.mark.parametrize(
    ("headers", "body", "seconds"),
    [
        ({"Retry-After": "17"}, b"", 17),
        ({}, {"message": "You are over your rows per hour limit. Retry in 3392 seconds."}, 3392),
        ({"Retry-After": "17"}, {"message": "Retry in 3392 seconds."}, 17),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, b"", None),
        ({}, b"", None),
    ],
)
def test_the_pause_of_a_429_is_read_from_the_header_or_from_the_message(
    canned: CannedServer, caller: PowerBIClient, headers: dict[str, str], body: Any, seconds: float | None
) -> None:
    canned.reply(429, body, headers)
    with pytest.raises(Throttled) as caught:
        caller.post_rows("d", "t", [{"n": 1}])
    assert caught.value.retry_after == seconds


@pytest.mark.parametrize(
    ("status", "body"), [(401, b""), (401, NESTED), (403, {"error": {"code": "TokenExpired", "message": "expired"}})]
)
def test_a_token_that_is_refused_is_renewed_once(
    canned: CannedServer, caller: PowerBIClient, status: int, body: Any
) -> None:
    canned.reply(status, body).reply(200, {"value": []})
    assert caller.datasets() == []
    assert len(canned.got) == 2
    canned.reply(status, body).reply(status, body)
    with pytest.raises(Unauthorized, match=f"HTTP {status}"):
        caller.datasets()
    assert len(canned.got) == 4


def test_a_403_that_is_no_expired_token_is_not_tried_again(canned: CannedServer, caller: PowerBIClient) -> None:
    canned.reply(403, {"error": {"code": "Forbidden"}})
    with pytest.raises(Unauthorized, match="Forbidden"):
        caller.datasets()
    assert len(canned.got) == 1


@pytest.mark.parametrize("body", [b"<html>Sign in to the hotel's network</html>", b"", b"[1]"])
def test_a_success_that_is_no_answer_of_the_api_says_so(
    canned: CannedServer, caller: PowerBIClient, body: bytes
) -> None:
    canned.reply(200, body)
    with pytest.raises(Refused, match=r"check that powerbi\.api is"):
        caller.datasets()


def test_a_list_with_unknown_and_missing_keys_is_read_as_far_as_it_goes(
    canned: CannedServer, caller: PowerBIClient
) -> None:
    canned.reply(200, {"value": [{"id": "1", "future": True}, "no object"]})
    assert [(d.id, d.name, d.push) for d in caller.datasets()] == [("1", "", None)]
    assert [(g.id, g.name, g.dedicated) for g in caller.groups()] == [("1", "", None)]
    canned.reply(200, {})
    assert caller.datasets() == []


def test_the_token_is_not_taken_along_to_another_host(canned: CannedServer, caller: PowerBIClient) -> None:
    with CannedServer() as other:
        other.reply(200, {"value": []})
        canned.reply(307, b"", {"Location": f"{other.url}/v1.0/myorg/datasets"})
        with pytest.raises(Refused, match=r"sent on to '127.*set powerbi\.api"):
            caller.datasets()
        assert other.got == []


def test_a_dataset_that_was_accepted_and_not_returned_is_ambiguous(canned: CannedServer, caller: PowerBIClient) -> None:
    canned.reply(202)
    with pytest.raises(Ambiguous, match="check by name whether it was created"):
        caller.create_dataset({"name": "x", "tables": []})
    canned.reply(202, {"id": "1", "name": "x"})
    assert caller.create_dataset({"name": "x", "tables": []}).id == "1"


def test_connections_are_kept_and_each_request_has_its_token(canned: CannedServer, caller: PowerBIClient) -> None:
    canned.reply(200, {"value": []})
    for _ in range(3):
        caller.datasets()
    assert len(canned.got) == 3
    assert len({g.client for g in canned.got}) == 1
    assert {g.headers["Authorization"] for g in canned.got} == {"Bearer a-token"}


def test_a_host_name_that_leads_nowhere_and_a_port_nobody_has_are_known_not_to_have_got_the_rows() -> None:
    for api in ("http://nowhere.invalid", "http://127.0.0.1:9"):
        client = PowerBIClient(api, "w", GivenTokens(lambda: "t"), Session(timeout=(5.0, 5.0)))
        with pytest.raises(ServiceUnavailable, match=r"^adding rows to 't': the connection was refused or timed out$"):
            client.post_rows("d", "t", [{"n": 1}])
