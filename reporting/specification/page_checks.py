"""Whether what a use case says of its report can be: names that are there, blocks that fit. Called when it is built."""

from __future__ import annotations

from collections.abc import Iterable

from livegold.reporting.errors import choices
from livegold.reporting.measures import AllTime
from livegold.reporting.schema import WRITTEN
from livegold.reporting.specification.pages import (
    COLUMNS,
    Block,
    Chart,
    ConfusionMatrix,
    CutOffSlider,
    Exceptions,
    Page,
    Ranking,
    Slicer,
    Tile,
    Trend,
)
from livegold.reporting.specification.usecase import Refusals, UseCase

MAX_PAGES = 20
OF_TASKS = (ConfusionMatrix, CutOffSlider)
"""Blocks that not every task can fill."""


def check_report(case: UseCase) -> None:
    """Raises SpecificationError with the place, the value and the valid choices."""
    _Checks(case).run()


class _Checks(Refusals):
    def __init__(self, case: UseCase) -> None:
        super().__init__(case)
        self.dimensions = [d.name for d in case.all_dimensions]
        self.numbers = [
            *(m.name for m in case.measures),
            *(r.name for r in case.ratios),
            *(m.name for m in case.model.task.derived_measures),
        ]

    def run(self) -> None:
        case = self.case
        own = [m.name for m in case.measures]
        for ratio in case.ratios:
            for name in (ratio.of, ratio.to):
                self.one_of(name, own, f"ratio {ratio.name!r} measure")
        self.unique([n.strip().lower() for n in self.numbers], "measure")
        for aggregate in case.model.task.needs:
            if aggregate not in case.aggregates:
                what = choices(m.name for m in case.model.task.derived_measures)
                self.fail(
                    f"task {type(case.model.task).__name__}", f"needs {aggregate!r} for {what}: add a measure of it"
                )
        for state in case.states:
            self.one_of(state.measure, self.numbers, "state of measure")
            if state.good == state.bad:
                self.fail(f"state of {state.measure!r}", f"is good and bad from {state.good} on: give two numbers")
            if any('"' in word or not word.strip() for word in state.words):
                self.fail(f"state of {state.measure!r}", f"has words {state.words!r}: give words without quotes")
        self.unique([s.measure for s in case.states], "state of")
        self.unique([p.name.strip().lower() for p in case.pages], "page")
        if len(case.pages) > MAX_PAGES:
            self.fail("pages", f"are {len(case.pages)}: have {MAX_PAGES} at most")
        for page in case.pages:
            self.page(page)
        if case.pages and case.pages[0].kind != "page":
            self.fail(f"page {case.pages[0].name!r}", "comes first: put a page of kind 'page' first")

    def page(self, page: Page) -> None:
        place = f"page {page.name!r}"
        if not page.name.strip() or len(page.name) > 50:
            self.fail(place, "has a name that cannot be: give 1 to 50 characters")
        self.one_of(page.kind, ("page", "drillthrough", "tooltip"), f"{place} kind")
        if page.kind == "drillthrough":
            self.one_of(page.dimension, self.dimensions, f"{place} dimension")
        if not page.rows or not all(row.blocks for row in page.rows):
            self.fail(place, "has no rows, or a row with nothing in it: give each a block")
        for row in page.rows:
            widths = [b.width for b in row.blocks]
            if min(widths) < 1 or sum(widths) > COLUMNS:
                self.fail(place, f"has a row of widths {widths}: give whole numbers that sum to {COLUMNS} at most")
            if not row.height > 0:
                self.fail(place, f"has a row of height {row.height}: give a number above 0")
        for block in page.blocks:
            self.block(block, f"{place} {type(block).__name__}")

    def block(self, block: Block, place: str) -> None:
        task = self.case.model.task
        if isinstance(block, OF_TASKS) and type(block) not in task.blocks:
            filled = choices([b.__name__ for b in task.blocks]) if task.blocks else "another block"
            self.fail(place, f"is no block that this {type(task).__name__} task can fill: give {filled}")
        if isinstance(block, Tile):
            self.all_of((block.measure, *((block.against,) if block.against else ())), self.numbers, place)
        elif isinstance(block, Trend):
            in_time = [m.name for m in self.case.measures if not isinstance(m.scope, AllTime)]
            self.all_of(
                (*block.measures, *(block.expected or ())), in_time, f"{place} measure by bucket or of a window"
            )
        elif isinstance(block, Ranking | Chart):
            chosen = [p.name for p in task.parameters]
            valid = [*self.dimensions, *(chosen if isinstance(block, Chart) else [])]
            self.one_of(block.dimension, valid, f"{place} dimension")
            self.all_of(block.measures, self.numbers, place)
        elif isinstance(block, Slicer):
            self.one_of(block.dimension, self.dimensions, f"{place} dimension")
        elif isinstance(block, Exceptions):
            # What gold notes for itself is in no model.
            own = {name for name, *_ in WRITTEN}
            self.all_of(
                block.columns, [c.name for c in self.case.spotlight_columns if c.name not in own], f"{place} column"
            )
        elif isinstance(block, ConfusionMatrix):
            self.all_of(block.measures, self.numbers, place)
        tooltip = getattr(block, "tooltip", "")
        if tooltip:
            self.one_of(tooltip, [p.name for p in self.case.pages if p.kind == "tooltip"], f"{place} tooltip")

    def all_of(self, values: Iterable[str], valid: list[str], place: str) -> None:
        values = list(values)
        if not values:
            self.fail(place, f"shows nothing: give {choices(valid)}")
        for value in values:
            self.one_of(value, valid, place)
            if values.count(value) > 1:
                self.fail(place, f"has {value!r} twice: show each once")

    def unique(self, names: list[str], what: str) -> None:
        for name in names:
            if names.count(name) > 1:
                self.fail(f"{what} {name!r}", "is there twice: give each its own")
