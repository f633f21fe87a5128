"""The context a measure is evaluated in: group-by columns, filters, bucket length. For the SQL and Python renderings.

Nothing is evaluated or rendered here. A context has two independent sides: *dimensions* (`Among`) narrow every scope;
*time* (`Between`, and grouping by bucket) narrows `ByBucket`, sets the end of `TrailingWindow`, and does not affect
`AllTime`.

The groups of a result are the combinations of dimension values that occur (under the dimension filters, at any time)
times the buckets in the time context (if grouped by bucket): a borough in which nothing happened has a row of zeros.
Dimensions are never null in gold (null is mapped to "unknown").
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from livegold.reporting.errors import SpecificationError, choices
from livegold.reporting.measures.measure import Aggregate, Measure, Scope, TrailingWindow, distinct_aggregates
from livegold.reporting.schema import TIME_COLUMNS


@dataclass(frozen=True)
class Among:
    """Rows whose dimension has one of these values; with no values, no rows."""

    column: str
    values: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.column in TIME_COLUMNS:
            raise SpecificationError(f"filter: {self.column!r} is time, not a dimension; use Between(first, last)")
        if isinstance(self.values, str) or not all(isinstance(v, str) for v in self.values):
            raise SpecificationError(f"filter: Among({self.column!r}, {self.values!r}): give a tuple of texts")


@dataclass(frozen=True)
class Between:
    """The buckets with first <= bucket_no <= last; None leaves that side open."""

    first: int | None = None
    last: int | None = None

    def __contains__(self, bucket_no: int) -> bool:
        return (self.first is None or bucket_no >= self.first) and (self.last is None or bucket_no <= self.last)


Filter = Among | Between


@dataclass(frozen=True)
class Context:
    """Measures and the context they are evaluated in, validated."""

    measures: tuple[Measure, ...]
    by: tuple[str, ...]
    where: tuple[Filter, ...]
    bucket_seconds: int

    @classmethod
    def of(
        cls, measures: Measure | Iterable[Measure], by: Sequence[str], where: Iterable[Filter], bucket_seconds: int
    ) -> Context:
        asked = (measures,) if isinstance(measures, Measure) else tuple(measures)
        if isinstance(by, str):
            raise SpecificationError(f"group by {by!r}: give a tuple of column names")
        if not asked:
            raise SpecificationError("no measure was asked for; give one or more")
        for measure in asked:
            measure.check(bucket_seconds, push=False)
        names = [m.name.lower() for m in asked] + [b.lower() for b in by]
        doubled = sorted({n for n in names if names.count(n) > 1})
        if doubled:
            raise SpecificationError(
                f"measures {choices(m.name for m in asked)} by {choices(by)}: {doubled[0]!r} would name two columns"
            )
        context = cls(asked, tuple(by), tuple(where), bucket_seconds)
        for aggregate in context.aggregates():
            if aggregate.name in context.dimensions or aggregate.name in TIME_COLUMNS:
                raise SpecificationError(
                    f"aggregate {aggregate.name!r}: also the name of a column to group or filter by; set its name="
                )
        return context

    @property
    def by_dimensions(self) -> tuple[str, ...]:
        return tuple(b for b in self.by if b not in TIME_COLUMNS)

    @property
    def by_time(self) -> bool:
        return any(b in TIME_COLUMNS for b in self.by)

    @property
    def dimensions(self) -> tuple[str, ...]:
        """Every dimension used for grouping or filtering."""
        return tuple(dict.fromkeys([*self.by_dimensions, *(f.column for f in self.among)]))

    @property
    def among(self) -> tuple[Among, ...]:
        return tuple(f for f in self.where if isinstance(f, Among))

    @property
    def between(self) -> tuple[Between, ...]:
        return tuple(f for f in self.where if isinstance(f, Between))

    @property
    def scopes(self) -> tuple[Scope, ...]:
        return tuple(dict.fromkeys(m.scope for m in self.measures))

    @property
    def needs_times(self) -> bool:
        return self.by_time or any(isinstance(s, TrailingWindow) for s in self.scopes)

    def aggregates(self, scope: Scope | None = None) -> tuple[Aggregate, ...]:
        """The aggregates of all measures, or of those with one scope."""
        return distinct_aggregates(m for m in self.measures if scope is None or m.scope == scope)

    def in_time(self, bucket_nos: Collection[int]) -> list[int]:
        return [n for n in bucket_nos if all(n in f for f in self.between)]
