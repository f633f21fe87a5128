"""What the visuals of one use case are about: its measures, states, dimensions and pages, and the words for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from livegold.reporting.measures import AllTime, Count
from livegold.reporting.pbir import Json, column, entry, measure, stable_name
from livegold.reporting.schema import CUT_OFF, PULSE
from livegold.reporting.specification import Page, State, UseCase


@dataclass(frozen=True)
class Standing:
    """The measures that say how a measure stands: `text` a shape and a word, `colour` its colour."""

    state: State
    text: Json
    colour: Json
    description: str


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A use case as its visuals need it. Who knows the semantic model fills it; measures are PBIR's fields of them.

    `formats` and `descriptions` are by name of the measure. `tables` are those with key, label and order, by the name
    of the dimension, or of what else can be chosen (the cut-off), of which `starts` has what holds while nothing is.
    `standings` are the states by their measure; `complete` gives a measure of `over_buckets` without the bucket that is
    still open.
    """

    case: UseCase
    pages: tuple[Page, ...]
    formats: Mapping[str, str]
    descriptions: Mapping[str, str]
    tables: Mapping[str, str]
    starts: Mapping[str, int]
    standings: Mapping[str, Standing]
    complete: Callable[[str], Json]
    last_update: Json
    freshness: Json

    def measure(self, name: str) -> Json:
        return measure(PULSE, name)

    def label(self, dimension: str) -> Json:
        """The column with the values of a dimension, or with the cut-offs."""
        return column(self.tables[dimension], "label")

    def met(self, measures: Sequence[str]) -> str:
        """The measure that is above 0 for the values of a dimension that occurred at all: others are left out.

        Empty where none counts all events, and where one of `measures` counts what has no dimension.
        """
        own = {m.name: m for m in self.case.measures}
        for ratio in self.case.ratios:
            own[ratio.name] = own[ratio.of]
        if any(a.counts_rejected for name in measures if name in own for a in own[name].aggregates):
            return ""
        counts = [m.name for m in self.case.measures if m.expression == Count() and isinstance(m.scope, AllTime)]
        return counts[0] if counts else ""

    def is_share(self, measure: str) -> bool:
        return self.formats[measure].endswith("%")

    def dimension(self, name: str) -> str:
        """A dimension's name as it is shown."""
        return "Cut-off" if name == CUT_OFF else words(name)

    def described(self, measure: str, title: str) -> str:
        description = self.descriptions.get(measure, "")
        return f"{title}: {description}" if description else title

    def tooltip(self, page: str) -> Json:
        """What shows a tooltip page on a visual; nothing where none is named."""
        if not page:
            return {}
        target = next(p for p in self.pages if p.name == page)
        return {"visualTooltip": [entry(show=True, type="Canvas", section=page_name(self.case, target))]}


def page_name(case: UseCase, page: Page) -> str:
    """The name of a page's folder, the same for the same page."""
    return stable_name(case.name, "page", page.name)


def words(name: str) -> str:
    """`event_time` is `Event time`."""
    return name.replace("_", " ").capitalize()


def listed(names: Sequence[str]) -> str:
    """`a, b and c`; names that have commas themselves are parted by semicolons."""
    between = "; " if any("," in name for name in names) else ", "
    return " and ".join(filter(None, (between.join(names[:-1]), names[-1])))
