"""Which sinks there are: livegold's own and those of other packages, by their entry points. Not for delivering.

An entry point of the group `livegold.sinks` names a subclass of OutboxSink, and has the sink's name.
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
"""Sinks that the design names and that are not there yet."""


def sink_names() -> tuple[str, ...]:
    """Names of all sinks, in order; nothing is imported for it."""
    return tuple(registered(SINKS, "sink"))


def check_sink_names(names: Iterable[str]) -> None:
    """Raises WrongUse for a name that is no sink."""
    known = sink_names()
    for name in names:
        if name not in known:
            what = "is not there yet" if name in PLANNED else "is not known"
            raise WrongUse(f"sink {name!r} {what}: give {choices(known)}")


def sink_class(name: str) -> type[OutboxSink]:
    """The class of a sink. WrongUse where there is none of the name, or it is not what it must be."""
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
    """All sinks, in the order of their names."""
    return tuple(sink_class(name) for name in sink_names())


def make_sinks(names: Iterable[str], settings: Settings, case: UseCase) -> dict[str, Sink]:
    """The sinks of these names, each once, not opened. Raises WrongUse and SettingsError."""
    names = list(dict.fromkeys(names))
    check_sink_names(names)
    return {name: sink_class(name).from_settings(settings, case) for name in names}


def inspector_of(name: str, settings: Settings, case: UseCase) -> Inspector:
    """What a sink has delivered of a use case, whether it runs or not."""
    return sink_class(name).inspect(settings, case)
