"""Measures: arithmetic over additive aggregates of predictions, as frozen, validated data. Renders nothing.

    punctual = (Count() - CountIf("late")) / Count()
    Measure("Punctual", punctual, scope=TrailingWindow(30), format="0.0%")

Each aggregate is one column of pulse (and of totals), so that partial rows add up to the same number however the events
were split into batches. `sql`, `dax` and `python` render a measure; all of them obey these rules:

- *Nothing*: a sum or count of nothing is 0; a minimum, maximum or ratio of nothing is blank (SQL NULL, Python None).
  Blank propagates through every operator; a division by zero and the root of a negative number are blank.
- *Exact*: counts and sums of integers and decimals are exact (decimals to the 4 places that Power BI keeps), and so are
  their sums, differences and products with an integer constant, within 64 bits. Division, roots, products of aggregates
  and anything with a fractional constant are computed in double, each operand converted first. A sum of doubles depends
  on the order of its rows: renderings agree within DOUBLE_TOLERANCE of the absolute sum of its rows.
- *Scope*: which part of time a measure covers. Filters on dimensions apply in every scope.
"""

from __future__ import annotations

import decimal
import math
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar

from livegold.reporting.errors import SpecificationError, choices

Row = Mapping[str, Any]
Value = int | float | Decimal | None

# Relative: 2^-52 per addition over a million rows, rounded up.
DOUBLE_TOLERANCE = 1e-9
# Integers beyond this are not exact in a double, nor in the JSON of the REST API.
LARGEST_WHOLE = 2**53

_COLUMN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_AGGREGATE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
# Brackets and quotes end a name in DAX and in SQL; a name is also a column alias (63 characters in PostgreSQL).
_MEASURE_NAME = re.compile(r"[^\[\]\"'`\s](?:[^\[\]\"'`\t\r\n]*[^\[\]\"'`\s])?")
_MEASURE_NAME_LIMIT = 63
_DECIMAL = re.compile(r"decimal\((\d+), ?(\d+)\)")
_NO_NUMBERS = ("string", "timestamp", "boolean")
# Wide enough for the sum of any Decimal(38, s) that memory can hold.
_EXACT = decimal.Context(prec=76)


class Expression:
    """Arithmetic over aggregates. Combine with + - * / and `sqrt`; integer and float constants are allowed."""

    @property
    def operands(self) -> tuple[Expression, ...]:
        return ()

    @property
    def aggregates(self) -> tuple[Aggregate, ...]:
        """The distinct aggregates of the expression, in order of first appearance."""
        return tuple(dict.fromkeys(a for operand in self.operands for a in operand.aggregates))

    @property
    def may_be_blank(self) -> bool:
        return any(operand.may_be_blank for operand in self.operands)

    @property
    def is_double(self) -> bool:
        """Whether the result is a double whatever the column types; False means it is as exact as the columns."""
        return any(operand.is_double for operand in self.operands)

    def __add__(self, other: Any) -> Expression:
        return _combine("+", self, other)

    def __radd__(self, other: Any) -> Expression:
        return _combine("+", other, self)

    def __sub__(self, other: Any) -> Expression:
        return _combine("-", self, other)

    def __rsub__(self, other: Any) -> Expression:
        return _combine("-", other, self)

    def __mul__(self, other: Any) -> Expression:
        return _combine("*", self, other)

    def __rmul__(self, other: Any) -> Expression:
        return _combine("*", other, self)

    def __truediv__(self, other: Any) -> Expression:
        return _combine("/", self, other)

    def __rtruediv__(self, other: Any) -> Expression:
        return _combine("/", other, self)

    def __neg__(self) -> Expression:
        return _combine("*", -1, self)


@dataclass(frozen=True, eq=False)
class Constant(Expression):
    """A number. 2 and 2.0 differ: the integer keeps a product exact, the float makes it a double."""

    value: int | float

    def __post_init__(self) -> None:
        if isinstance(self.value, bool) or not isinstance(self.value, int | float):
            raise SpecificationError(
                f"measure expression: {self.value!r} ({type(self.value).__name__}) is no operand; "
                "use an aggregate, an expression of aggregates, an int or a float"
            )
        if not math.isfinite(self.value) or (isinstance(self.value, int) and abs(self.value) > LARGEST_WHOLE):
            raise SpecificationError(
                f"measure expression: the constant {self.value} is out of range; "
                f"use a finite float or a whole number up to {LARGEST_WHOLE} either way"
            )

    @property
    def is_double(self) -> bool:
        return isinstance(self.value, float)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Constant) and repr(self.value) == repr(other.value)

    def __hash__(self) -> int:
        return hash(repr(self.value))


@dataclass(frozen=True)
class Arithmetic(Expression):
    """`left operator right`, where the operator is one of + - * /."""

    operator: str
    left: Expression
    right: Expression

    @property
    def operands(self) -> tuple[Expression, ...]:
        return (self.left, self.right)

    @property
    def in_double(self) -> bool:
        """Whether both operands are converted to double first: division, and products of two non-constants."""
        return self.operator == "/" or (
            self.operator == "*" and not any(isinstance(o, Constant) and not o.is_double for o in self.operands)
        )

    @property
    def may_be_blank(self) -> bool:
        return self.operator == "/" or super().may_be_blank

    @property
    def is_double(self) -> bool:
        return self.in_double or super().is_double


@dataclass(frozen=True)
class Root(Expression):
    """The square root, in double; blank for a negative number."""

    of: Expression

    @property
    def operands(self) -> tuple[Expression, ...]:
        return (self.of,)

    @property
    def may_be_blank(self) -> bool:
        return True

    @property
    def is_double(self) -> bool:
        return True


def sqrt(operand: Any) -> Expression:
    return Root(_expression(operand))


class Aggregate(Expression):
    """One column of pulse. `name` is that column's name; `columns` are the columns of predictions it reads.

    A new kind of aggregate is one subclass: all code that sums, types, checks or recounts asks it for the following.
    """

    name: str
    merge: ClassVar[str]
    """How partial values are merged: sum, min or max."""
    counts_events: ClassVar[bool] = False
    """Whether every event adds one or nothing."""
    counts_rejected: ClassVar[bool] = False
    """Whether it is computed over the events in quarantine instead of predictions."""

    @property
    def aggregates(self) -> tuple[Aggregate, ...]:
        return (self,)

    @property
    def columns(self) -> tuple[str, ...]:
        return ()

    @property
    def additive(self) -> bool:
        return self.merge == "sum"

    @property
    def may_be_blank(self) -> bool:
        return not self.additive

    @property
    def of_nothing(self) -> Value:
        """Its value over no rows at all."""
        return 0 if self.additive else None

    @property
    def sql(self) -> str:
        """Spark SQL of this aggregate over rows of predictions, which a batch writes to pulse."""
        raise NotImplementedError

    @property
    def sql_of_rejected(self) -> str:
        """Spark SQL of this aggregate over rejected events, which pulse covers in addition to predictions."""
        return "0" if self.additive else "NULL"

    def type_over(self, types: Mapping[str, str]) -> str:
        """Its Spark SQL type, given the types of the columns."""
        return "bigint" if self.counts_events else types[self.columns[0]]

    def problem_with(self, types: Mapping[str, str]) -> str:
        """What is wrong with a column it reads, given the Spark SQL types of predictions; empty if nothing is."""
        return ""

    @property
    def merge_sql(self) -> str:
        """Spark SQL of this aggregate over rows of pulse."""
        return f"coalesce(sum(`{self.name}`), 0)" if self.additive else f"{self.merge}(`{self.name}`)"

    def of_rows(self, rows: Iterable[Row]) -> Value:
        """Its value over rows of predictions."""
        raise NotImplementedError

    def of_partials(self, rows: Iterable[Row]) -> Value:
        """Its value over rows of pulse."""
        return _merged(self.merge, (row[self.name] for row in rows))

    def _validate(self, column: str | None, default: str) -> None:
        kind = type(self).__name__
        if column is not None and not _COLUMN.fullmatch(column):
            raise SpecificationError(
                f"{kind}: {column!r} is no column name; use letters, digits and underscores, with a letter first"
            )
        if not self.name:
            object.__setattr__(self, "name", default)
        if not _AGGREGATE_NAME.fullmatch(self.name):
            raise SpecificationError(
                f"{kind}: {self.name!r} cannot name a column of pulse; "
                "set name= to letters, digits and underscores, with a letter first"
            )


@dataclass(frozen=True)
class Count(Aggregate):
    """The number of events."""

    name: str = "events"
    merge: ClassVar[str] = "sum"
    counts_events: ClassVar[bool] = True

    def __post_init__(self) -> None:
        self._validate(None, "events")

    @property
    def sql(self) -> str:
        return "count(*)"

    def of_rows(self, rows: Iterable[Row]) -> Value:
        return sum(1 for _ in rows)


@dataclass(frozen=True)
class _OfColumn(Aggregate):
    column: str
    name: str = ""
    suffix: ClassVar[str] = ""
    merge: ClassVar[str] = "sum"

    def __post_init__(self) -> None:
        self._validate(self.column, f"{self.column}{self.suffix}")

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column,)


@dataclass(frozen=True)
class CountIf(_OfColumn):
    """The number of events for which a boolean column is true; null is not true."""

    counts_events: ClassVar[bool] = True

    def problem_with(self, types: Mapping[str, str]) -> str:
        if types[self.column] == "boolean":
            return ""
        valid = choices(sorted(name for name, type_ in types.items() if type_ == "boolean"))
        return f"counts where {self.column!r}: give a boolean column, {valid}"

    @property
    def sql(self) -> str:
        return f"count(CASE WHEN `{self.column}` THEN 1 END)"

    def of_rows(self, rows: Iterable[Row]) -> Value:
        return sum(1 for row in rows if row[self.column])


@dataclass(frozen=True)
class CountOf(_OfColumn):
    """The number of events for which a column is not null."""

    suffix: ClassVar[str] = "_count"
    counts_events: ClassVar[bool] = True

    @property
    def sql(self) -> str:
        return f"count(`{self.column}`)"

    def of_rows(self, rows: Iterable[Row]) -> Value:
        return sum(1 for row in rows if row[self.column] is not None)


@dataclass(frozen=True)
class _OfNumber(_OfColumn):
    def problem_with(self, types: Mapping[str, str]) -> str:
        if types[self.column] not in _NO_NUMBERS:
            return ""
        return f"takes the {type(self).__name__.lower()} of {self.column!r}, which is not a number: give a number"


@dataclass(frozen=True)
class Sum(_OfNumber):
    """The sum of a numeric column; nulls are ignored."""

    suffix: ClassVar[str] = "_sum"

    def type_over(self, types: Mapping[str, str]) -> str:
        """Integers become bigint, decimals ten digits wider, everything else double."""
        source = types[self.column]
        decimal_type = _DECIMAL.fullmatch(source)
        if decimal_type:
            return f"decimal({min(int(decimal_type[1]) + 10, 38)},{decimal_type[2]})"
        return "bigint" if source in ("int", "bigint") else "double"

    @property
    def sql(self) -> str:
        return f"coalesce(sum(`{self.column}`), 0)"

    def of_rows(self, rows: Iterable[Row]) -> Value:
        return _merged("sum", (row[self.column] for row in rows))


@dataclass(frozen=True)
class Min(_OfNumber):
    """The smallest value of a numeric column. Not usable in an all-time measure of a push dataset: Totals hold sums."""

    suffix: ClassVar[str] = "_min"
    merge: ClassVar[str] = "min"

    @property
    def sql(self) -> str:
        return f"min(`{self.column}`)"

    def of_rows(self, rows: Iterable[Row]) -> Value:
        return _merged("min", (row[self.column] for row in rows))


@dataclass(frozen=True)
class Max(_OfNumber):
    """The largest value of a numeric column. Not usable in an all-time measure of a push dataset: Totals hold sums."""

    suffix: ClassVar[str] = "_max"
    merge: ClassVar[str] = "max"

    @property
    def sql(self) -> str:
        return f"max(`{self.column}`)"

    def of_rows(self, rows: Iterable[Row]) -> Value:
        return _merged("max", (row[self.column] for row in rows))


@dataclass(frozen=True)
class Rejected(Aggregate):
    """The number of events that went to quarantine, in the bucket in which they arrived.

    They are not predictions and have no dimensions: over predictions the count is 0, and in pulse their rows are
    "unknown" in every dimension.
    """

    name: str = "rejected"
    merge: ClassVar[str] = "sum"
    counts_events: ClassVar[bool] = True
    counts_rejected: ClassVar[bool] = True

    def __post_init__(self) -> None:
        self._validate(None, "rejected")

    @property
    def sql(self) -> str:
        return "count(CASE WHEN false THEN 1 END)"

    @property
    def sql_of_rejected(self) -> str:
        return "count(*)"

    def of_rows(self, rows: Iterable[Row]) -> Value:
        return 0


def _kinds(of: type[Aggregate] = Aggregate) -> list[str]:
    """Names of the kinds of aggregate that an expression may contain."""
    own = [] if of is Aggregate or of.__name__.startswith("_") else [of.__name__]
    return own + [name for kind in of.__subclasses__() for name in _kinds(kind)]


def mean(column: str) -> Expression:
    """The mean of a numeric column over the rows where it is not null; blank where it is null in all of them."""
    return Sum(column) / CountOf(column)


@dataclass(frozen=True)
class AllTime:
    """Everything since the start: time filters and time axes do not narrow it."""


@dataclass(frozen=True)
class TrailingWindow:
    """The last minutes up to the newest bucket in the time context, found with all dimensions removed.

    On a card that is the newest bucket overall, on a time axis the bucket of the point: a rolling window.
    """

    minutes: int

    def __post_init__(self) -> None:
        if isinstance(self.minutes, bool) or not isinstance(self.minutes, int) or self.minutes < 1:
            raise SpecificationError(f"TrailingWindow({self.minutes!r}): give whole minutes, 1 or more")

    def buckets(self, bucket_seconds: int) -> int:
        """The number of buckets in the window."""
        return self.minutes * 60 // bucket_seconds


@dataclass(frozen=True)
class ByBucket:
    """The buckets in the time context, and no others: one point of a trend."""


Scope = AllTime | TrailingWindow | ByBucket


@dataclass(frozen=True)
class Measure:
    """A named value. `format` is a Power BI format string such as `0.0%` or `#,0`."""

    name: str
    expression: Expression
    scope: Scope = AllTime()
    format: str = ""
    description: str = ""

    def __post_init__(self) -> None:
        if (
            not isinstance(self.name, str)
            or not _MEASURE_NAME.fullmatch(self.name)
            or len(self.name) > _MEASURE_NAME_LIMIT
        ):
            raise SpecificationError(
                f"measure {self.name!r}: the name must be 1 to {_MEASURE_NAME_LIMIT} characters on one line, "
                "without brackets, quotes or outer blanks"
            )
        if not isinstance(self.expression, Expression) or not self.expression.aggregates:
            raise SpecificationError(
                f"measure {self.name!r}: the expression {self.expression!r} has no aggregate; "
                f"use {choices(_kinds())} in it"
            )
        if not isinstance(self.scope, AllTime | TrailingWindow | ByBucket):
            raise SpecificationError(
                f"measure {self.name!r}: {self.scope!r} is no scope; "
                "use AllTime(), TrailingWindow(minutes) or ByBucket()"
            )
        distinct_aggregates([self])

    @property
    def aggregates(self) -> tuple[Aggregate, ...]:
        return self.expression.aggregates

    @property
    def columns(self) -> tuple[str, ...]:
        """The distinct columns of predictions it reads."""
        return tuple(dict.fromkeys(c for a in self.aggregates for c in a.columns))

    def check(self, bucket_seconds: int, columns: Collection[str] | None = None, *, push: bool = True) -> None:
        """Raises SpecificationError if a use case with these buckets and columns of predictions cannot have it.

        `push=False` is for models over gold only: they have all of Pulse and so can compute an all-time minimum.
        """
        if isinstance(self.scope, TrailingWindow) and self.scope.minutes * 60 % bucket_seconds:
            raise SpecificationError(
                f"measure {self.name!r}: TrailingWindow({self.scope.minutes}) is {self.scope.minutes * 60} seconds, "
                f"not a multiple of the bucket's {bucket_seconds}; change the minutes or bucket_seconds"
            )
        if columns is not None:
            for aggregate in self.aggregates:
                for column in aggregate.columns:
                    if column not in columns:
                        raise SpecificationError(
                            f"measure {self.name!r}: {type(aggregate).__name__}({column!r}) reads a column that "
                            f"predictions do not have; use {choices(sorted(columns))}"
                        )
        if push and isinstance(self.scope, AllTime):
            for aggregate in self.aggregates:
                if not aggregate.additive:
                    raise SpecificationError(
                        f"measure {self.name!r}: {type(aggregate).__name__}({aggregate.columns[0]!r}) cannot be "
                        "computed over all time, because the Totals of a push dataset can only be summed; "
                        "give the measure scope=TrailingWindow(minutes) or scope=ByBucket()"
                    )


def distinct_aggregates(measures: Iterable[Measure]) -> tuple[Aggregate, ...]:
    """The distinct aggregates of measures in order: the columns of pulse. Two with the same name are an error.

    Names must differ by more than case, because neither Power BI nor Spark distinguishes `Events` from `events`.
    """
    by_name: dict[str, Aggregate] = {}
    for measure in measures:
        for aggregate in measure.aggregates:
            other = by_name.setdefault(aggregate.name.lower(), aggregate)
            if other != aggregate:
                raise SpecificationError(
                    f"measure {measure.name!r}: {aggregate!r} and {other!r} have one name in pulse; "
                    "give one of them another with name="
                )
    return tuple(by_name.values())


def add(left: Value, right: Value) -> Value:
    """left + right as in every rendering: exact unless either is a float, blank if either is blank."""
    if left is None or right is None:
        return None
    if isinstance(left, float) or isinstance(right, float):
        return float(left) + float(right)
    if isinstance(left, Decimal) or isinstance(right, Decimal):
        return _EXACT.add(Decimal(left), Decimal(right))
    return left + right


def multiply(left: Value, right: Value) -> Value:
    """left * right: exact unless either is a float, blank if either is blank."""
    if left is None or right is None:
        return None
    if isinstance(left, float) or isinstance(right, float):
        return float(left) * float(right)
    if isinstance(left, Decimal) or isinstance(right, Decimal):
        return _EXACT.multiply(Decimal(left), Decimal(right))
    return left * right


def _merged(how: str, values: Iterable[Value]) -> Value:
    present = [v for v in values if v is not None]
    if how == "sum":
        total: Value = 0
        for value in present:
            total = add(total, value)
        return total
    return (min if how == "min" else max)(present, default=None)


def _expression(operand: Any) -> Expression:
    return operand if isinstance(operand, Expression) else Constant(operand)


def _combine(operator: str, left: Any, right: Any) -> Expression:
    return Arithmetic(operator, _expression(left), _expression(right))
