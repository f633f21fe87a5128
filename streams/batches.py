"""Brings errors in a `foreachBatch` function back to whoever started the query. Not concerned with what a batch does.

The function may run in another process: under Spark Connect it is pickled into a worker beside the server. There, as in
this process, Spark passes on only the text of an exception, surrounded by much else. So the error is serialized into
that text and parsed out of it again, because the class of a LivegoldError matters to the caller.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from dataclasses import replace

from pyspark.sql import DataFrame

from livegold.reporting import errors
from livegold.reporting.errors import LivegoldError
from livegold.reporting.specification import UseCase

Write = Callable[[DataFrame, int], None]

_RECORD = re.compile(r"\[livegold ([A-Za-z0-9+/=]+)\]")


def portable(case: UseCase) -> UseCase:
    """A use case without its functions (generator, history), whose source file may not exist where it is unpickled."""
    return replace(case, generator=None, history=None)


class BatchFailed(Exception):
    """A batch raised an error, which is serialized in the text."""


class Batches:
    """A `foreachBatch` function whose errors `error_in` can restore; `write` has to be picklable."""

    def __init__(self, write: Write) -> None:
        self._write = write

    def __call__(self, rows: DataFrame, batch_id: int) -> None:
        try:
            self._write(rows, batch_id)
        except Exception as error:
            ours = isinstance(error, LivegoldError)
            record = {"class": type(error).__name__ if ours else "", "text": str(error) if ours else first_line(error)}
            packed = base64.b64encode(json.dumps(record).encode()).decode()
            raise BatchFailed(f"[livegold {packed}] {error}") from error


def error_in(name: str, failure: BaseException) -> LivegoldError:
    """The error that made the query `name` fail, restored from Spark's message, or else a LivegoldError quoting it."""
    found = _RECORD.search(str(failure))
    if found is None:
        return LivegoldError(f"query {name} failed: {first_line(failure)}")
    record = json.loads(base64.b64decode(found[1]))
    if not record["class"]:
        return LivegoldError(f"query {name} failed: {record['text']}")
    kind = getattr(errors, record["class"], LivegoldError)
    return kind(record["text"]) if issubclass(kind, LivegoldError) else LivegoldError(record["text"])


def first_line(error: BaseException) -> str:
    """The first non-blank line of an error's text."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
