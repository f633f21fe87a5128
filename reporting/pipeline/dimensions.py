"""Which dimension value an event has, and which new values a batch brings. Not for where admitted values are kept.

A value's identity is its text, trimmed and in lower case. Values are admitted first come, first served, up to a
dimension's limit, and never reassigned; `admitted` maps the identity of each to the value as it was admitted.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from livegold.reporting.pipeline.dialect import cast, quoted, text_literal
from livegold.reporting.pipeline.query import Columns, Order, Query
from livegold.reporting.schema import LAST_ORDER, OTHER, UNKNOWN
from livegold.reporting.specification import Dimension

VALUE, IDENTITY = "value", "identity"


def identity_of(value: str) -> str:
    """The identity of a value: equal values have the same one."""
    return value.strip().lower()


def declared_values(dimension: Dimension) -> dict[str, str]:
    """The values a dimension has from the start, by identity."""
    return {identity_of(v): v.strip() for v in dimension.values or ()}


def dimension_value(dimension: Dimension, admitted: Mapping[str, str]) -> str:
    """The value that predictions and pulse hold, from the dimension's column."""
    text = _text(dimension)
    own = {identity: value for identity, value in admitted.items() if value not in LAST_ORDER}
    found = f"CASE WHEN {text} IS NULL OR {text} = '' THEN {text_literal(UNKNOWN)}"
    if own:
        # Nearly every value is spelled as it was admitted; only the others pay for lower-casing.
        found += f" WHEN {text} IN ({_texts(own.values())}) THEN {text}"
    for identity, value in own.items():
        found += f" WHEN lower({text}) = {text_literal(identity)} THEN {text_literal(value)}"
    return f"{found} ELSE {text_literal(OTHER)} END"


def fresh_columns(dimension: Dimension) -> Columns:
    """Columns value and identity of each event, for `fresh_values`."""
    return {VALUE: _text(dimension), IDENTITY: f"lower({_text(dimension)})"}


def fresh_values(known: Collection[str], room: int) -> Query:
    """The values, `came.value`, of at most `room` identities that are not `known`, in order of arrival.

    Ordered by partition and offset, so that a replay admits the same ones. Needs `fresh_columns`, partition and offset.
    """
    known = {*known, *LAST_ORDER}
    return Query(
        {IDENTITY: IDENTITY, "came": f"min(struct(`partition`, `offset`, {VALUE}))"},
        f"{VALUE} <> '' AND {IDENTITY} NOT IN ({_texts(sorted(known))})",
        (IDENTITY,),
        (Order("came"),),
        room,
    )


def _text(dimension: Dimension) -> str:
    return f"trim({cast(quoted(dimension.column), 'string')})"


def _texts(values: Collection[str]) -> str:
    return ", ".join(text_literal(v) for v in values)
