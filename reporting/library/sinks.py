"""The sinks of a run, by their names. Not for delivering."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from livegold.reporting.errors import WrongUse, choices
from livegold.reporting.powerbi.place import powerbi_settings
from livegold.reporting.settings import Settings
from livegold.reporting.specification import UseCase

if TYPE_CHECKING:
    from livegold.reporting.sinks.base import Sink

SINKS = ("powerbi", "eventstream")
PLANNED = ("database", "actions")


def check_names(names: Iterable[str]) -> None:
    """Raises WrongUse for a name that is no sink."""
    for name in names:
        if name in PLANNED:
            raise WrongUse(f"sink {name!r} is not there yet: give {choices(SINKS)}")
        if name not in SINKS:
            raise WrongUse(f"sink {name!r} is not known: give {choices(SINKS)}")


def make_sinks(names: Iterable[str], settings: Settings, case: UseCase) -> dict[str, Sink]:
    """The sinks of these names, each once, not opened. Raises WrongUse and SettingsError."""
    names = list(dict.fromkeys(names))
    check_names(names)
    makers = {"powerbi": _powerbi, "eventstream": _eventstream}
    return {name: makers[name](settings, case) for name in names}


def _powerbi(settings: Settings, case: UseCase) -> Sink:
    from livegold.reporting.sinks.powerbi import PowerBISink

    return PowerBISink.from_settings(powerbi_settings(settings), case)


def _eventstream(settings: Settings, case: UseCase) -> Sink:
    from livegold.reporting.sinks.eventstream import EventstreamSink

    return EventstreamSink.from_settings(settings, case)
