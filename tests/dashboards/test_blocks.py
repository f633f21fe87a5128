"""A block is one record: one that is declared outside livegold goes all the way that livegold's own go."""

from __future__ import annotations

import ast
import dataclasses
import datetime as dt
import json
import random
import re
from pathlib import Path
from typing import Any

import pytest

from gauge import Gauge
from livegold.dashboards.checks import check
from livegold.dashboards.checks.toolbox import Tools
from livegold.dashboards.preview.engine import Engine
from livegold.dashboards.preview.plan import Plan, plan_of
from livegold.dashboards.preview.template import read_files
from livegold.dashboards.report.layout import lay_out
from livegold.dashboards.template import template_files, write_template
from livegold.reporting.blocks import BLOCKS, Chart, Header, Slicer, Tile
from livegold.reporting.drawing import Answer, Filters, formatted
from livegold.reporting.errors import SpecificationError
from livegold.reporting.specification import Block, Page, Row, UseCase
from preview_cases import CASE, arrow_rows, gold_batch, predictions, tables_of

ROOT = Path(__file__).parents[2]
MEASURE, TARGET = "Accuracy", "Baseline"


def with_pages(*blocks: Block) -> UseCase:
    rows = (Row((Header(),), 0.1), Row((Tile("Trips", width=6), Slicer("borough", width=6)), 0.1), Row(blocks, 0.1))
    return dataclasses.replace(CASE, pages=(Page("Gauged", (*rows, Row((Chart("borough", ("Trips",)),), 5))),))


GAUGED = with_pages(Gauge(MEASURE, TARGET, "borough"))


def visual_file(case: UseCase, kind: str) -> tuple[str, dict[str, Any]]:
    """Folder and content of the one visual of a type."""
    files = {p: json.loads(d) for p, d in template_files(case, "push").items() if p.endswith("/visual.json")}
    ((path, found),) = [(p, d) for p, d in files.items() if d["visual"]["visualType"] == kind]
    return path.removesuffix("visual.json"), found


def planned(case: UseCase, files: dict[str, bytes] | None = None) -> tuple[Engine, Plan]:
    """The plan of the gauge of a template, with an engine that has no rows yet."""
    engine = Engine(tables_of(case, {}, over_gold=True))
    (page,) = read_files(files or template_files(case, "push")).pages
    (visual,) = [v for v in page.visuals if v.kind == "gauge"]
    return engine, plan_of(visual, engine.vocabulary)


# A block from elsewhere.


@pytest.mark.parametrize(
    ("block", "problem"),
    [
        (Gauge("No such"), "page 'Gauged' Gauge is 'No such': give "),
        (Gauge(MEASURE, MEASURE), f"page 'Gauged' Gauge has '{MEASURE}' twice"),
        (Gauge(MEASURE, whatever="no such"), "page 'Gauged' Gauge dimension is 'no such': give borough"),
    ],
)
def test_a_block_from_elsewhere_is_refused_for_what_the_use_case_has_not(block: Gauge, problem: str) -> None:
    with pytest.raises(SpecificationError, match=re.escape(problem)):
        with_pages(block)


def test_a_block_from_elsewhere_has_the_height_it_needs() -> None:
    (cell,) = [c for c in lay_out(GAUGED.pages[0]).blocks if isinstance(c.block, Gauge)]
    assert cell.box.height == 180


def test_a_template_with_a_block_from_elsewhere_passes_every_check(tmp_path: Path, schemas: Path, tools: Tools) -> None:
    for source in ("push", "sample"):
        write_template(GAUGED, source, tmp_path / source)
        findings = check(tmp_path / source, schemas=schemas, tools=tools)
        assert [str(f) for f in findings if f.state != "passed"] == []
        assert {"schemas", "report validator", "fields", "layout"} <= {f.check for f in findings}
    _, found = visual_file(GAUGED, "gauge")
    roles = found["visual"]["query"]["queryState"]
    assert {role: roles[role]["projections"][0]["queryRef"] for role in roles} == {
        "Y": f"Pulse.{MEASURE}",
        "TargetValue": f"Pulse.{TARGET}",
    }


def test_a_block_from_elsewhere_has_its_place_on_a_phone() -> None:
    files = template_files(GAUGED, "push")

    def place(kind: str) -> dict[str, int]:
        found: dict[str, int] = json.loads(files[f"{visual_file(GAUGED, kind)[0]}mobile.json"])["position"]
        return found

    gauge, chart, slicer = place("gauge"), place("clusteredColumnChart"), place("slicer")
    assert gauge["height"] == 132
    assert gauge["y"] < chart["y"] < slicer["y"]


def test_a_choice_does_not_narrow_what_says_that_it_ignores_it() -> None:
    (slicer,), (gauge,) = ([visual_file(GAUGED, kind)[1]["name"]] for kind in ("slicer", "gauge"))
    files = template_files(GAUGED, "push")
    (page,) = [json.loads(d) for p, d in files.items() if p.endswith("/page.json")]
    assert page["visualInteractions"] == [{"source": slicer, "target": gauge, "type": "NoFilter"}]
    (other,) = [
        json.loads(d) for p, d in template_files(with_pages(Gauge(MEASURE)), "push").items() if p.endswith("/page.json")
    ]
    assert "visualInteractions" not in other


def test_the_preview_draws_a_block_from_elsewhere() -> None:
    engine, plan = planned(GAUGED)
    tables = engine.tables
    begun = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
    batch = gold_batch(0, predictions(random.Random(3), begun, 600, 300), GAUGED)
    rows = [{k: v.replace(tzinfo=None) if k == "bucket" else v for k, v in r.items()} for r in batch.pulse.to_pylist()]
    tables.add("Pulse", arrow_rows(tables, "Pulse", rows), 1)
    tables.commit()
    assert plan.problem == ""
    assert plan.question is not None
    answer = engine.one(plan.question, Filters(), dt.datetime(2026, 3, 1, 12, 30))
    ((share, target),) = answer.rows
    assert 0 < share < 1
    assert 0 < target < 1
    html = plan.html(answer)
    assert f'style="width:{share:.1%};' in html
    assert f'style="left:{target:.1%}"' in html
    assert f"<b>{formatted(share, '0.0%')}</b>" in html
    assert 'style="width:0.0%;' in plan.html(Answer(answer.fields, ()))


def test_what_a_block_from_elsewhere_cannot_draw_says_so_in_its_place() -> None:
    folder, found = visual_file(GAUGED, "gauge")
    roles = found["visual"]["query"]["queryState"]

    def problem(**changed: Any) -> str:
        document = {**found, "visual": {**found["visual"], "query": {"queryState": changed}}}
        path = f"{folder}visual.json"
        return planned(GAUGED, {**template_files(GAUGED, "push"), path: json.dumps(document).encode()})[1].problem

    assert problem(Y=roles["Y"]) == ""
    assert problem(TargetValue=roles["TargetValue"]) == "gauge without Y"
    assert problem(Y=roles["Y"], MaxValue=roles["Y"]) == "gauge with role MaxValue"


def test_a_type_of_visual_that_no_block_of_the_use_case_brings_is_not_drawn() -> None:
    engine = Engine(tables_of(CASE, {}, over_gold=True))
    (page,) = read_files(template_files(GAUGED, "push")).pages
    (visual,) = [v for v in page.visuals if v.kind == "gauge"]
    assert plan_of(visual, engine.vocabulary).problem == "gauge"


# Livegold's own.


def test_nothing_in_dashboards_knows_a_block_by_its_name() -> None:
    names = {block.__name__ for block in BLOCKS}
    found = []
    for file in (ROOT / "dashboards").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            called = getattr(node, "id", None) or getattr(node, "name", None) or getattr(node, "value", None)
            if isinstance(node, ast.Name | ast.alias | ast.Constant) and isinstance(called, str) and called in names:
                found.append((file.name, called))
    assert found == []


@pytest.mark.parametrize("block", BLOCKS, ids=lambda b: b.__name__)
def test_every_block_says_how_its_visuals_are_drawn(block: type[Block]) -> None:
    assert block.drawings
    assert all(drawing.types for drawing in block.drawings)
