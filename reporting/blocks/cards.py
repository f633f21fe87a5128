"""Shared by blocks that are cards: `cardVisual` without its inner box, and measures below its number."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from livegold.reporting import palette
from livegold.reporting.pbir import DEFAULT, Json, entry, in_card, query_ref, stable_name


def bare() -> Json:
    """A card without its inner box."""
    return {
        "layout": [entry(DEFAULT, paddingUniform=0)],
        "outline": [entry(DEFAULT, show=False)],
        "padding": [entry(DEFAULT, paddingUniform=4)],
    }


def reference_labels(
    main: Json, labels: Iterable[tuple[str, Json, Json | None]], size: float = 14.0, style: str = "tabular"
) -> Json:
    """Additional measures of a card, below its callout: (title, measure, colour)."""
    made: dict[str, list[Json]] = {
        "referenceLabel": [entry(DEFAULT, backgroundShow=False, paddingUniform=0)],
        "referenceLabelTitle": [],
        "referenceLabelValue": [entry(DEFAULT, valueFontSize=size, valueFontFamily=palette.STRONG)],
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
