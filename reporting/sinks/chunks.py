"""Cuts rows into POSTs within the limits and numbers them. Sends nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from livegold.reporting.errors import Refused
from livegold.reporting.powerbi.client import rows_body
from livegold.reporting.powerbi.limits import MAX_REQUEST_BYTES, MAX_ROWS_PER_POST
from livegold.reporting.sinks.rows import Row
from livegold.reporting.sinks.state import Parcel

# Sequence numbers of a batch: its number, moved up by `base`, times this, plus the place of the chunk. So a batch may
# have this many chunks of one table: 10,000,000 rows, ten hours of what Power BI accepts.
CHUNKS_PER_BATCH = 1_000


def sequence_number(base: int, batch: int, chunk: int) -> int:
    """Grows with the batch and the chunk in it; never 0."""
    return (base + batch) * CHUNKS_PER_BATCH + chunk + 1


def base_above(number: int) -> int:
    """The base for a sink whose first batch is 0 or more, when the service already has `number`."""
    return number // CHUNKS_PER_BATCH + 1


def parcels(
    batch: int, table: str, rows: Sequence[Row], base: int, sums: Callable[[Sequence[Row]], str] = lambda rows: "{}"
) -> list[Parcel]:
    """The POSTs for rows of one table: 10,000 rows and 16 MB at most each, in order."""
    found = []
    for chunk, (part, body) in enumerate(_cut(rows)):
        if chunk >= CHUNKS_PER_BATCH:
            limit = CHUNKS_PER_BATCH * MAX_ROWS_PER_POST
            raise Refused(f"batch {batch}: {len(rows)} rows for {table!r}, {limit} at most: use larger buckets")
        number = sequence_number(base, batch, chunk)
        found.append(Parcel(batch, table, chunk, number, len(part), sums(part), body))
    return found


def _cut(rows: Sequence[Row]) -> Iterator[tuple[Sequence[Row], bytes]]:
    for start in range(0, len(rows), MAX_ROWS_PER_POST):
        yield from _small_enough(rows[start : start + MAX_ROWS_PER_POST])


def _small_enough(rows: Sequence[Row]) -> Iterator[tuple[Sequence[Row], bytes]]:
    body = rows_body(rows)
    if len(body) <= MAX_REQUEST_BYTES or len(rows) == 1:
        yield rows, body
        return
    half = len(rows) // 2
    yield from _small_enough(rows[:half])
    yield from _small_enough(rows[half:])
