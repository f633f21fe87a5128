"""`cardVisual`: a tile with its state, and the confusion matrix."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from livegold.dashboards import theme
from livegold.dashboards.layout import Box
from livegold.dashboards.pbir import (
    DEFAULT,
    EVERY_VALUE,
    Json,
    colour,
    colour_by,
    entry,
    in_card,
    measure,
    projection,
    query_ref,
    stable_name,
)
from livegold.dashboards.visuals.container import of_data, on_card
from livegold.dashboards.visuals.subject import Subject
from livegold.reporting.schema import PULSE
from livegold.reporting.semantic import STATE_COLOURS, StateColour, StateText
from livegold.reporting.specification import ConfusionMatrix, Tile


def tile(subject: Subject, block: Tile, box: Box) -> Json:
    main = measure(PULSE, block.measure)
    title = block.title or block.measure
    state = subject.states.get(block.measure)
    said = [f"Number: {subject.described(block.measure, title)}"]
    labels: list[tuple[str, Json, Json | None]] = []
    bars = [entry(DEFAULT, show=True, position="Left", width=5.0, color=colour(theme.ACCENT))]
    if state:
        by_state = colour_by(measure(PULSE, StateColour(state).name))
        # Before the plain one, which is what is left where it has no effect.
        bars.insert(0, entry(EVERY_VALUE, color=by_state))
        labels.append(("", measure(PULSE, StateText(state).name), by_state))
        said.append(f"its state: {StateText(state).description}")
    if block.against:
        labels.append((block.against, measure(PULSE, block.against), None))
        said.append(f"beside it {block.against}")
    objects: Json = {
        "accentBar": bars,
        **bare(),
        "value": [entry(DEFAULT, fontSize=_points(box), labelDisplayUnits=1.0, horizontalAlignment="left")],
        "label": [entry(DEFAULT, show=False)],
        **(reference_labels(main, labels) if labels else {}),
    }
    return of_data("cardVisual", {"Data": [projection(main, title)]}, objects, on_card(title, "; ".join(said)))


def confusion_matrix(subject: Subject, block: ConfusionMatrix, box: Box) -> Json:
    fields = [measure(PULSE, m) for m in block.measures]
    title = block.title or "What was said, and what was"
    said = subject.case.model.task.blocks[ConfusionMatrix]
    right, wrong = STATE_COLOURS[0], STATE_COLOURS[2]
    size = 22.0 if box.width >= 280 and box.height >= 200 else 16.0
    objects = {
        **bare(),
        "layout": _grid(2, 2),
        "value": [
            entry(DEFAULT, fontSize=size, labelDisplayUnits=1.0),
            *(
                entry({"metadata": query_ref(f)}, fontColor=colour(c))
                for f, c in zip(fields, (right, wrong, wrong, right), strict=True)
            ),
        ],
        "label": [entry(DEFAULT, show=True, position="belowValue", fontSize=9.0, textWrap=True)],
    }
    return of_data("cardVisual", {"Data": [projection(f) for f in fields]}, objects, on_card(title, said))


def bare() -> Json:
    """A card without a box inside its box."""
    return {
        "layout": [entry(DEFAULT, paddingUniform=0)],
        "outline": [entry(DEFAULT, show=False)],
        "padding": [entry(DEFAULT, paddingUniform=4)],
    }


def reference_labels(
    main: Json, labels: Iterable[tuple[str, Json, Json | None]], size: float = 14.0, style: str = "tabular"
) -> Json:
    """Further measures of a card, below its callout: (title, measure, colour)."""
    made: dict[str, list[Json]] = {
        "referenceLabel": [entry(DEFAULT, backgroundShow=False, paddingUniform=0)],
        "referenceLabelTitle": [],
        "referenceLabelValue": [entry(DEFAULT, valueFontSize=size, valueFontFamily=theme.STRONG)],
        "referenceLabelLayout": [
            entry(position="below", arrangement="columns", style=style, horizontalAlignment="left")
        ],
        "divider": [entry(DEFAULT, show=False)],
    }
    for order, (title, field, tint) in enumerate(labels):
        identity = f"field-{stable_name(query_ref(field))}"
        own = {"metadata": query_ref(main), "id": identity}
        made["referenceLabel"].append(entry({**in_card(main), "id": identity, "order": order}, value={"expr": field}))
        shown: dict[str, Any] = {"titleContentType": "custom", "titleText": title} if title else {}
        if title and style == "sentence" and tint:
            shown |= {"titleFontColor": tint, "titleFontSize": size}
        made["referenceLabelTitle"].append(entry(own, show=bool(title), **shown))
        if tint:
            made["referenceLabelValue"].append(entry({**in_card(main), "id": identity}, valueFontColor=tint))
    return made


def _grid(rows: int, columns: int) -> list[Json]:
    """How the callouts of a card stand: the arrangement has no selector, what is around them the usual one."""
    grid = entry(
        orientation=0.0, style="Cards", rowCount=rows, columnCount=columns, maxTiles=rows * columns, cellPadding=4
    )
    return [grid, entry(DEFAULT, paddingUniform=0)]


def _points(box: Box) -> float:
    """Points that a tile's number has room for."""
    if box.width >= 280 and box.height >= 120:
        return 36.0 if box.height >= 136 else 30.0
    return 24.0 if box.width >= 180 and box.height >= 96 else 18.0
