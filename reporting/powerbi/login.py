"""Chooses the login the settings ask for: secret, certificate or device code. Not for getting tokens (auth.py)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from livegold.reporting.errors import SettingsError
from livegold.reporting.powerbi.auth import CertificateTokens, DeviceCodeTokens, TokenProvider, Tokens, to_stderr
from livegold.reporting.powerbi.certificate import read_certificate
from livegold.reporting.powerbi.http import Session
from livegold.reporting.powerbi.token_cache import TokenCacheFile
from livegold.reporting.settings import Settings

SECRET, CERTIFICATE, DEVICE_CODE = "secret", "certificate", "device_code"
_WAYS = (
    "put a secret in the environment as LIVEGOLD_POWERBI_CLIENT_SECRET, give a PEM file as powerbi.certificate, "
    "or set powerbi.login = device_code to sign in as a user"
)


def chosen_login(settings: Settings) -> str:
    """secret, certificate or device_code: as powerbi.login says, or else whichever is set.

    A user is asked to sign in only if powerbi.login says so, because an unattended job would wait in vain. Raises
    SettingsError if neither or both are set.
    """
    if settings["powerbi.login"]:
        return settings["powerbi.login"]
    secret, certificate = settings.has_secret("powerbi.client_secret"), bool(settings["powerbi.certificate"])
    if secret and certificate:
        raise SettingsError("a secret and powerbi.certificate are both set: set powerbi.login = secret or certificate")
    if not secret and not certificate:
        raise SettingsError(f"nothing to sign in to Power BI with: {_WAYS}")
    return SECRET if secret else CERTIFICATE


def tokens_from_settings(settings: Settings, session: Session, prompt: Callable[[str], None] = to_stderr) -> Tokens:
    """The tokens the settings ask for; SettingsError names what is missing. Makes no request to Entra ID yet."""
    for key, what in (("powerbi.tenant", "tenant"), ("powerbi.client_id", "application (client)")):
        if not settings[key]:
            raise SettingsError(f"setting {key} is empty: give the {what} id, or use the local service")
    login = chosen_login(settings)
    at = (settings["powerbi.authority"], settings["powerbi.tenant"], settings["powerbi.client_id"])
    if login == SECRET:
        return TokenProvider(*at, settings.secret("powerbi.client_secret"), session)
    if login == CERTIFICATE:
        if not settings["powerbi.certificate"]:
            raise SettingsError("powerbi.login is certificate and powerbi.certificate is empty: give its PEM file")
        key = "powerbi.certificate_password"
        password = settings.secret(key) if settings.has_secret(key) else ""
        return CertificateTokens(*at, read_certificate(Path(settings["powerbi.certificate"]), password), session)
    return DeviceCodeTokens(*at, TokenCacheFile(settings.home), session, prompt)
