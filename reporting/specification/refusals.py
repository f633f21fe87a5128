"""Rejects a use case in one line with the place, the value and the valid choices. Contains no checks itself."""

from __future__ import annotations

from collections.abc import Iterable

from livegold.reporting.errors import SpecificationError, choices


class Refusals:
    """What all checks of a use case have in common; `name` is the use case's name."""

    def __init__(self, name: str) -> None:
        self._name = name

    def fail(self, place: str, problem: str) -> None:
        raise SpecificationError(f"use case {self._name}: {place} {problem}")

    def one_of(self, value: str, valid: Iterable[str], place: str) -> None:
        valid = list(valid)
        if value not in valid:
            self.fail(place, f"is {value!r}: give {choices(valid)}")
