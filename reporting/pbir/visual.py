"""A visual of a report as in its file, and the theme that formats it. Draws nothing, reads no files.

Formatting is looked up as in Power BI: the visual's own entry, then the theme's for its type, then the theme's for all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from livegold.reporting.pbir.values import Condition, Field, Order, value_of


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels from the page's upper left corner."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Projection:
    """A field in a role of a visual; `shown` is its display name, `reference` its name in formatting selectors."""

    role: str
    field: Field
    shown: str
    reference: str


@dataclass(frozen=True)
class Visual:
    """A visual as in its file. `odd` says which part of it cannot be understood."""

    name: str
    kind: str
    box: Box
    z: float
    tab: float
    projections: tuple[Projection, ...]
    order: tuple[Order, ...]
    objects: Mapping[str, Any]
    container: Mapping[str, Any]
    theme: Theme
    filters: tuple[Condition, ...] = ()
    phone: Box | None = None
    hidden: bool = False
    odd: str = ""

    def of(self, *roles: str) -> tuple[Projection, ...]:
        """The projections in these roles, in file order."""
        return tuple(p for p in self.projections if p.role in roles)

    def look(self, thing: str, name: str, default: Any = None, *, of: str | None = None) -> Any:
        """A formatting property: a plain value, a Field that provides it, or a Choice.

        `of` is the reference of the projection it applies to; without it, the property of the whole visual.
        """
        plain = None
        for source in (self.objects, self.container):
            for entry in source.get(thing, ()):
                if name in entry.get("properties", {}):
                    selector = entry.get("selector") or {}
                    about = selector.get("metadata")
                    if of is not None and about == of:
                        return value_of(entry["properties"][name])
                    if about is None and plain is None:
                        plain = entry["properties"][name]
        if plain is not None:
            return value_of(plain)
        return self.theme.style(self.kind, thing, name, default)

    def entries(self, thing: str) -> tuple[tuple[Mapping[str, Any], Mapping[str, Any]], ...]:
        """(properties, selector) of every entry of a formatting object."""
        every = [*self.objects.get(thing, ()), *self.container.get(thing, ())]
        return tuple((e.get("properties", {}), e.get("selector") or {}) for e in every)

    @property
    def title(self) -> str | Field:
        shown = self.look("title", "show", False)
        text = self.look("title", "text", "")
        if not shown:
            return ""
        if isinstance(text, Field):
            return text
        return str(text or "")

    @property
    def alt(self) -> str:
        text = self.look("general", "altText", "")
        return text if isinstance(text, str) else ""


@dataclass(frozen=True)
class Theme:
    content: Mapping[str, Any] = field(default_factory=dict)

    def style(self, kind: str, thing: str, name: str, default: Any = None) -> Any:
        styles = self.content.get("visualStyles", {})
        for of in (kind, "*"):
            for variant in styles.get(of, {}).values():
                for entry in variant.get(thing, ()):
                    if name in entry:
                        return value_of(entry[name])
        return default

    def colour(self, name: str, default: str) -> str:
        return str(self.content.get(name, default))

    @property
    def data_colours(self) -> tuple[str, ...]:
        return tuple(self.content.get("dataColors", ())) or ("#118DFF", "#12239E", "#E66C37", "#6B007B")

    def text(self, kind: str) -> Mapping[str, Any]:
        """Font of a text class: fontSize in points, fontFace, color."""
        found: Mapping[str, Any] = self.content.get("textClasses", {}).get(kind, {})
        return found
