"""Requests that nobody should send: the local service answers each with a 4xx and stores nothing that is no row."""

from __future__ import annotations

import datetime as dt
import json
import math
import socket
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from livegold.reporting.powerbi.limits import DATA_TYPES, SEQUENCE_HEADER
from livegold.reporting.service.server import LocalService
from powerbi_cases import Time
from service_cases import COLUMNS, DEFINITION, TABLE, Api, code_of

pytestmark = pytest.mark.integration
OPEN_TOKEN = "fuzzing-needs-no-secret"
FUZZ = settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)


class Wire:
    """A service over plain HTTP with an open token, two datasets, and a clock that always moves on."""

    def __init__(self, service: LocalService, time: Time) -> None:
        self.time = time
        self.api = Api(service, OPEN_TOKEN)
        self.pushed = self.api.made()
        self.imported = self.api.imported(parameters=[{"name": "P", "type": "Number", "isRequired": True}])

    def __call__(self, method: str, path: str, body: bytes = b"", **headers: str) -> requests.Response:
        """Sends it. No answer is a 5xx, and what refuses says why in JSON."""
        self.time.now += 61
        sent = {"Content-Type": "application/json", **headers}
        answer = self.api.session.request(
            method, self.api.at.api + path, data=body, headers=sent, allow_redirects=False
        )
        assert answer.status_code < 500, (method, path, body[:200], answer.text)
        if answer.status_code >= 400 and method != "HEAD":
            assert answer.json()["error"], answer.text
        assert answer.headers["RequestId"]
        return answer


@pytest.fixture(scope="module")
def wire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    time = Time()
    home: Path = tmp_path_factory.mktemp("fuzz")
    with LocalService(home, clock=time.clock, http=True, open_token=OPEN_TOKEN, dedicated=True) as service:
        yield Wire(service, time)


# --- rows

NUMBERS = st.integers() | st.integers(-(2**65), 2**65) | st.floats() | st.decimals(allow_nan=False).map(str)
LONG = st.just("x" * 4_001)
TEXTS = (
    LONG | st.text(max_size=20) | st.sampled_from(["2026-03-01", "2026-03-01T12:00:00Z", "0001-01-01T00:00:00+14:00"])
)
VALUES = st.none() | st.booleans() | NUMBERS | TEXTS | st.lists(st.integers(), max_size=2) | st.just({"a": 1})
ROWS = st.lists(st.dictionaries(st.sampled_from([*COLUMNS, "N", "other", ""]), VALUES, max_size=6), max_size=4)


def is_of_type(value: Any, data_type: str) -> bool:
    """Whether a value read back is one of its column, checked apart from the service's own code."""
    if value is None:
        return True
    if data_type == "Boolean":
        return isinstance(value, bool)
    if data_type == "String":
        return isinstance(value, str) and len(value) <= 4_000 and value.encode("utf-8") is not None
    if data_type == "DateTime":
        return isinstance(value, str) and bool(dt.datetime.fromisoformat(value) if "/" not in value else value)
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return False
    if data_type == "Int64":
        return isinstance(value, int) and -(2**63) < value < 2**63 - 1
    if data_type == "Double":
        return math.isfinite(float(value))
    return abs(value) < Decimal(10) ** 28 and value * 10_000 == int(value * 10_000)


def assert_no_garbage(wire: Wire) -> None:
    for row in wire.api.rows(wire.pushed):
        assert set(row) == set(COLUMNS)
        for name, value in row.items():
            assert is_of_type(value, COLUMNS[name]), (name, value)


@FUZZ
@given(ROWS, st.integers(-2, 2**64) | st.none())
def test_rows_of_any_values_are_stored_valid_or_not_at_all(wire: Wire, rows: Any, sequence: int | None) -> None:
    wire("DELETE", f"/v1.0/myorg/groups/{wire.api.at.workspace}/datasets/{wire.pushed}/tables/Facts/rows")
    headers = {} if sequence is None else {SEQUENCE_HEADER: str(sequence)}
    body = json.dumps({"rows": rows}).encode()
    path = f"/v1.0/myorg/groups/{wire.api.at.workspace}/datasets/{wire.pushed}/tables/Facts/rows"
    answer = wire("POST", path, body, **headers)
    held = wire.api.count(wire.pushed)["held"]
    assert held == (len(rows) if answer.status_code == 200 else 0)
    assert_no_garbage(wire)


ODD_ROWS = [
    b'{"rows":[{"n":1,"n":"x"}]}',
    b'{"rows":[{"n":1}],"rows":[{"n":"x"}]}',
    b'{"rows":[{"text":"\\ud800"}]}',
    b'{"rows":[{"text":"\\udc00\\ud800"}]}',
    b'{"rows":[{"\\ud800":1}]}',
    b'{"rows":[{"n":1e400}]}',
    b'{"rows":[{"x":1e400}]}',
    b'{"rows":[{"x":-1.7976931348623157e308}]}',
    b'{"rows":[{"money":1e99999999999999999999}]}',
    b'{"rows":[{"money":1e-99999999999999999999}]}',
    b'{"rows":[{"money":1e999999}]}',
    b'{"rows":[{"money":NaN}]}',
    b'{"rows":[{"x":Infinity}]}',
    b'{"rows":[{"n":' + b"9" * 5_000 + b"}]}",
    b'{"rows":[{"money":' + b"9" * 5_000 + b"}]}",
    b'{"rows":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    b'{"rows":[' + b'{"n":' * 50_000 + b"1" + b"}" * 50_000 + b"]}",
    b'{"rows":[{"at":"\xd9\xa0\xd9\xa7/30/2014"}]}',
    b'{"rows":[{"at":"0001-01-01T00:00:00+14:00"}]}',
    b'{"rows":[{"at":"9999-12-31T23:59:59-14:00"}]}',
    b'{"rows":[{"ok":"true"}]}',
    b'{"rows":[null]}',
    b'{"rows":null}',
    b'{"rows":{}}',
    b'{"rows":[],"more":1}',
    b'{"Rows":[]}',
    b"\xef\xbb\xbf" + b'{"rows":[{"n":"x"}]}',
    b'{"rows":[{"text":"\xff\xfe"}]}',
    "{'rows':[]}".encode("utf-16"),
    b"",
    b"null",
    b"\x00",
    b'{"rows":[{"n":1}]',
    b"rows=1&n=2",
]


@pytest.mark.parametrize("body", ODD_ROWS, ids=lambda b: repr(b[:40]))
def test_odd_bodies_of_rows_are_400_and_store_nothing(wire: Wire, body: bytes) -> None:
    for table in ("Facts", "Other"):
        path = f"/v1.0/myorg/groups/{wire.api.at.workspace}/datasets/{wire.pushed}/tables/{table}/rows"
        before = wire.api.count(wire.pushed, table)["stored"]
        assert code_of(wire("POST", path, body))[0] == 400
        assert wire.api.count(wire.pushed, table)["stored"] == before


@pytest.mark.parametrize(
    ("body", "stored"),
    [
        (b'{"rows":[{"money":0e9999}]}', {"money": 0}),
        (b'{"rows":[{"money":-0.0}]}', {"money": 0}),
        (b'{"rows":[{"money":1.50000000}]}', {"money": Decimal("1.5")}),
        (b'{"rows":[{"money":1e3}]}', {"money": 1_000}),
        (b'{"rows":[{"x":0e-999999}]}', {"x": 0}),
        (b'{"rows":[{"x":1e-400}]}', {"x": 0}),
        (b'{"rows":[{"text":"\\ud83d\\ude00"}]}', {"text": "\U0001f600"}),
        (b'{"rows":[{"text":"\\u0000"}]}', {"text": "\0"}),
        (b'{"rows":[{"at":"07/30/2014"}]}', {"at": "07/30/2014"}),
    ],
)
def test_odd_values_that_mean_something_are_stored_as_that(wire: Wire, body: bytes, stored: dict[str, Any]) -> None:
    path = f"/v1.0/myorg/groups/{wire.api.at.workspace}/datasets/{wire.pushed}/tables/Facts/rows"
    assert wire("POST", path, body).status_code == 200
    row = wire.api.rows(wire.pushed)[-1]
    assert {name: row[name] for name in stored} == stored
    assert all(value is None for name, value in row.items() if name not in stored)
    assert len(json.dumps(row, default=str)) < 200


# --- definitions

SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["Facts", "n", "Int64"])
ANY_JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner)
)
COLUMN = st.fixed_dictionaries(
    {"name": st.text(max_size=8) | SCALARS, "dataType": st.sampled_from([*DATA_TYPES, "int64", "Int32"]) | SCALARS},
    optional={"formatString": SCALARS, "isHidden": SCALARS, "sortByColumn": SCALARS, "other": SCALARS},
)
MEASURE = st.fixed_dictionaries({"name": SCALARS, "expression": SCALARS}, optional={"isHidden": SCALARS})
TABLES = st.fixed_dictionaries(
    {"name": st.text(max_size=8) | SCALARS, "columns": st.lists(COLUMN, max_size=3) | ANY_JSON},
    optional={"measures": st.lists(MEASURE, max_size=2), "other": SCALARS},
)
DATASETS = st.fixed_dictionaries(
    {"name": SCALARS, "tables": st.lists(TABLES, max_size=3) | ANY_JSON},
    optional={
        "defaultMode": st.sampled_from(["Push", "Streaming", "AsAzure"]) | ANY_JSON,
        "relationships": st.lists(ANY_JSON, max_size=2) | ANY_JSON,
    },
)


@FUZZ
@given(DATASETS | ANY_JSON, st.sampled_from(["basicFIFO", "none", "x", "%00", "None&defaultRetentionPolicy=x"]))
def test_any_definition_is_made_or_refused_and_what_is_made_can_be_read(wire: Wire, body: Any, policy: str) -> None:
    root = f"/v1.0/myorg/groups/{wire.api.at.workspace}/datasets"
    answer = wire("POST", f"{root}?defaultRetentionPolicy={policy}", json.dumps(body).encode())
    if answer.status_code == 201:
        made = answer.json()["id"]
        tables = wire("GET", f"{root}/{made}/tables").json()["value"]
        assert [t["name"] for t in tables] == [t["name"] for t in body["tables"]]
        assert wire("DELETE", f"{root}/{made}").status_code == 200


# --- everything else

SEGMENTS = st.sampled_from(
    ["{pushed}", "{imported}", "Facts", "x", "", "..", "%00", "%zz", "%ff", "a%2Fb", "\u00e9", "'", "~" * 300]
)
PATHS = st.sampled_from(
    [
        "groups",
        "groups/{ws}/datasets",
        "groups/{ws}/datasets/{a}",
        "groups/{ws}/datasets/{a}/tables/{b}",
        "groups/{ws}/datasets/{a}/tables/{b}/rows",
        "groups/{ws}/datasets/{a}/tables/{b}/sequenceNumbers",
        "groups/{ws}/datasets/{a}/refreshes",
        "groups/{ws}/datasets/{a}/refreshes/{b}",
        "groups/{ws}/datasets/{a}/refreshSchedule",
        "groups/{ws}/datasets/{a}/parameters",
        "groups/{ws}/datasets/{a}/Default.UpdateParameters",
        "groups/{ws}/datasets/{a}/Default.TakeOver",
        "groups/{ws}/datasets/{a}/executeQueries",
        "groups/{a}/datasets",
        "datasets/{a}/refreshes",
        "{a}/{b}",
    ]
)
KNOWN_BODIES = st.sampled_from(
    [
        {"value": {"days": ["Monday"], "times": ["07:00"]}},
        {"updateDetails": [{"name": "P", "newValue": "1"}]},
        {"queries": [{"query": "EVALUATE ROW(\"n\", COUNTROWS('Facts'))"}]},
        {"type": "Full", "objects": [{"table": "Model"}]},
        {"targetStorageMode": "Abf"},
        TABLE,
        DEFINITION,
    ]
)


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """Nearly right JSON, any JSON, or any bytes."""
    kind = draw(st.integers(0, 3))
    if kind == 0:
        return draw(st.binary(max_size=30))
    if kind == 1:
        return json.dumps(draw(ANY_JSON)).encode()
    known = dict(draw(KNOWN_BODIES))
    if kind == 2:
        known[draw(st.sampled_from([*known, "more"]))] = draw(ANY_JSON)
    elif known.get("value"):
        known["value"] = {**known["value"], draw(st.sampled_from(["days", "times", "enabled", "x"])): draw(ANY_JSON)}
    return json.dumps(known).encode()


QUERIES = st.sampled_from(
    ["", "?$top=-1", "?$top=99999999999999999999", "?$filter=" + "(" * 500, "?$skip=x", "?%zz=%ff"]
)


@settings(FUZZ, max_examples=300)
@given(
    st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]),
    PATHS,
    SEGMENTS,
    SEGMENTS,
    QUERIES,
    bodies(),
)
def test_no_request_is_answered_with_a_5xx(
    wire: Wire, method: str, path: str, a: str, b: str, query: str, body: bytes
) -> None:
    names = {"pushed": wire.pushed, "imported": wire.imported, "ws": wire.api.at.workspace}
    filled = path.replace("{a}", a).replace("{b}", b).format(**names)
    if method == "DELETE" and filled.rstrip("/").endswith((wire.pushed, wire.imported)):
        method = "GET"  # the others need them
    if method == "PUT" and filled.endswith("/Facts"):
        body = json.dumps(TABLE).encode()
    answer = wire(method, f"/v1.0/myorg/{filled}{query}", body)
    if method == "POST" and answer.status_code == 200:
        assert_no_garbage(wire)


FIELDS = ["grant_type", "client_id", "client_secret", "client_assertion", "client_assertion_type", "scope"]


@settings(FUZZ, max_examples=80)
@given(
    st.sampled_from(["token", "v2.0/token", "devicecode", "v2.0/devicecode"]),
    st.dictionaries(
        st.sampled_from(
            ["grant_type", "client_id", "client_secret", "client_assertion", "client_assertion_type", "scope"]
        ),
        st.text(max_size=20) | st.sampled_from(["client_credentials", "a.b.c", "e30.e30.", "device_code"]),
    ),
    st.booleans(),
)
def test_no_form_makes_the_token_endpoint_fail_or_gets_a_token(
    wire: Wire, path: str, form: dict[str, str], known: bool
) -> None:
    at = wire.api.at
    sent = {**form, **({"client_id": at.client_id} if known else {})}
    answer = requests.post(f"{at.api}/{at.tenant}/oauth2/{path}", data=sent, timeout=10)
    assert answer.status_code < 500, answer.text
    assert "access_token" not in answer.text


@pytest.mark.parametrize(
    "raw",
    [
        b"GET /v1.0/myorg/%ff%fe%00%zz HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /v1.0/myorg/groups HTTP/1.1\r\n\r\n",
        b"GET /v1.0/myorg/groups HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
        b"GET /v1.0/myorg/groups HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \xff\xfe\r\n\r\n",
        b"GET /v1.0/myorg/groups HTTP/1.1\r\nHost: localhost\r\nX-Big: " + b"x" * 300_000 + b"\r\n\r\n",
        b"GET http://evil.example/v1.0/myorg/groups HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"POST /v1.0/myorg/groups HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n",
        b"POST /v1.0/myorg/groups HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"NONSENSE\r\n\r\n",
        b"\x16\x03\x01\x00\x00\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n",
    ],
    ids=lambda raw: repr(raw[:60]),
)
def test_bytes_that_are_hardly_http_get_a_4xx_or_no_answer_and_harm_nobody(wire: Wire, raw: bytes) -> None:
    port = int(wire.api.at.api.rsplit(":", 1)[1])
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        try:
            connection.sendall(raw)
            connection.shutdown(socket.SHUT_WR)
            answer = connection.recv(4_096)
        except OSError:
            # Cut by the service, be it while we were still sending.
            answer = b""
    assert answer == b"" or answer.split(b" ")[1].startswith(b"4"), answer
    assert wire("GET", "/v1.0/myorg/groups").status_code == 200
