"""What the live preview shows is what its visuals' DAX gives over the rows that the service stored; read in Chromium.

The rows go through the real sink into the real service; the page is a process of its own. What is expected comes from
`visual_oracle`, which shares nothing with the preview.
"""

from __future__ import annotations

import datetime as dt
import json
import pickle
import random
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

import gauge
from livegold.dashboards.screenshots import DRIVER, NAMES, Browser
from livegold.dashboards.template import template_files
from livegold.reporting.blocks import Full, Ranking, Slicer, Tile
from livegold.reporting.powerbi.dataset import dataset_name
from livegold.reporting.specification.pages import Page, Row
from livegold.reporting.specification.usecase import UseCase
from model_cases import made_cases, prediction_rows
from preview_cases import CASE, LiveService, predictions
from preview_driver import PATIENCE, Driver, until_none, window
from visual_oracle import BUCKET, CUT_OFF, STILL, Chosen, Oracle, changed_row, differences, label

pytestmark = pytest.mark.long

CHROMIUM = any(shutil.which(n) for n in NAMES) and shutil.which(DRIVER)
needs_chromium = pytest.mark.skipif(not CHROMIUM, reason="Chromium and its driver are not installed")
TEMPLATE = Path(__file__).parents[2] / "dashboards" / "taxi_tips" / "push"
MADE = made_cases(30)
BOROUGH, VERSION = label("Borough"), label("Model Version")
SHORT = 3.0
"""Patience where a difference is wanted."""


class Live:
    """The service with rows of taxi_tips, the preview of them, a window on it."""

    def __init__(self, home: Path, service: LiveService) -> None:
        self.home, self.service = home, service
        self.draw = random.Random(7)
        self.number = 0
        self.driver: Driver

    def deliver(self, first: dt.datetime, seconds: float, number: int, **given: Any) -> None:
        self.service.deliver(predictions(self.draw, first, seconds, number, self.number, **given))
        self.number += number

    def oracle(self) -> Oracle:
        return Oracle.of_service(TEMPLATE, self.home, dataset_name(CASE))


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """Two model versions, bad events, late ones, buckets without any."""
    home = tmp_path_factory.mktemp("live")
    with ExitStack() as stack:
        service = stack.enter_context(LiveService(home))
        browser = stack.enter_context(Browser())
        now = dt.datetime.now(dt.UTC).replace(microsecond=0)

        def ago(seconds: float) -> dt.datetime:
            return now - dt.timedelta(seconds=seconds)

        made = Live(home, service)
        made.deliver(ago(600), 70, 150)
        made.deliver(ago(420), 60, 80, model_version="2")
        service.reject(ago(400), 9)
        made.deliver(ago(620), 60, 12, late=True, model_version="2")
        # So few that the pace is less than usual.
        made.deliver(ago(100), 50, 10, model_version="2")
        made.driver = stack.enter_context(window(browser, home, CASE.name, TEMPLATE))
        yield made


@needs_chromium
def test_every_visual_of_the_first_page_says_what_its_dax_says(live: Live) -> None:
    oracle, driver = live.oracle(), live.driver
    page = oracle.page("Live")
    slicers, buckets = page.slicers, oracle.buckets
    driver.open(page)
    assert driver.settled(oracle, page, Chosen()) == []
    for boroughs in (("Queens",), ("Queens", "Bronx"), ("Manhattan", "Brooklyn", "unknown")):
        driver.choose(slicers[BOROUGH], *boroughs)
        assert driver.settled(oracle, page, Chosen({BOROUGH: boroughs})) == []
    driver.between(slicers[BUCKET], buckets, buckets[4], buckets[-7])
    narrowed = Chosen({BOROUGH: boroughs}, buckets[4], buckets[-7])
    assert driver.settled(oracle, page, narrowed) == []
    driver.choose(slicers[BOROUGH])
    narrowed = replace(narrowed, values={})
    assert driver.settled(oracle, page, narrowed) == []

    # The page for one point, and the page about one value: with what was chosen.
    (ranking,) = [v for v in page.visuals if v.kind == "tableEx" and v.tooltip]
    tooltip = next(p for p in oracle.pages if p.name == ranking.tooltip)
    driver.hover(ranking, "Queens")
    assert driver.settled(oracle, tooltip, narrowed.also(BOROUGH, "Queens")) == []
    through = oracle.page("Borough")
    driver.drill(ranking, "Brooklyn", through)
    assert driver.settled(oracle, through, narrowed.also(BOROUGH, "Brooklyn")) == []


@needs_chromium
def test_every_visual_of_the_model_page_says_what_its_dax_says(live: Live) -> None:
    oracle, driver = live.oracle(), live.driver
    page = oracle.page("Model")
    slicers = page.slicers
    driver.open(page)
    assert driver.settled(oracle, page, Chosen()) == []
    driver.slide(slicers[CUT_OFF], -2)
    at_30 = Chosen({CUT_OFF: (30,)})
    assert driver.settled(oracle, page, at_30) == []
    driver.choose(slicers[VERSION], "2")
    assert driver.settled(oracle, page, at_30.also(VERSION, "2")) == []
    driver.choose(slicers[BOROUGH], "Manhattan", "Queens")
    both = at_30.also(VERSION, "2").also(BOROUGH, "Manhattan", "Queens")
    assert driver.settled(oracle, page, both) == []
    driver.choose(slicers[VERSION], "1", "2")
    driver.slide(slicers[CUT_OFF], 5)
    assert driver.settled(oracle, page, both.also(VERSION, "1", "2").also(CUT_OFF, 80)) == []


@needs_chromium
def test_one_visual_of_each_kind_under_many_filters(live: Live) -> None:
    oracle, driver, draw = live.oracle(), live.driver, random.Random(3)
    page = oracle.page("Live")
    slicer, buckets = page.slicers[BOROUGH], oracle.buckets
    kinds = {v.kind: v for v in page.visuals if v.shows_values}
    assert {"cardVisual", "tableEx", "lineChart"} <= set(kinds)
    driver.open(page)
    moved = 0
    shown = set()
    for _ in range(6):
        wanted = tuple(v for v in oracle.values(BOROUGH) if draw.random() < 0.4)
        driver.choose(slicer, *wanted)
        before, moved = moved, moved + draw.randint(0, 3)
        driver.between(page.slicers[BUCKET], buckets[before:], buckets[moved], buckets[-1])
        chosen = Chosen({BOROUGH: wanted} if wanted else {}, buckets[moved] if moved else None)
        some = replace(page, visuals=tuple(kinds.values()))
        assert driver.settled(oracle, some, chosen) == []
        shown.add(json.dumps(driver.values(list(kinds.values()))))
    assert len(shown) > 4, "what is chosen makes hardly a difference"


@needs_chromium
def test_values_change_with_more_rows(live: Live) -> None:
    driver, before = live.driver, live.oracle()
    page = before.page("Live")
    driver.open(page)
    assert driver.settled(before, page, Chosen()) == []
    valued = [v for v in page.visuals if v.shows_values and not before.tells_time(v)]
    shown = driver.values(valued)
    live.deliver(dt.datetime.now(dt.UTC).replace(microsecond=0) - dt.timedelta(seconds=40), 40, 60, model_version="2")
    live.service.reject(dt.datetime.now(dt.UTC), 4)
    after = live.oracle()
    assert driver.settled(after, page, Chosen()) == []
    assert driver.different(before, page, Chosen()) != []
    now = driver.values(valued)
    assert [v.name for v in valued if now[v.name] == shown[v.name]] == []


@needs_chromium
def test_a_changed_row_and_a_wrong_value_are_found(live: Live) -> None:
    oracle, driver = live.oracle(), live.driver
    page = oracle.page("Live")
    driver.open(page)
    assert driver.settled(oracle, page, Chosen()) == []
    for table in ("Pulse", "Totals"):
        with changed_row(live.home, dataset_name(CASE), table):
            found = until_none(lambda: driver.different(live.oracle(), page, Chosen()), SHORT)
        assert found, table
        assert driver.settled(live.oracle(), page, Chosen()) == []
    for visual in (v for v in page.visuals if v.shows_values and not v.is_chart):
        right = driver.values([visual])[visual.name]
        driver.browser.run(ANOTHER, visual.name)
        expected = oracle.expected(page, visual, Chosen())
        assert differences(visual, expected, driver.values([visual])[visual.name]), visual
        assert differences(visual, expected, right) == []
    for visual in (v for v in page.visuals if v.is_chart):
        wrong = driver.values([visual])[visual.name]
        wrong["rows"][2][1] = (wrong["rows"][2][1] or 0) + 1
        assert differences(visual, oracle.expected(page, visual, Chosen()), wrong), visual


# Another value in the first row that a visual says it shows.
ANOTHER = """
const holder = livegold && document.querySelector(`.lg-visual[data-visual="${arguments[0]}"] [data-rows]`);
const shown = JSON.parse(holder.dataset.rows);
shown.rows[0] = shown.rows[0].map((v) => (typeof v === 'number' ? v + 1 : `${v} `));
holder.dataset.rows = JSON.stringify(shown);
"""


# ---- other use cases -------------------------------------------------------------------------------------------------


def some_cases() -> list[UseCase]:
    """Three of those that hypothesis makes, with as many kinds of blocks as three can have."""
    left = {n: kinds_of(case) for n, case in enumerate(MADE)}
    chosen = []
    for _ in range(3):
        best = max(left, key=lambda n: len(left[n]))
        chosen.append(MADE[best])
        seen = left.pop(best)
        left = {n: kinds - seen for n, kinds in left.items()}
    return chosen


def kinds_of(case: UseCase) -> set[str]:
    return {type(b).__name__ for p in case.pages if p.kind != "tooltip" for b in p.blocks} | {
        p.kind for p in case.pages
    }


def rows_of(case: UseCase) -> list[dict[str, Any]]:
    """Made-up predictions, always the same."""
    found: list[list[dict[str, Any]]] = []

    @settings(
        max_examples=12, database=None, derandomize=True, phases=[Phase.generate], suppress_health_check=HealthCheck
    )
    @given(prediction_rows(case))
    def collect(rows: list[dict[str, Any]]) -> None:
        found.append(rows)

    collect()
    rows = max(found, key=lambda some: len({(r["bucket_no"], r["score_band"]) for r in some}))
    return [
        {
            **row,
            "event_id": f"made-{n}",
            "event_time": row["bucket"],
            "severity": float(row["amount"] or 0) * 3 if row["fp"] or row["fn"] else 0.0,
        }
        for n, row in enumerate(rows)
    ]


def write_case(case: UseCase, folder: Path) -> tuple[Path, Path]:
    """A use case as a file that the command line loads, and its template; both below `folder`."""
    file = folder / "case.py"
    file.with_suffix(".pickle").write_bytes(pickle.dumps(case))
    file.write_text(
        "import pickle\nfrom pathlib import Path\n\n"
        'USECASE = pickle.loads(Path(__file__).with_suffix(".pickle").read_bytes())\n'
    )
    for path, content in template_files(case, "push").items():
        (folder / "template" / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / "template" / path).write_bytes(content)
    return file, folder / "template"


def check_pages(oracle: Oracle, driver: Driver) -> int:
    """Compares every page, with nothing chosen and with two values of its first list; returns how many visuals."""
    looked_at = 0
    for page in oracle.pages:
        if page.kind == "tooltip":
            continue
        value = oracle.values(page.bound)[0] if page.bound else ""
        chosen = Chosen({page.bound: (value,)}) if page.bound else Chosen()
        driver.open(page, value)
        assert driver.settled(oracle, page, chosen) == []
        looked_at += sum(v.shows_values for v in page.visuals)
        lists = [f for f in page.slicers if f not in (CUT_OFF, BUCKET, page.bound)]
        if lists:
            some = oracle.values(lists[0])[-2:]
            driver.choose(page.slicers[lists[0]], *some)
            assert driver.settled(oracle, page, chosen.also(lists[0], *some)) == []
    return looked_at


@contextmanager
def shown_case(case: UseCase, batches: Sequence[list[dict[str, Any]]], folder: Path) -> Iterator[tuple[Oracle, Driver]]:
    """The preview of a use case with the rows of some batches of predictions."""
    file, template = write_case(case, folder)
    home = folder / "home"
    with Browser() as browser, LiveService(home, case) as service:
        for rows in batches:
            service.deliver(rows)
        with window(browser, home, str(file), template) as driver:
            yield Oracle.of_service(template, home, dataset_name(case)), driver


@needs_chromium
@pytest.mark.parametrize("number", range(3))
def test_a_made_use_case_is_shown_whole(number: int, tmp_path: Path) -> None:
    case = some_cases()[number]
    rows = rows_of(case)
    with shown_case(case, [rows[::2], rows[1::2]], tmp_path) as (oracle, driver):
        assert check_pages(oracle, driver) > 0


@needs_chromium
def test_a_type_of_visual_from_outside_livegold_is_drawn_with_the_values_of_its_dax(tmp_path: Path) -> None:
    shutil.copy(str(gauge.__file__), tmp_path)  # the use case's file imports it from beside it
    blocks = (gauge.Gauge("Accuracy", "Baseline", "borough", width=8), Slicer("borough", width=4))
    case = replace(CASE, pages=(Page("Only", (Row(blocks), Row((Ranking("borough", ("Trips",)),)))),))
    made = predictions(random.Random(1), dt.datetime.now(dt.UTC) - dt.timedelta(minutes=1), 40, 90)
    with shown_case(case, [made], tmp_path) as (oracle, driver):
        page = oracle.page("Only")
        driver.open(page)
        (drawn,) = [v for v in page.visuals if v.kind == "gauge"]

        def different(chosen: Chosen) -> list[str]:
            return differences(drawn, oracle.expected(page, drawn, chosen), driver.values([drawn])[drawn.name])

        assert until_none(lambda: different(Chosen()), PATIENCE) == []
        before = driver.text(drawn)
        assert re.search(r"\d+\.\d%", before)
        # It says itself that the choice of a borough does not narrow it.
        driver.choose(page.slicers[BOROUGH], "Queens")
        chosen = Chosen({BOROUGH: ("Queens",)})
        assert driver.settled(oracle, replace(page, visuals=tuple(v for v in page.visuals if v != drawn)), chosen) == []
        assert different(chosen) == []
        assert driver.text(drawn) == before


@needs_chromium
def test_what_cannot_be_drawn_says_so_in_its_place(tmp_path: Path) -> None:
    """Only a visual given in full can be of a kind that is not known here."""
    measure = {"Measure": {"Expression": {"SourceRef": {"Entity": "Pulse"}}, "Property": "Trips"}}
    role = {"projections": [{"field": measure, "queryRef": "Pulse.Trips", "nativeQueryRef": "Trips"}]}
    unknown_type = Full({"visualType": "gauge", "query": {"queryState": {"Y": role}}}, width=6)
    rows = (Row((Tile("Trips", width=6), unknown_type)), Row((Ranking("borough", ("Trips",)),)))
    case = replace(CASE, pages=(Page("Only", rows),))
    made = predictions(random.Random(1), dt.datetime.now(dt.UTC) - dt.timedelta(minutes=1), 40, 30)
    with shown_case(case, [made], tmp_path) as (oracle, driver):
        page = oracle.page("Only")
        driver.open(page)
        (unknown,) = [v for v in page.visuals if not v.shows_values and v.kind not in (*STILL, "slicer")]
        others = replace(page, visuals=tuple(v for v in page.visuals if v != unknown))
        assert driver.settled(oracle, others, Chosen()) == []
        assert driver.cannot(unknown) == "cannot be drawn here: gauge"
        assert driver.different(oracle, page, Chosen()) == [
            f"Only, nothing chosen: {unknown.name}: cannot be drawn here: gauge"
        ]
