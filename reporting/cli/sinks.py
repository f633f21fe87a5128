"""The sinks of a run, by the names the command line gives. Not for delivering."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from reporting import settings as all_settings
from reporting.errors import WrongUse, choices
from reporting.service.endpoint import client_secret, read_endpoint
from reporting.settings import Settings
from reporting.sinks.base import Sink
from reporting.usecase import UseCase

SINKS = ("powerbi",)
PLANNED = ("eventstream", "database", "actions")


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
    return {name: _powerbi(settings, case) for name in names}


def _powerbi(settings: Settings, case: UseCase) -> Sink:
    from reporting.sinks.powerbi import PowerBISink

    return PowerBISink.from_settings(powerbi_settings(settings), case)


def powerbi_settings(settings: Settings) -> Settings:
    """The settings to reach Power BI: those of the local service where no application is set and one runs here."""
    if settings["powerbi.client_id"] or settings["powerbi.tenant"]:
        return settings
    try:
        endpoint = read_endpoint(settings.home)
    except WrongUse:
        return settings
    given: dict[str, Any] = {key.replace(".", "__"): value for key, value in settings.values.items()}
    given |= endpoint.settings() | {"powerbi__client_secret": client_secret(settings.home)}
    return all_settings.load(**given)
