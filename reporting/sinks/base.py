"""The interface of a sink and what it is handed. No sink in here.

Batches come one at a time and in order of their numbers, with gaps at most. After a crash the batch that was being
written may come again, under the same number and with the same rows; a sink that has it already leaves it out.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import pyarrow as pa


@dataclass(frozen=True)
class FeedBatch:
    """What a feed hands over at once.

    `number` is 0 or more and grows within one `feed`, the id of the feed; another id means that everything gold has is
    handed over once more, from the start. `pulse` and `spotlight` have the columns of gold (no rows where there is
    nothing); `dimensions` holds, by name of the dimension, a table of key, label, order with the values admitted so
    far, or at least those that no earlier batch held.
    """

    number: int
    pulse: pa.Table
    spotlight: pa.Table
    dimensions: Mapping[str, pa.Table] = field(default_factory=dict)
    feed: str = ""


class Sink(ABC):
    """Somewhere live output goes. One thread uses a sink at a time, but any may call `status` at any time.

    A Terminal error from `open` or `write` means that a person must act: the feed keeps its position and hands the sink
    nothing more. Transient errors do not get out: a sink waits and tries again for as long as it takes.
    """

    @abstractmethod
    def check(self) -> None:
        """Raises WrongUse or SecondWriter where it is known already, without asking anybody, that `write` cannot be.

        Called before anything starts.
        """

    @abstractmethod
    def followed(self) -> str | None:
        """Id of the feed it has batches of, None before the first. Before `open` too.

        A feed with another id is begun from the start of gold; the sink then takes it as the whole.
        """

    @abstractmethod
    def forget(self, *, drop: bool = False) -> None:
        """Forgets the feed, so that gold is handed over from the start. `drop` deletes what was delivered, whole.

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
