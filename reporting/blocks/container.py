"""What is around a visual: title, alt text, card or band. Not for what it shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from livegold.reporting import palette
from livegold.reporting.pbir import Json, colour, entry, roles

_CARD_PADDING = (8.0, 8.0, 12.0, 12.0)


def on_card(title: str, alt: str) -> Json:
    """On a white card under its title; `alt` is the alt text.

    Power BI forgets the theme's padding, border and background where a visual has any object of its container.
    """
    return _around(title, alt, shown=True, ground=palette.CARD)


def on_band(title: str, alt: str, padding: tuple[float, float, float, float] = _CARD_PADDING) -> Json:
    """On the dark band of the header, where the title is there to be found, not shown."""
    return _around(title, alt, shown=False, ground=palette.BAND, padding=padding)


def of_data(
    kind: str, projections: Mapping[str, Sequence[Json]], objects: Json, around: Json, order: Json | None = None
) -> Json:
    """The `visual` object of what shows data; `order` is its sortDefinition."""
    query: Json = {"queryState": roles(**projections)}
    if order:
        query["sortDefinition"] = order
    return {
        "visualType": kind,
        "query": query,
        "objects": objects,
        "visualContainerObjects": around,
        "drillFilterOtherVisuals": True,
    }


def _around(
    title: str, alt: str, *, shown: bool, ground: str, padding: tuple[float, float, float, float] = _CARD_PADDING
) -> Json:
    top, bottom, left, right = padding
    return {
        "title": [
            entry(show=shown, text=title, fontColor=colour(palette.INK), fontSize=12.0, fontFamily=palette.STRONG)
        ],
        "general": [entry(altText=alt)],
        "background": [entry(show=True, color=colour(ground), transparency=0.0)],
        "border": [entry(show=True, color=colour(palette.EDGE), radius=8.0)] if shown else [entry(show=False)],
        "padding": [entry(top=top, bottom=bottom, left=left, right=right)],
        "visualHeader": [entry(show=shown)],
    }
