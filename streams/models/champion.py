"""The model a running use case scores with; checks for a newer champion every few seconds, between batches."""

from __future__ import annotations

import time
from typing import Any

from livegold.reporting.specification import UseCase
from livegold.streams.batches import portable
from livegold.streams.models.registry import CHECK_SECONDS, Registry
from livegold.streams.models.score import Scorer


class Champion:
    """Called before each batch; returns the champion's scorer. The scorer is not pickled: a copy loads its own."""

    def __init__(self, registry: Registry, case: UseCase) -> None:
        self._registry = registry
        self._case = case
        self._scorer: Scorer | None = None
        self._looked = 0.0

    def __reduce__(self) -> tuple[Any, ...]:
        return Champion, (self._registry, portable(self._case))

    @property
    def version(self) -> str | None:
        """Version of the model most recently loaded in this process."""
        return self._scorer.version if self._scorer else None

    def check(self) -> None:
        """Raises NotFound or WrongUse if there is no model to score with."""
        self._registry.usable_champion(self._case)

    def load(self) -> Scorer:
        self._scorer = self._registry.load_champion(self._case)
        self._looked = time.monotonic()
        return self._scorer

    def __call__(self) -> Scorer:
        if self._scorer is None:
            return self.load()
        if time.monotonic() - self._looked > CHECK_SECONDS:
            self._looked = time.monotonic()
            now = self._registry.champion(self._case)
            if now is not None and now.version != self._scorer.version:
                return self.load()
        return self._scorer
