"""The preview in headless Chromium, over rows that the local service stored: values, slicers, tooltips, drill-through.

What is expected is computed by the engine over the same rows; that the engine is right is tested elsewhere.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import random
import shutil
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from livegold.dashboards.preview.engine import Engine
from livegold.dashboards.preview.plan import plan_of
from livegold.dashboards.preview.service_rows import ServiceRows
from livegold.dashboards.preview.tables import Tables
from livegold.dashboards.preview.template import Template, read_files
from livegold.dashboards.template import template_files
from livegold.reporting.drawing import Filters
from livegold.reporting.errors import CheckFailed
from livegold.reporting.pbir import Field, Visual
from livegold.reporting.powerbi.dataset import dataset_name
from preview_cases import CASE, LiveService, gold_batch, predictions

if not (shutil.which("chromium") or shutil.which("google-chrome")) or not shutil.which("chromedriver"):
    pytest.skip("no Chromium with chromedriver here", allow_module_level=True)

from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from livegold.dashboards.screenshots import Browser, serving, take_screenshots
from livegold.reporting.settings import settings as all_settings

pytestmark = [pytest.mark.integration]

NOW = dt.datetime(2026, 3, 1, 12, 30)
SECONDS = 60.0


class Run:
    """A service with rows, a preview of them, a browser on it, and the same rows in an engine of our own."""

    def __init__(self, live: LiveService, browser: Browser, address: str, template: Template) -> None:
        self.live = live
        self.browser = browser
        self.address = address
        self.template = template
        self.begun = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=10)
        self._draw = random.Random(11)
        self._number = 0
        self._tables = Tables(CASE)
        self._rows = ServiceRows(self._tables, live.home, dataset_name(CASE))
        self.engine = Engine(self._tables)

    def publish(self, number: int, **given: Any) -> None:
        """So many further predictions, of the ten minutes before the test began."""
        self.live.deliver(predictions(self._draw, self.begun, 590, number, self._number, **given))
        self._number += number

    def open(self, page: str, **query: str) -> None:
        rest = "".join(f"&{k}={v}" for k, v in query.items())
        self.browser.open(f"{self.address}/?page={page}{rest}")
        self.browser.wait(
            f"page {page}", lambda: self.browser.run("return !!document.querySelector('.lg-room .lg-visual')")
        )

    def visual(self, page: str, kind: str, title: str = "", of: str = "") -> Visual:
        found = next(p for p in self.template.pages if p.shown == page)
        return next(
            v
            for v in found.visuals
            if v.kind == kind
            and (not title or v.title == title)
            and (not of or of in [p.field.property for p in v.projections])
        )

    def expected(self, visual: Visual, filters: Filters) -> list[list[Any]]:
        """Rows of the visual, as JSON has them."""
        self._rows.step()
        question = plan_of(visual, self.engine.vocabulary).question
        assert question is not None
        rows = self.engine.one(question, filters, NOW).rows
        return json.loads(json.dumps([list(r) for r in rows], default=_plain))

    def shown(self, visual: Visual) -> Any:
        found = self.browser.values(visual.name)
        return None if found is None else found["rows"]

    def wait_for(self, visual: Visual, filters: Filters) -> list[list[Any]]:
        """Waits until the page shows what the engine says; what that is."""
        expected = self.expected(visual, filters)
        chart = "Chart" in visual.kind
        if chart:
            # Measures that only filter or colour come after those of a chart, which has no place for them.
            expected = [row[: 1 + len(visual.of("Y"))] for row in expected]

        def same() -> bool:
            shown = self.shown(visual)
            return bool(shown) and _same(shown, _charted(expected) if chart else expected)

        try:
            self.browser.wait("the values", same, SECONDS)
        except CheckFailed:
            # For what pytest says of it; doubles may differ in their last digit.
            assert self.shown(visual) == (_charted(expected) if chart else expected)
        return expected


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Decimal) else value.isoformat(timespec="milliseconds") + "Z"


def _same(shown: list[list[Any]], expected: list[list[Any]]) -> bool:
    """Equal, but for the last digits of doubles: their sums depend on the order of the rows."""

    def one(left: Any, right: Any) -> bool:
        if isinstance(left, float) or isinstance(right, float):
            return None not in (left, right) and math.isclose(left, right, rel_tol=1e-9, abs_tol=1e-12)
        return bool(left == right)

    return len(shown) == len(expected) and all(
        len(a) == len(b) and all(map(one, a, b)) for a, b in zip(shown, expected, strict=True)
    )


def _charted(rows: list[list[Any]]) -> list[list[Any]]:
    def one(value: Any) -> Any:
        if isinstance(value, str) and value.endswith("Z") and "T" in value:
            return round(dt.datetime.fromisoformat(value).timestamp() * 1000)
        return value

    return [[one(v) for v in row] for row in rows]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    home = tmp_path_factory.mktemp("preview")
    template = read_files(template_files(CASE, "push"))
    with LiveService(home) as live:
        settings = all_settings.load(home=str(home))
        with Browser(1280, 758) as browser, serving(settings, CASE.name) as address:
            made = Run(live, browser, address, template)
            made.publish(800)
            yield made
            browser.check()


def trips_tile(run: Run) -> Visual:
    return run.visual("Live", "cardVisual", of="Trips")


def test_every_visual_of_every_page_shows_what_the_engine_says(run: Run) -> None:
    for page, query in (("Live", {}), ("Model", {}), ("Borough", {"drill": "Queens"})):
        run.open(page, **query)
        found = next(p for p in run.template.pages if p.shown == page)
        filters = Filters().among("borough", ("Queens",)) if query else Filters()
        drawn = 0
        for visual in found.visuals:
            assert run.browser.run(f"return !!document.querySelector('[data-visual=\"{visual.name}\"]')"), visual.name
            if visual.kind == "slicer" or any(p.field.property == "Freshness" for p in visual.projections):
                continue
            if plan_of(visual, run.engine.vocabulary).question is None:
                continue
            if "Last update" not in [p.field.property for p in visual.projections]:
                run.wait_for(visual, filters)
                drawn += 1
        assert drawn >= 8
        assert not run.browser.run("return document.querySelectorAll('.lg-cannot').length")


def test_a_tile_changes_after_more_events(run: Run) -> None:
    run.open("Live")
    tile = trips_tile(run)
    before = run.wait_for(tile, Filters())[0][0]
    run.publish(37)
    after = run.wait_for(tile, Filters())[0][0]
    assert after == before + 37
    text = run.browser.run(f"return document.querySelector('[data-visual=\"{tile.name}\"] .lg-value').textContent")
    assert text == f"{after:,}"


def test_a_slicer_filters_by_keyboard_what_its_page_shows(run: Run) -> None:
    run.open("Live")
    tile = trips_tile(run)
    run.wait_for(tile, Filters())
    slicer = run.visual("Live", "slicer", of="label")
    field = run.browser.driver.find_element(
        By.CSS_SELECTOR,
        f'[data-visual="{slicer.name}"] input, [data-visual="{slicer.name}"] .q-field__native[tabindex]',
    )
    field.send_keys(Keys.SPACE)
    popup = run.browser.wait("the list", lambda: run.browser.driver.find_elements(By.CSS_SELECTOR, ".lg-popup .q-item"))
    first = popup[0].text
    ActionChains(run.browser.driver).send_keys(Keys.ARROW_DOWN, Keys.ENTER).perform()
    chosen = run.browser.wait(
        "a choice",
        lambda: [e.text for e in run.browser.driver.find_elements(By.CSS_SELECTOR, '.lg-popup [aria-selected="true"]')],
    )
    ActionChains(run.browser.driver).send_keys(Keys.ESCAPE).perform()
    assert first in [label.label for label in run.engine.labels("borough")]
    expected = run.wait_for(tile, Filters().among("borough", tuple(chosen)))
    assert 0 < expected[0][0] < run.expected(tile, Filters())[0][0]
    spots = run.visual("Live", "tableEx", of="severity")
    rows = run.wait_for(spots, Filters().among("borough", tuple(chosen)))
    assert {row[1] for row in rows} == set(chosen)


def test_the_cut_off_moves_what_follows_from_it_and_not_the_chart_over_cut_offs(run: Run) -> None:
    run.open("Model")
    slider = run.visual("Model", "slicer", of="order")
    precision = run.visual("Model", "cardVisual", of="Precision at cut-off")
    chart = run.visual("Model", "lineChart", of="Earned at cut-off")
    before = run.wait_for(precision, Filters(cut_off=50))
    thumb = run.browser.driver.find_element(
        By.CSS_SELECTOR, f'[data-visual="{slider.name}"] .q-slider__track-container'
    )
    thumb.send_keys(Keys.ARROW_RIGHT)
    thumb.send_keys(Keys.ARROW_RIGHT)
    after = run.wait_for(precision, Filters(cut_off=70))
    assert after != before
    assert len(run.wait_for(chart, Filters())) == 11


def test_a_row_leads_to_the_page_about_it_and_back(run: Run) -> None:
    run.open("Live")
    table = run.visual("Live", "tableEx", of="Pace")
    run.wait_for(table, Filters())
    rows = run.browser.driver.find_elements(By.CSS_SELECTOR, f'[data-visual="{table.name}"] tbody tr')
    row = next(r for r in rows if r.text.startswith("Brooklyn"))
    ActionChains(run.browser.driver).context_click(row.find_element(By.TAG_NAME, "td")).perform()
    button = run.browser.wait(
        "the menu", lambda: run.browser.driver.find_elements(By.CSS_SELECTOR, ".lg-menu.lg-open button")
    )[0]
    assert "Brooklyn" in button.text
    button.click()
    trips = run.visual("Borough", "cardVisual", of="Trips")
    run.wait_for(trips, Filters().among("borough", ("Brooklyn",)))
    run.browser.driver.find_element(By.CSS_SELECTOR, "[data-back]").click()
    run.wait_for(trips_tile(run), Filters())


def test_a_tooltip_page_is_about_the_row_under_the_pointer(run: Run) -> None:
    run.open("Live")
    table = run.visual("Live", "tableEx", of="Pace")
    run.wait_for(table, Filters())
    rows = run.browser.driver.find_elements(By.CSS_SELECTOR, f'[data-visual="{table.name}"] tbody tr')
    row = next(r for r in rows if r.text.startswith("Queens"))
    ActionChains(run.browser.driver).move_to_element(row.find_element(By.TAG_NAME, "td")).perform()
    page = next(p for p in run.template.pages if p.kind == "tooltip")
    run.browser.wait("a tooltip", lambda: run.browser.driver.find_elements(By.CSS_SELECTOR, ".lg-float.lg-open"))
    valued = [v for v in page.visuals if plan_of(v, run.engine.vocabulary).question is not None]
    assert len(valued) == 3
    for visual in valued:
        shown = run.wait_for(visual, Filters().among("borough", ("Queens",)))
        assert shown != run.expected(visual, Filters()), "the same for all boroughs: nothing was told apart"


def test_each_tab_of_the_browser_has_its_own_choice(run: Run) -> None:
    run.open("Model")
    precision = run.visual("Model", "cardVisual", of="Precision at cut-off")
    slider = run.visual("Model", "slicer", of="order")
    thumb = run.browser.driver.find_element(
        By.CSS_SELECTOR, f'[data-visual="{slider.name}"] .q-slider__track-container'
    )
    at_50 = run.wait_for(precision, Filters(cut_off=50))
    thumb.send_keys(Keys.ARROW_LEFT)
    at_40 = run.wait_for(precision, Filters(cut_off=40))
    assert at_40 != at_50
    first = run.browser.driver.current_window_handle
    run.browser.driver.switch_to.new_window("tab")
    run.open("Model")
    run.wait_for(precision, Filters(cut_off=50))
    run.browser.driver.close()
    run.browser.driver.switch_to.window(first)
    run.wait_for(precision, Filters(cut_off=40))


def test_a_dataset_that_is_emptied_or_deleted_is_noticed_and_a_service_that_went_is_found_again(tmp_path: Path) -> None:
    tables = Tables(CASE)
    begun = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
    with LiveService(tmp_path) as live:
        rows = ServiceRows(tables, live.home, dataset_name(CASE))
        assert not rows.step()
        assert rows.source.problem == ""
        live.deliver(predictions(random.Random(3), begun, 60, 50))
        assert rows.step()
        held = tables.count("Pulse")
        assert held > 0
        assert not rows.step()
    assert not rows.step()
    assert "answer" in rows.source.problem or "no local service" in rows.source.problem
    assert tables.count("Pulse") == held
    with LiveService(tmp_path) as live:
        assert not rows.step()
        assert rows.source.problem == ""
        live.empty("Pulse")
        assert rows.step()
        assert tables.count("Pulse") == 0
        batch = gold_batch(9, predictions(random.Random(4), begun, 60, 20, 50))
        live.write(batch)
        assert rows.step()
        assert tables.count("Pulse") == batch.pulse.num_rows
        live.delete()
        rows.step()
        assert tables.count("Totals") == 0
        assert "not there yet" in rows.source.problem


def test_screenshots_are_taken_of_every_page_on_desktop_and_phone(run: Run, tmp_path: Path) -> None:
    made = take_screenshots(all_settings.load(home=str(run.live.home)), CASE.name, tmp_path)
    assert sorted(p.name for p in made) == sorted(
        f"{page}{size}.png" for page in ("live", "model", "borough") for size in ("", "-phone")
    )
    for file in made:
        data = file.read_bytes()
        assert data[:8] == b"\x89PNG\r\n\x1a\n"
        width = int.from_bytes(data[16:20], "big")
        assert width == (780 if "phone" in file.name else 2560)


def test_a_visual_that_cannot_be_drawn_says_so_in_its_place() -> None:
    files = template_files(CASE, "push")
    name = next(n for n in files if n.endswith("/visual.json") and b'"tableEx"' in files[n])
    other = json.loads(files[name])
    other["visual"]["visualType"] = "decompositionTreeVisual"
    gone = next(n for n in files if n.endswith("/visual.json") and b"Accuracy, last 2 min, closed" in files[n])
    read = read_files(
        {
            **files,
            name: json.dumps(other).encode(),
            gone: files[gone].replace(b"Accuracy, last 2 min, closed", b"No such measure"),
        }
    )
    vocabulary = Engine(Tables(CASE)).vocabulary
    problems = {p for page in read.pages for v in page.visuals if (p := plan_of(v, vocabulary).problem)}
    assert problems == {"decompositionTreeVisual", "lineChart with field Pulse[No such measure]"}
    assert Field("Pulse", "No such measure", True) not in [m for m in vocabulary.measures]
