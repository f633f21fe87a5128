"""Reads formatting properties and filters from PBIR files. Not for writing them.

Unknown constructs are returned as written, or raise ValueError where they would have to be understood.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from livegold.reporting.pbir.expressions import MIN

EQUAL, ABOVE = 0, 1
"""Kinds of comparisons."""

_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][-+]?\d+)?[LDM]")


@dataclass(frozen=True)
class Field:
    """A column or measure as a visual refers to it. `first` means the column's first text instead of its values."""

    entity: str
    property: str
    is_measure: bool = False
    first: bool = False

    def __str__(self) -> str:
        return f"{self.entity}[{self.property}]"


@dataclass(frozen=True)
class Order:
    field: Field
    descending: bool = False


@dataclass(frozen=True)
class Choice:
    """A value chosen by a text measure: that of the first equal case, or nothing."""

    field: Field
    cases: tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class Condition:
    """A filter from a file: a field is (or is not) one of some values, or a measure is above a number."""

    field: Field
    values: tuple[Any, ...] = ()
    negated: bool = False
    above: float | None = None


def value_of(written: Any) -> Any:
    """The value of a property: a Python value, a Field or a Choice; any other dict is returned unchanged."""
    if not isinstance(written, Mapping):
        return written
    if "solid" in written:
        return value_of(written["solid"].get("color"))
    if "expr" in written:
        return _expression(written["expr"])
    return written


def _expression(expression: Mapping[str, Any]) -> Any:
    if "Literal" in expression:
        return _literal(str(expression["Literal"]["Value"]))
    if "Measure" in expression or "Column" in expression or "Aggregation" in expression:
        return field_of(expression)
    if "ThemeDataColor" in expression:
        return expression
    if "Conditional" in expression:
        cases = []
        asked: Field | None = None
        for case in expression["Conditional"]["Cases"]:
            comparison = case["Condition"].get("Comparison")
            if not comparison or comparison.get("ComparisonKind") != EQUAL:
                return expression
            asked = field_of(comparison["Left"])
            cases.append((_expression(comparison["Right"]), _expression(case["Value"])))
        return expression if asked is None else Choice(asked, tuple(cases))
    return expression


def _literal(text: str) -> Any:
    if text.startswith("'"):
        return text[1:-1].replace("''", "'")
    if text in ("true", "false"):
        return text == "true"
    if text.startswith("datetime'"):
        return text[len("datetime'") : -1]
    if text == "null":
        return None
    if _NUMBER.fullmatch(text):
        return int(text[:-1]) if text[-1] == "L" else float(text[:-1])
    return text


def field_of(written: Mapping[str, Any], sources: Mapping[str, str] | None = None) -> Field:
    """The field; raises ValueError for an unknown kind of field."""
    if "Aggregation" in written:
        inside = written["Aggregation"]
        of = field_of(inside["Expression"], sources)
        if inside.get("Function") != MIN:
            raise ValueError(f"aggregation {inside.get('Function')} of {of}")
        return replace(of, first=True)
    for kind in ("Column", "Measure"):
        if kind in written:
            inside = written[kind]
            source = inside["Expression"].get("SourceRef", {})
            entity = source.get("Entity") or (sources or {}).get(source.get("Source", ""), "")
            return Field(entity, inside["Property"], kind == "Measure")
    raise ValueError(f"field of kind {next(iter(written), 'none')}")


def conditions_of(written: Mapping[str, Any]) -> Iterable[Condition]:
    """The conditions of a semantic filter: `In` or equality, possibly negated; a measure above a number.

    Raises ValueError for anything else.
    """
    sources = {s["Name"]: s["Entity"] for s in written.get("From", ()) if "Entity" in s}
    for where in written.get("Where", ()):
        condition, negated = where["Condition"], False
        if "Not" in condition:
            condition, negated = condition["Not"]["Expression"], True
        comparison = condition.get("Comparison", {})
        if comparison.get("ComparisonKind") == ABOVE and "Measure" in comparison["Left"] and not negated:
            above = float(_expression(comparison["Right"]))
            yield Condition(field_of(comparison["Left"], sources), above=above)
            continue
        if "In" in condition:
            (expression,) = condition["In"]["Expressions"]
            values = tuple(_expression(v[0]) for v in condition["In"]["Values"])
        elif "Comparison" in condition and condition["Comparison"].get("ComparisonKind") == EQUAL:
            expression = condition["Comparison"]["Left"]
            values = (_expression(condition["Comparison"]["Right"]),)
        else:
            raise ValueError(f"condition {next(iter(condition), 'none')}")
        yield Condition(field_of(expression, sources), values, negated)
