"""The delivery bench: its simulated gold is what it says, its comparison can fail, and a short run of it holds."""

from __future__ import annotations

import io
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from random import Random

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from rich.console import Console

from livegold.reporting.bench.cases import PARCELS
from livegold.reporting.bench.clock import SimulatedClock
from livegold.reporting.bench.comparison import Compared, Comparison, random_filters, same
from livegold.reporting.bench.delivery import Delivered, Delivery
from livegold.reporting.bench.demand import LATEST_SECONDS, Demand
from livegold.reporting.bench.gold import Gold
from livegold.reporting.bench.naive import Naive
from livegold.reporting.bench.run import START, bench_delivery, naive_push
from livegold.reporting.bench.shown import shown
from livegold.reporting.bench.simulated import GoldBatch, Simulation
from livegold.reporting.bench.stored import StoredAnswers
from livegold.reporting.bench.wire import Sliding
from livegold.reporting.cli.main import run
from livegold.reporting.errors import CheckFailed, SpecificationError
from livegold.reporting.powerbi.limits import MAX_ROWS_PER_HOUR, MAX_ROWS_PER_POST
from livegold.reporting.schema import OTHER, UNKNOWN
from livegold.reporting.service.server import LocalService
from livegold.reporting.specification.usecase import UseCase
from livegold.reporting.usecases.taxi_tips import USECASE as TAXI_TIPS

SHORT = Demand(hours=0.5, rate=200.0, late_share=0.05, most_spotlight=40)
BEFORE_SILENCE = 17
CASES = pytest.mark.parametrize("case", [TAXI_TIPS, PARCELS], ids=lambda c: c.name)


def batches(case: UseCase, demand: Demand = SHORT) -> list[GoldBatch]:
    return list(Simulation(case, demand, START).batches())


@CASES
def test_the_same_seed_makes_the_same_rows_and_another_does_not(case: UseCase) -> None:
    first, again = batches(case)[:5], batches(case)[:5]
    assert [b.pulse for b in first] == [b.pulse for b in again]
    other = batches(case, Demand(hours=0.5, rate=200.0, late_share=0.05, seed=1))[:5]
    assert [b.pulse for b in first] != [b.pulse for b in other]


@CASES
def test_the_rows_of_a_batch_count_its_events_each_once_and_its_late_ones(case: UseCase) -> None:
    for batch in batches(case):
        keys = ["bucket_no", *(d.name for d in case.all_dimensions)]
        assert pc.sum(batch.pulse.column("events")).as_py() == batch.events
        assert batch.pulse.group_by(keys).aggregate([]).num_rows == batch.pulse.num_rows
        old = pc.less(batch.pulse.column("bucket_no"), int(batch.ends - 120) // case.bucket_seconds)
        assert (pc.sum(batch.pulse.column("events").filter(old)).as_py() or 0) == batch.late


@CASES
def test_no_event_is_from_the_future_from_before_the_start_or_more_than_two_hours_late(case: UseCase) -> None:
    for batch in batches(case, Demand(hours=3.0, rate=50.0, late_share=0.2)):
        span = pc.min_max(batch.pulse.column("bucket_no")).as_py()
        assert span["max"] * case.bucket_seconds < batch.ends
        assert (span["min"] + 1) * case.bucket_seconds > max(START, batch.ends - LATEST_SECONDS)


def test_rows_have_the_columns_and_types_that_gold_has() -> None:
    pulse, spotlight = batches(PARCELS)[0].pulse.schema, batches(PARCELS)[0].spotlight.schema
    written = ("query_id", "batch_id")
    assert pulse.names == [c.name for c in PARCELS.pulse_columns if c.name not in written]
    assert spotlight.names == [c.name for c in PARCELS.spotlight_columns if c.name not in written]
    assert pulse.field("price_sum").type == pa.decimal128(20, 2)
    assert spotlight.field("event_time").type == pa.timestamp("us", tz="UTC")


def test_there_is_silence_a_burst_of_a_batch_a_second_and_a_flood_of_late_events() -> None:
    found = batches(TAXI_TIPS)
    burst, flood = ([b for b in found if b.spell == spell] for spell in ("burst", "flood"))
    assert {b.events for b in burst} == {2_000}
    assert sum(b.late for b in flood) > 0.25 * sum(b.events for b in flood)
    pauses = [later.ends - before.ends for before, later in pairwise(found)]
    assert max(pauses) >= SHORT.seconds / 16


def test_dimensions_grow_to_their_bounds_and_what_comes_too_late_is_other() -> None:
    simulation = Simulation(PARCELS, SHORT, START)
    first, last = simulation.dimensions(START), simulation.dimensions(START + SHORT.seconds)
    assert first["site"].num_rows < last["site"].num_rows == simulation.bounds["site"] == 8 + 2
    found = list(simulation.batches())
    assert OTHER not in found[0].pulse.column("site").to_pylist()
    met = set(pa.concat_tables([b.pulse for b in found]).column("site").to_pylist())
    assert met == set(last["site"].column("key").to_pylist())
    assert {OTHER, UNKNOWN} < met


def test_what_power_bi_refuses_is_among_the_rows() -> None:
    found = batches(PARCELS)
    assert sum(b.refused_sums for b in found) > 0
    spots = pa.concat_tables([b.spotlight for b in found])
    assert max(len(n) for n in spots.column("note").to_pylist()) > 4_000
    assert sum(b.refused_values for b in found) == 2 * sum(b.long_texts for b in found) > 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--hours", "0.1"], "0.1 simulated hours are too few"),
        (["--batch-seconds", "90"], "batches of 90.0 seconds: give 1 to 60"),
        (["--late-share", "1"], "give 0 or more and less than 1"),
        (["--rate", "0"], "give 1 or more"),
        (["nowhere"], "'nowhere' is not known"),
    ],
)
def test_a_demand_that_makes_no_simulation_is_refused_in_one_line(
    arguments: list[str],
    said: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("LIVEGOLD_HOME", str(tmp_path))
    assert run(["bench", "delivery", *arguments]) == 2
    assert said in capsys.readouterr().err


def test_an_unknown_use_case_is_refused_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(SpecificationError, match="nowhere"):
        bench_delivery(["nowhere"], SHORT, 1.0, tmp_path / "bench", print)


def test_the_most_within_any_window_is_kept() -> None:
    sliding = Sliding(60)
    for at, amount in ((0, 5), (30, 7), (59.9, 1), (60, 2), (200, 9)):
        sliding.add(at, amount)
    assert sliding.most == 13


# The comparison, on rows that no service had.


def stored_as_is(case: UseCase, pulse: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Pulse and one tick of Totals as a faultless sink would have them stored."""
    dimensions = [d.name for d in case.all_dimensions]
    sums = [a.name for a in case.aggregates if a.additive]
    totals = pulse.group_by(dimensions).aggregate([(name, "sum") for name in sums])
    return pulse, totals.rename_columns([n.removesuffix("_sum") if n[:-4] in sums else n for n in totals.column_names])


def compared(case: UseCase, folder: Path, pulse: pa.Table, stored: tuple[pa.Table, pa.Table], whole: int) -> Compared:
    gold, answers = Gold(case, folder), StoredAnswers(case, *stored)
    try:
        gold.add(pulse)
        gold.ready()
        values = {d.name: gold.values(d.name) for d in case.all_dimensions}
        return Comparison(case, gold, answers, whole).compare(random_filters(case, values, 1, Random(1)), Random(1))
    finally:
        gold.close()
        answers.close()


def pulse_of(case: UseCase) -> pa.Table:
    """Partial sums of some minutes, none of them refused by Power BI."""
    return pa.concat_tables([b.pulse for b in batches(case)[:BEFORE_SILENCE] if not b.refused_sums])


def with_one_more(table: pa.Table, column: str, row: int) -> pa.Table:
    values = table.column(column).to_pylist()
    values[row] += 1
    place = table.column_names.index(column)
    return table.set_column(place, column, pa.array(values, table.column(column).type))


@CASES
def test_the_same_rows_show_the_same_in_every_measure(case: UseCase, tmp_path: Path) -> None:
    pulse = pulse_of(case)
    found = compared(case, tmp_path / "gold", pulse, stored_as_is(case, pulse), whole=0)
    assert found.values > 200
    assert found.differences == []
    assert found.not_held == 0


@CASES
@pytest.mark.parametrize("table", [0, 1], ids=["pulse", "totals"])
def test_one_event_too_many_in_one_stored_row_is_noticed(case: UseCase, tmp_path: Path, table: int) -> None:
    pulse = pulse_of(case)
    stored = list(stored_as_is(case, pulse))
    stored[table] = with_one_more(stored[table], "events", stored[table].num_rows // 2)
    found = compared(case, tmp_path / "gold", pulse, (stored[0], stored[1]), whole=0)
    assert found.differences
    assert "gold" in found.differences[0]


def test_what_first_in_first_out_has_dropped_is_not_compared_but_totals_are(tmp_path: Path) -> None:
    pulse = pulse_of(PARCELS)
    newest = pc.max(pulse.column("bucket_no")).as_py()
    _, totals = stored_as_is(PARCELS, pulse)
    held = pulse.filter(pc.greater_equal(pulse.column("bucket_no"), newest - 5))
    found = compared(PARCELS, tmp_path / "gold", pulse, (held, totals), whole=newest - 5)
    assert found.differences == []
    assert found.not_held > 0
    wrong = compared(PARCELS, tmp_path / "other", pulse, (held, totals), whole=newest - 8)
    assert wrong.differences


@pytest.mark.parametrize(
    ("expected", "shown_", "exact", "one"),
    [
        (0, None, True, False),
        (None, None, True, True),
        (10**15, 10**15 + 1, True, False),
        (1.0, 1.0 + 1e-12, True, True),
        (1.0, 1.001, False, False),
    ],
)
def test_values_are_one_to_the_last_digit_or_within_the_tolerance(
    expected: object, shown_: object, exact: bool, one: bool
) -> None:
    assert same(expected, shown_, exact=exact) is one


# The real thing, short: real limits, real sink, real service.


@dataclass
class Ran:
    """A run that is over, its service still there."""

    delivery: Delivery
    service: LocalService
    delivered: Delivered


@pytest.fixture(scope="module", params=[TAXI_TIPS, PARCELS], ids=lambda c: c.name)
def ran(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    case, folder, clock = request.param, tmp_path_factory.mktemp("bench"), SimulatedClock(START)
    demand = Demand(hours=0.5, late_share=0.05, most_spotlight=case.spotlight.limit)
    with LocalService(folder / "service", clock=clock) as service:
        delivery = Delivery(case, demand, service, clock, folder / "delivery", checkpoints=1, filters=1)
        yield Ran(delivery, service, delivery.run())
        delivery.close()


@pytest.fixture(scope="module")
def naive(tmp_path_factory: pytest.TempPathFactory) -> Naive:
    return naive_push(tmp_path_factory.mktemp("naive") / "service", 5_000.0, 0.1, lambda line: None)


@pytest.mark.integration
@pytest.mark.long
def test_a_short_run_past_first_in_first_out_holds_in_everything(ran: Ran) -> None:
    ran.delivered.require()
    assert ran.delivered.statuses.get(429, 0) == 0
    assert {c.spell for c in ran.delivered.checkpoints} >= {"burst", "flood"}
    assert all(c.compared.values for c in ran.delivered.checkpoints)


@pytest.mark.integration
@pytest.mark.long
def test_the_naive_push_is_throttled_and_falls_behind(naive: Naive) -> None:
    assert naive.refusals > 0
    assert naive.accepted == naive.most_rows_an_hour == MAX_ROWS_PER_HOUR
    assert naive.given_up >= MAX_ROWS_PER_POST
    assert naive.behind > 60


@pytest.mark.integration
@pytest.mark.long
def test_both_are_printed_side_by_side(ran: Ran, naive: Naive) -> None:
    printed = io.StringIO()
    Console(file=printed, width=160).print(shown([ran.delivered], naive))
    text = printed.getvalue()
    for figure in (f"{ran.delivered.told.events:,}", f"{naive.refusals:,}", "429 answers", "naive push", "100.0%"):
        assert figure in text


@pytest.mark.integration
@pytest.mark.long
def test_one_stored_row_changed_fails_the_check(ran: Ran) -> None:
    with sqlite3.connect(ran.service.home / "powerbi" / "service.db") as db:
        (table,) = db.execute("select no from tables where name = 'Totals'").fetchone()
        (no, body) = db.execute(
            "select no, body from rows where table_no = ? order by no desc limit 1", (table,)
        ).fetchone()
        row = orjson.loads(body)
        row["events"] += 1
        db.execute("update rows set body = ? where table_no = ? and no = ?", (orjson.dumps(row), table, no))
    ran.delivery.compare(Random(3), filters=0)
    with pytest.raises(CheckFailed, match=r"measures on the service's rows.*(Trips|Parcels)"):
        ran.delivery.outcome(0.0).require()
