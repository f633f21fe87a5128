"""Extensions from other installed packages, found through entry points. Callers validate them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from livegold.reporting.errors import WrongUse


def registered(group: str, what: str, refusal: type[WrongUse] = WrongUse) -> dict[str, EntryPoint]:
    """The entry points of a group by name, sorted, including livegold's own; nothing is imported.

    Raises `refusal` for a name that two packages register for different things; `what` names the kind in errors.
    """
    found: dict[str, EntryPoint] = {}
    for entry in sorted(entry_points(group=group), key=lambda e: e.name):
        other = found.setdefault(entry.name, entry)
        if other.value != entry.value:
            raise refusal(
                f"{what} {entry.name} is registered twice, as {other.value} and as {entry.value}: uninstall one"
            )
    return found


def loaded(entry: EntryPoint, what: str, refusal: type[WrongUse] = WrongUse) -> Any:
    """The object an entry point refers to. Raises `refusal` if it cannot be imported."""
    with explained(f"{what} {entry.name} ({entry.value})", refusal):
        return entry.load()


@contextmanager
def explained(what: str, refusal: type[WrongUse]) -> Iterator[None]:
    """Turns any exception from a third-party module into a one-line `refusal`; an existing `refusal` passes through."""
    try:
        yield
    except refusal:
        raise
    except Exception as error:
        raise refusal(f"{what} cannot be loaded: {type(error).__name__}: {error}") from error
