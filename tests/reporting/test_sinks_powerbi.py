"""The powerbi sink against the running local service: what is stored equals what gold handed over, whatever happens."""

from __future__ import annotations

import logging
import threading
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from livegold.reporting.errors import NotFound, Refused, SecondWriter, ServiceUnavailable, WrongUse
from livegold.reporting.powerbi.client import PowerBIClient
from livegold.reporting.powerbi.dataset import dataset_name, push_dataset
from livegold.reporting.powerbi.limits import MAX_POSTS_PER_MINUTE
from livegold.reporting.service.server import LocalService
from livegold.reporting.settings import settings as settings_module
from livegold.reporting.sinks import CUT_MARK, Chunk, FeedBatch, PowerBISink, SinkState, inspector_of
from powerbi_cases import (
    CASE,
    START,
    START_BUCKET,
    AnswersSession,
    Crash,
    CrashingSession,
    Time,
    TokensSession,
    assert_once,
    batch,
    client_of,
    delivered_rows,
    newest_totals,
    pulse_row,
    recount,
    rows_of,
    set_fault,
    sink_of,
    spot_row,
)


def status_of(state: Path) -> dict[str, Any]:
    """What is seen from outside."""
    return PowerBISink.inspector("powerbi", CASE, state).status()


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


def small_batches(n: int = 4) -> list[FeedBatch]:
    return [
        batch(i, [pulse_row(i, "North", i + 1), pulse_row(i, "South", 2, "0.30")], [spot_row(f"p{i}", 5.0 + i, i)])
        for i in range(n)
    ]


def write_all(sink: PowerBISink, batches: list[FeedBatch]) -> None:
    for one in batches:
        sink.write(one)


def test_batches_arrive_with_dimensions_pulse_totals_and_spotlight(
    service: LocalService, state: Path, time: Time
) -> None:
    batches = small_batches()
    with sink_of(service, state, time) as sink:
        for one in batches:
            sink.write(one)
        assert_once(service, sink.dataset, batches)
        status = sink.status()
    (made,) = client_of(service).datasets()
    assert made.name == dataset_name(CASE)
    assert (status["mode"], status["outbox_chunks"], status["last_error"], status["throttled"]) == ("once", 0, None, 0)
    assert status["tables"]["Pulse"]["rows"] == 8
    posts = sum(table["chunks"] for table in status["tables"].values())
    assert status["posts_last_minute"] == posts <= MAX_POSTS_PER_MINUTE
    assert [status["tables"][table]["chunks"] for table in ("Pulse", "Totals", "Spotlight")] == [4, 4, 4]


def test_totals_are_whole_at_every_tick_and_only_the_last_row_of_it_says_so(
    service: LocalService, state: Path, time: Time
) -> None:
    with sink_of(service, state, time) as sink:
        for one in small_batches():
            sink.write(one)
        rows = rows_of(service, sink.dataset, "Totals")
    assert [(r["tick"], r["complete_tick"]) for r in rows] == [(t, c * t) for t in (1, 2, 3, 4) for c in (0, 1)]


def test_sums_of_decimals_stay_exact_over_many_batches_and_a_restart(
    service: LocalService, state: Path, time: Time
) -> None:
    batches = [batch(i, [pulse_row(0, "North", 1, "0.10")]) for i in range(20)]
    for part in (batches[:10], batches[10:]):
        with sink_of(service, state, time) as sink:
            for one in part:
                sink.write(one)
            totals = newest_totals(rows_of(service, sink.dataset, "Totals"))
    assert totals == {"events": 20, "predicted": 0, "price_sum": Decimal("2.00")}


def test_equal_keys_of_a_batch_are_one_row(service: LocalService, state: Path, time: Time) -> None:
    with sink_of(service, state, time) as sink:
        sink.write(batch(0, [pulse_row(0, "North", 3, "1.10"), pulse_row(0, "North", 4, "2.20")]))
        (row,) = rows_of(service, sink.dataset, "Pulse")
    assert (row["events"], row["price_sum"], row["price_max"]) == (7, Decimal("3.30"), Decimal("2.20"))


def test_a_batch_that_comes_again_is_left_out(service: LocalService, state: Path, time: Time) -> None:
    batches = small_batches(2)
    with sink_of(service, state, time) as sink:
        for one in (*batches, batches[1]):
            sink.write(one)
    with sink_of(service, state, time) as sink:
        sink.write(batches[1])
        assert_once(service, sink.dataset, batches)


def test_silence_is_a_row_of_zeros_for_each_bucket_in_between_and_late_rows_make_none(
    service: LocalService, state: Path, time: Time
) -> None:
    with sink_of(service, state, time) as sink:
        sink.write(batch(0, [pulse_row(0, "North", 3)]))
        sink.write(batch(1, [pulse_row(4, "North", 5)]))
        sink.write(batch(2, [pulse_row(1, "North", 1)]))
        rows = rows_of(service, sink.dataset, "Pulse")
    assert [(r["bucket_no"] - START_BUCKET, r["events"]) for r in rows] == [
        (0, 3),
        (1, 0),
        (2, 0),
        (3, 0),
        (4, 5),
        (1, 1),
    ]
    zero = rows[1]
    assert (zero["site"], zero["price_max"], zero["bucket"]) == ("unknown", None, "2026-03-01T12:01:00.000Z")


def test_zeros_for_a_long_silence_are_bounded(service: LocalService, state: Path, time: Time) -> None:
    with sink_of(service, state, time) as sink:
        sink.write(batch(0, [pulse_row(0, "North", 3)]))
        sink.write(batch(1, [pulse_row(100_000, "North", 5)]))
        first, *zeros, last = rows_of(service, sink.dataset, "Pulse")
    assert (first["events"], last["events"], last["bucket_no"]) == (3, 5, START_BUCKET + 100_000)
    assert [(z["events"], z["bucket_no"]) for z in zeros] == [
        (0, START_BUCKET + 100_000 - 1_440 + i) for i in range(1_440)
    ]


def test_values_the_service_refuses_become_null_or_are_cut_and_are_counted(
    service: LocalService, state: Path, time: Time
) -> None:
    long = "é" * 5_000
    with sink_of(service, state, time) as sink:
        sink.write(batch(0, [pulse_row(0, "North", 3, weight_sum=float("nan"))], [spot_row("a", 1.0, note=long)]))
        (total,) = rows_of(service, sink.dataset, "Totals")
        (pulse,) = rows_of(service, sink.dataset, "Pulse")
        (spot,) = rows_of(service, sink.dataset, "Spotlight")
        status = sink.status()
    assert pulse["weight_sum"] is None
    assert total["weight_sum"] == 0
    assert len(spot["note"]) == 4_000
    assert spot["note"].endswith(CUT_MARK)
    assert spot["predicted"] is True
    assert spot["outcome"] is None
    assert status["strings_cut"] == 1
    assert status["values_nulled"] == 1


def test_more_than_ten_thousand_rows_go_in_several_numbered_posts(
    service: LocalService, state: Path, time: Time
) -> None:
    rows = [pulse_row(i, "North", 1) for i in range(10_001)]
    with sink_of(service, state, time) as sink:
        sink.write(batch(0, rows))
        held = rows_of(service, sink.dataset, "Pulse")
        assert [r["bucket_no"] - START_BUCKET for r in held] == list(range(10_001))
        (number,) = client_of(service).sequence_numbers(sink.dataset, "Pulse")
        assert number.number == 2
        assert sink.status()["tables"]["Pulse"]["chunks"] == 2


@pytest.mark.parametrize("at", range(1, 9))
def test_a_crash_between_any_post_and_the_ledger_neither_doubles_nor_loses(
    service: LocalService, state: Path, time: Time, at: int
) -> None:
    batches = small_batches(2)
    dying = client_of(service, CrashingSession(service.endpoint.ca, at))
    sink = sink_of(service, state, time, dying)
    sink.open()
    with pytest.raises(Crash):
        write_all(sink, batches)
    sink.close()
    with sink_of(service, state, time) as sink:
        for one in batches:
            sink.write(one)
        assert_once(service, sink.dataset, batches)


@pytest.mark.parametrize("skip", range(6))
@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"cut": "before"}, "may have been carried out"),
        ({"cut": "after"}, "may have been carried out"),
        ({"status": 500}, "HTTP 500"),
        ({"status": 503}, "HTTP 503"),
        ({"status": 429, "retry_after": 7.0}, "HTTP 429"),
    ],
)
def test_a_fault_at_any_post_neither_doubles_nor_loses(
    service: LocalService, state: Path, time: Time, fault: dict[str, Any], said: str, skip: int
) -> None:
    batches = small_batches(2)
    with sink_of(service, state, time) as sink:
        set_fault(service, skip=skip, times=2, **fault)
        for one in batches:
            sink.write(one)
        assert_once(service, sink.dataset, batches)
        assert said in sink.status()["last_error"]


def test_a_429_is_obeyed_to_the_second(service: LocalService, state: Path, time: Time) -> None:
    with sink_of(service, state, time) as sink:
        set_fault(service, status=429, retry_after=33.0)
        before = time.now
        sink.write(small_batches(1)[0])
        status = sink.status()
    assert 33 <= time.now - before < 34
    assert status["throttled"] == 1
    assert "429" in status["last_error"]


def test_without_sequence_numbers_nothing_is_lost_and_the_status_says_at_least_once(
    service: LocalService, state: Path, time: Time
) -> None:
    set_fault(service, method="GET", path="/sequenceNumbers", status=404, empty=True, times=1_000)
    batches = small_batches(3)
    with sink_of(service, state, time) as sink:
        set_fault(service, cut="after", path="/Pulse/rows")
        set_fault(service, cut="after", path="/Totals/rows")
        for one in batches:
            sink.write(one)
        rows = delivered_rows(service, sink.dataset)
        assert (sink.status()["mode"], sink.status()["failures"]) == ("at least once", 2)
    found = {(r["bucket_no"], r["site"], r["events"]) for r in rows["Pulse"]}
    assert found == {(r["bucket_no"], r["site"], r["events"]) for b in batches for r in b.pulse.to_pylist()}
    assert newest_totals(rows["Totals"]) == recount(batches)


def test_endless_demand_is_paced_and_the_service_never_says_429(service: LocalService, state: Path, time: Time) -> None:
    with sink_of(service, state, time) as sink:
        for i in range(120):
            time.now += 0.01
            sink.write(batch(i, [pulse_row(i, "North", 1)], [spot_row(f"p{i}", 1.0)]))
            assert sink.status()["posts_last_minute"] <= MAX_POSTS_PER_MINUTE
        assert sink.status()["throttled"] == 0
        assert len(time.slept) > 10
        totals = newest_totals(rows_of(service, sink.dataset, "Totals"))
    assert totals["events"] == 120


def test_spotlight_is_what_gives_way_most_severe_first_and_the_rest_is_counted(
    service: LocalService, state: Path, time: Time
) -> None:
    with SinkState(state, "powerbi") as kept:
        kept.sending(Chunk(0, "Pulse", 0, 1, 0, 124_996, "{}", b""), time.now)
    with sink_of(service, state, time) as sink:
        spots = [spot_row("old", 3.0, 0), spot_row("mild", 1.0, 9), spot_row("new", 3.0, 5), spot_row("worst", 9.0, 1)]
        sink.write(batch(0, [pulse_row(0, "North", 1)], spots))
        rows = rows_of(service, sink.dataset, "Spotlight")
        status = sink.status()
        totals = rows_of(service, sink.dataset, "Totals")
    assert [r["event_id"] for r in rows] == ["worst", "new", "old"]
    assert status["spotlight_thinned"] == 1
    assert [r["spotlight_left_out"] for r in totals] == [1], "a report shows it too"
    (pulse,) = (t for t in push_dataset(CASE)["tables"] if t["name"] == "Pulse")
    assert "Spotlight left out" in [m["name"] for m in pulse["measures"]]


def test_a_refused_sum_does_not_take_along_what_it_is_merged_or_added_with(
    service: LocalService, state: Path, time: Time
) -> None:
    with sink_of(service, state, time) as sink:
        sink.write(batch(0, [pulse_row(0, "North", 2, weight_sum=float("nan")), pulse_row(0, "North", 4)]))
        sink.write(batch(1, [pulse_row(1, "North", 1, predicted=2**63 - 1)]))
        sink.write(batch(2, [pulse_row(2, "North", 10)]))
        pulse = rows_of(service, sink.dataset, "Pulse")
        total = rows_of(service, sink.dataset, "Totals")[-1]
        assert sink.status()["values_nulled"] == 2
    assert pulse[0]["weight_sum"] == 1.0
    assert pulse[1]["predicted"] is None
    assert (total["weight_sum"], total["predicted"]) == (1.0 + 0.25 + 2.5, 3 + 5)


def test_a_flood_of_spotlight_does_not_hold_up_the_pulse_of_the_next_batch(
    service: LocalService, state: Path, time: Time
) -> None:
    spots = pa.concat_tables([batch(0, [], [spot_row(f"p{i}", 1.0) for i in range(200)]).spotlight] * 1_000)
    began = time.now
    with sink_of(service, state, time) as sink:
        for number in range(3):
            sink.write(replace(batch(number, [pulse_row(number, "North", 1)]), spotlight=spots))
        status = sink.status()
    assert time.now - began < 120
    assert status["tables"]["Spotlight"]["rows"] + status["spotlight_thinned"] == 600_000
    assert status["tables"]["Pulse"]["rows"] == 3


def test_a_token_that_expires_in_mid_run_is_renewed(service: LocalService, state: Path, time: Time) -> None:
    batches = small_batches(3)
    session = AnswersSession(service.endpoint.ca)
    with sink_of(service, state, time, client_of(service, session)) as sink:
        for one in batches:
            time.now += 3_700
            sink.write(one)
        assert_once(service, sink.dataset, batches)
    assert session.statuses.count(403) == 3, "each token was to be refused once"


def test_a_deleted_dataset_stops_the_sink_with_the_cause_and_what_to_do(
    service: LocalService, state: Path, time: Time, client: PowerBIClient
) -> None:
    sink = sink_of(service, state, time)
    sink.open()
    client.delete_dataset(sink.dataset)
    with pytest.raises(NotFound, match=r"PowerBIEntityNotFound.*livegold backfill"):
        sink.write(small_batches(1)[0])
    sink.close()
    status = status_of(state)
    assert status["state"] == "stopped"
    assert "PowerBIEntityNotFound" in status["stopped"]


def test_a_higher_number_at_the_service_means_a_second_writer(
    service: LocalService, state: Path, time: Time, client: PowerBIClient
) -> None:
    sink = sink_of(service, state, time)
    sink.open()
    client.post_rows(sink.dataset, "Pulse", [{"events": 1}], 900_001)
    set_fault(service, cut="after", path="/Pulse/rows")
    with pytest.raises(SecondWriter, match="900001"):
        sink.write(small_batches(1)[0])
    sink.close()


def test_a_higher_number_is_noticed_when_the_sink_starts_again(
    service: LocalService, state: Path, time: Time, client: PowerBIClient
) -> None:
    with sink_of(service, state, time) as sink:
        sink.write(small_batches(1)[0])
    client.post_rows(sink.dataset, "Pulse", [{"events": 1}], 2)
    with pytest.raises(SecondWriter, match="number 2, above 1"):
        sink_of(service, state, time).open()


def test_a_second_sink_on_one_state_is_refused_at_once(service: LocalService, state: Path, time: Time) -> None:
    with sink_of(service, state, time), pytest.raises(SecondWriter, match="LIVEGOLD_HOME"):
        sink_of(service, state, time).open()


def test_two_datasets_of_the_name_are_refused_by_their_ids(
    service: LocalService, state: Path, time: Time, client: PowerBIClient
) -> None:
    definition = {
        "name": dataset_name(CASE),
        "tables": [{"name": "T", "columns": [{"name": "n", "dataType": "Int64"}]}],
    }
    ids = [client.create_dataset(definition).id for _ in range(2)]
    with pytest.raises(Refused) as refused:
        sink_of(service, state, time).open()
    assert [made for made in ids if made not in str(refused.value)] == []


def test_a_dataset_without_a_table_is_refused_because_no_call_adds_one(
    service: LocalService, state: Path, time: Time, client: PowerBIClient
) -> None:
    client.create_dataset(
        {"name": dataset_name(CASE), "tables": [{"name": "Pulse", "columns": [{"name": "n", "dataType": "Int64"}]}]}
    )
    with pytest.raises(Refused, match="has no table 'Totals'"):
        sink_of(service, state, time).open()


def test_a_new_state_starts_above_the_numbers_the_service_has_with_tables_emptied(
    service: LocalService, state: Path, time: Time, tmp_path: Path
) -> None:
    batches = small_batches(3)
    for folder in (state, tmp_path / "fresh"):
        with sink_of(service, folder, time) as sink:
            for one in batches:
                sink.write(one)
            assert_once(service, sink.dataset, batches)
    (number,) = client_of(service).sequence_numbers(sink.dataset, "Pulse")
    # Base is the clock's seconds or above all numbers there: 1000 numbers a batch.
    assert number.number > 1000 * int(START.timestamp())


def test_an_outage_is_waited_out_and_closing_ends_the_wait(tmp_path: Path, state: Path, time: Time) -> None:
    with LocalService(tmp_path / "h") as service:
        port = int(service.endpoint.api.rsplit(":", 1)[1])
        sink = PowerBISink(CASE, client_of(service), state)
        sink.open()
    failure: list[BaseException] = []

    def write() -> None:
        try:
            sink.write(small_batches(1)[0])
        except ServiceUnavailable as error:
            failure.append(error)

    thread = threading.Thread(target=write)
    thread.start()
    while not status_of(state)["last_error"]:
        thread.join(0.05)
    sink.close()
    thread.join(10)
    assert not thread.is_alive()
    assert len(failure) == 1
    with LocalService(tmp_path / "h", port=port) as service:
        again = PowerBISink(CASE, client_of(service), state)
        with again:
            again.write(small_batches(1)[0])
            assert_once(service, again.dataset, small_batches(1))


def test_delivered_tells_ledger_and_service_apart(service: LocalService, time: Time, tmp_path: Path) -> None:
    environment = {"LIVEGOLD_POWERBI_CLIENT_SECRET": service.secret, "LIVEGOLD_HOME": str(tmp_path / "home")}
    settings = settings_module.load(environment, tmp_path / "none.toml", **service.endpoint.settings())
    with pytest.raises(WrongUse, match="has not run yet"):
        inspector_of("powerbi", settings, CASE).delivered()
    batches = small_batches()
    with sink_of(service, PowerBISink.folder(settings, CASE), time) as sink:
        for one in batches:
            sink.write(one)
        found = inspector_of("powerbi", settings, CASE).delivered()
    pulse = found.tables["Pulse"]
    assert (pulse.rows, pulse.held, pulse.chunks) == (8, 8, 4)
    assert found.totals is not None
    assert found.pulse is not None
    for name, value in recount(batches).items():
        assert (found.sums[name], found.totals[name], found.pulse[name]) == (value, value, value)
    assert found.unasked == ""
    assert found.waiting == 0


def test_no_log_and_no_file_of_the_sink_holds_the_secret_or_a_token(
    service: LocalService, state: Path, time: Time, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    session = TokensSession(service.endpoint.ca)
    with sink_of(service, state, time, client_of(service, session)) as sink:
        set_fault(service, status=500)
        sink.write(small_batches(1)[0])
    assert "HTTP 500" in caplog.text
    kept = b"".join(f.read_bytes() for f in state.iterdir())
    (token,) = session.sent
    for secret in (service.secret, token):
        assert secret not in caplog.text
        assert secret.encode() not in kept
