"""Sequence numbers under each of the semantics that the real service might have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from livegold.reporting.powerbi.limits import SEQUENCE_HEADER
from livegold.reporting.service.problems import Problem
from livegold.reporting.service.semantics import SequenceSemantics
from livegold.reporting.service.server import LocalService
from powerbi_cases import Time
from service_cases import Api, code_of


def send(api: Api, dataset: str, number: int) -> int:
    return api.post(dataset, [{"n": number}], **{SEQUENCE_HEADER: str(number)}).status_code


def numbers(api: Api, dataset: str) -> list[int]:
    found = api("GET", f"/datasets/{dataset}/tables/Facts/sequenceNumbers").json()["value"]
    return [v["sequenceNumber"] for v in found]


@pytest.mark.parametrize(
    ("semantics", "status", "stored"),
    [
        ({}, 200, [5, 5, 4, 6]),
        ({"repeated": "ignored"}, 200, [5, 6]),
        ({"repeated": "rejected"}, 400, [5, 6]),
        ({"repeated": "rejected", "rejected_status": 409}, 409, [5, 6]),
    ],
)
def test_a_repeated_or_lower_number_is_stored_ignored_or_rejected(
    api: Api, semantics: dict[str, Any], status: int, stored: list[int]
) -> None:
    dataset = api.made()
    assert api.local("PUT", "/semantics", json=semantics).status_code == 200
    assert [send(api, dataset, n) for n in (5, 5, 4, 6)] == [200, status, status, 200]
    assert [r["n"] for r in api.rows(dataset)] == stored
    assert numbers(api, dataset) == [6]


def test_rows_without_a_number_are_stored_whatever_the_semantics(api: Api) -> None:
    dataset = api.made()
    api.local("PUT", "/semantics", json={"repeated": "rejected"})
    send(api, dataset, 5)
    assert api.post(dataset, [{"n": 1}]).status_code == 200
    assert numbers(api, dataset) == [5]


def test_a_number_can_become_readable_late(api: Api, time: Time) -> None:
    dataset = api.made()
    api.local("PUT", "/semantics", json={"readable_after_seconds": 10, "repeated": "ignored"})
    for number in (1, 2, 3):
        send(api, dataset, number)
        time.now += 4
    assert numbers(api, dataset) == [1]
    time.now += 2
    assert numbers(api, dataset) == [2]
    send(api, dataset, 3)  # not readable yet, but known
    time.now += 10
    assert numbers(api, dataset) == [3]
    assert [r["n"] for r in api.rows(dataset)] == [1, 2, 3]


@pytest.mark.parametrize(("resets", "left", "stored"), [(False, [5], 0), (True, [], 1)])
def test_deleting_rows_may_forget_the_numbers(api: Api, resets: bool, left: list[int], stored: int) -> None:
    dataset = api.made()
    api.local("PUT", "/semantics", json={"delete_resets": resets, "repeated": "ignored"})
    send(api, dataset, 5)
    api("DELETE", f"/datasets/{dataset}/tables/Facts/rows")
    assert numbers(api, dataset) == left
    send(api, dataset, 5)
    assert api.count(dataset)["held"] == stored


def test_where_numbers_are_not_offered_they_are_404_and_the_header_means_nothing(api: Api) -> None:
    dataset = api.made()
    api.local("PUT", "/semantics", json={"offered": False, "repeated": "rejected"})
    assert [send(api, dataset, n) for n in (5, 5)] == [200, 200]
    answer = api("GET", f"/datasets/{dataset}/tables/Facts/sequenceNumbers")
    assert code_of(answer) == (404, "NotFound")
    assert api.count(dataset)["stored"] == 2
    api.local("PUT", "/semantics", json={})
    assert numbers(api, dataset) == []


def test_a_refused_post_leaves_its_number_unknown(api: Api, time: Time) -> None:
    dataset = api.made()
    for _ in range(120):
        api.post(dataset, [])
    assert send(api, dataset, 7) == 429
    assert numbers(api, dataset) == []
    time.now += 60
    assert send(api, dataset, 7) == 200
    assert numbers(api, dataset) == [7]


@pytest.mark.parametrize("text", ["-1", "1.5", "1_000", "９", "9223372036854775808", "", "1" * 40])
def test_a_number_that_is_none_is_400(api: Api, text: str) -> None:
    dataset = api.made()
    answer = api.post(dataset, [{"n": 1}], **{SEQUENCE_HEADER: text.encode()})  # type: ignore[arg-type]
    assert code_of(answer) == (400, "BadRequest")
    assert api.count(dataset)["stored"] == 0


def test_semantics_can_be_chosen_at_the_start(tmp_path: Path, time: Time) -> None:
    with LocalService(tmp_path, clock=time.clock, semantics=SequenceSemantics(repeated="ignored")) as service:
        api = Api(service)
        assert api.local("GET", "/semantics").json()["repeated"] == "ignored"
        dataset = api.made()
        assert [send(api, dataset, n) for n in (5, 5)] == [200, 200]
        assert api.count(dataset)["stored"] == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"repeated": "lost"},
        {"readable_after_seconds": -1},
        {"readable_after_seconds": "1"},
        {"delete_resets": 1},
        {"offered": None},
        {"rejected_status": 500},
        {"rejected_status": True},
        {"other": 1},
        [],
    ],
)
def test_semantics_that_cannot_be_are_refused_and_change_nothing(api: Api, wrong: Any) -> None:
    before = api.local("GET", "/semantics").json()
    assert code_of(api.local("PUT", "/semantics", json=wrong)) == (400, "BadRequest")
    assert api.local("GET", "/semantics").json() == before
    if isinstance(wrong, dict) and "other" not in wrong:
        with pytest.raises(Problem):
            SequenceSemantics(**wrong)
