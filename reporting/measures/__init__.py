"""Measures as arithmetic over additive aggregates, and their renderings in SQL, DAX and Python."""

from livegold.reporting.measures.context import Among, Between, Filter
from livegold.reporting.measures.dax import arithmetic_dax, dax_for_delta, dax_for_push, dax_of_tick
from livegold.reporting.measures.measure import (
    DOUBLE_TOLERANCE,
    Aggregate,
    AllTime,
    ByBucket,
    Count,
    CountIf,
    CountOf,
    Expression,
    Max,
    Measure,
    Min,
    Rejected,
    Sum,
    TrailingWindow,
    Value,
    add,
    distinct_aggregates,
    mean,
    sqrt,
)
from livegold.reporting.measures.python import compute
from livegold.reporting.measures.sql import sql_over_pulse, sql_over_push

__all__ = [
    "DOUBLE_TOLERANCE",
    "Aggregate",
    "AllTime",
    "Among",
    "Between",
    "ByBucket",
    "Count",
    "CountIf",
    "CountOf",
    "Expression",
    "Filter",
    "Max",
    "Measure",
    "Min",
    "Rejected",
    "Sum",
    "TrailingWindow",
    "Value",
    "add",
    "arithmetic_dax",
    "compute",
    "dax_for_delta",
    "dax_for_push",
    "dax_of_tick",
    "distinct_aggregates",
    "mean",
    "sql_over_pulse",
    "sql_over_push",
    "sqrt",
]
