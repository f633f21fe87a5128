"""From events to the page: a real broker, Spark, Delta, the real sink, the local service, the preview in Chromium.

Every visual is read from the page and compared with two answers that share no code with the preview: its own DAX by
an independent engine over the rows the service stored, and SQL over gold.
"""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from deltalake import DeltaTable

from livegold.dashboards.screenshots import DRIVER, NAMES, Browser
from livegold.reporting.lake.paths import Lake
from livegold.reporting.measures.context import Among, Between, Filter
from livegold.reporting.measures.measure import CountIf, Measure, Rejected
from livegold.reporting.measures.sql import sql_over_predictions, sql_over_pulse
from livegold.reporting.powerbi.dataset import dataset_name, push_dataset
from livegold.reporting.semantic.derived import CompleteBuckets, Freshness, LastUpdate
from livegold.reporting.semantic.model import model_measures
from livegold.reporting.service.server import LocalService
from livegold.reporting.settings.settings import Settings
from livegold.reporting.specification.usecase import UseCase
from livegold.reporting.tasks.binary import CELLS, AtCutOff
from livegold.streams.models.registry import Registry
from preview_driver import window
from visual_oracle import BUCKET, CUT_OFF, Chosen, Field, Oracle, Page, changed_row, label
from whole_cases import Whole, with_two_dear_trips

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

CHROMIUM = any(shutil.which(n) for n in NAMES) and shutil.which(DRIVER)
pytestmark = [
    pytest.mark.spark,
    pytest.mark.broker,
    pytest.mark.long,
    pytest.mark.skipif(not CHROMIUM, reason="Chromium and its driver are not installed"),
]
TEMPLATE = Path(__file__).parents[2] / "dashboards" / "taxi_tips" / "push"
BOROUGH, VERSION = label("Borough"), label("Model Version")


class Gold(Oracle):
    """The same visuals, with every measure by SQL over the tables of gold, and the dimensions and spotlight of gold.

    `buckets` are those that exist: gold's, and those in between that were sent as silent.
    """

    def __init__(self, folder: Path, case: UseCase, lake: Lake, buckets: Sequence[dt.datetime]) -> None:
        self._case = case
        self._db = duckdb.connect(config={"threads": 1})
        self._db.execute("SET TimeZone = 'UTC'")
        for name in ("predictions", "pulse", "spotlight", *(d.name for d in case.all_dimensions)):
            path = {"predictions": lake.predictions, "pulse": lake.pulse, "spotlight": lake.spotlight}.get(name)
            self._db.register(name, DeltaTable(path or lake.dimension(name)).to_pyarrow_dataset())
        self._db.execute("CREATE TABLE buckets (bucket TIMESTAMPTZ, bucket_no BIGINT)")
        numbered = [(b.replace(tzinfo=dt.UTC), number_of(b, case)) for b in buckets]
        self._db.executemany("INSERT INTO buckets VALUES (?, ?)", numbered)
        rows = {d.table: self._rows(d.name) for d in case.all_dimensions}
        rows |= {"Pulse": self._rows("buckets"), "Spotlight": self._rows("spotlight"), "Totals": []}
        super().__init__(
            folder, push_dataset(case), {**rows, **{p.table: p.rows() for p in case.model.task.parameters}}
        )
        self._of = {m.name: m.of for m in model_measures(case, "push")}
        self._answered: dict[Any, list[dict[str, Any]]] = {}

    def _rows(self, table: str) -> list[dict[str, Any]]:
        found = self._found(f'SELECT * FROM "{table}"')
        return [{n: f"{v.isoformat()}" if isinstance(v, dt.datetime) else v for n, v in row.items()} for row in found]

    def _found(self, query: str) -> list[dict[str, Any]]:
        cursor = self._db.execute(query)
        names = [d[0] for d in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def _measured(self, names: Sequence[str], at: Mapping[Field, tuple[Any, ...]]) -> dict[str, Any]:
        return {name: _plain(self._value(name, at)) for name in names}

    def _value(self, name: str, at: Mapping[Field, tuple[Any, ...]]) -> Any:
        of = self._of[name]
        if isinstance(of, Measure):
            return self._own(of, at)
        newest = self.buckets[-1]
        if isinstance(of, CompleteBuckets):
            here = max(at.get(BUCKET, (newest,)), default=None)
            if here is None:
                return None
            behind = number_of(newest, self._case) - number_of(here, self._case)
            return of.value({of.of: self._value(of.of, at)}, behind)
        if isinstance(of, LastUpdate):
            return newest
        if isinstance(of, Freshness):
            return of.value(newest, dt.datetime.now(dt.UTC).replace(tzinfo=None))
        if isinstance(of, AtCutOff):
            return of.value(self._bands(at), self._cut_off(at))
        parts = [of.state.measure] if hasattr(of, "state") else [of.of, of.to]
        return of.value({part: self._value(part, at) for part in parts})

    def _own(self, measure: Measure, at: Mapping[Field, tuple[Any, ...]]) -> Any:
        where, times = self._filters(at), at.get(BUCKET)
        if times is None or len(times) != 1:
            if times is not None:
                first, last = min(times), max(times)
                assert set(times) == {b for b in self.buckets if first <= b <= last}
                where = [*where, Between(number_of(first, self._case), number_of(last, self._case))]
            (row,) = self._asked([measure], (), where)
            return row[measure.name]
        rows = self._asked([measure], ("bucket",), where)
        return next(r for r in rows if r["bucket"].astimezone(dt.UTC).replace(tzinfo=None) == times[0])[measure.name]

    def _bands(self, at: Mapping[Field, tuple[Any, ...]]) -> dict[int, dict[str, int]]:
        orders = {key: order for key, _, order in self.tables["Score Band"]["rows"]}
        cells = [Measure(cell, CountIf(cell)) for cell in CELLS]
        return {orders[r["score_band"]]: r for r in self._asked(cells, ("score_band",), self._filters(at))}

    def _cut_off(self, at: Mapping[Field, tuple[Any, ...]]) -> int:
        orders = {key: order for key, _, order in self.tables["Cut Off"]["rows"]}
        chosen = {o for o in orders.values() if o in at.get(CUT_OFF, (o,))}
        chosen &= {orders[v] for v in at.get(label("Cut Off"), orders)}
        return chosen.pop() if len(chosen) == 1 else self._case.model.task.parameters[0].start

    def _filters(self, at: Mapping[Field, tuple[Any, ...]]) -> list[Filter]:
        names = {d.table: d.name for d in self._case.all_dimensions}
        return [Among(names[f.table], tuple(sorted(v))) for f, v in at.items() if f.table in names]

    def _asked(self, measures: list[Measure], by: tuple[str, ...], where: Sequence[Filter]) -> list[dict[str, Any]]:
        key = (tuple(measures), by, tuple(where))
        if key not in self._answered:
            self._answered[key] = self._answer(measures, by, where)
        return self._answered[key]

    def _answer(self, measures: list[Measure], by: tuple[str, ...], where: Sequence[Filter]) -> list[dict[str, Any]]:
        # What was rejected is in no prediction.
        rejected = any(isinstance(a, Rejected) for m in measures for a in m.aggregates)
        render, table = (sql_over_pulse, "pulse") if rejected else (sql_over_predictions, "predictions")
        seconds = self._case.bucket_seconds
        return self._found(render(measures, table, by, where, bucket_seconds=seconds, buckets="buckets"))


def number_of(bucket: dt.datetime, case: UseCase) -> int:
    return int((bucket - dt.datetime(1970, 1, 1)).total_seconds()) // case.bucket_seconds


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, int | str | dt.datetime) else float(value)


@pytest.fixture
def whole(
    spark: SparkSession,
    case: UseCase,
    make_settings: Callable[..., Settings],
    topic: str,
    champion_uri: str,
    tmp_path: Path,
) -> Iterator[Whole]:
    """On a copy of the models, so that another may become champion."""
    models = tmp_path / "models.db"
    shutil.copy(champion_uri.removeprefix("sqlite:///"), models)
    settings = make_settings("preview", hub__topic=topic, mlflow__uri=f"sqlite:///{models}")
    with ExitStack() as stack:
        stack.enter_context(LocalService(settings.home))
        browser = stack.enter_context(Browser())
        yield Whole(spark, case, settings, topic, browser)


def publish(whole: Whole, *, ago: float, seconds: float, count: int, dirty: float = 0.05) -> None:
    whole.publish(with_two_dear_trips(whole.made(ago=ago, seconds=seconds, count=count, dirty=dirty)))


def oracles(whole: Whole) -> tuple[Oracle, Oracle]:
    """DAX over what the service stored, and SQL over gold."""
    stored = Oracle.of_service(TEMPLATE, whole.settings.home, dataset_name(whole.case))
    return stored, Gold(TEMPLATE, whole.case, Lake.of(whole.settings, whole.case.name), stored.buckets)


def gold_buckets(whole: Whole) -> set[dt.datetime]:
    pulse = DeltaTable(Lake.of(whole.settings, whole.case.name).pulse).to_pyarrow_table(columns=["bucket"])
    return {b.astimezone(dt.UTC).replace(tzinfo=None) for b in pulse.column("bucket").to_pylist()}


def test_the_page_says_what_dax_says_over_stored_rows_and_sql_over_gold(whole: Whole) -> None:
    home, name = whole.settings.home, dataset_name(whole.case)
    publish(whole, ago=300, seconds=60, count=130)
    whole.run()
    Registry(whole.settings).promote(whole.case, "2")
    publish(whole, ago=200, seconds=50, count=100, dirty=0.1)
    publish(whole, ago=310, seconds=60, count=12)
    # So few that the pace is less than usual.
    publish(whole, ago=50, seconds=40, count=8)
    whole.run()
    stored, _ = both = oracles(whole)
    assert gold_buckets(whole) <= set(stored.buckets)
    assert {row[-1] for row in stored.tables["Totals"]["rows"]} == {0}, "spotlight rows were left out"

    with window(whole.browser, home, whole.case.name, TEMPLATE) as driver:

        def same(page: Page, chosen: Chosen) -> None:
            for oracle in both:
                assert driver.settled(oracle, page, chosen) == []

        live, model = stored.page("Live"), stored.page("Model")
        driver.open(live)
        same(live, Chosen())
        driver.choose(live.slicers[BOROUGH], "Queens")
        same(live, Chosen({BOROUGH: ("Queens",)}))
        driver.choose(live.slicers[BOROUGH], "Manhattan", "Brooklyn")
        several = Chosen({BOROUGH: ("Manhattan", "Brooklyn")})
        same(live, several)
        first, last = stored.buckets[3], stored.buckets[-4]
        driver.between(live.slicers[BUCKET], stored.buckets, first, last)
        same(live, Chosen(several.values, first, last))

        driver.open(model)
        same(model, Chosen())
        driver.choose(model.slicers[VERSION], "2")
        driver.slide(model.slicers[CUT_OFF], 2)
        same(model, Chosen({VERSION: ("2",), CUT_OFF: (70,)}))
        through = stored.page("Borough")
        driver.open(through, "Manhattan")
        same(through, Chosen({BOROUGH: ("Manhattan",)}))

        driver.open(live)
        same(live, Chosen())
        valued = [v for v in live.visuals if v.shows_values and not stored.tells_time(v)]
        before = driver.values(valued)
        publish(whole, ago=20, seconds=18, count=60, dirty=0.2)
        whole.run()
        both = oracles(whole)
        same(live, Chosen())
        assert gold_buckets(whole) < set(both[0].buckets), "no bucket was silent"
        after = driver.values(valued)
        assert [v.name for v in valued if after[v.name] == before[v.name]] == []

        # A stored row that is not what was shown.
        with changed_row(home, name, "Pulse"):
            assert driver.different(oracles(whole)[0], live, Chosen())
        driver.open(live)
        same(live, Chosen())

    for table in ("Pulse", "Totals"):
        # A page that shows a row that gold has otherwise.
        with changed_row(home, name, table), window(whole.browser, home, whole.case.name, TEMPLATE) as driver:
            driver.open(live)
            assert driver.settled(oracles(whole)[0], live, Chosen()) == []
            assert driver.different(both[1], live, Chosen())
