"""Rows as JSON messages: the ones the powerbi sink would POST, one message a row. Sends nothing.

A message is `{"table": "Pulse", ...columns of the row}`. Its key is the name of the table, so that the rows of a table
keep their order; its headers say where in the feed it is from.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from livegold.reporting.errors import Refused, SpecificationError
from livegold.reporting.powerbi.dataset import push_dataset
from livegold.reporting.settings import MAX_EVENT_BYTES
from livegold.reporting.sinks.state import Parcel
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

# The type that a producer takes; ours are always bytes.
Headers = list[tuple[str, str | bytes | None]]


@dataclass(frozen=True)
class Message:
    """One row, ready to be produced."""

    key: bytes
    value: bytes
    headers: Headers


def check_columns(case: UseCase) -> None:
    """Raises SpecificationError where a column would hide the name of the table."""
    for table in push_dataset(case)["tables"]:
        for column in table["columns"]:
            if column["name"] == TABLE:
                raise SpecificationError(
                    f"use case {case.name}: column {TABLE!r} of {table['name']} is where the eventstream sink puts the "
                    "table's name: give the column another name"
                )


def messages(parcel: Parcel, use_case: str, feed: str, first_row: int, counts: Counter[str]) -> Iterator[Message]:
    """The messages of a parcel, in order. `first_row` is the number of its first row in the batch, from 0.

    `counts` gets CUT for each text that was shortened to make a row fit.
    """
    # Numbers go through as they were written: a float would lose digits of a decimal, and orjson takes 64 bits at most.
    rows = json.loads(parcel.body, parse_float=orjson.Fragment, parse_int=orjson.Fragment)["rows"]
    key = parcel.table.encode()
    for number, row in enumerate(rows, first_row):
        yield Message(
            key,
            fitted({TABLE: parcel.table, **row}, MAX_VALUE_BYTES, counts),
            [
                (USE_CASE_HEADER, use_case.encode()),
                (FEED_HEADER, feed.encode()),
                (BATCH_HEADER, str(parcel.batch).encode()),
                (TABLE_HEADER, key),
                (ROW_HEADER, str(number).encode()),
            ],
        )


def fitted(row: dict[str, Any], limit: int, counts: Counter[str]) -> bytes:
    """A row as JSON of `limit` bytes at most: its longest texts are cut, marked and counted until it fits.

    Refused for a row that is too long without its texts.
    """
    value = orjson.dumps(row)
    cut: set[str] = set()
    row = dict(row)
    while len(value) > limit:
        texts = {k: v.removesuffix(CUT_MARK) for k, v in row.items() if isinstance(v, str) and k != TABLE}
        longest = max(texts, key=lambda k: len(orjson.dumps(texts[k])), default="")
        if not texts.get(longest):
            raise Refused(
                f"a row of {row[TABLE]!r} is {len(value):,} bytes without its texts, and an event hub takes {limit:,}: "
                "have fewer columns"
            )
        row[longest] = texts[longest][: len(texts[longest]) // 2] + CUT_MARK
        cut.add(longest)
        value = orjson.dumps(row)
    if cut:
        counts[CUT] += len(cut)
    return value
