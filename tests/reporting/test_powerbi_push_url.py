"""The push URL: rows go in with the key alone, and the key comes out nowhere."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from canned_server import CannedServer
from livegold.reporting.errors import (
    Ambiguous,
    LivegoldError,
    Refused,
    ServiceUnavailable,
    Throttled,
    Unauthorized,
    WrongUse,
)
from livegold.reporting.powerbi.http import Session
from livegold.reporting.powerbi.limits import MAX_STREAMING_REQUEST_BYTES
from livegold.reporting.powerbi.push_url import push_url_rows

KEY = "k3y%2Fof+the=dataset=="
PATH = f"/beta/tenant/datasets/abc/rows?experience=power-bi&key={KEY}"


@pytest.fixture
def canned() -> Iterator[CannedServer]:
    with CannedServer() as server:
        yield server


def shown(caught: pytest.ExceptionInfo[LivegoldError]) -> str:
    error = caught.value
    whole = "".join(traceback.format_exception(error))
    return whole + repr(error) + repr(error.__context__) + repr(error.__cause__)


def test_rows_are_a_bare_array_without_any_login(
    canned: CannedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password something\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    canned.reply(200)
    push_url_rows(canned.url + PATH, [{"n": 1, "d": Decimal("0.10")}])
    (got,) = canned.got
    assert (got.method, got.path, got.body) == ("POST", PATH, b'[{"n":1,"d":0.10}]')
    assert "Authorization" not in got.headers
    assert got.headers["Content-Type"].startswith("application/json")


@pytest.mark.parametrize(("status", "kind"), [(400, Refused), (403, Unauthorized), (429, Throttled), (500, Ambiguous)])
def test_a_refusal_is_an_error_without_the_key_even_if_the_service_repeats_it(
    canned: CannedServer, caplog: pytest.LogCaptureFixture, status: int, kind: type[LivegoldError]
) -> None:
    caplog.set_level(logging.DEBUG)
    canned.reply(status, {"error": {"code": "C", "message": f"no rows for {PATH}"}}, {"RequestId": "r"})
    with pytest.raises(kind, match="push URL of dataset abc") as caught:
        push_url_rows(canned.url + PATH, [{"n": 1}])
    assert caught.value.request_id == "r"
    assert "POST /beta/tenant/datasets/abc/rows" in caplog.text
    for text in (shown(caught), caplog.text):
        assert "k3y" not in text


def test_no_answer_is_an_error_without_the_key(canned: CannedServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for url in (f"http://127.0.0.1:9{PATH}", f"https://nowhere.invalid{PATH}"):
        with pytest.raises(ServiceUnavailable) as caught:
            push_url_rows(url, [{"n": 1}], Session(timeout=(5.0, 5.0)))
        assert "k3y" not in shown(caught) + caplog.text


def test_too_much_for_one_request_is_refused_before_it_is_sent(canned: CannedServer) -> None:
    canned.reply(200)
    fits = [{"t": "x" * (MAX_STREAMING_REQUEST_BYTES - len('[{"t":""}]'))}]
    push_url_rows(canned.url + PATH, fits)
    assert len(canned.got[0].body) == MAX_STREAMING_REQUEST_BYTES
    with pytest.raises(Refused, match=f"{MAX_STREAMING_REQUEST_BYTES + 1} bytes"):
        push_url_rows(canned.url + PATH, [{"t": fits[0]["t"] + "x"}])
    with pytest.raises(Refused, match="10001 rows"):
        push_url_rows(canned.url + PATH, [{}] * 10_001)
    assert len(canned.got) == 1


@pytest.mark.parametrize(
    "url",
    [
        "",
        "no address",
        f"https://api.example/beta/t/datasets/abc/rows?quay={KEY}",
        f"https://api.example/v1.0/myorg/datasets?key={KEY}",
        f"http://api.example{PATH}",
        f"https://[broken{PATH}",
    ],
)
def test_an_address_that_is_no_push_url_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(WrongUse, match="rows\\?key=<key>") as caught:
        push_url_rows(url, [{"n": 1}])
    assert "k3y" not in shown(caught)
