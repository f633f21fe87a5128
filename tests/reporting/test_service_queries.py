"""executeQueries: what it answers, compared with plain Python over the same rows, and what it refuses."""

from __future__ import annotations

import json
from collections import defaultdict
from decimal import Decimal
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from livegold.reporting.service.dax_reader import UnknownQuery, read_query
from powerbi_cases import Time
from service_cases import Api, code_of

TABLE = {
    "name": "My Facts",
    "columns": [
        {"name": "site", "dataType": "String"},
        {"name": "no]", "dataType": "Int64"},
        {"name": "x", "dataType": "Double"},
        {"name": "money", "dataType": "Decimal"},
        {"name": "ok", "dataType": "Boolean"},
        {"name": "at", "dataType": "DateTime"},
    ],
}
OTHER = {"name": "Other", "columns": [{"name": "n", "dataType": "Int64"}]}
ROWS: list[dict[str, Any]] = [
    {"site": "North", "no]": 1, "x": 0.5, "money": 0.1, "ok": True, "at": "2026-03-01T12:00:00Z"},
    {"site": "north", "no]": 2, "x": 1.5, "money": 0.2, "ok": False, "at": "2026-03-01T13:00:00+01:00"},
    {"site": "South", "no]": -3, "x": None, "money": -7.0001, "ok": None, "at": "2026-03-01T12:00:00.25Z"},
    {"site": None, "no]": None, "x": 2.0, "money": None, "ok": True, "at": None},
]


def query(api: Api, dataset: str, text: str, nulls: bool = False) -> requests.Response:
    body = {"queries": [{"query": text}], "serializerSettings": {"includeNulls": nulls}}
    return api("POST", f"/datasets/{dataset}/executeQueries", json=body)


def rows(api: Api, dataset: str, text: str, nulls: bool = False) -> list[dict[str, Any]]:
    answer = query(api, dataset, text, nulls)
    assert answer.status_code == 200, answer.text
    (result,) = json.loads(answer.content, parse_float=Decimal)["results"]
    (table,) = result["tables"]
    found: list[dict[str, Any]] = table["rows"]
    return found


@pytest.fixture
def dataset(api: Api) -> str:
    made = api.made(tables=[TABLE, OTHER])
    assert api.post(made, ROWS, "My Facts").status_code == 200
    return made


def test_a_row_counts_sums_and_finds_the_ends(api: Api, dataset: str) -> None:
    text = """EVALUATE ROW("n", COUNTROWS('My Facts'), "sum", sum('My Facts'[no]]]), "money", SUM('My Facts'[money]),
        "first", MIN('My Facts'[at]), "last", MAX('My Facts'[at]), "least", MIN('My Facts'[no]]]),
        "most", MAX('My Facts'[site]))"""
    (found,) = rows(api, dataset, text)
    assert found == {
        "[n]": 4,
        "[sum]": 0,
        "[money]": Decimal("-6.7001"),
        "[first]": "2026-03-01T12:00:00",
        "[last]": "2026-03-01T12:00:00.25",
        "[least]": -3,
        "[most]": "South",
    }


def test_nothing_is_blank_and_blank_is_left_out_unless_asked_for(api: Api, dataset: str) -> None:
    text = """EVALUATE ROW("n", COUNTROWS('Other'), "sum", SUM('Other'[n]), "rows", COUNTROWS('My Facts'))"""
    assert rows(api, dataset, text) == [{"[rows]": 4}]
    assert rows(api, dataset, text, nulls=True) == [{"[n]": None, "[sum]": None, "[rows]": 4}]


def test_sums_by_columns_ignore_case_and_keep_the_first_spelling(api: Api, dataset: str) -> None:
    text = """EVALUATE SUMMARIZECOLUMNS('My Facts'[site], "x", SUM('My Facts'[x]), "n", COUNTROWS('My Facts'))"""
    assert rows(api, dataset, text, nulls=True) == [
        {"My Facts[site]": "North", "[x]": Decimal("2.0"), "[n]": 2},
        {"My Facts[site]": "South", "[x]": None, "[n]": 1},
        {"My Facts[site]": None, "[x]": Decimal("2.0"), "[n]": 1},
    ]


def test_groups_of_which_all_is_blank_are_left_out(api: Api, dataset: str) -> None:
    text = """EVALUATE SUMMARIZECOLUMNS('My Facts'[site], "x", SUM('My Facts'[x]))"""
    assert [r["My Facts[site]"] for r in rows(api, dataset, text, nulls=True)] == ["North", None]
    assert len(rows(api, dataset, "EVALUATE SUMMARIZECOLUMNS('My Facts'[site], 'My Facts'[ok])", nulls=True)) == 4


@pytest.mark.parametrize(
    ("condition", "count"),
    [
        ("'My Facts'[no]]] >= 1", 2),
        ("'My Facts'[no]]] < 1", 2),  # blank counts as 0
        ("'My Facts'[no]]] = 0", 1),
        ("'My Facts'[no]]] <> 2", 3),
        ("'My Facts'[site] = \"NORTH\"", 2),
        ("'My Facts'[site] = \"\"", 1),
        ("'My Facts'[money] <= 0.1", 3),
        ("'My Facts'[money] > 0.1", 1),
        ("'My Facts'[ok] = TRUE()", 2),
        ("'My Facts'[ok] = false ( )", 2),
        ("'My Facts'[x] = BLANK()", 1),
        ("'My Facts'[x] > 1.5e0", 1),
    ],
)
def test_conditions_compare_as_dax_does(api: Api, dataset: str, condition: str, count: int) -> None:
    column = condition.split("]", 3)[0] + "]" if "no]]]" not in condition else "'My Facts'[no]]]"
    inner = f"""EVALUATE CALCULATETABLE(ROW("n", COUNTROWS('My Facts')), {condition})"""
    assert rows(api, dataset, inner) == [{"[n]": count}]
    grouped = (
        f"""EVALUATE SUMMARIZECOLUMNS('My Facts'[at], FILTER(ALL({column}), {condition}), "n", COUNTROWS('My Facts'))"""
    )
    assert sum(r["[n]"] for r in rows(api, dataset, grouped)) == count


def test_money_is_added_exactly_however_large(api: Api, dataset: str) -> None:
    body = b'{"rows":[{"money":123456789012345678901234.5678},{"money":0.0001},{"money":900000000000.0003}]}'
    api("DELETE", f"/datasets/{dataset}/tables/My Facts/rows")
    assert api("POST", f"/datasets/{dataset}/tables/My Facts/rows", data=body).status_code == 200
    (found,) = rows(api, dataset, "EVALUATE ROW(\"m\", SUM('My Facts'[money]))")
    assert found["[m]"] == Decimal("123456789013245678901234.5682")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "EVALUATE 'My Facts'",
        "EVALUATE ROW()",
        'EVALUATE ROW("n", COUNTROWS(Other))',
        "EVALUATE ROW(\"n\", AVERAGE('Other'[n]))",
        "EVALUATE ROW(\"n\", COUNTROWS('Other')) ORDER BY [n]",
        "EVALUATE ROW(\"n\", COUNTROWS('Other'), \"N\", COUNTROWS('Other'))",
        "EVALUATE ROW(\"n\", COUNTROWS('Other')) EVALUATE ROW(\"n\", COUNTROWS('Other'))",
        "EVALUATE ROW(\"n\", COUNTROWS('Missing'))",
        "EVALUATE ROW(\"n\", SUM('Other'[missing]))",
        "EVALUATE ROW(\"n\", SUM('My Facts'[site]))",
        "EVALUATE ROW(\"n\", MAX('My Facts'[ok]))",
        "EVALUATE SUMMARIZECOLUMNS('My Facts'[site], \"n\", SUM('Other'[n]))",
        "EVALUATE CALCULATETABLE(ROW(\"n\", COUNTROWS('Other')), 'My Facts'[x] > 1)",
        "EVALUATE CALCULATETABLE(ROW(\"n\", COUNTROWS('Other')), 'Other'[n] > \"1\")",
        "EVALUATE SUMMARIZECOLUMNS('Other'[n], FILTER(ALL('My Facts'[x]), 'Other'[n] > 1))",
        "EVALUATE INFO.TABLES()",
        "EVALUATE ROW(\"n\", COUNTROWS('Other')) -- a comment",
        "DEFINE MEASURE 'Other'[m] = 1 EVALUATE ROW(\"n\", [m])",
        "SELECT * FROM $SYSTEM.DISCOVER_SESSIONS",
        "EVALUATE ROW(" + '"n", (' * 5_000,
        "x" * 200_000,
    ],
)
def test_other_queries_are_400_in_the_services_own_shape(api: Api, dataset: str, text: str) -> None:
    answer = query(api, dataset, text)
    assert code_of(answer) == (400, "DatasetExecuteQueriesError")
    (detail,) = answer.json()["error"]["pbi.error"]["details"]
    assert detail["detail"]["value"] == answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"queries": []},
        {"queries": [{"query": "x"}, {"query": "x"}]},
        {"queries": [{"query": 5}]},
        {"queries": ["x"]},
        {"queries": [{"query": "x"}], "serializerSettings": {"includeNulls": "yes"}},
        {"queries": [{"query": "x"}], "impersonatedUserName": 5},
        {"queries": [{"query": "x"}], "other": 5},
    ],
)
def test_a_request_that_holds_no_one_query_is_400(api: Api, dataset: str, body: Any) -> None:
    answer = api("POST", f"/datasets/{dataset}/executeQueries", json=body)
    assert code_of(answer) == (400, "DatasetExecuteQueriesError")


def test_a_user_has_120_queries_a_minute_whatever_the_dataset(api: Api, dataset: str, time: Time) -> None:
    other = api.made()
    text = "EVALUATE ROW(\"n\", COUNTROWS('Other'))"
    for _ in range(60):
        assert query(api, dataset, text).status_code == query(api, other, text).status_code == 200
    answer = query(api, dataset, text)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "60")
    time.now += 60
    assert query(api, dataset, text).status_code == 200


def test_more_than_100_000_rows_are_cut_off_with_an_error_in_a_200(api: Api, time: Time) -> None:
    dataset = api.made(tables=[OTHER])
    for i in range(11):
        assert api.post(dataset, [{"n": i * 10_000 + j} for j in range(10_000)], "Other").status_code == 200
    answer = query(api, dataset, "EVALUATE SUMMARIZECOLUMNS('Other'[n])")
    (table,) = answer.json()["results"][0]["tables"]
    assert (answer.status_code, len(table["rows"])) == (200, 100_000)
    assert "More than 100000 rows" in table["error"]["message"]


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60) | st.text(alphabet="EVALUTROW(),'[]\"<>=0 ", max_size=80))
def test_the_reader_refuses_what_it_does_not_know_and_never_breaks(text: str) -> None:
    with pytest.raises(UnknownQuery):
        read_query(text)


NAMES = st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=0x2FF), min_size=1, max_size=12)


@given(NAMES, NAMES, NAMES)
def test_names_of_any_characters_are_read_back(table: str, column: str, name: str) -> None:
    quoted = "'" + table.replace("'", "''") + "'"
    at = f"{quoted}[{column.replace(']', ']]')}]"
    text = name.replace('"', '""')
    made = read_query(f'EVALUATE\tSUMMARIZECOLUMNS (\n{at} , FILTER(ALL({at}),{at}<="{text}"), "{text}",SUM({at}))')
    assert (made.groups[0].table, made.groups[0].name) == (table, column)
    assert made.predicates[0].value == name
    assert made.values[0][0] == name


ROW = st.fixed_dictionaries(
    {
        "site": st.sampled_from(["North", "South", None]),
        "no]": st.none() | st.integers(-(2**62), 2**62),
        "money": st.none() | st.integers(-(10**9), 10**9).map(lambda n: n / 100),
        "ok": st.none() | st.booleans(),
    }
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(ROW, max_size=12), st.integers(-5, 5))
def test_any_rows_are_summed_as_plain_python_sums_them(
    api: Api, dataset: str, time: Time, given_rows: list[dict[str, Any]], least: int
) -> None:
    time.now += 60
    api.sign_in()
    api("DELETE", f"/datasets/{dataset}/tables/My Facts/rows")
    assert api.post(dataset, given_rows, "My Facts").status_code == 200
    expected: dict[Any, list[Any]] = defaultdict(lambda: [None, None, 0])
    for row in given_rows:
        if (row["no]"] or 0) < least:
            continue
        state = expected[(row["site"], row["ok"])]
        state[2] += 1
        for i, value in enumerate((row["no]"], None if row["money"] is None else Decimal(str(row["money"])))):
            if value is not None:
                state[i] = (state[i] or 0) + value
    only = f"FILTER(ALL('My Facts'[no]]]), 'My Facts'[no]]] >= {least})"
    text = f"""EVALUATE SUMMARIZECOLUMNS('My Facts'[site], 'My Facts'[ok], {only},
        "a", SUM('My Facts'[no]]]), "b", SUM('My Facts'[money]), "n", COUNTROWS('My Facts'))"""
    found = {
        (r["My Facts[site]"], r["My Facts[ok]"]): [r["[a]"], r["[b]"], r["[n]"]]
        for r in rows(api, dataset, text, nulls=True)
    }
    assert found == expected
