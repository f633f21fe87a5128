"""What the preview computes: by hand over known rows, and as rows are dropped, cut or come to gold.

That every visual equals its own DAX is in test_preview_dax.
"""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import pytest
from deltalake import write_deltalake

from livegold.dashboards.preview.engine import Engine
from livegold.dashboards.preview.gold_rows import GoldRows
from livegold.dashboards.preview.questions import UnknownField
from livegold.dashboards.preview.tables import Tables
from livegold.reporting.drawing import Answer, Filters, Question, formatted
from livegold.reporting.lake.paths import Lake
from livegold.reporting.measures.context import Among
from livegold.reporting.measures.python import evaluate
from livegold.reporting.pbir import Field, Order
from livegold.reporting.schema import CUT_OFF
from livegold.reporting.settings import settings as all_settings
from livegold.reporting.sinks.powerbi.destination import PUSH_RANGES
from livegold.reporting.sinks.rows import RowMaker, Totals
from livegold.reporting.specification.usecase import UseCase
from preview_cases import CASE, arrow_rows, gold_batch, predictions, questions_of, tables_of

START = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
NOW = dt.datetime(2026, 3, 1, 12, 30)


def measure(name: str) -> Field:
    return Field("Pulse", name, True)


def filled(rows: list[dict[str, Any]], case: UseCase = CASE) -> dict[str, list[dict[str, Any]]]:
    """What the sink sends for predictions, by table."""
    batch = gold_batch(0, rows, case)
    maker, totals = RowMaker(case, PUSH_RANGES), Totals(case, {})
    pulse = maker.merged_pulse(batch.pulse, Counter())
    totals.add(pulse)
    spots = list(maker.converted("Spotlight", maker.spotlight(batch.spotlight)[:1_000], Counter()))
    dimensions = maker.dimensions(batch.dimensions, pulse, {})
    tables = {d.table: dimensions.get(d.name, []) for d in case.all_dimensions}
    tables["Cut Off"] = dimensions.get(CUT_OFF, [])
    for row in spots:
        row |= {n: dt.datetime.fromisoformat(row[n]).replace(tzinfo=None) for n in ("event_time", "bucket")}
    without_zone = [{**r, "bucket": r["bucket"].replace(tzinfo=None)} for r in pulse]
    return {
        "Pulse": without_zone,
        "Totals": list(maker.converted("Totals", totals.rows(7, 3), Counter())),
        "Spotlight": spots,
        **tables,
    }


@pytest.fixture
def rows() -> list[dict[str, Any]]:
    return predictions(random.Random(5), START, 900, 1_500)


@pytest.fixture
def engine(rows: list[dict[str, Any]]) -> Iterator[Engine]:
    tables = tables_of(CASE, filled(rows))
    yield Engine(tables)
    tables.close()


def test_own_measures_are_what_python_says_over_the_predictions(engine: Engine, rows: list[dict[str, Any]]) -> None:
    own = CASE.measures
    question = Question((Field("Payment", "label"), *(measure(m.name) for m in own)))
    answer = engine.one(question, Filters().among("borough", ("Queens", "Bronx")), NOW)
    plain = [{**r, "bucket": r["bucket"].replace(tzinfo=None)} for r in rows]
    expected = evaluate(own, plain, ("payment",), [Among("borough", ("Queens", "Bronx"))], bucket_seconds=10)
    assert {row["payment"] for row in expected} == {r[0] for r in answer.rows}
    for row in expected:
        found = next(r for r in answer.rows if r[0] == row["payment"])
        for m, value in zip(own, found[1:], strict=True):
            if isinstance(row[m.name], float):
                assert value == pytest.approx(row[m.name], rel=1e-9), m.name
            else:
                assert value == row[m.name], m.name


def test_money_is_exact(engine: Engine, rows: list[dict[str, Any]]) -> None:
    (row,) = engine.one(Question((measure("Fares"),)), Filters(), NOW).rows
    assert isinstance(row[0], Decimal)
    assert row[0] == sum(r["fare"] for r in rows)


def test_a_range_of_time_narrows_neither_what_is_so_far_nor_spotlight(engine: Engine) -> None:
    late = Filters(first=dt.datetime(2026, 3, 1, 12, 10))
    fields = (measure("Trips"), measure("Trips a minute"))
    (whole,), (narrow,) = (engine.one(Question(fields), f, NOW).rows for f in (Filters(), late))
    assert whole[0] == narrow[0] == 1_500
    assert 0 < narrow[1] < whole[1]
    spots = Question((Field("Spotlight", "event_id"),), limit=1_000)
    assert engine.one(spots, Filters(), NOW).rows == engine.one(spots, late, NOW).rows


def test_a_dimension_narrows_single_predictions_too(engine: Engine) -> None:
    fields = (Field("Borough", "label"), Field("Spotlight", "severity"))
    order = (Order(fields[1], True),)
    answer = engine.one(Question(fields, order), Filters().among("borough", ("Queens",)), NOW)
    assert {r[0] for r in answer.rows} == {"Queens"}
    severities = [r[1] for r in answer.rows]
    assert severities == sorted(severities, reverse=True)
    assert len(severities) > 3


def test_what_spotlight_left_out_is_told_whatever_is_chosen(engine: Engine) -> None:
    nobody = Filters().among("borough", ("nowhere",))
    assert engine.one(Question((measure("Spotlight left out"),)), nobody, NOW).rows == ((3,),)


def test_the_cut_off_moves_precision_and_a_chart_over_cut_offs_shows_them_all(
    engine: Engine, rows: list[dict[str, Any]]
) -> None:
    def precision(cut: int) -> float:
        called = [r for r in rows if r["outcome"] is not None and int(r["score"] * 10) * 10 >= cut]
        return sum(r["outcome"] for r in called) / len(called)

    question = Question((measure("Precision at cut-off"),))
    for cut in (0, 30, 70):
        assert engine.one(question, Filters(cut_off=cut), NOW).rows[0][0] == pytest.approx(precision(cut))
    over = engine.one(Question((Field("Cut Off", "label"), measure("Precision at cut-off"))), Filters(), NOW)
    assert {label: value for label, value in over.rows}["70%"] == pytest.approx(precision(70))


def test_a_field_that_the_model_has_not_is_said_and_spoils_no_other(engine: Engine) -> None:
    good, bad = Question((measure("Trips"),)), Question((measure("Trips"), Field("Weather", "rain")))
    found = engine.ask([(bad, Filters()), (good, Filters())], NOW)
    assert isinstance(found[0], UnknownField)
    assert "Weather[rain]" in str(found[0])
    assert isinstance(found[1], Answer)
    assert found[1].rows == ((1_500,),)


def test_rows_that_were_dropped_count_no_more(rows: list[dict[str, Any]]) -> None:
    by_table = filled(rows)
    tables = tables_of(CASE, by_table)
    engine = Engine(tables)
    question = Question((Field("Pulse", "bucket"), measure("Trips a minute")))
    before = engine.one(question, Filters(), NOW)
    half = len(by_table["Pulse"]) // 2
    tables.drop("Pulse", half)
    assert tables.commit()
    kept = engine.one(question, Filters(), NOW)
    assert sum(r[1] for r in kept.rows) == 6 * sum(r["events"] for r in by_table["Pulse"][half:])
    assert sum(r[1] for r in before.rows) == 6 * 1_500
    assert engine.one(Question((measure("Trips"),)), Filters(), NOW).rows == ((1_500,),)


def test_a_tick_counts_when_its_last_row_is_there(rows: list[dict[str, Any]]) -> None:
    by_table = filled(rows)
    tables = tables_of(CASE, by_table)
    engine = Engine(tables)
    question = Question((measure("Trips"),))
    cut = [{**r, "tick": 8, "events": 2 * r["events"]} for r in by_table["Totals"]]
    for row in cut:
        row["complete_tick"] = 0
    tables.add("Totals", arrow_rows(tables, "Totals", cut), 10_000)
    tables.commit()
    assert engine.one(question, Filters(), NOW).rows == ((1_500,),)
    last = {**cut[-1], "complete_tick": 8, "events": 0}
    tables.add("Totals", arrow_rows(tables, "Totals", [last]), 20_000)
    tables.commit()
    assert engine.one(question, Filters(), NOW).rows == ((3_000,),)


def test_over_gold_what_is_so_far_is_the_whole_of_pulse(rows: list[dict[str, Any]]) -> None:
    by_table = filled(rows)
    by_table.pop("Totals")
    over_push, over_gold = Engine(tables_of(CASE, filled(rows))), Engine(tables_of(CASE, by_table, over_gold=True))
    chosen = Filters().among("borough", ("Queens",))
    questions = questions_of(CASE)
    assert len(questions) > 20
    for question in questions:
        push, gold = (e.one(question, chosen, NOW) for e in (over_push, over_gold))
        assert len(push.rows) == len(gold.rows)
        for left, right in zip(push.rows, gold.rows, strict=True):
            for a, b in zip(left, right, strict=True):
                assert a == (pytest.approx(b, rel=1e-9) if isinstance(b, float) else b)


def test_rows_of_gold_are_followed_file_by_file_and_read_anew_when_gold_is_made_anew(tmp_path: Path) -> None:
    settings = all_settings.load(home=str(tmp_path))
    lake = Lake.of(settings, CASE.name)
    tables = Tables(CASE, over_gold=True)
    follower = GoldRows(tables, settings)
    assert not follower.step()
    assert "gold has no rows yet" in follower.source.problem
    draw = random.Random(9)
    trips = Question((measure("Trips"),))
    engine = Engine(tables)

    def write(number: int, count: int, mode: Literal["append", "overwrite"]) -> None:
        batch = gold_batch(number, predictions(draw, START, 300, count, 1_000 * number))
        write_deltalake(lake.pulse, batch.pulse, mode=mode)
        write_deltalake(lake.spotlight, batch.spotlight, mode=mode)
        for dimension in CASE.all_dimensions:
            write_deltalake(lake.dimension(dimension.name), batch.dimensions[dimension.name], mode="overwrite")

    write(0, 40, "append")
    assert follower.step()
    assert engine.one(trips, Filters(), NOW).rows == ((40,),)
    assert not follower.step()
    write(1, 25, "append")
    assert follower.step()
    assert engine.one(trips, Filters(), NOW).rows == ((65,),)
    assert [v.label for v in tables.labels["borough"]][:2] == ["Manhattan", "Queens"]
    write(2, 7, "overwrite")
    assert follower.step()
    assert engine.one(trips, Filters(), NOW).rows == ((7,),)


@pytest.mark.parametrize(
    ("value", "pattern", "shown"),
    [
        (0.12345, "0.0%", "12.3%"),
        (0.125, "0%", "13%"),
        (1_234_567, "#,0", "1,234,567"),
        (-66, "$#,0", "-$66"),
        (Decimal("1234.5"), "$#,0.00", "$1,234.50"),
        (0.5, "0.000", "0.500"),
        (0.1, "#,0.0###", "0.1"),
        (12.3, '#,0" mi"', "12 mi"),
        (-1_234, "\\$#,0;(\\$#,0)", "($1,234)"),
        (0, "0.0;-0.0;–", "–"),
        (-0.0004, "0.0%", "0.0%"),
        (dt.datetime(2026, 3, 1, 9, 5, 7), "yyyy-MM-dd HH:mm:ss", "2026-03-01 09:05:07"),
        (None, "0", ""),
        (True, "", "True"),
    ],
)
def test_values_are_formatted_as_power_bi_does(value: Any, pattern: str, shown: str) -> None:
    assert formatted(value, pattern) == shown
