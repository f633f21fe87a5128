"""A visual given in full as PBIR, for what no other block provides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from livegold.reporting.blocks.part import Part, Phone
from livegold.reporting.blocks.subject import Subject
from livegold.reporting.drawing import SHAPE, TEXT_BOX
from livegold.reporting.pbir import Box, Json, entry, literal
from livegold.reporting.specification import Block, Page


@dataclass(frozen=True)
class Full(Block):
    """A visual given in full: the `visual` object of a PBIR file, positioned by the grid."""

    visual: Mapping[str, Any]

    drawings = (SHAPE, TEXT_BOX)

    def parts(self, subject: Subject, page: Page, box: Box) -> Sequence[Part]:
        """The visual as given, with a title and an alt text added if it has none."""
        visual: Json = _copied(self.visual)
        around = visual.setdefault("visualContainerObjects", {})
        kind = str(visual.get("visualType", "visual"))
        around.setdefault("title", [entry(show=bool(self.title), text=self.title or kind)])
        general = around.setdefault("general", [{"properties": {}}])
        general[0].setdefault("properties", {}).setdefault("altText", literal(self.title or kind))
        return [Part(visual=visual, box=box, phone=Phone(220, rank=80))]


def _copied(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {k: _copied(v) for k, v in value.items()}
    return [_copied(v) for v in value] if isinstance(value, list | tuple) else value
