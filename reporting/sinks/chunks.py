"""Splits the rows of a batch into numbered chunks. Sends nothing, and knows no sink's limits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from livegold.reporting.errors import Refused
from livegold.reporting.sinks.rows import Row

# The sequence numbers of a batch are its number, offset by `base`, times this, plus the chunk's index. So a batch may
# have at most this many chunks per table.
CHUNKS_PER_BATCH = 1_000

Encode = Callable[[str, Sequence[Row], Counter[str]], bytes]
"""(table, rows, counts) -> body. Values that had to be changed are counted in `counts`, by name."""


@dataclass(frozen=True)
class Chunk:
    """The unit of sending: some of the rows of a batch for one table.

    `index` is its position among the batch's chunks of the table, `first_row` the number of its first row among all
    rows of the batch (both from 0), `sums` the sums of Pulse's aggregates as JSON, `body` the rows as the sink sends
    them. `attempts` counts the attempts to send it; `doubt` is 1 if the last attempt may have been carried out.
    """

    batch: int
    table: str
    index: int
    sequence: int
    first_row: int
    rows: int
    sums: str
    body: bytes
    place: int = 0
    attempts: int = 0
    doubt: int = 0


def sequence_number(base: int, batch: int, index: int) -> int:
    """Increases with the batch and with the chunk within it; never 0."""
    return (base + batch) * CHUNKS_PER_BATCH + index + 1


def base_above(number: int) -> int:
    """The base for a sink whose first batch number is 0 or more, when the service already has `number`."""
    return number // CHUNKS_PER_BATCH + 1


class Cutter:
    """Makes chunks of at most `max_rows` rows and, if given, at most `max_bytes` bytes."""

    def __init__(self, encode: Encode, max_rows: int, max_bytes: int | None = None) -> None:
        self._encode = encode
        self._max_rows = max_rows
        self._max_bytes = max_bytes

    def chunks(
        self,
        batch: int,
        base: int,
        tables: Iterable[tuple[str, Iterable[Row]]],
        sums: Callable[[str, Sequence[Row]], str],
        counts: Counter[str],
    ) -> Iterator[Chunk]:
        """Yields the chunks of a batch in order, lazily. `sums` computes what the ledger keeps of a chunk."""
        first_row = 0
        for table, rows in tables:
            for index, (part, body) in enumerate(self._cut(table, rows, counts)):
                if index >= CHUNKS_PER_BATCH:
                    raise Refused(
                        f"batch {batch}: {table!r} has more than {CHUNKS_PER_BATCH * self._max_rows:,} rows, "
                        f"in more than {CHUNKS_PER_BATCH} chunks: use larger buckets"
                    )
                number = sequence_number(base, batch, index)
                yield Chunk(batch, table, index, number, first_row, len(part), sums(table, part), body)
                first_row += len(part)

    def _cut(self, table: str, rows: Iterable[Row], counts: Counter[str]) -> Iterator[tuple[Sequence[Row], bytes]]:
        part: list[Row] = []
        for row in rows:
            part.append(row)
            if len(part) == self._max_rows:
                yield from self._small_enough(table, part, counts)
                part = []
        if part:
            yield from self._small_enough(table, part, counts)

    def _small_enough(
        self, table: str, rows: Sequence[Row], counts: Counter[str]
    ) -> Iterator[tuple[Sequence[Row], bytes]]:
        changed: Counter[str] = Counter()
        body = self._encode(table, rows, changed)
        if self._max_bytes is None or len(body) <= self._max_bytes or len(rows) == 1:
            counts.update(changed)
            yield rows, body
            return
        half = len(rows) // 2
        yield from self._small_enough(table, rows[:half], counts)
        yield from self._small_enough(table, rows[half:], counts)
