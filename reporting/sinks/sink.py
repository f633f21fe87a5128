"""The interface of a sink and what it is handed. No sink in here.

Batches come one at a time and in order of their numbers, with gaps at most. After a crash the batch that was being
written may come again, under the same number and with the same rows; a sink that has it already leaves it out.
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
"""What a sink may declare that it needs: tables of gold."""


@dataclass(frozen=True)
class FeedBatch:
    """What a feed hands over at once: the tables that the sink needs, None for the others.

    `number` is 0 or more and grows within one `feed`, the id of the feed; another id means that everything gold has is
    handed over once more, from the start. `pulse`, `spotlight` and `predictions` have the columns of gold (no rows
    where there is nothing); `dimensions` holds, by name of the dimension, a table of key, label, order with the values
    admitted so far, or at least those that no earlier batch held.
    """

    number: int
    pulse: pa.Table | None
    spotlight: pa.Table | None
    dimensions: Mapping[str, pa.Table] = field(default_factory=dict)
    feed: str = ""
    predictions: pa.Table | None = None

    def table(self, need: str) -> pa.Table:
        """One of the tables. SpecificationError where the feed does not give it."""
        found: pa.Table | None = getattr(self, need)
        if found is None:
            raise SpecificationError(f"batch {self.number} has no {need}: let the feed give what the sink needs")
        return found


class Sink(ABC):
    """Somewhere live output goes. One thread uses a sink at a time, but any may call `status` at any time.

    A Terminal error from `open` or `write` means that a person must act: the feed keeps its position and hands the sink
    nothing more. Transient errors do not get out: a sink waits and tries again for as long as it takes.
    """

    needs: ClassVar[frozenset[str]] = frozenset({PULSE_ROWS, SPOTLIGHT_ROWS})
    """Which of NEEDS a batch must hold; the same for every object of a class."""

    @abstractmethod
    def check(self) -> None:
        """Raises WrongUse or SecondWriter where it is known already, without asking anybody, that `write` cannot be.

        Called before anything starts.
        """

    @abstractmethod
    def source_id(self) -> str | None:
        """Id of the feed it has batches of, None before the first. Before `open` too.

        A feed with another id is begun from the start of gold; the sink then takes it as the whole.
        """

    @abstractmethod
    def reset(self, *, drop: bool = False) -> None:
        """Lets go of its feed, so that gold is handed over from the start. `drop` deletes what was delivered, whole.

        Not between `open` and `close`. WrongUse for a `drop` where nothing can be deleted.
        """

    @abstractmethod
    def open(self) -> None:
        """Gets ready: called once, before anything else; not again after `close`. Finishes what a crash interrupted."""

    @abstractmethod
    def write(self, batch: FeedBatch) -> None:
        """Delivers a batch, and returns when all of it was accepted. May take long: that is what holds a feed back.

        Not before `open`, not after `close`, not after it raised.
        """

    @abstractmethod
    def close(self) -> None:
        """Lets go of files and connections. May be called at any time, any number of times; sends nothing."""

    @abstractmethod
    def status(self) -> Mapping[str, Any]:
        """What `livegold status` shows, as JSON types. Before `open` and after `close` too; asks nobody."""

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
