"""`lineChart` and bars: what goes up and down by time, by a dimension, by cut-off."""

from __future__ import annotations

from typing import Any

from livegold.dashboards import theme
from livegold.dashboards.pbir import Json, colour, column, entry, measure, projection, query_ref, sort
from livegold.dashboards.visuals.container import of_data, on_card
from livegold.dashboards.visuals.subject import Subject, listed
from livegold.reporting.schema import PULSE
from livegold.reporting.semantic import STATE_COLOURS, CompleteBuckets
from livegold.reporting.specification import Chart, State, Trend


def trend(subject: Subject, block: Trend) -> Json:
    bucket = column(PULSE, "bucket")
    lines = [(m, measure(PULSE, CompleteBuckets(m).name)) for m in block.measures]
    band = [(m, measure(PULSE, CompleteBuckets(m).name)) for m in block.expected or ()]
    title = block.title or f"{listed(block.measures)} over time"
    said = [f"Lines of {listed(block.measures)} by time"]
    styles = [entry(strokeWidth=3.0, showMarker=False)]
    for _, field in band:
        styles.append(entry({"metadata": query_ref(field)}, lineStyle="dashed", strokeWidth=2.0))
    if band:
        said.append(f"expected between the dashed lines {listed([m for m, _ in band])}")
    objects: Json = {
        "lineStyles": styles,
        "dataPoint": [
            *_fills([field for _, field in lines]),
            *(entry({"metadata": query_ref(field)}, fill=colour(theme.EXPECTED)) for _, field in band),
        ],
        **_axes("Scalar", legend=len(lines) + len(band) > 1),
    }
    if band and all(subject.is_share(m) for m, _ in (*lines, *band)):
        # Of few rows, as at the start, nearly anything is expected, below 0% and above 100% too.
        objects["valueAxis"] = [entry(show=True, showAxisTitle=False, start=0.0, end=1.0)]
    stated = [subject.states[m] for m in block.measures if m in subject.states]
    if len(stated) == 1:
        objects["y1AxisReferenceLine"] = [_threshold(stated[0])]
        said.append(f"a dashed line where {stated[0].measure} is {stated[0].words[2]}: {stated[0].bad:g}")
    return of_data(
        "lineChart",
        {
            "Category": [{**projection(bucket, "Time (UTC)"), "active": True}],
            "Y": [projection(field, name) for name, field in (*lines, *band)],
        },
        objects,
        {**on_card(title, "; ".join(said)), **subject.tooltip(block.tooltip)},
        sort(bucket, "Ascending"),
    )


def chart(subject: Subject, block: Chart) -> Json:
    label = subject.label(block.dimension)
    fields = [measure(PULSE, m) for m in block.measures]
    shown = subject.dimension(block.dimension)
    title = block.title or f"{listed(block.measures)} by {shown.lower()}"
    several = len(fields) > 1
    kinds = {
        "columns": "clusteredColumnChart",
        # Bars of several measures side by side: upon one another they would add up to nothing that means anything.
        "bars": "clusteredBarChart" if several else "barChart",
        "line": "lineChart",
    }
    objects: Json = {"dataPoint": _fills(fields), **_axes("Categorical", legend=several)}
    if block.kind == "line":
        objects["lineStyles"] = [entry(strokeWidth=3.0, showMarker=True, markerSize=5.0)]
    else:
        objects["labels"] = [entry(show=not several)]
    return of_data(
        kinds[block.kind],
        {"Category": [{**projection(label, shown), "active": True}], "Y": [projection(f) for f in fields]},
        objects,
        {**on_card(title, f"{listed(block.measures)} for each {shown.lower()}"), **subject.tooltip(block.tooltip)},
        sort(label, "Ascending"),
    )


def _fills(fields: list[Json]) -> list[Json]:
    colours = theme.DATA_COLOURS
    return [entry({"metadata": query_ref(f)}, fill=colour(colours[i % len(colours)])) for i, f in enumerate(fields)]


def _axes(kind: str, *, legend: bool) -> Json:
    return {
        "legend": [entry(show=legend, position="Top", showTitle=False)],
        "categoryAxis": [entry(show=True, axisType=kind, showAxisTitle=False)],
        "valueAxis": [entry(show=True, showAxisTitle=False)],
    }


def _threshold(state: State) -> Json:
    properties: dict[str, Any] = {
        "show": True,
        "displayName": state.words[2],
        "value": float(state.bad),
        "lineColor": colour(STATE_COLOURS[2]),
        "transparency": 0.0,
        "style": "dashed",
        "dataLabelShow": True,
        "dataLabelText": "Name",
        "dataLabelColor": colour(STATE_COLOURS[2]),
    }
    return entry({"id": "1"}, **properties)
