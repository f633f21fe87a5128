"""How the report looks: its colours and the theme file made of them. Not for what a single visual shows.

A light page with white cards under a dark band, one accent, restrained grid lines: calm from across the room, so that
a state is what stands out. Every pair of colours that is used for text is in `TEXT_PAIRS`, every colour of a line or
bar in `MARK_PAIRS`; a test computes their contrast (WCAG AA) and how far apart the lines are for the colour-blind.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from livegold.reporting.semantic import NO_COLOUR, STATE_COLOURS

PAGE = "#EEF2F7"
CARD = "#FFFFFF"
EDGE = "#D5DDE8"
GRID = "#E3E9F0"
INK = "#0F1B2D"
MUTED = "#46566B"
BAND = "#0B1F3A"
ON_BAND = "#FFFFFF"
MUTED_ON_BAND = "#B9C8DD"
SELECTED_ON_BAND = "#1F4F8F"
LIVE_ON_BAND = "#7FE3AA"
STALE_ON_BAND = "#FFB4A8"
ACCENT = "#0B5FD0"
STRIPE = "#F5F8FB"
DATA_COLOURS = ("#0B5FD0", "#D1660A", "#00786B", "#9C2F86", "#5C6B7E", "#7A5C00", "#4B3FA8", "#A3262A")
"""Of lines and bars, in order: the accent first, then what is beside it (a baseline)."""
EXPECTED = "#76869B"
"""Of the lines between which a trend is expected."""

TEXT_PAIRS = (
    *((text, ground) for text in (INK, MUTED) for ground in (CARD, PAGE, STRIPE)),
    *((state, ground) for state in (*STATE_COLOURS, NO_COLOUR) for ground in (CARD, STRIPE, PAGE)),
    *((text, BAND) for text in (ON_BAND, MUTED_ON_BAND, LIVE_ON_BAND, STALE_ON_BAND)),
    (ON_BAND, SELECTED_ON_BAND),
    (ACCENT, CARD),
)
MARK_PAIRS = tuple((mark, CARD) for mark in (*DATA_COLOURS, EXPECTED, ACCENT))

FONT = "'Segoe UI', wf_segoe-ui_normal, helvetica, arial, sans-serif"
STRONG = "'Segoe UI Semibold', wf_segoe-ui_semibold, helvetica, arial, sans-serif"

Json = dict[str, Any]


def theme() -> tuple[str, bytes]:
    """The file's name and content. The name holds a hash of the content: Power BI keeps themes by name."""
    content = _content()
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:8]
    name = f"livegold-{digest}.json"
    return name, (json.dumps({"name": name, **content}, indent=2, ensure_ascii=False) + "\n").encode()


def _solid(colour: str) -> Json:
    return {"solid": {"color": colour}}


def _content() -> Json:
    good, watch, bad = STATE_COLOURS
    return {
        "dataColors": list(DATA_COLOURS),
        "good": good,
        "neutral": watch,
        "bad": bad,
        "maximum": ACCENT,
        "center": EXPECTED,
        "minimum": GRID,
        "null": NO_COLOUR,
        "firstLevelElements": INK,
        "secondLevelElements": MUTED,
        "thirdLevelElements": GRID,
        "fourthLevelElements": MUTED,
        "background": CARD,
        "secondaryBackground": STRIPE,
        "tableAccent": ACCENT,
        "hyperlink": ACCENT,
        "textClasses": {
            "callout": {"fontSize": 30, "fontFace": STRONG, "color": INK},
            "title": {"fontSize": 12, "fontFace": STRONG, "color": INK},
            "header": {"fontSize": 11, "fontFace": STRONG, "color": INK},
            "label": {"fontSize": 10, "fontFace": FONT, "color": MUTED},
        },
        "visualStyles": {
            "*": {"*": _everywhere()},
            "page": {
                "*": {
                    "background": [{"color": _solid(PAGE), "transparency": 0}],
                    "outspace": [{"color": _solid(PAGE), "transparency": 0}],
                }
            },
            "cardVisual": {"*": _card()},
            "tableEx": {"*": _table()},
            "lineChart": {"*": _line()},
            **{kind: {"*": _bars()} for kind in ("clusteredColumnChart", "barChart", "clusteredBarChart")},
            "slicer": {"*": _slicer()},
            "textbox": {"*": {"border": [{"show": False}], "dropShadow": [{"show": False}]}},
        },
    }


def _everywhere() -> Json:
    return {
        "background": [{"show": True, "color": _solid(CARD), "transparency": 0}],
        "border": [{"show": True, "color": _solid(EDGE), "radius": 8, "width": 1}],
        "dropShadow": [{"show": False}],
        "padding": [{"top": 8, "bottom": 8, "left": 12, "right": 12}],
        "title": [
            {
                "show": True,
                "fontColor": _solid(INK),
                "fontSize": 12,
                "fontFamily": STRONG,
                "alignment": "left",
                "titleWrap": True,
            }
        ],
        "visualHeader": [{"show": True, "background": _solid(CARD), "foreground": _solid(MUTED), "transparency": 0}],
        "visualTooltip": [{"themedBackground": _solid(INK), "themedTitleFontColor": _solid(CARD)}],
    }


def _card() -> Json:
    return {
        "value": [
            {
                "$id": "default",
                "fontFamily": STRONG,
                "fontSize": 30,
                "fontColor": _solid(INK),
                "labelDisplayUnits": 1,
                "horizontalAlignment": "left",
            }
        ],
        "label": [{"$id": "default", "show": False, "fontSize": 10, "fontColor": _solid(MUTED)}],
        "referenceLabelValue": [
            {"$id": "default", "valueFontFamily": STRONG, "valueFontSize": 14, "valueFontColor": _solid(INK)}
        ],
        "referenceLabelTitle": [{"$id": "default", "titleFontSize": 10, "titleFontColor": _solid(MUTED)}],
        "divider": [{"$id": "default", "show": False}],
        "outline": [{"$id": "default", "show": False}],
        "spacing": [{"$id": "default", "verticalSpacing": 0}],
    }


def _table() -> Json:
    return {
        "grid": [
            {
                "gridVertical": False,
                "gridHorizontal": True,
                "gridHorizontalColor": _solid(GRID),
                "gridHorizontalWeight": 1,
                "outlineColor": _solid(EDGE),
                "rowPadding": 2,
            }
        ],
        "columnHeaders": [
            {
                "fontFamily": STRONG,
                "fontSize": 10,
                "fontColor": _solid(MUTED),
                "backColor": _solid(CARD),
                "autoSizeColumnWidth": True,
                "columnAdjustment": "growToFit",
            }
        ],
        "values": [
            {
                "fontFamily": FONT,
                "fontSize": 11,
                "fontColorPrimary": _solid(INK),
                "backColorPrimary": _solid(CARD),
                "fontColorSecondary": _solid(INK),
                "backColorSecondary": _solid(STRIPE),
            }
        ],
        "total": [{"totals": False}],
    }


def _axes() -> Json:
    return {
        "categoryAxis": [
            {"show": True, "showAxisTitle": False, "labelColor": _solid(MUTED), "fontSize": 10, "gridlineShow": False}
        ],
        "valueAxis": [
            {
                "show": True,
                "showAxisTitle": False,
                "labelColor": _solid(MUTED),
                "fontSize": 10,
                "gridlineShow": True,
                "gridlineColor": _solid(GRID),
                "gridlineStyle": "solid",
            }
        ],
        "legend": [{"show": True, "position": "Top", "showTitle": False, "labelColor": _solid(MUTED), "fontSize": 10}],
    }


def _line() -> Json:
    return {**_axes(), "lineStyles": [{"strokeWidth": 3, "showMarker": False, "strokeLineJoin": "round"}]}


def _bars() -> Json:
    return {**_axes(), "labels": [{"show": True, "fontSize": 10, "color": _solid(INK)}]}


def _slicer() -> Json:
    return {
        "header": [{"show": False}],
        "items": [{"fontColor": _solid(INK), "background": _solid(CARD), "textSize": 11, "fontFamily": FONT}],
        "date": [{"fontColor": _solid(INK), "background": _solid(CARD), "textSize": 10, "fontFamily": FONT}],
        "numericInputStyle": [
            {"fontColor": _solid(INK), "background": _solid(CARD), "textSize": 12, "fontFamily": STRONG}
        ],
        "slider": [{"show": True, "color": _solid(ACCENT)}],
    }
