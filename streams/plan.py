"""Turns the pipeline's SQL texts into Spark plans: columns added to a frame, and SELECTs over it. Defines no SQL."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from livegold.reporting.pipeline import Columns, Order, Query, Steps


def with_steps(frame: DataFrame, steps: Steps) -> DataFrame:
    for columns in steps:
        frame = with_columns(frame, columns)
    return frame


def with_columns(frame: DataFrame, columns: Columns) -> DataFrame:
    return frame.withColumns({name: F.expr(sql) for name, sql in columns.items()})


def select(frame: DataFrame, query: Query) -> DataFrame:
    if query.where:
        frame = frame.where(query.where)
    columns = {name: F.expr(sql).alias(name) for name, sql in query.columns.items()}
    if query.group_by:
        sums = [column for name, column in columns.items() if name not in query.group_by]
        frame = frame.groupBy(*query.group_by).agg(*sums)
    if query.order_by:
        frame = frame.orderBy(*map(_ordered, query.order_by))
    if query.limit is not None:
        frame = frame.limit(query.limit)
    return frame.select(*(list(columns) if query.group_by else columns.values()))


def _ordered(order: Order) -> Column:
    return F.expr(order.sql).desc() if order.descending else F.expr(order.sql).asc()
