"""What the visuals of one use case refer to: its measures, states, dimensions and pages, and their display names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from livegold.reporting.measures import AllTime, Count
from livegold.reporting.pbir import Json, column, entry, measure, stable_name
from livegold.reporting.schema import CUT_OFF, PULSE
from livegold.reporting.specification import Page, State, UseCase


@dataclass(frozen=True)
class Standing:
    """The measures that show a measure's state: `text` as a shape and a word, `colour` as a colour."""

    state: State
    text: Json
    colour: Json
    description: str


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A use case as its visuals need it. Filled by code that knows the semantic model; measures are PBIR fields.

    `formats` and `descriptions` are by measure name. `tables` are those with key, label and order, by the name of the
    dimension or other selectable value (the cut-off); `starts` has the latter's value while none is selected.
    `standings` are the states by measure; `complete` returns a measure of `over_buckets` without the bucket that is
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
        """The column with a dimension's values, or with the cut-offs."""
        return column(self.tables[dimension], "label")

    def met(self, measures: Sequence[str]) -> str:
        """The measure that is above 0 for dimension values that occurred at all; other values are left out.

        Empty if no measure counts all events, or if one of `measures` counts rejected events, which have no dimensions.
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
        """A dimension's display name."""
        return "Cut-off" if name == CUT_OFF else words(name)

    def described(self, measure: str, title: str) -> str:
        description = self.descriptions.get(measure, "")
        return f"{title}: {description}" if description else title

    def tooltip(self, page: str) -> Json:
        """The container object that shows a tooltip page on a visual; empty if none is named."""
        if not page:
            return {}
        target = next(p for p in self.pages if p.name == page)
        return {"visualTooltip": [entry(show=True, type="Canvas", section=page_name(self.case, target))]}


def page_name(case: UseCase, page: Page) -> str:
    """The stable name of a page's folder."""
    return stable_name(case.name, "page", page.name)


def words(name: str) -> str:
    """`event_time` becomes `Event time`."""
    return name.replace("_", " ").capitalize()


def listed(names: Sequence[str]) -> str:
    """`a, b and c`; separated by semicolons if the names themselves contain commas."""
    between = "; " if any("," in name for name in names) else ", "
    return " and ".join(filter(None, (between.join(names[:-1]), names[-1])))
