"""The interface of a sink and the batches it receives. Contains no sink.

Batches come one at a time in the order of their numbers, possibly with gaps. After a crash the batch that was being
written may come again, with the same number and the same rows; a sink that already has it skips it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, ClassVar, Self

import pyarrow as pa

from livegold.reporting.errors import SpecificationError

PULSE_ROWS, SPOTLIGHT_ROWS, PREDICTION_ROWS = "pulse", "spotlight", "predictions"
NEEDS = (PULSE_ROWS, SPOTLIGHT_ROWS, PREDICTION_ROWS)
"""The tables of gold that a sink may declare in `needs`."""


@dataclass(frozen=True)
class FeedBatch:
    """The unit a feed hands over: the tables that the sink needs, None for the others.

    `number` is 0 or more and increases within one `feed`, the id of the feed; a new id means that all of gold is handed
    over again from the start. `pulse`, `spotlight` and `predictions` have the columns of gold (possibly without rows);
    `dimensions` holds, by dimension name, a table of key, label, order with the values admitted so far, or at least
    those that no earlier batch held.
    """

    number: int
    pulse: pa.Table | None
    spotlight: pa.Table | None
    dimensions: Mapping[str, pa.Table] = field(default_factory=dict)
    feed: str = ""
    predictions: pa.Table | None = None

    def table(self, need: str) -> pa.Table:
        """One of the tables. Raises SpecificationError if the feed does not provide it."""
        found: pa.Table | None = getattr(self, need)
        if found is None:
            raise SpecificationError(f"batch {self.number} has no {need}: let the feed give what the sink needs")
        return found


class Sink(ABC):
    """A destination of live output. One thread uses a sink at a time, but any may call `status` at any time.

    A Terminal error from `open` or `write` means that a person must act: the feed keeps its position and hands the sink
    nothing more. Transient errors are never raised: a sink waits and retries for as long as it takes.
    """

    needs: ClassVar[frozenset[str]] = frozenset({PULSE_ROWS, SPOTLIGHT_ROWS})
    """Which of NEEDS a batch must contain; the same for every instance of a class."""

    @abstractmethod
    def check(self) -> None:
        """Raises WrongUse or SecondWriter if it is already known, without any request, that `write` cannot succeed.

        Called before anything starts.
        """

    @abstractmethod
    def source_id(self) -> str | None:
        """Id of the feed whose batches it has, None before the first. May be called before `open`.

        A feed with another id starts at the beginning of gold, and the sink then treats it as the complete data.
        """

    @abstractmethod
    def reset(self, *, drop: bool = False) -> None:
        """Forgets its feed, so that gold is handed over from the start. `drop` also deletes everything delivered.

        Must not be called between `open` and `close`. Raises WrongUse for `drop` if nothing can be deleted.
        """

    @abstractmethod
    def open(self) -> None:
        """Prepares the sink and finishes what a crash interrupted. Called once, first, and not again after `close`."""

    @abstractmethod
    def write(self, batch: FeedBatch) -> None:
        """Delivers a batch and returns when all of it was accepted. May take long: that is what slows a feed down.

        Must not be called before `open`, after `close`, or after it has raised.
        """

    @abstractmethod
    def close(self) -> None:
        """Closes files and connections. May be called at any time, any number of times; sends nothing."""

    @abstractmethod
    def status(self) -> Mapping[str, Any]:
        """What `livegold status` shows, as JSON types. Also before `open` and after `close`; makes no requests."""

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
