"""The interface of a feed, which hands gold's new rows to one sink in numbered batches, in the background.

Contains no implementation. A feed is given the lake and the use case, a sink, the tables of gold that the sink needs,
and a durable position of its own (where it is stored is up to the feed). It calls the sink's `open` once, before its
first batch, and then `write` with one batch after the other, from one thread or process. Every feed guarantees:

- a batch is handed over only after the sink has returned from the previous one, so a slow sink holds back its own feed
  and nothing else;
- the position advances after `write` has returned, so after a crash the same batch is handed over again, with the same
  number and the same rows;
- numbers increase within one `id`. A new id means that everything in gold is handed over again, from the start;
- a sink's Terminal error ends the feed, its position stays, and the error is in `error`. Nothing else stops with it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from livegold.reporting.errors import LivegoldError


class Feed(ABC):
    """One sink's feed. A pipeline knows nothing else about it; it is a `Running` (see streams/queries.py).

    Constructing one touches neither the lake nor the sink.
    """

    name: str
    """Its name in the status: `feed-` and the name of the sink."""

    @property
    @abstractmethod
    def id(self) -> str | None:
        """The id within which its batches are numbered, their `feed`. None if it has no position yet."""

    @abstractmethod
    def reset(self) -> None:
        """Discards the position: the next start hands over all of gold, under a new id. Not allowed while it runs."""

    @abstractmethod
    def start(self, seconds: float | None, *, in_bulk: bool = False) -> None:
        """Looks for new rows every `seconds` seconds, or (None) hands over the existing rows and ends.

        `in_bulk` asks for batches as large as possible, for when there is a lot to hand over.
        """

    @property
    @abstractmethod
    def is_active(self) -> bool:
        """Whether it was started and has not ended."""

    @property
    @abstractmethod
    def error(self) -> LivegoldError | None:
        """The error that ended it early; None while it is active."""

    @abstractmethod
    def wait(self, seconds: float) -> bool:
        """Waits up to `seconds` for it to end; returns whether it has ended. Does not raise the error that ended it."""

    @abstractmethod
    def stop(self) -> None:
        """Closes the sink, which ends its waiting, and returns when the feed has ended. May be called at any time."""

    @abstractmethod
    def status(self) -> Mapping[str, Any]:
        """What `livegold status` shows: at least `active`, `batch`, `behind` (bytes of gold) and `error`."""
