"""`tableEx`: rows in the order given in the file, numbers right-aligned, states in their colour."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from decimal import Decimal
from html import escape

from livegold.reporting.drawing.answer import Answer, Filters, Known
from livegold.reporting.drawing.formats import formatted
from livegold.reporting.drawing.kinds import HtmlDrawing
from livegold.reporting.drawing.style import Values, colour, font
from livegold.reporting.pbir import Field, Projection, Visual


def _table(visual: Visual, answer: Answer) -> str:
    columns = visual.of("Values")
    header = font(visual, "columnHeaders", default=(10, "#46566B"))
    ground = colour(visual.look("columnHeaders", "backColor"), visual, None, "#FFFFFF")
    sorted_by = {o.field: o.descending for o in visual.order}
    numbers = {p.field for p in columns if _is_number(answer, p)}
    heads = "".join(
        f'<th scope="col" class="{"lg-number" if p.field in numbers else ""}" style="{header}background:{ground}"'
        f"{_sorted(sorted_by.get(p.field))}>{escape(p.shown)}</th>"
        for p in columns
    )
    rules = colour(visual.look("grid", "gridHorizontalColor"), visual, None, "#E3E9F0")
    pad = float(visual.look("grid", "rowPadding", 3) or 0)
    body = font(visual, "values", keep_colour=False)
    first = _shades(visual, "Primary")
    second = _shades(visual, "Secondary")
    # Looked up once: a table may have hundreds of rows.
    places = {k.field: i for i, k in enumerate(answer.fields)}
    own = [
        (places[p.field], answer.fields[places[p.field]].format, visual.look("values", "fontColor", of=p.reference))
        for p in columns
    ]
    kinds = [' class="lg-number"' if p.field in numbers else "" for p in columns]
    rows = []
    for number, row in enumerate(answer.rows):
        ink, shade = second if number % 2 else first
        cells = []
        for (place, pattern, tinted), kind in zip(own, kinds, strict=True):
            tint = ink if tinted is None else colour(tinted, visual, Values(answer, row), ink)
            css = f' style="color:{tint};font-weight:600"' if tint != ink else ""
            cells.append(f"<td{kind}{css}>{escape(formatted(row[place], pattern))}</td>")
        key = point_key(answer.points[number]) if answer.points else ""
        rows.append(f'<tr tabindex="0" data-point="{key}" style="background:{shade};color:{ink}">{"".join(cells)}</tr>')
    style = f"{body}--lg-rule:{rules};--lg-pad:{pad:g}px"
    empty = '<div class="lg-empty">no rows</div>' if not rows else ""
    inside = f"<thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody>"
    return f'<table class="lg-table" style="{style}">{inside}</table>{empty}'


def point_key(point: Filters) -> str:
    """A short key for the filters a row or a point stands for."""
    return hashlib.sha256(repr(point).encode()).hexdigest()[:16]


def _shades(visual: Visual, which: str) -> tuple[str, str]:
    ink = colour(visual.look("values", f"fontColor{which}"), visual, None, "#252423")
    return ink, colour(visual.look("values", f"backColor{which}"), visual, None, "#FFFFFF")


def _sorted(descending: bool | None) -> str:
    return "" if descending is None else f' aria-sort="{"descending" if descending else "ascending"}"'


def _is_number(answer: Answer, projection: Projection) -> bool:
    place = next(i for i, k in enumerate(answer.fields) if k.field == projection.field)
    for row in answer.rows:
        if row[place] is not None:
            return isinstance(row[place], int | float | Decimal) and not isinstance(row[place], bool)
    return False


def _problem(visual: Visual, known: Mapping[Field, Known]) -> str:
    kinds = {k.kind for k in known.values()}
    if "spotlight" in kinds and not kinds <= {"spotlight", "label"}:
        other = next(k.field for k in known.values() if k.kind not in ("spotlight", "label"))
        return f"{visual.kind} of Spotlight with {other}"
    if visual.look("total", "totals", True) is not False and "measure" in kinds:
        return f"{visual.kind} with a row of totals"
    return ""


TABLE = HtmlDrawing(
    types=("tableEx",), roles=("Values",), problem=_problem, draw=_table, turn=2, scrolls=True, height=300
)
