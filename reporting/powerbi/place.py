"""Which Power BI a command talks to: the tenant in the settings, or the local service running on this machine."""

from __future__ import annotations

from typing import Any

from livegold.reporting.errors import WrongUse
from livegold.reporting.home import client_secret, read_endpoint
from livegold.reporting.settings import Settings
from livegold.reporting.settings import load as load_settings


def powerbi_settings(settings: Settings) -> Settings:
    """The settings to reach Power BI: those of a running local service if no application or tenant is set."""
    if settings["powerbi.client_id"] or settings["powerbi.tenant"]:
        return settings
    try:
        endpoint = read_endpoint(settings.home)
    except WrongUse:
        return settings
    given: dict[str, Any] = {key.replace(".", "__"): value for key, value in settings.values.items()}
    given |= endpoint.settings() | {"powerbi__client_secret": client_secret(settings.home)}
    return load_settings(**given)
