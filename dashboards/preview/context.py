"""The selection in one browser tab: slicers, cut-off, time, drill-through value. Contains no widgets and no rows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from livegold.dashboards.preview.questions import UnknownField, Vocabulary
from livegold.dashboards.preview.tables import Label
from livegold.dashboards.preview.template import Page
from livegold.reporting.drawing import Filters
from livegold.reporting.pbir import Condition, Field, Visual, conditions_of, value_of
from livegold.reporting.schema import BUCKET, CUT_OFF, PULSE

BUCKET_FIELD = Field(PULSE, BUCKET)

Labels = Callable[[str], tuple[Label, ...]]


@dataclass
class Chosen:
    """The filters of one page, by the slicer they come from, and those it was opened with."""

    page: Page
    by_slicer: dict[str, Filters] = field(default_factory=dict)
    opened_with: Filters = field(default_factory=Filters)

    def choose(self, slicer: str, filters: Filters) -> None:
        self.by_slicer[slicer] = filters

    def for_visual(self, visual: Visual, conditions: Filters) -> Filters:
        """All filters on a visual, except its own selection and slicers that the page keeps from filtering it."""
        made = self.opened_with.merged(conditions)
        for slicer, filters in self.by_slicer.items():
            if slicer != visual.name and (slicer, visual.name) not in self.page.apart:
                made = made.merged(filters)
        return made

    @property
    def whole(self) -> Filters:
        """The whole selection, which is passed on to a drill-through page."""
        made = self.opened_with
        for filters in self.by_slicer.values():
            made = made.merged(filters)
        return made


def filters_of(conditions: Iterable[Condition], vocabulary: Vocabulary, labels: Labels) -> Filters:
    """The filters in the files. UnknownField for one that cannot be applied to rows here."""
    made = Filters()
    for condition in conditions:
        if condition.above is not None:
            continue  # a filter on groups, not on rows
        asked = condition.field
        if asked.entity not in vocabulary.names:
            raise UnknownField(f"filter on {asked}")
        name = vocabulary.dimension(asked)
        kept = [v for v in labels(name) if (getattr(v, asked.property) in condition.values) is not condition.negated]
        if name == CUT_OFF:
            made = made.at(kept[0].order if len(kept) == 1 else None)
        else:
            made = made.among(name, tuple(v.key for v in kept))
    return made


def cut_off_at_start(visual: Visual) -> int | None:
    """The initial value of a cut-off slicer: from its filter, or from its settings."""
    for properties, _ in visual.entries("general"):
        written = value_of(properties.get("filter"))
        if isinstance(written, dict):
            inside = written.get("filter", written)
            for condition in conditions_of(inside):
                if condition.field.property == "order" and len(condition.values) == 1:
                    return int(condition.values[0])
    start = visual.look("data", "numericStart")
    return None if start is None else int(start)


def drilled(point: Filters, page: Filters, dimension: str, keeps: bool) -> Filters:
    """The filters a page is opened with for a point of a visual: its value of the dimension, and the selection."""
    keys = dict(point.values)[dimension]
    base = replace(page, cut_off=None) if keeps else Filters()
    return base.among(dimension, keys)


def seconds(time: dt.datetime) -> int:
    """Seconds since 1970 of a UTC time without a zone."""
    return round((time - dt.datetime(1970, 1, 1)).total_seconds())


def time_of(since_1970: float) -> dt.datetime:
    return dt.datetime(1970, 1, 1) + dt.timedelta(seconds=since_1970)
