"""Values by category: `lineChart`, `areaChart`, `clusteredColumnChart`, `barChart`, as ECharts options.

The unformatted rows are the chart's dataset, so that what is read back from the chart is what it shows.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any

from livegold.reporting.drawing.answer import Answer, Filters, Known
from livegold.reporting.drawing.formats import BLANK
from livegold.reporting.drawing.kinds import ChartDrawing, Options
from livegold.reporting.drawing.style import FACE, PX_PER_POINT, colour
from livegold.reporting.pbir import Field, Visual, value_of

EPOCH = dt.datetime(1970, 1, 1)
_LINES = ("lineChart", "areaChart")
_BARS = ("barChart", "clusteredBarChart")
_COLUMNS = ("clusteredColumnChart", "columnChart")
# With more bars than this their labels would overlap.
MAX_LABELS = 12


def _chart(visual: Visual, answer: Answer) -> Options:
    """A chart of values by category; without rows only its axes."""
    (category, *_), series = visual.of("Category"), visual.of("Y")
    formats = {k.field: k.format for k in answer.fields}
    places = {k.field: i for i, k in enumerate(answer.fields)}
    over_time = next(k for k in answer.fields if k.field == category.field).kind == "time"
    wanted = [places[category.field], *(places[p.field] for p in series)]
    rows = [[_number(row[i]) for i in wanted] for row in answer.rows]
    scalar = over_time and category.field.property == "bucket"
    if not scalar:
        for row in rows:
            row[0] = _text(row[0])
    muted = colour(visual.look("categoryAxis", "labelColor"), visual, None, "#46566B")
    size = round(float(visual.look("categoryAxis", "fontSize", 9)) * PX_PER_POINT)
    patterns = [formats[p.field] for p in series]
    flat = visual.kind in _BARS
    legend = bool(visual.look("legend", "show", len(series) > 1))
    lowest = formats[series[0].field] if series else ""
    value_axis: Options = {
        "type": "value",
        "scale": visual.kind == "lineChart",
        "splitNumber": 4,
        "axisLabel": {"color": muted, "fontSize": size, ":formatter": f"v => livegold.tick({json.dumps(lowest)}, v)"},
        "splitLine": {
            "show": bool(visual.look("valueAxis", "gridlineShow", True)),
            "lineStyle": {"color": colour(visual.look("valueAxis", "gridlineColor"), visual, None, "#E3E9F0")},
        },
    }
    for end, name in (("min", "start"), ("max", "end")):
        given = visual.look("valueAxis", name)
        if given is not None:
            value_axis[end] = float(given)
    category_axis: Options = {
        "type": "time" if scalar else "category",
        "inverse": flat,
        "axisLine": {
            "lineStyle": {"color": colour(visual.look("valueAxis", "gridlineColor"), visual, None, "#E3E9F0")}
        },
        "axisTick": {"show": False},
        "splitLine": {"show": False},
        "axisLabel": {"color": muted, "fontSize": size, "hideOverlap": True},
    }
    if scalar:
        category_axis |= {"splitNumber": 4, "minInterval": 1000}
        category_axis["axisLabel"][":formatter"] = "v => livegold.clock(v)"
    return {
        "useUTC": True,
        "animation": False,
        "aria": {"enabled": False},
        "textStyle": {"fontFamily": FACE},
        "color": list(visual.theme.data_colours),
        "grid": {"left": 4, "right": 14, "top": 30 if legend else 12, "bottom": 2, "containLabel": True},
        "legend": {
            "show": legend,
            "top": 0,
            "left": 0,
            "itemWidth": 20,
            "itemHeight": 9,
            # A line's legend sample is the line itself, dashed if it is dashed; a marker would hide that.
            **({"itemStyle": {"opacity": 0}} if visual.kind in _LINES else {"icon": "roundRect"}),
            "textStyle": {"color": muted, "fontSize": size},
        },
        "dataset": {"dimensions": [f"c{i}" for i in range(len(wanted))], "source": rows},
        "xAxis": value_axis if flat else category_axis,
        "yAxis": category_axis if flat else value_axis,
        "axisPointer": {"show": False},
        "tooltip": {
            "show": visual.look("visualTooltip", "type") != "Canvas",
            "trigger": "axis",
            "confine": False,
            "appendToBody": True,
            "transitionDuration": 0,
            "backgroundColor": colour(visual.look("visualTooltip", "themedBackground"), visual, None, "#252423"),
            "borderWidth": 0,
            "textStyle": {"color": "#FFFFFF", "fontSize": size, "fontFamily": FACE},
            ":formatter": f"p => livegold.tip(p, {json.dumps(patterns)}, {json.dumps(scalar)})",
        },
        # A legend that wraps to a second line pushes the chart down.
        "media": [
            {"option": {"grid": {"top": 30 if legend else 12}}},
            {"query": {"maxWidth": _legend_width(visual, size)}, "option": {"grid": {"top": 50 if legend else 12}}},
        ],
        "series": [_series(visual, i, answer, len(rows)) for i in range(len(series))],
    }


def _legend_width(visual: Visual, size: int) -> int:
    """Approximate width in pixels of a single-line legend."""
    return round(sum(len(p.shown) * size * 0.46 + 36 for p in visual.of("Y")))


def _series(visual: Visual, number: int, answer: Answer, rows: int) -> Options:
    projection = visual.of("Y")[number]
    of = projection.reference
    palette = visual.theme.data_colours
    tint = colour(visual.look("dataPoint", "fill", of=of), visual, None, palette[number % len(palette)])
    pattern = next(k.format for k in answer.fields if k.field == projection.field)
    flat = visual.kind in _BARS
    made: Options = {
        "name": projection.shown,
        "encode": {"x": number + 1, "y": 0} if flat else {"x": 0, "y": number + 1},
        "itemStyle": {"color": tint},
        "emphasis": {"disabled": True},
    }
    if visual.kind in _LINES:
        style = str(visual.look("lineStyles", "lineStyle", "solid", of=of))
        marker = bool(visual.look("lineStyles", "showMarker", False, of=of))
        made |= {
            "type": "line",
            "connectNulls": False,
            "showSymbol": marker or rows == 1,
            "symbol": "circle",
            "symbolSize": float(visual.look("lineStyles", "markerSize", 6, of=of) or 6),
            "lineStyle": {
                "color": tint,
                "width": float(visual.look("lineStyles", "strokeWidth", 2, of=of)),
                "type": style if style in ("dashed", "dotted") else "solid",
                "cap": "round",
                "join": "round",
            },
        }
        if visual.kind == "areaChart":
            made["areaStyle"] = {"color": tint, "opacity": 0.25}
        if number == 0:
            made |= _reference_lines(visual)
    else:
        made |= {
            "type": "bar",
            "barMaxWidth": 46,
            "barGap": "8%",
            "itemStyle": {"color": tint, "borderRadius": [0, 3, 3, 0] if flat else [3, 3, 0, 0]},
            "label": {
                "show": bool(visual.look("labels", "show", False)) and rows <= MAX_LABELS,
                "position": "right" if flat else "top",
                "color": colour(visual.look("labels", "color"), visual, None, "#252423"),
                "fontSize": round(float(visual.look("labels", "fontSize", 9)) * PX_PER_POINT),
                ":formatter": f"p => livegold.number({json.dumps(pattern)}, p.value[{number + 1}])",
            },
        }
    return made


def _reference_lines(visual: Visual) -> Options:
    """Thresholds: a dashed line across the chart, with its name."""
    lines = []
    for properties, _ in visual.entries("y1AxisReferenceLine"):
        read = {name: value_of(written) for name, written in properties.items()}
        if read.get("show") is False or not isinstance(read.get("value"), int | float):
            continue
        tint = str(read.get("lineColor") or "#B10E1C")
        lines.append(
            {
                "yAxis": read["value"],
                "name": str(read.get("displayName", "")),
                "lineStyle": {"color": tint, "type": str(read.get("style", "dashed")), "width": 1.5},
                "label": {
                    "show": bool(read.get("dataLabelShow", False)),
                    "formatter": "{b}",
                    "position": "insideStartTop",
                    "backgroundColor": "rgba(255,255,255,0.85)",
                    "padding": [1, 4],
                    "distance": 1,
                    "color": str(read.get("dataLabelColor") or tint),
                },
            }
        )
    return {"markLine": {"symbol": "none", "silent": True, "animation": False, "data": lines}} if lines else {}


def point_of(answer: Answer, category: Field, key: Any) -> Filters | None:
    """The filters of the point at a category (as in the chart); None if it no longer exists."""
    place = next(i for i, k in enumerate(answer.fields) if k.field == category)
    for row, point in zip(answer.rows, answer.points, strict=True):
        if key in (_number(row[place]), _text(row[place])):
            return point
    return None


def _text(value: Any) -> str:
    return BLANK if value is None else str(value)


def _number(value: Any) -> Any:
    """A value in the chart's form: times in milliseconds since 1970, decimals as numbers."""
    if isinstance(value, dt.datetime):
        return round((value - EPOCH).total_seconds() * 1000)
    return value if value is None or isinstance(value, int | float | str) else float(value)


def _problem(visual: Visual, known: Mapping[Field, Known]) -> str:
    (category, *more) = visual.of("Category")
    if more:
        return f"{visual.kind} with a second category {more[0].field}"
    if known[category.field].kind not in ("label", "time"):
        return f"{visual.kind} over {category.field}"
    wrong = [p.field for p in visual.of("Y") if known[p.field].kind != "measure"]
    return f"{visual.kind} of {wrong[0]}" if wrong else ""


LINES = ChartDrawing(types=_LINES, roles=("Category", "Y"), problem=_problem, draw=_chart, height=250)
BARS = ChartDrawing(types=(*_COLUMNS, *_BARS), roles=("Category", "Y"), problem=_problem, draw=_chart, height=250)
