"""The columns of an event once its fields have been read, and its validation: conditions and reasons.

Not for reading fields, which checks that a value is one JSON object without duplicate keys and with the right types.
Each function states the columns its SQL needs; `arrival` is when the hub received the event.
"""

from __future__ import annotations

from livegold.reporting.pipeline.dialect import cast, quoted, text_literal
from livegold.reporting.pipeline.query import Steps, in_steps
from livegold.reporting.schema import ARRIVAL, EVENT_ID, EVENT_TIME, FEATURE_PREFIX, REPLAY_TIME
from livegold.reporting.specification import Field, UseCase, columns_of

FIELD_TEXTS = "field_texts"
"""A map from the names of an event's fields to their values as text, whatever their types."""


def event_fields(case: UseCase) -> tuple[Field, ...]:
    """The fields that are read from an event: the declared ones and `replay_time`."""
    return (*case.fields, Field(REPLAY_TIME, "timestamp"))


def feature_columns(case: UseCase) -> tuple[str, ...]:
    """Names of the feature columns, in order."""
    return tuple(f"{FEATURE_PREFIX}{f.name}" for f in case.model.features)


def event_columns(case: UseCase) -> Steps:
    """Columns event_id, event_time, the derived columns and the features (doubles, null if they have no value).

    Needs the columns of `event_fields`, topic, partition and offset.
    """
    key = quoted(case.event_id) if case.event_id else "concat_ws('/', topic, `partition`, `offset`)"
    columns = [(EVENT_TIME, f"coalesce({quoted(REPLAY_TIME)}, {quoted(case.event_time)})"), (EVENT_ID, key)]
    columns += [(d.name, cast(f"({d.sql})", d.type)) for d in case.derived]
    features = zip(feature_columns(case), case.model.features, strict=True)
    columns += [(name, cast(f"({feature.sql})", "double")) for name, feature in features]
    return in_steps(columns)


def validity(case: UseCase) -> str:
    """Whether an event is valid, given that its fields could be read; never null.

    Needs the columns of `event_fields` and of `event_columns`, and arrival.
    """
    conditions = [f"{quoted(f.name)} IS NOT NULL" for f in case.fields if f.required]
    if case.event_id is not None:
        conditions.append(f"trim({EVENT_ID}) <> ''")
    conditions += [f"coalesce(({check.sql}), true)" for check in case.checks]
    conditions += [f"NOT ({_too_early(case)})", f"NOT ({_too_late(case)})"]
    conditions += [f"{quoted(n)} IS NOT NULL AND NOT isnan({quoted(n)})" for n in feature_columns(case)]
    return f"coalesce({' AND '.join(conditions)}, false)"


def missing_reason(case: UseCase, field: Field) -> str:
    """The reason for a missing required field, or null. Needs the field's column and FIELD_TEXTS."""
    absent = f"{_text_of(field.name)} IS NULL AND {quoted(field.name)} IS NULL"
    if field.name == case.event_id:
        absent += f" OR trim({quoted(field.name)}) = ''"
    return _reason(absent, f"{field.name} is missing")


def rule_reasons(case: UseCase) -> tuple[str, ...]:
    """A reason or null for each rule an event may violate: checks, its time, features without a value.

    Needs what `validity` needs, and FIELD_TEXTS.
    """
    found = [_reason(f"NOT ({check.sql})", check.reason) for check in case.checks]
    found.append(_reason(_too_early(case), f"event time is before {case.earliest}"))
    tolerance = case.future_tolerance_seconds
    found.append(_reason(_too_late(case), f"event time is more than {tolerance} s after arrival"))
    required = {f.name for f in case.fields if f.required}
    for feature, name in zip(case.model.features, feature_columns(case), strict=True):
        fields, value = _fields_of(case, feature.sql), quoted(name)
        # If a feature is null because a field is, the field's own reason covers it.
        needed = [f"{quoted(f)} IS NOT NULL" for f in fields]
        without = " AND ".join([*needed, f"({value} IS NULL OR isnan({value}))"])
        found.append(_reason(without, f"feature {feature.name} has no value"))
        for field in fields:
            if field not in required:
                absent = f"{value} IS NULL AND {quoted(field)} IS NULL AND {_text_of(field)} IS NULL"
                found.append(_reason(absent, f"feature {feature.name} has no value: {field} is missing"))
    return tuple(found)


def _too_early(case: UseCase) -> str:
    return f"{EVENT_TIME} < CAST({text_literal(case.earliest)} AS timestamp)"


def _too_late(case: UseCase) -> str:
    return f"{EVENT_TIME} > {ARRIVAL} + INTERVAL {case.future_tolerance_seconds} SECOND"


def _reason(condition: str, reason: str) -> str:
    return f"CASE WHEN {condition} THEN {text_literal(reason)} END"


def _text_of(field: str) -> str:
    return f"element_at({FIELD_TEXTS}, {text_literal(field)})"


def _fields_of(case: UseCase, sql: str) -> list[str]:
    """The fields an expression is computed from, through derived columns."""
    derived = {d.name: d.sql for d in case.derived}
    found: list[str] = []
    for column in columns_of(sql, "feature"):
        found += _fields_of(case, derived[column]) if column in derived else [column]
    return list(dict.fromkeys(found))
