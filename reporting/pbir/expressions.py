"""Writes values, fields and formatting in PBIR. Knows nothing of use cases, pages or design.

A *projection* puts a field into a role of a visual; an *entry* is one item in a formatting object's list.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from livegold.reporting.pbir.documents import stable_name

Json = dict[str, Any]

MIN = 3
"""The aggregation that returns the first value of a text column."""

# Selectors for formatting one field across all values of the others; the two kinds of visual differ.
_OF_CARD = {"data": [{"dataViewWildcard": {"matchingOption": 0}}]}
_OF_TABLE = {"data": [{"dataViewWildcard": {"matchingOption": 1}}]}
DEFAULT = {"id": "default"}
"""Selector required by most objects of a card and by the states of a button: without it they have no effect."""
EVERY_VALUE = {**_OF_CARD, **DEFAULT}
"""The same, for values given by a measure."""


def literal(value: str | bool | int | float) -> Json:
    """A bool, a text, an integer (64 bit) or a double."""
    if isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, str):
        text = "'" + value.replace("'", "''") + "'"
    else:
        text = f"{value}L" if isinstance(value, int) else f"{value:g}D"
    return {"expr": {"Literal": {"Value": text}}}


def colour(hexadecimal: str) -> Json:
    return {"solid": {"color": literal(hexadecimal)}}


def colour_by(expression: Json) -> Json:
    """A colour given by a measure or a condition."""
    return {"solid": {"color": {"expr": expression}}}


def column(table: str, name: str) -> Json:
    return {"Column": {"Expression": {"SourceRef": {"Entity": table}}, "Property": name}}


def measure(table: str, name: str) -> Json:
    return {"Measure": {"Expression": {"SourceRef": {"Entity": table}}, "Property": name}}


def first_of(table: str, name: str) -> Json:
    return {"Aggregation": {"Expression": column(table, name), "Function": MIN}}


def projection(field: Json, shown: str = "") -> Json:
    """`shown` replaces the field's own name if it differs."""
    name = _property(field)
    made: Json = {"field": field, "queryRef": query_ref(field), "nativeQueryRef": name}
    if shown and shown != name:
        made["displayName"] = shown
    return made


def query_ref(field: Json) -> str:
    if "Aggregation" in field:
        return f"Min({query_ref(field['Aggregation']['Expression'])})"
    ((_, inside),) = field.items()
    return f"{inside['Expression']['SourceRef']['Entity']}.{inside['Property']}"


def _property(field: Json) -> str:
    if "Aggregation" in field:
        return f"First {_property(field['Aggregation']['Expression'])}"
    ((_, inside),) = field.items()
    return str(inside["Property"])


def roles(**projections: Sequence[Json]) -> Json:
    return {role: {"projections": list(of_role)} for role, of_role in projections.items()}


def sort(field: Json, direction: str) -> Json:
    return {"sort": [{"field": field, "direction": direction}], "isDefaultSort": False}


def entry(selector: Mapping[str, Any] | None = None, /, **properties: str | bool | int | float | Json) -> Json:
    """Plain values become literals; values already in PBIR stay as they are."""
    made: Json = {"properties": {n: v if isinstance(v, dict | list) else literal(v) for n, v in properties.items()}}
    if selector is not None:
        made["selector"] = dict(selector)
    return made


def in_card(field: Json) -> Json:
    """Selector for one field of a card."""
    return {**_OF_CARD, "metadata": query_ref(field)}


def in_table(field: Json) -> Json:
    """Selector for one column of a table."""
    return {**_OF_TABLE, "metadata": query_ref(field)}


def when_equal(field: Json, cases: Mapping[str, str]) -> Json:
    """The value (a text) of the case that equals the field (a text)."""
    return {
        "Conditional": {
            "Cases": [
                {
                    "Condition": {
                        "Comparison": {"ComparisonKind": 0, "Left": field, "Right": literal(case)["expr"]},
                    },
                    "Value": literal(value)["expr"],
                }
                for case, value in cases.items()
            ]
        }
    }


def equals(table: str, name: str, value: int) -> Json:
    """A slicer's filter: the column has this value."""
    source = {"Column": {"Expression": {"SourceRef": {"Source": "t"}}, "Property": name}}
    comparison = {"ComparisonKind": 0, "Left": source, "Right": literal(value)["expr"]}
    return {
        "filter": {
            "Version": 2,
            "From": [{"Name": "t", "Entity": table, "Type": 0}],
            "Where": [{"Condition": {"Comparison": comparison}}],
        }
    }


def above_zero(field: Json, of: str) -> Json:
    """A filter for the visual named `of`: groups for which the measure is 0 or blank are left out."""
    ((_, inside),) = field.items()
    source = {"Measure": {"Expression": {"SourceRef": {"Source": "t"}}, "Property": inside["Property"]}}
    comparison = {"ComparisonKind": 1, "Left": source, "Right": literal(0)["expr"]}
    return {
        "name": stable_name(of, "above zero", str(inside["Property"])),
        "field": field,
        "type": "Advanced",
        "filter": {
            "Version": 2,
            "From": [{"Name": "t", "Entity": inside["Expression"]["SourceRef"]["Entity"], "Type": 0}],
            "Where": [{"Condition": {"Comparison": comparison}}],
        },
    }
