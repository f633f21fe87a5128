"""Measures as DAX, for push datasets and for models over gold's Delta tables. Evaluates nothing, writes no model.

| scope    | push                                   | Delta                              |
|----------|----------------------------------------|------------------------------------|
| AllTime    | Totals at the newest complete tick     | the whole of Pulse                 |
| TrailingWindow | Pulse, buckets up to the newest        | the same                           |
| ByBucket | Pulse in the time context              | the same                           |

Dimensions are separate tables (`Borough[key]`), related many-to-one and in one direction to Pulse and Totals. Removing
all filters from the *table* Pulse or Totals also removes those that arrive through relationships; ALLEXCEPT keeps the
columns `bucket` and `bucket_no` when it finds the end of a window. No date arithmetic: `bucket_no` is an integer.

**Rows of Totals**: the dimension columns, one column per additive aggregate, one for what spotlight left out, and two
Int64 columns:

- `tick`: 1 or more, increasing, never reused. A tick has a row for every combination of dimension values seen so far. A
  tick that failed or is in doubt is not repeated: the next tick replaces it, so duplicate rows belong to a tick that
  never becomes complete.
- `complete_tick`: the tick's number in its very last row, 0 in all others. That row is sent once the service has
  accepted all rows before it (or in one POST with them). Its maximum is thus the newest tick that was written
  completely, and a partially written tick is ignored. A first-in-first-out table loses the oldest ticks first.

**Blank**: in DAX `5 - BLANK()` is 5, so an operator is guarded if an operand may be blank; `+ 0` makes an empty sum 0
(and keeps the type of its column, which COALESCE would not).

**Double**: fixed decimals keep only 4 places through a division, so operands are converted to DOUBLE before divisions,
roots and products.
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
    """The measure in a push dataset. SpecificationError for an all-time minimum or maximum: Totals hold only sums."""
    measure.check(bucket_seconds, push=True)
    if not isinstance(measure.scope, AllTime):
        return _over_pulse(measure, bucket_seconds, None)
    return f"VAR __tick = CALCULATE(MAX({TOTALS}[{COMPLETE_TICK}]), REMOVEFILTERS({TOTALS}))\nRETURN\n" + _calculate(
        measure, TOTALS, [f"{TOTALS}[{TICK}] = __tick"]
    )


def dax_of_tick(column: str) -> str:
    """The sum of a column of Totals over the newest complete tick, ignoring filters: it belongs to no dimension."""
    newest = f"VAR __tick = CALCULATE(MAX({TOTALS}[{COMPLETE_TICK}]), REMOVEFILTERS({TOTALS}))"
    of_tick = f"REMOVEFILTERS({TOTALS}), {TOTALS}[{TICK}] = __tick"
    return f"{newest}\nRETURN\n    CALCULATE(SUM({TOTALS}[{column}]) + 0, {of_tick})"


def dax_for_delta(measure: Measure, bucket_seconds: int, buckets: str | None = None) -> str:
    """The measure in a model over gold.

    `buckets` is the model's table of buckets, if it has one: columns bucket and bucket_no of every bucket up to the
    newest, related one-to-many and in one direction to Pulse[bucket_no]. Time axes and slicers then use its columns,
    and those of Pulse are hidden.
    """
    measure.check(bucket_seconds, push=False)
    if isinstance(measure.scope, AllTime):
        return _calculate(measure, PULSE, _without_time(buckets))
    return _over_pulse(measure, bucket_seconds, buckets)


def _over_pulse(measure: Measure, bucket_seconds: int, buckets: str | None) -> str:
    if not isinstance(measure.scope, TrailingWindow):
        return "\n".join(_arithmetic(measure.expression, PULSE))
    time = f"{buckets or PULSE}[{BUCKET_NO}]"
    # Dimension filters do not reach a table of buckets: the relationship points the other way.
    newest = f"MAX({time})" if buckets else f"CALCULATE(MAX({time}), ALLEXCEPT({', '.join((PULSE, *_TIME_COLUMNS))}))"
    window = [f"{time} > __newest - {measure.scope.buckets(bucket_seconds)}", f"{time} <= __newest"]
    return f"VAR __newest = {newest}\nRETURN\n" + _calculate(measure, PULSE, [*_without_time(buckets), *window])


def _without_time(buckets: str | None) -> list[str]:
    # One column per call: pbix-mcp 0.9.149, which the tests evaluate DAX with, removes nothing when given two columns.
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
    """Lines of DAX: a variable per aggregate, one per step that may be blank, and the result after RETURN.

    `values` has the DAX of each aggregate.
    """
    lines = [f"VAR _{aggregate.name} = {values[aggregate]}" for aggregate in expression.aggregates]
    known: dict[Expression, str] = {}
    result = _operand(expression, lines, known)
    return [*lines, f"RETURN {result}"]


def _operand(expression: Expression, lines: list[str], known: dict[Expression, str]) -> str:
    """Text that can be used as an operand on its own; appends the variables it needs to `lines`."""
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
    # repr gives the shortest digits that round-trip to the same double; DAX gets them without an exponent.
    digits = format(Decimal(repr(constant.value)), "f")
    if constant.is_double and "." not in digits:
        digits += ".0"
    return f"({digits})" if constant.value < 0 else digits
