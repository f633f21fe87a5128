"""Finds the available sinks, livegold's own and those of other packages, by their entry points. Delivers nothing.

An entry point in the group `livegold.sinks` refers to a subclass of OutboxSink and has the sink's name.
"""

from __future__ import annotations

from collections.abc import Iterable

from livegold.reporting.errors import WrongUse, choices
from livegold.reporting.plugins import loaded, registered
from livegold.reporting.settings import SINKS, Settings
from livegold.reporting.sinks.inspector import Inspector
from livegold.reporting.sinks.outbox import OutboxSink
from livegold.reporting.sinks.sink import NEEDS, Sink
from livegold.reporting.specification import UseCase

PLANNED = ("database", "actions")
"""Sinks that the design names but that do not exist yet."""


def sink_names() -> tuple[str, ...]:
    """Sorted names of all sinks, without importing them."""
    return tuple(registered(SINKS, "sink"))


def check_sink_names(names: Iterable[str]) -> None:
    """Raises WrongUse for an unknown sink name."""
    known = sink_names()
    for name in names:
        if name not in known:
            what = "is not there yet" if name in PLANNED else "is not known"
            raise WrongUse(f"sink {name!r} {what}: give {choices(known)}")


def sink_class(name: str) -> type[OutboxSink]:
    """The class of a sink. Raises WrongUse if there is no sink of this name or its class is invalid."""
    check_sink_names([name])
    entry = registered(SINKS, "sink")[name]
    found = loaded(entry, "sink")
    if not (isinstance(found, type) and issubclass(found, OutboxSink)):
        raise WrongUse(f"sink {name} ({entry.value}) is no subclass of OutboxSink: make it one")
    if getattr(found, "name", None) != name:
        raise WrongUse(f"the class of sink {name} ({entry.value}) has a different name: set name = {name!r} on it")
    if not found.needs <= {*NEEDS}:
        raise WrongUse(f"sink {name} ({entry.value}) needs {sorted(found.needs)}: give some of {choices(NEEDS)}")
    return found


def sink_classes() -> tuple[type[OutboxSink], ...]:
    """All sinks, sorted by name."""
    return tuple(sink_class(name) for name in sink_names())


def make_sinks(names: Iterable[str], settings: Settings, case: UseCase) -> dict[str, Sink]:
    """The sinks with these names, without duplicates and not yet opened. Raises WrongUse and SettingsError."""
    names = list(dict.fromkeys(names))
    check_sink_names(names)
    return {name: sink_class(name).from_settings(settings, case) for name in names}


def inspector_of(name: str, settings: Settings, case: UseCase) -> Inspector:
    """An inspector of what a sink has delivered of a use case, whether or not it is running."""
    return sink_class(name).inspect(settings, case)
