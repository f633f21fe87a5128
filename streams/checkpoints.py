"""What a checkpoint says of its query, and a query begun anew. Not for what a query reads or writes.

Spark writes the query's id into the checkpoint's `metadata` when the query is started, before its first batch; a
`foreachBatch` function that knows where its checkpoint is can therefore read it there, in whatever process it runs.
"""

from __future__ import annotations

import json
from typing import Any

from livegold.reporting.lake import delete_folder, read_text


def query_of(checkpoint: str) -> str | None:
    """The id of the query that has this checkpoint, None where there is none yet."""
    text = read_text(f"{checkpoint}/metadata")
    return None if text is None else str(json.loads(text)["id"])


def begin_anew(checkpoint: str) -> None:
    """Deletes a checkpoint: the query that has it next begins from the start, under another id."""
    delete_folder(checkpoint)


class QueryId:
    """The id of a query that has been started, read once in each process it is asked for in."""

    def __init__(self, checkpoint: str) -> None:
        self._checkpoint = checkpoint
        self._found = ""

    def __reduce__(self) -> tuple[Any, ...]:
        return QueryId, (self._checkpoint,)

    def __call__(self) -> str:
        """RuntimeError for a query that has never been started."""
        if not self._found:
            found = query_of(self._checkpoint)
            if found is None:
                raise RuntimeError(f"checkpoint {self._checkpoint} is of no query: its id is part of every write")
            self._found = found
        return self._found
