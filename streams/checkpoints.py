"""Reads a query's id from its checkpoint, and resets a query. Not concerned with what a query reads or writes.

Spark writes the query's id into the checkpoint's `metadata` when the query is started, before its first batch; a
`foreachBatch` function that knows where its checkpoint is can therefore read it there, in whichever process it runs.
"""

from __future__ import annotations

import json
from typing import Any

from livegold.reporting.lake import delete_folder, read_text


def query_of(checkpoint: str) -> str | None:
    """The id of the query that uses this checkpoint; None if there is none yet."""
    text = read_text(f"{checkpoint}/metadata")
    return None if text is None else str(json.loads(text)["id"])


def begin_anew(checkpoint: str) -> None:
    """Deletes a checkpoint: the next query that uses it starts from the beginning, under a new id."""
    delete_folder(checkpoint)


class QueryId:
    """The id of a query that has been started, read once in each process that asks for it."""

    def __init__(self, checkpoint: str) -> None:
        self._checkpoint = checkpoint
        self._found = ""

    def __reduce__(self) -> tuple[Any, ...]:
        return QueryId, (self._checkpoint,)

    def __call__(self) -> str:
        """Raises RuntimeError if the query has never been started."""
        if not self._found:
            found = query_of(self._checkpoint)
            if found is None:
                raise RuntimeError(
                    f"checkpoint {self._checkpoint} belongs to no query, but every write needs the query's id"
                )
            self._found = found
        return self._found
