"""Measures as SQL over predictions and over pulse, in any dialect that sqlglot can write. Runs no query.

A rendering is one SELECT with a row per group (see `context`) and a column per measure. Over predictions it is the
rendering over pulse with the partial sums computed in a first CTE, so a scan reads the events once and a rolling window
joins buckets, not events.

In T-SQL a SUM of INT is an INT: there, the columns of predictions that are summed should be BIGINT, DECIMAL or FLOAT.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlglot import exp

from livegold.reporting.measures.context import Context, Filter
from livegold.reporting.measures.measure import (
    Aggregate,
    AllTime,
    Arithmetic,
    Constant,
    Expression,
    Measure,
    Root,
    Scope,
    TrailingWindow,
)
from livegold.reporting.schema import BUCKET, BUCKET_NO, COMPLETE_TICK, TICK

# CTE names that cannot clash with a user's tables.
_PARTIALS, _TIMES, _ENDS, _GROUPS = "livegold_partials", "livegold_times", "livegold_ends", "livegold_groups"
_TICK = "livegold_tick"


def sql_over_predictions(
    measures: Measure | Iterable[Measure],
    table: str | exp.Expression,
    by: Sequence[str] = (),
    where: Iterable[Filter] = (),
    *,
    dialect: str = "duckdb",
    bucket_seconds: int = 60,
    buckets: str | exp.Expression | None = None,
    pretty: bool = False,
) -> str:
    """A SELECT over predictions. `table` (and `buckets`) is a table name or a table function, in `dialect`.

    `buckets` is a table with the columns bucket and bucket_no of the buckets that exist; by default those that occur.
    """
    context = Context.of(measures, by, where, bucket_seconds)
    keys = [*context.dimensions, *_time_keys(context)]
    partials = exp.select(
        *[_column(k, "p") for k in keys],
        *[_over_rows(a).as_(a.name, quoted=True) for a in context.aggregates()],
    ).from_(exp.alias_(_table(table, dialect), "p", table=True))
    partials = partials.group_by(*[_column(k, "p") for k in keys])
    select = _select(context, exp.to_table(_PARTIALS), _times_source(buckets, dialect), {_PARTIALS: partials})
    return select.sql(dialect=dialect, identify=True, pretty=pretty)


def sql_over_pulse(
    measures: Measure | Iterable[Measure],
    table: str | exp.Expression,
    by: Sequence[str] = (),
    where: Iterable[Filter] = (),
    *,
    dialect: str = "duckdb",
    bucket_seconds: int = 60,
    buckets: str | exp.Expression | None = None,
    pretty: bool = False,
) -> str:
    """A SELECT over pulse; arguments as for `sql_over_predictions`."""
    context = Context.of(measures, by, where, bucket_seconds)
    select = _select(context, _table(table, dialect), _times_source(buckets, dialect), {})
    return select.sql(dialect=dialect, identify=True, pretty=pretty)


def sql_over_push(
    measures: Measure | Iterable[Measure],
    pulse: str | exp.Expression,
    totals: str | exp.Expression,
    by: Sequence[str] = (),
    where: Iterable[Filter] = (),
    *,
    dialect: str = "duckdb",
    bucket_seconds: int = 60,
    pretty: bool = False,
) -> str:
    """A SELECT over the rows of a push dataset: AllTime over Totals at the newest complete tick, the rest over Pulse.

    The SQL equivalent of `dax.dax_for_push`. A group exists if Totals or Pulse has a row for it.
    """
    context = Context.of(measures, by, where, bucket_seconds)
    source = _table(totals, dialect)
    newest = exp.select(exp.Max(this=_column(COMPLETE_TICK))).from_(exp.alias_(source.copy(), "t", table=True))
    tick = exp.select("*").from_(exp.alias_(source, "p", table=True))
    tick = tick.where(exp.EQ(this=_column(TICK, "p"), expression=newest.subquery()))
    select = _select(context, _table(pulse, dialect), None, {_TICK: tick}, exp.to_table(_TICK))
    return select.sql(dialect=dialect, identify=True, pretty=pretty)


def _select(
    context: Context,
    pulse: exp.Expression,
    times: exp.Expression | None,
    ctes: dict[str, exp.Query],
    totals: exp.Expression | None = None,
) -> exp.Select:
    dimensions = context.by_dimensions
    if context.needs_times:
        source = pulse if times is None else times
        keys_of_times = exp.select(*[_column(k, "p") for k in _time_keys(context)]).distinct()
        of_times = keys_of_times.from_(exp.alias_(source.copy(), "p", table=True))
        ctes[_TIMES] = of_times.where(*_time_filters(context))
    if not context.by_time and context.needs_times:
        newest = exp.Max(this=_column(BUCKET_NO)).as_(BUCKET_NO, quoted=True)
        ctes[_ENDS] = exp.select(newest).from_(_TIMES)
    if dimensions:
        groups = exp.select(*[_column(d, "p") for d in dimensions]).distinct()
        of_pulse = groups.from_(exp.alias_(pulse.copy(), "p", table=True)).where(*_dimension_filters(context))
        ctes[_GROUPS] = of_pulse
        if totals is not None:
            of_totals = groups.from_(exp.alias_(totals.copy(), "p", table=True)).where(*_dimension_filters(context))
            ctes[_GROUPS] = exp.union(of_pulse, of_totals, distinct=True)
    for scope in context.scopes:
        source = totals if totals is not None and isinstance(scope, AllTime) else pulse
        ctes[_scope_name(scope)] = _scope_select(context, scope, source)

    select = exp.select(
        *[_column(b, _TIMES if b in (BUCKET, BUCKET_NO) else _GROUPS) for b in context.by],
        *[_render(m.expression, _scope_name(m.scope)).as_(m.name, quoted=True) for m in context.measures],
    )
    spine = ([_GROUPS] if dimensions else []) + ([_TIMES] if context.by_time else [])
    joined = spine or [_scope_name(context.scopes[0])]
    select = select.from_(joined[0])
    for name in joined[1:]:
        select = select.join(exp.to_table(name), join_type="cross")
    for scope in context.scopes:
        name = _scope_name(scope)
        if name in joined:
            continue
        keys = [(d, _GROUPS) for d in dimensions]
        if context.by_time and not isinstance(scope, AllTime):
            keys.append((BUCKET_NO, _TIMES))
        if keys:
            same = [exp.NullSafeEQ(this=_column(k, name), expression=_column(k, side)) for k, side in keys]
            select = select.join(exp.to_table(name), on=exp.and_(*same), join_type="left")
        else:
            select = select.join(exp.to_table(name), join_type="cross")
    for name, cte in ctes.items():
        select = select.with_(name, as_=cte)
    return select


def _scope_select(context: Context, scope: Scope, pulse: exp.Expression) -> exp.Select:
    keys = [_column(d, "p") for d in context.by_dimensions]
    filters = _dimension_filters(context)
    select = exp.select().from_(exp.alias_(pulse.copy(), "p", table=True))
    if isinstance(scope, TrailingWindow):
        ends = _TIMES if context.by_time else _ENDS
        end = _column(BUCKET_NO, ends)
        start = exp.Sub(this=end.copy(), expression=exp.Literal.number(scope.buckets(context.bucket_seconds)))
        mine = _column(BUCKET_NO, "p")
        window = exp.and_(exp.GT(this=mine, expression=start), exp.LTE(this=mine.copy(), expression=end))
        select = select.join(exp.to_table(ends), on=window, join_type="inner")
        if context.by_time:
            keys.append(end.copy())
    elif not isinstance(scope, AllTime):
        filters += _time_filters(context)
        if context.by_time:
            keys.append(_column(BUCKET_NO, "p"))
    merged = [_over_partials(a).as_(a.name, quoted=True) for a in context.aggregates(scope)]
    return select.select(*keys, *merged).where(*filters).group_by(*[k.copy() for k in keys])


def _over_rows(aggregate: Aggregate) -> exp.Expression:
    """The aggregate's own SQL, over the columns of `p`."""
    tree: exp.Expression = exp.maybe_parse(aggregate.sql, dialect="spark")
    for column in list(tree.find_all(exp.Column)):
        column.replace(_column(column.name, "p"))
    return tree


def _over_partials(aggregate: Aggregate) -> exp.Expression:
    return _merge(aggregate, _column(aggregate.name, "p"))


def _merge(aggregate: Aggregate, column: exp.Expression) -> exp.Expression:
    if aggregate.additive:
        return _or_zero(exp.Sum(this=column))
    extreme: dict[str, type[exp.Expression]] = {"min": exp.Min, "max": exp.Max}
    return extreme[aggregate.merge](this=column)


def _render(expression: Expression, relation: str) -> exp.Expression:
    if isinstance(expression, Aggregate):
        column = _column(expression.name, relation)
        # A group without a row in this scope is empty: the outer join made it NULL.
        return _or_zero(column) if expression.additive else column
    if isinstance(expression, Constant):
        return _constant(expression)
    if isinstance(expression, Root):
        of = _double(expression.of, relation)
        not_negative = exp.GTE(this=_paren(of.copy()), expression=exp.Literal.number(0))
        return exp.Sqrt(this=exp.case().when(not_negative, of))
    assert isinstance(expression, Arithmetic)
    side = _double if expression.in_double else _render
    left, right = side(expression.left, relation), side(expression.right, relation)
    if expression.operator == "/":
        divisor = exp.Nullif(this=right, expression=exp.Literal.number(0))
        return exp.Div(this=_paren(left), expression=divisor)
    operators: dict[str, type[exp.Expression]] = {"+": exp.Add, "-": exp.Sub, "*": exp.Mul}
    return operators[expression.operator](this=_paren(left), expression=_paren(right))


def _double(expression: Expression, relation: str) -> exp.Expression:
    rendered = _render(expression, relation)
    if expression.is_double:
        return rendered
    return exp.cast(rendered, exp.DataType.Type.DOUBLE)


def _constant(constant: Constant) -> exp.Expression:
    literal = exp.Literal.number(repr(abs(constant.value)))
    signed = exp.Neg(this=literal) if constant.value < 0 else literal
    # In most dialects 0.5 is a DECIMAL.
    return exp.cast(signed, exp.DataType.Type.DOUBLE) if constant.is_double else _paren(signed)


def _paren(expression: exp.Expression) -> exp.Expression:
    return exp.Paren(this=expression) if isinstance(expression, exp.Binary | exp.Neg) else expression


def _or_zero(expression: exp.Expression) -> exp.Expression:
    return exp.Coalesce(this=expression, expressions=[exp.Literal.number(0)])


def _column(name: str, relation: str | None = None) -> exp.Column:
    return exp.column(name, table=relation, quoted=True)


def _table(table: str | exp.Expression, dialect: str) -> exp.Expression:
    return exp.maybe_parse(table, into=exp.Table, dialect=dialect, copy=True)


def _times_source(buckets: str | exp.Expression | None, dialect: str) -> exp.Expression | None:
    return None if buckets is None else _table(buckets, dialect)


def _time_keys(context: Context) -> list[str]:
    return [BUCKET_NO, BUCKET] if BUCKET in context.by else [BUCKET_NO]


def _scope_name(scope: Scope) -> str:
    if isinstance(scope, TrailingWindow):
        return f"livegold_last_{scope.minutes}"
    return "livegold_so_far" if isinstance(scope, AllTime) else "livegold_by_bucket"


def _dimension_filters(context: Context) -> list[exp.Expression]:
    return [
        _column(f.column, "p").isin(*[exp.Literal.string(v) for v in f.values])
        if f.values
        else exp.EQ(this=exp.Literal.number(1), expression=exp.Literal.number(0))
        for f in context.among
    ]


def _time_filters(context: Context) -> list[exp.Expression]:
    filters: list[exp.Expression] = []
    for between in context.between:
        if between.first is not None:
            filters.append(exp.GTE(this=_column(BUCKET_NO, "p"), expression=exp.Literal.number(between.first)))
        if between.last is not None:
            filters.append(exp.LTE(this=_column(BUCKET_NO, "p"), expression=exp.Literal.number(between.last)))
    return filters
