"""Rows as JSON messages: those the powerbi sink would POST, one message per row. Sends nothing.

A message is `{"table": "Pulse", ...columns of the row}`. Its key is the table name, so that the rows of a table keep
their order; its headers give its position in the feed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from livegold.reporting.errors import Refused, SpecificationError
from livegold.reporting.powerbi import encoded, push_dataset
from livegold.reporting.settings import MAX_EVENT_BYTES
from livegold.reporting.sinks.chunks import Chunk
from livegold.reporting.sinks.values import CUT, CUT_MARK
from livegold.reporting.specification import UseCase

TABLE = "table"
USE_CASE_HEADER = "livegold-usecase"
FEED_HEADER = "livegold-feed"
BATCH_HEADER = "livegold-batch"
TABLE_HEADER = "livegold-table"
ROW_HEADER = "livegold-row"

# Key, headers and framing count towards the event; they are a few hundred bytes.
MAX_VALUE_BYTES = MAX_EVENT_BYTES - 4096

# The type that the producer accepts; our values are always bytes.
Headers = list[tuple[str, str | bytes | None]]


@dataclass(frozen=True)
class Message:
    """One row, ready to be produced."""

    key: bytes
    value: bytes
    headers: Headers


def check_columns(case: UseCase) -> None:
    """Raises SpecificationError if a column would clash with the table name's key."""
    for table in push_dataset(case)["tables"]:
        for column in table["columns"]:
            if column["name"] == TABLE:
                raise SpecificationError(
                    f"use case {case.name}: column {TABLE!r} of {table['name']} is where the eventstream sink puts the "
                    "table's name: give the column another name"
                )


def body_of(table: str, rows: Sequence[Mapping[str, Any]], counts: Counter[str]) -> bytes:
    """The message values of rows, one per line. `counts` counts CUT for each text that was cut to make a row fit."""
    return b"\n".join(fitted({TABLE: table, **row}, MAX_VALUE_BYTES, counts) for row in rows)


def messages(chunk: Chunk, use_case: str, feed: str) -> Iterator[Message]:
    """The messages of a chunk, in order."""
    key = chunk.table.encode()
    same: Headers = [
        (USE_CASE_HEADER, use_case.encode()),
        (FEED_HEADER, feed.encode()),
        (BATCH_HEADER, str(chunk.batch).encode()),
        (TABLE_HEADER, key),
    ]
    for number, value in enumerate(chunk.body.split(b"\n"), chunk.first_row):
        yield Message(key, value, [*same, (ROW_HEADER, str(number).encode())])


def fitted(row: dict[str, Any], limit: int, counts: Counter[str]) -> bytes:
    """A row as JSON of at most `limit` bytes: its longest texts are cut, marked and counted until it fits.

    Raises Refused for a row that is too long even without its texts.
    """
    value = encoded(row)
    cut: set[str] = set()
    row = dict(row)
    while len(value) > limit:
        texts = {k: v.removesuffix(CUT_MARK) for k, v in row.items() if isinstance(v, str) and k != TABLE}
        longest = max(texts, key=lambda k: len(encoded(texts[k])), default="")
        if not texts.get(longest):
            raise Refused(
                f"a row of {row[TABLE]!r} is {len(value):,} bytes even without its text columns, but an event hub "
                f"accepts at most {limit:,}: use fewer columns"
            )
        row[longest] = texts[longest][: len(texts[longest]) // 2] + CUT_MARK
        cut.add(longest)
        value = encoded(row)
    if cut:
        counts[CUT] += len(cut)
    return value
