"""The queries livegold sends, and what it reads from their answers; over a real connection."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from canned_server import CannedServer
from livegold.reporting.errors import Ambiguous, Refused, WrongUse
from livegold.reporting.powerbi.auth import GivenTokens
from livegold.reporting.powerbi.client import PowerBIClient
from livegold.reporting.powerbi.http import Session
from livegold.reporting.powerbi.queries import AtLeast, count_and_sums, execute_query, sums_by
from livegold.reporting.service.server import LocalService
from powerbi_cases import client_of

QUERY = count_and_sums("T", {"s": "c"})


@pytest.fixture
def canned() -> Iterator[CannedServer]:
    with CannedServer() as server:
        yield server


@pytest.fixture
def caller(canned: CannedServer) -> Iterator[PowerBIClient]:
    client = PowerBIClient(canned.url, "w", GivenTokens(lambda: "a-token"), Session())
    yield client
    client.close()


def result(*rows: dict[str, Any], **other: Any) -> dict[str, Any]:
    return {"results": [{"tables": [{"rows": list(rows)}]}], **other}


def test_the_three_forms_are_as_the_local_service_knows_them() -> None:
    assert count_and_sums("Pulse", {}) == """EVALUATE ROW("n", COUNTROWS('Pulse'))"""
    assert (
        count_and_sums("Pulse", {"s": "events", "t": "price sum"}, at_least=AtLeast("tick", 7))
        == """EVALUATE CALCULATETABLE(ROW("n", COUNTROWS('Pulse'), "s", SUM('Pulse'[events]), """
        """"t", SUM('Pulse'[price sum])), 'Pulse'[tick] >= 7)"""
    )
    assert (
        sums_by("Pulse", ["site", "band"], {"s": "events"})
        == """EVALUATE SUMMARIZECOLUMNS('Pulse'[site], 'Pulse'[band], "s", SUM('Pulse'[events]))"""
    )
    assert (
        sums_by("Pulse", ["site"], {"s": "events"}, at_least=AtLeast("no", -1))
        == """EVALUATE SUMMARIZECOLUMNS('Pulse'[site], FILTER(ALL('Pulse'[no]), 'Pulse'[no] >= -1), """
        """"s", SUM('Pulse'[events]))"""
    )


def test_names_cannot_break_out_of_their_quotes() -> None:
    assert (
        count_and_sums("it's", {'a "b"': "x]y"})
        == """EVALUATE ROW("n", COUNTROWS('it''s'), "a ""b\"\"", SUM('it''s'[x]]y]))"""
    )


def test_a_query_that_asks_for_nothing_or_twice_is_refused() -> None:
    with pytest.raises(WrongUse, match="columns to sum by"):
        sums_by("T", [], {"s": "c"})
    with pytest.raises(WrongUse, match="columns to sum by"):
        sums_by("T", ["a"], {})
    with pytest.raises(WrongUse, match="both the count and a sum"):
        count_and_sums("T", {"n": "c"})


def test_numbers_are_exact_and_names_are_plain(canned: CannedServer, caller: PowerBIClient) -> None:
    row = (
        b'{"results":[{"tables":[{"rows":[{"[n]":9007199254740993,"[s]":0.1000000000000000055,"T[a]":"x",'
        b'"T[b]]c]":true,"[e]":1.5E-7,"[z]":null}]}]}]}'
    )
    canned.reply(200, row)
    (found,) = execute_query(caller, "d", QUERY)
    assert found == {
        "n": 2**53 + 1,
        "s": Decimal("0.1000000000000000055"),
        "a": "x",
        "b]c": True,
        "e": Decimal("1.5E-7"),
        "z": None,
    }
    (asked,) = canned.got
    assert asked.path == "/v1.0/myorg/groups/w/datasets/d/executeQueries"
    assert asked.json == {"queries": [{"query": QUERY}], "serializerSettings": {"includeNulls": True}}


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"code": "DatasetExecuteQueriesError", "message": "why"}},
        result({"[n]": 1}, error={"code": "DatasetExecuteQueriesError", "message": "why"}),
        {"results": [{"error": {"code": "DatasetExecuteQueriesError", "message": "why"}}]},
        {
            "results": [
                {
                    "tables": [
                        {
                            "rows": [{"[n]": 1}],
                            "error": {
                                "code": "DatasetExecuteQueriesError",
                                "details": [{"code": "x", "detail": {"type": 1, "value": "why"}}],
                            },
                        }
                    ]
                }
            ]
        },
        {
            "results": [
                {
                    "tables": [],
                    "error": {"pbi.error": {"code": "DatasetExecuteQueriesError", "details": [{"message": "why"}]}},
                }
            ]
        },
    ],
)
def test_an_error_inside_an_answer_of_200_is_raised(canned: CannedServer, caller: PowerBIClient, body: Any) -> None:
    canned.reply(200, body, {"RequestId": "r-9"})
    with pytest.raises(Refused, match=r"querying dataset d: HTTP 200 DatasetExecuteQueriesError why \(RequestId r-9\)"):
        execute_query(caller, "d", QUERY)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"results":[7]}', b'{"results":[{"tables":[7]}]}'])
def test_an_answer_without_a_result_is_refused(canned: CannedServer, caller: PowerBIClient, body: bytes) -> None:
    canned.reply(200, body)
    with pytest.raises(Refused, match="HTTP 200 without a result"):
        execute_query(caller, "d", QUERY)


def test_an_error_of_the_query_keeps_the_services_words(canned: CannedServer, caller: PowerBIClient) -> None:
    details = [{"code": "DetailsMessage", "detail": {"type": 1, "value": "Cannot find table 'T'."}}]
    canned.reply(400, {"error": {"code": "DatasetExecuteQueriesError", "pbi.error": {"details": details}}})
    with pytest.raises(Refused, match="DatasetExecuteQueriesError Cannot find table 'T'"):
        execute_query(caller, "d", QUERY)
    canned.reply(503)
    with pytest.raises(Ambiguous, match="HTTP 503"):
        execute_query(caller, "d", QUERY)


def test_an_answer_at_the_services_limit_is_not_taken_for_whole(canned: CannedServer, caller: PowerBIClient) -> None:
    canned.reply(200, b'{"results":[{"tables":[{"rows":[' + b",".join([b"{}"] * 100_000) + b"]}]}]}")
    with pytest.raises(Refused, match="100000 rows, the service's limit"):
        execute_query(caller, "d", QUERY)


def test_the_local_service_answers_each_form_with_what_it_holds(service: LocalService) -> None:
    client = client_of(service)
    columns = [
        {"name": "site", "dataType": "String"},
        {"name": "tick", "dataType": "Int64"},
        {"name": "a]b", "dataType": "Decimal"},
    ]
    made = client.create_dataset({"name": "Asked", "tables": [{"name": "My Facts", "columns": columns}]})
    assert execute_query(client, made.id, count_and_sums("My Facts", {"price": "a]b"})) == [{"n": None, "price": None}]
    rows = [
        {"site": site, "tick": tick, "a]b": Decimal(price)}
        for site, tick, price in (("N", 1, "0.1"), ("N", 2, "0.2"), ("S", 2, "900719925474.0993"))
    ]
    client.post_rows(made.id, "My Facts", rows)
    assert execute_query(client, made.id, count_and_sums("My Facts", {"price": "a]b"})) == [
        {"n": 3, "price": Decimal("900719925474.3993")}
    ]
    since = count_and_sums("My Facts", {"ticks": "tick"}, at_least=AtLeast("tick", 2))
    assert execute_query(client, made.id, since) == [{"n": 2, "ticks": 4}]
    by_site = execute_query(client, made.id, sums_by("My Facts", ["site"], {"ticks": "tick"}))
    assert sorted(by_site, key=lambda r: str(r["site"])) == [{"site": "N", "ticks": 3}, {"site": "S", "ticks": 2}]
    newer = sums_by("My Facts", ["site"], {"ticks": "tick"}, at_least=AtLeast("tick", 2))
    assert {str(r["site"]): r["ticks"] for r in execute_query(client, made.id, newer)} == {"N": 2, "S": 2}
    with pytest.raises(Refused, match="HTTP 400"):
        execute_query(client, made.id, "EVALUATE 'My Facts'")
    client.close()
