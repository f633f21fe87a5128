"""The container of a visual: title, alt text, card or band. Not for its content."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from livegold.reporting import palette
from livegold.reporting.pbir import Json, colour, entry, roles

_CARD_PADDING = (8.0, 8.0, 12.0, 12.0)


def on_card(title: str, alt: str) -> Json:
    """Container for a visual on a white card under its title; `alt` is the alt text.

    Power BI ignores the theme's padding, border and background if a visual sets any container object of its own.
    """
    return _around(title, alt, shown=True, ground=palette.CARD)


def on_band(title: str, alt: str, padding: tuple[float, float, float, float] = _CARD_PADDING) -> Json:
    """Container for a visual on the dark band of the header, where the title is set but not shown."""
    return _around(title, alt, shown=False, ground=palette.BAND, padding=padding)


def of_data(
    kind: str, projections: Mapping[str, Sequence[Json]], objects: Json, around: Json, order: Json | None = None
) -> Json:
    """The `visual` object of a visual that shows data; `order` is its sortDefinition."""
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
