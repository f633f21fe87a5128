"""A trend: measures by time, with what is expected.

`lineChart`: Category `Pulse`.`bucket`, Y the measures over the complete buckets, then expected low and high, dashed
(`lineStyles` and `dataPoint.fill` by `selector.metadata`); `y1AxisReferenceLine` if exactly one measure has a state;
`valueAxis.start` and `end` (0 and 1) if shares have an expected band.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from livegold.reporting import palette
from livegold.reporting.blocks.charts import axes, fills
from livegold.reporting.blocks.container import of_data, on_card
from livegold.reporting.blocks.part import Part, Phone
from livegold.reporting.blocks.subject import Subject, listed
from livegold.reporting.drawing import LINES
from livegold.reporting.measures import AllTime
from livegold.reporting.pbir import Box, Json, colour, column, entry, projection, query_ref, sort
from livegold.reporting.schema import BUCKET, PULSE
from livegold.reporting.specification import Block, Page, ReportChecks, State


@dataclass(frozen=True)
class Trend(Block):
    """Measures by bucket, as lines over the closed buckets; `expected` has the measures for the band's low and high."""

    measures: tuple[str, ...]
    expected: tuple[str, str] | None = None
    tooltip: str = ""

    drawings = (LINES,)

    @property
    def over_buckets(self) -> tuple[str, ...]:
        return (*self.measures, *(self.expected or ()))

    def check(self, report: ReportChecks, place: str) -> None:
        in_time = [m.name for m in report.case.measures if not isinstance(m.scope, AllTime)]
        report.all_of(self.over_buckets, in_time, f"{place} measure by bucket or of a window")
        report.tooltip(self.tooltip, place)

    def parts(self, subject: Subject, page: Page, box: Box) -> Sequence[Part]:
        bucket = column(PULSE, BUCKET)
        lines = [(m, subject.complete(m)) for m in self.measures]
        band = [(m, subject.complete(m)) for m in self.expected or ()]
        title = self.title or f"{listed(self.measures)} over time"
        alt = [f"Lines of {listed(self.measures)} by time"]
        styles = [entry(strokeWidth=3.0, showMarker=False)]
        for _, field in band:
            styles.append(entry({"metadata": query_ref(field)}, lineStyle="dashed", strokeWidth=2.0))
        if band:
            alt.append(f"expected between the dashed lines {listed([m for m, _ in band])}")
        objects: Json = {
            "lineStyles": styles,
            "dataPoint": [
                *fills([field for _, field in lines]),
                *(entry({"metadata": query_ref(field)}, fill=colour(palette.EXPECTED)) for _, field in band),
            ],
            **axes("Scalar", legend=len(lines) + len(band) > 1),
        }
        if band and all(subject.is_share(m) for m, _ in (*lines, *band)):
            # With few rows, as at the start, the expected band may extend below 0% and above 100%.
            objects["valueAxis"] = [entry(show=True, showAxisTitle=False, start=0.0, end=1.0)]
        stated = [subject.standings[m].state for m in self.measures if m in subject.standings]
        if len(stated) == 1:
            objects["y1AxisReferenceLine"] = [_threshold(stated[0])]
            alt.append(f"a dashed line where {stated[0].measure} is {stated[0].words[2]}: {stated[0].bad:g}")
        visual = of_data(
            "lineChart",
            {
                "Category": [{**projection(bucket, "Time (UTC)"), "active": True}],
                "Y": [projection(field, name) for name, field in (*lines, *band)],
            },
            objects,
            {**on_card(title, "; ".join(alt)), **subject.tooltip(self.tooltip)},
            sort(bucket, "Ascending"),
        )
        return [Part(visual=visual, box=box, phone=Phone(220, rank=40))]


def _threshold(state: State) -> Json:
    bad = colour(palette.STATE_COLOURS[2])
    properties: dict[str, Any] = {
        "show": True,
        "displayName": state.words[2],
        "value": float(state.bad),
        "lineColor": bad,
        "transparency": 0.0,
        "style": "dashed",
        "dataLabelShow": True,
        "dataLabelText": "Name",
        "dataLabelColor": bad,
    }
    return entry({"id": "1"}, **properties)
