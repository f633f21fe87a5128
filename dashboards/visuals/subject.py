"""What the visuals of one use case are about: its measures, states, dimensions and pages, and the words for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

from livegold.dashboards.pbir import Json, column, entry, stable_name
from livegold.reporting.measures import AllTime, Count, Measure, Rejected
from livegold.reporting.schema import CUT_OFF
from livegold.reporting.semantic import Ratio, formats_of, pages_of, slicing_tables
from livegold.reporting.specification import Page, State, UseCase
from livegold.reporting.tasks import TaskMeasure


class Subject:
    """A use case as its visuals need it."""

    def __init__(self, case: UseCase) -> None:
        self.case = case
        self.pages = pages_of(case)
        self.states: dict[str, State] = {s.measure: s for s in case.states}

    @cached_property
    def tables(self) -> dict[str, str]:
        """Tables with key, label and order, by the name of the dimension, or of the cut-off."""
        return slicing_tables(self.case)

    @cached_property
    def _descriptions(self) -> dict[str, str]:
        case = self.case
        numbers: tuple[Measure | Ratio | TaskMeasure, ...] = (
            *case.measures,
            *case.ratios,
            *case.model.task.derived_measures,
        )
        return {m.name: m.description for m in numbers}

    @cached_property
    def _formats(self) -> Mapping[str, str]:
        return formats_of(self.case)

    def met(self, measures: Sequence[str]) -> str:
        """The measure that is above 0 for the values of a dimension that occurred at all: others are left out.

        Empty where none counts all events, and where one of `measures` counts what has no dimension.
        """
        own = {m.name: m for m in self.case.measures}
        for ratio in self.case.ratios:
            own[ratio.name] = own[ratio.of]
        if any(isinstance(a, Rejected) for name in measures if name in own for a in own[name].aggregates):
            return ""
        counts = [m.name for m in self.case.measures if m.expression == Count() and isinstance(m.scope, AllTime)]
        return counts[0] if counts else ""

    def is_share(self, measure: str) -> bool:
        return self._formats[measure].endswith("%")

    def label(self, dimension: str) -> Json:
        """The column with the values of a dimension, or with the cut-offs."""
        return column(self.tables[dimension], "label")

    def dimension(self, name: str) -> str:
        return "Cut-off" if name == CUT_OFF else words(name)

    def described(self, measure: str, title: str) -> str:
        description = self._descriptions.get(measure, "")
        return f"{title}: {description}" if description else title

    def tooltip(self, page: str) -> Json:
        """What shows a tooltip page on a visual; nothing where none is named."""
        if not page:
            return {}
        target = next(p for p in self.pages if p.name == page)
        return {"visualTooltip": [entry(show=True, type="Canvas", section=page_name(self.case, target))]}


def page_name(case: UseCase, page: Page) -> str:
    return stable_name(case.name, "page", page.name)


def words(name: str) -> str:
    """`event_time` is `Event time`."""
    return name.replace("_", " ").capitalize()


def listed(names: Sequence[str]) -> str:
    """`a, b and c`; names that have commas themselves are parted by semicolons."""
    between = "; " if any("," in name for name in names) else ", "
    return " and ".join(filter(None, (between.join(names[:-1]), names[-1])))
