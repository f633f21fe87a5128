"""A feed: what hands one sink gold's new rows in numbered batches, in the background. No way of doing so is in here.

A feed is given the lake and the use case, a sink, what of gold the sink needs, and a position of its own that lasts
(where that is, is the feed's business). It calls the sink's `open` once, before its first batch, and then `write` with
one batch after the other, from one thread or process. The promises that every feed keeps:

- a batch is not handed over before the sink has returned from the one before: that is how a slow sink holds back its
  own feed, and nothing else;
- the position moves on after `write` has returned, so that a crash hands the same batch over again, under the same
  number and with the same rows;
- numbers grow within one `id`. Another id means that everything gold has comes once more, from the start;
- a sink's Terminal error ends the feed, its position stays, and the error is in `error`. Nothing else stops with it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from livegold.reporting.errors import LivegoldError


class Feed(ABC):
    """One sink's feed. A pipeline knows no more of it than this; it is a `Running` (see streams/queries.py).

    Making one touches nothing: neither the lake nor the sink.
    """

    name: str
    """What the status calls it: `feed-` and the name of the sink."""

    @property
    @abstractmethod
    def id(self) -> str | None:
        """What its numbers are counted in, the `feed` of its batches. None where it has no position yet."""

    @abstractmethod
    def reset(self) -> None:
        """Forgets the position: the next start hands over all of gold, under another id. Not while it runs."""

    @abstractmethod
    def start(self, seconds: float | None, *, in_bulk: bool = False) -> None:
        """Looks for new rows every so many seconds, or (None) hands over what is there now and ends.

        `in_bulk` asks for batches as large as they may be, where there is much to hand over.
        """

    @property
    @abstractmethod
    def is_active(self) -> bool:
        """Whether it was started and has not ended."""

    @property
    @abstractmethod
    def error(self) -> LivegoldError | None:
        """What ended it before its time; None while it is active too."""

    @abstractmethod
    def wait(self, seconds: float) -> bool:
        """Whether it has ended, at once or within that time. Raises nothing of what ended it."""

    @abstractmethod
    def stop(self) -> None:
        """Closes the sink, which ends what it waits for, and returns when the feed has ended. May be called always."""

    @abstractmethod
    def status(self) -> Mapping[str, Any]:
        """What `livegold status` shows: `active`, `batch`, `behind` (bytes of gold) and `error` at the least."""
