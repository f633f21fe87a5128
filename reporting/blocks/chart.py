"""A chart: measures by a dimension, or by the cut-off.

`clusteredColumnChart`, `barChart` (`clusteredBarChart` for several measures) or `lineChart` over a label, in the
label's own order. Values of a dimension that never occurred are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from livegold.reporting.blocks.charts import axes, fills
from livegold.reporting.blocks.container import of_data, on_card
from livegold.reporting.blocks.part import Part, Phone
from livegold.reporting.blocks.subject import Subject, listed
from livegold.reporting.drawing import BARS, LINES
from livegold.reporting.pbir import Box, Json, entry, projection, sort
from livegold.reporting.schema import CUT_OFF
from livegold.reporting.specification import Block, Page, ReportChecks


@dataclass(frozen=True)
class Chart(Block):
    """Measures by a dimension, as `columns`, `bars` or `line`. `dimension` may be `cut_off`."""

    dimension: str
    measures: tuple[str, ...]
    kind: Literal["columns", "bars", "line"] = "columns"
    tooltip: str = ""

    drawings = (LINES, BARS)

    def check(self, report: ReportChecks, place: str) -> None:
        report.one_of(self.dimension, [*report.dimensions, *report.parameters], f"{place} dimension")
        report.all_of(self.measures, report.numbers, place)
        report.tooltip(self.tooltip, place)

    def parts(self, subject: Subject, page: Page, box: Box) -> Sequence[Part]:
        label = subject.label(self.dimension)
        fields = [subject.measure(m) for m in self.measures]
        shown = subject.dimension(self.dimension)
        title = self.title or f"{listed(self.measures)} by {shown.lower()}"
        several = len(fields) > 1
        kinds = {
            "columns": "clusteredColumnChart",
            # Bars of several measures side by side: stacked, they would add up to something meaningless.
            "bars": "clusteredBarChart" if several else "barChart",
            "line": "lineChart",
        }
        objects: Json = {"dataPoint": fills(fields), **axes("Categorical", legend=several)}
        if self.kind == "line":
            objects["lineStyles"] = [entry(strokeWidth=3.0, showMarker=True, markerSize=5.0)]
        else:
            objects["labels"] = [entry(show=not several)]
        alt = f"{listed(self.measures)} for each {shown.lower()}"
        visual = of_data(
            kinds[self.kind],
            {"Category": [{**projection(label, shown), "active": True}], "Y": [projection(f) for f in fields]},
            objects,
            {**on_card(title, alt), **subject.tooltip(self.tooltip)},
            sort(label, "Ascending"),
        )
        phone = Phone(220, rank=50)
        if self.dimension == CUT_OFF:
            # Shows all cut-offs, whichever one the slider is at.
            return [Part(visual=visual, box=box, phone=phone, ignores=CUT_OFF)]
        return [Part(visual=visual, box=box, phone=phone, above_zero=subject.met(self.measures))]
