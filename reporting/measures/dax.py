"""Measures as DAX, for push datasets and for models over gold's Delta tables. Evaluates nothing, writes no model.

| scope    | push                                   | Delta                              |
|----------|----------------------------------------|------------------------------------|
| AllTime    | Totals at the newest complete tick     | the whole of Pulse                 |
| TrailingWindow | Pulse, buckets up to the newest        | the same                           |
| ByBucket | Pulse in the time context              | the same                           |

Dimensions are tables of their own (`Borough[key]`), related many-to-one and in one direction to Pulse and Totals.
Taking all filters off the *table* Pulse or Totals takes off those that come through the relationships; the columns
`bucket` and `bucket_no` are kept in the anchor of a window by ALLEXCEPT. No date arithmetic: `bucket_no` is a whole
number.

**Rows of Totals**: the dimension columns, one column for each additive aggregate, one for what spotlight left out, and
two Int64 columns:

- `tick`: 1 or more, larger for each new tick, never used twice. A tick has a row for every combination of dimension
  values met so far. A tick that failed or is in doubt is not repeated: the next tick replaces it, so rows that arrived
  twice are in a tick that never becomes complete.
- `complete_tick`: 0, but in the very last row of a tick the number of the tick. That row is sent when the service has
  accepted all rows before it (or in one POST with them). Its maximum is thus the newest tick that was written whole,
  and a tick cut in the middle counts for nothing. A first-in-first-out table loses the oldest ticks first.

**Blank**: in DAX `5 - BLANK()` is 5, so an operator with an operand that may be blank is guarded; `+ 0` makes a sum of
nothing 0 (and keeps the type of its column, which COALESCE would not).

**Double**: fixed decimals keep 4 places through a division, so operands are converted to DOUBLE before division, roots
and products.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from livegold.reporting.measures.measure import (
    Aggregate,
    AllTime,
    Arithmetic,
    Constant,
    Expression,
    Measure,
    Root,
    TrailingWindow,
)
from livegold.reporting.schema import BUCKET, BUCKET_NO, COMPLETE_TICK, PULSE, TICK, TOTALS

_TIME_COLUMNS = (f"{PULSE}[{BUCKET}]", f"{PULSE}[{BUCKET_NO}]")


def dax_for_push(measure: Measure, bucket_seconds: int) -> str:
    """The measure in a push dataset. SpecificationError for a minimum or maximum so far: Totals only add up."""
    measure.check(bucket_seconds, push=True)
    if not isinstance(measure.scope, AllTime):
        return _over_pulse(measure, bucket_seconds, None)
    return f"VAR __tick = CALCULATE(MAX({TOTALS}[{COMPLETE_TICK}]), REMOVEFILTERS({TOTALS}))\nRETURN\n" + _calculate(
        measure, TOTALS, [f"{TOTALS}[{TICK}] = __tick"]
    )


def dax_of_tick(column: str) -> str:
    """The sum of a column of Totals over the newest complete tick, whatever is filtered: it belongs to no dimension."""
    newest = f"VAR __tick = CALCULATE(MAX({TOTALS}[{COMPLETE_TICK}]), REMOVEFILTERS({TOTALS}))"
    of_tick = f"REMOVEFILTERS({TOTALS}), {TOTALS}[{TICK}] = __tick"
    return f"{newest}\nRETURN\n    CALCULATE(SUM({TOTALS}[{column}]) + 0, {of_tick})"


def dax_for_delta(measure: Measure, bucket_seconds: int, buckets: str | None = None) -> str:
    """The measure in a model over gold.

    `buckets` is the model's table of buckets, if it has one: columns bucket and bucket_no of every bucket up to the
    newest, one-to-many in one direction to Pulse[bucket_no]. Axes and slicers of time then use its columns; those of
    Pulse are hidden.
    """
    measure.check(bucket_seconds, push=False)
    if isinstance(measure.scope, AllTime):
        return _calculate(measure, PULSE, _without_time(buckets))
    return _over_pulse(measure, bucket_seconds, buckets)


def _over_pulse(measure: Measure, bucket_seconds: int, buckets: str | None) -> str:
    if not isinstance(measure.scope, TrailingWindow):
        return "\n".join(_arithmetic(measure.expression, PULSE))
    time = f"{buckets or PULSE}[{BUCKET_NO}]"
    # A table of buckets is not reached by dimension filters: the relationship points the other way.
    newest = f"MAX({time})" if buckets else f"CALCULATE(MAX({time}), ALLEXCEPT({', '.join((PULSE, *_TIME_COLUMNS))}))"
    window = [f"{time} > __newest - {measure.scope.buckets(bucket_seconds)}", f"{time} <= __newest"]
    return f"VAR __newest = {newest}\nRETURN\n" + _calculate(measure, PULSE, [*_without_time(buckets), *window])


def _without_time(buckets: str | None) -> list[str]:
    # One column a call: pbix-mcp 0.9.149, with which the tests evaluate, removes nothing for two columns in one call.
    return [f"REMOVEFILTERS({of})" for of in ([buckets] if buckets else _TIME_COLUMNS)]


def _calculate(measure: Measure, table: str, filters: list[str]) -> str:
    inner = ["        " + line for line in _arithmetic(measure.expression, table)]
    return "    CALCULATE(\n" + "\n".join(inner) + ",\n        " + ",\n        ".join(filters) + "\n    )"


def _arithmetic(expression: Expression, table: str) -> list[str]:
    return arithmetic_dax(expression, {a: _aggregate(a, table) for a in expression.aggregates})


def _aggregate(aggregate: Aggregate, table: str) -> str:
    column = f"{table}[{aggregate.name}]"
    return f"SUM({column}) + 0" if aggregate.additive else f"{aggregate.merge.upper()}({column})"


def arithmetic_dax(expression: Expression, values: Mapping[Aggregate, str]) -> list[str]:
    """Lines: a variable for each aggregate, one for each step that may be blank, and the result after RETURN.

    `values` has the DAX of each aggregate.
    """
    lines = [f"VAR _{aggregate.name} = {values[aggregate]}" for aggregate in expression.aggregates]
    known: dict[Expression, str] = {}
    result = _operand(expression, lines, known)
    return [*lines, f"RETURN {result}"]


def _operand(expression: Expression, lines: list[str], known: dict[Expression, str]) -> str:
    """Text that stands as an operand by itself; appends to `lines` the variables it needs."""
    if isinstance(expression, Aggregate):
        return f"_{expression.name}"
    if isinstance(expression, Constant):
        return _constant(expression)
    if expression in known:
        return known[expression]
    operands = [_operand(o, lines, known) for o in expression.operands]
    blanks = [text for o, text in zip(expression.operands, operands, strict=True) if o.may_be_blank]
    if isinstance(expression, Root):
        of = _double(expression.of, operands[0])
        value = f"IF({of} >= 0, SQRT({of}), BLANK())"
    else:
        assert isinstance(expression, Arithmetic)
        if expression.in_double:
            sides = (expression.left, expression.right)
            operands = [_double(o, text) for o, text in zip(sides, operands, strict=True)]
        left, right = operands
        operator = expression.operator
        value = f"DIVIDE({left}, {right})" if operator == "/" else f"({left} {operator} {right})"
    if not expression.may_be_blank:
        return value
    if blanks:
        guard = " || ".join(f"ISBLANK({b})" for b in dict.fromkeys(blanks))
        value = f"IF({guard}, BLANK(), {value})"
    known[expression] = f"__{len(known) + 1}"
    lines.append(f"VAR {known[expression]} = {value}")
    return known[expression]


def _double(expression: Expression, text: str) -> str:
    return text if expression.is_double else f"CONVERT({text}, DOUBLE)"


def _constant(constant: Constant) -> str:
    # repr gives the shortest digits that read back as the same double; DAX gets them without an exponent.
    digits = format(Decimal(repr(constant.value)), "f")
    if constant.is_double and "." not in digits:
        digits += ".0"
    return f"({digits})" if constant.value < 0 else digits
