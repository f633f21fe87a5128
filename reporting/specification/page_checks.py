"""Validates the report a use case declares: names must exist, blocks must fit. Called when the use case is built."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Protocol

from livegold.reporting.errors import choices
from livegold.reporting.measures import Aggregate, Measure
from livegold.reporting.specification.pages import COLUMNS, Block, Page, State
from livegold.reporting.specification.refusals import Refusals

if TYPE_CHECKING:
    from livegold.reporting.tasks import Task

MAX_PAGES = 20


class Named(Protocol):
    @property
    def name(self) -> str: ...


class Compared(Named, Protocol):
    """A ratio: the names of the two measures it compares."""

    @property
    def of(self) -> str: ...
    @property
    def to(self) -> str: ...


class Reported(Named, Protocol):
    """The parts of a use case that are checked: its report, and everything the report may refer to."""

    @property
    def measures(self) -> Sequence[Measure]: ...
    @property
    def ratios(self) -> Sequence[Compared]: ...
    @property
    def task(self) -> Task: ...
    @property
    def states(self) -> Sequence[State]: ...
    @property
    def pages(self) -> Sequence[Page]: ...
    @property
    def aggregates(self) -> Sequence[Aggregate]: ...
    @property
    def all_dimensions(self) -> Sequence[Named]: ...
    @property
    def spotlight_columns(self) -> Sequence[Named]: ...


def check_report(case: Reported) -> None:
    """Raises SpecificationError naming the place, the value and the valid choices."""
    ReportChecks(case).run()


class ReportChecks(Refusals):
    """Checks the pages of a use case; each block checks itself with the methods of this class.

    `dimensions` has the names of all dimensions, `parameters` those of the other selectable values (the cut-off), and
    `numbers` those of measures, ratios and the task's derived measures.
    """

    def __init__(self, case: Reported) -> None:
        super().__init__(case.name)
        self.case = case
        self.dimensions = [d.name for d in case.all_dimensions]
        self.parameters = [p.name for p in case.task.parameters]
        self.numbers = [
            *(m.name for m in case.measures),
            *(r.name for r in case.ratios),
            *(m.name for m in case.task.derived_measures),
        ]

    def run(self) -> None:
        case = self.case
        own = [m.name for m in case.measures]
        for ratio in case.ratios:
            for name in (ratio.of, ratio.to):
                self.one_of(name, own, f"ratio {ratio.name!r} measure")
        self.unique([n.strip().lower() for n in self.numbers], "measure")
        for aggregate in case.task.needs:
            if aggregate not in case.aggregates:
                what = choices(m.name for m in case.task.derived_measures)
                self.fail(f"task {case.task.name}", f"needs {aggregate!r} for {what}: add a measure of it")
        for state in case.states:
            self.one_of(state.measure, self.numbers, "state of measure")
            if state.good == state.bad:
                fault = f"has the same limit, {state.good}, for good and bad: give two different numbers"
                self.fail(f"state of {state.measure!r}", fault)
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
            self.fail(place, "has an invalid name: give 1 to 50 characters")
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
            block.check(self, f"{place} {type(block).__name__}")

    def of_task(self, block: Block, place: str) -> None:
        """Rejects a block that the use case's task cannot fill."""
        task = self.case.task
        if type(block) not in task.blocks:
            filled = choices([b.__name__ for b in task.blocks]) if task.blocks else "another block"
            self.fail(place, f"is no block that this {task.name} task can fill: give {filled}")

    def tooltip(self, page: str, place: str) -> None:
        """Rejects the name of a page that is not a tooltip page; an empty name means no tooltip."""
        if page:
            self.one_of(page, [p.name for p in self.case.pages if p.kind == "tooltip"], f"{place} tooltip")

    def all_of(self, values: Iterable[str], valid: list[str], place: str) -> None:
        """Rejects an empty list of values, an invalid value and a duplicate."""
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
                self.fail(f"{what} {name!r}", "occurs twice: rename one")
