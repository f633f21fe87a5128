"""What gold holds about valid, scored events: predictions, pulse and spotlight. Not for validating or scoring them."""

from __future__ import annotations

from collections.abc import Mapping

from livegold.reporting.pipeline.dialect import cast, quoted, text_literal
from livegold.reporting.pipeline.dimensions import dimension_value
from livegold.reporting.pipeline.query import Columns, Order, Query, Steps
from livegold.reporting.schema import (
    ARRIVAL,
    BATCH_ID,
    BUCKET,
    BUCKET_NO,
    EVENT_ID,
    EVENT_TIME,
    QUERY_ID,
    SEVERITY,
    TIME_COLUMNS,
    UNKNOWN,
    WRITTEN_BY_GOLD,
)
from livegold.reporting.specification import UseCase


def written_columns(query_id: str, batch_id: int) -> Columns:
    """Gold's bookkeeping columns, the same in every row of a batch."""
    return {QUERY_ID: text_literal(query_id), BATCH_ID: cast(str(batch_id), "bigint")}


def bucket_columns(case: UseCase, time: str = EVENT_TIME) -> Columns:
    """Columns bucket and bucket_no for a timestamp column."""
    seconds = case.bucket_seconds
    # In microseconds, so that no engine rounds up into the next bucket.
    number = cast(f"floor(unix_micros({quoted(time)}) / {seconds * 1_000_000})", "bigint")
    return {BUCKET_NO: number, BUCKET: f"timestamp_seconds({number} * {seconds})"}


def prediction_steps(case: UseCase, admitted: Mapping[str, Mapping[str, str]]) -> Steps:
    """Adds bucket, bucket_no, the dimensions' values and severity.

    `admitted` has the values of each dimension by identity (see `dimension_value`). Needs the columns of
    `validation.event_columns` and `scoring.labelled_columns`, and model_version.
    """
    mapped = {d.name: dimension_value(d, admitted[d.name]) for d in case.all_dimensions}
    return ({**bucket_columns(case), **mapped}, {SEVERITY: cast(f"({case.spotlight.severity})", "double")})


def predictions(case: UseCase) -> Query:
    """The rows of gold `predictions`. Needs the columns of `prediction_steps` and of `written_columns`, SOURCE."""
    return Query({c.name: cast(quoted(c.name), c.type) for c in case.prediction_columns})


def pulse(case: UseCase) -> Query:
    """The partial sums of predictions: rows of gold `pulse` without `written_columns`."""
    types = {c.name: c.type for c in case.pulse_columns}
    keys = _pulse_keys(case)
    sums = {a.name: cast(a.sql, types[a.name]) for a in case.aggregates}
    return Query({k: quoted(k) for k in keys} | sums, group_by=keys)


def counts_rejected(case: UseCase) -> bool:
    """Whether pulse has rows for rejected events."""
    return any(a.counts_rejected for a in case.aggregates)


def rejected_pulse(case: UseCase) -> Query:
    """Rows of pulse for quarantined events: by bucket of arrival, since a bad event's own time cannot be trusted.

    Needs the bad events with `arrival_buckets`.
    """
    types = {c.name: c.type for c in case.pulse_columns}
    keys: Columns = {k: quoted(k) for k in TIME_COLUMNS}
    unknown = {d.name: text_literal(UNKNOWN) for d in case.all_dimensions}
    sums = {a.name: cast(a.sql_of_rejected, types[a.name]) for a in case.aggregates}
    return Query({**keys, **unknown, **sums}, group_by=TIME_COLUMNS)


def arrival_buckets(case: UseCase) -> Columns:
    """The buckets in which events arrived."""
    return bucket_columns(case, ARRIVAL)


def spotlight(case: UseCase, limit: int | None = None) -> Query:
    """The rows of gold `spotlight` for one batch of predictions: the most severe and newest first, at most `limit`."""
    order = (Order(SEVERITY, descending=True), Order(EVENT_TIME, descending=True), Order(EVENT_ID))
    columns = {c.name: quoted(c.name) for c in case.spotlight_columns}
    return Query(columns, case.spotlight.where, (), order, case.spotlight.limit if limit is None else limit)


def pulse_row_columns(case: UseCase) -> tuple[str, ...]:
    """The columns of `pulse` and `rejected_pulse`, in order."""
    return tuple(c.name for c in case.pulse_columns if c.name not in WRITTEN_BY_GOLD)


def _pulse_keys(case: UseCase) -> tuple[str, ...]:
    return (*TIME_COLUMNS, *(d.name for d in case.all_dimensions))
