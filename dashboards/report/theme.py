"""The theme file of a report: how every visual looks unless it overrides it, in the palette's colours."""

from __future__ import annotations

import hashlib
import json

from livegold.reporting.palette import (
    ACCENT,
    CARD,
    DATA_COLOURS,
    EDGE,
    EXPECTED,
    FONT,
    GRID,
    INK,
    MUTED,
    NO_COLOUR,
    PAGE,
    STATE_COLOURS,
    STRIPE,
    STRONG,
)
from livegold.reporting.pbir import Json


def theme() -> tuple[str, bytes]:
    """The file's name and content. The name contains a hash of the content, because Power BI stores themes by name."""
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
