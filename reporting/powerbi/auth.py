"""Access tokens for the Power BI API: for a service principal by secret or certificate, for a user by device code.

msal implements the protocols. Not for using the tokens, nor for choosing the login from the settings (login.py).
"""

from __future__ import annotations

import base64
import json
import sys
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Protocol

import msal
import requests
from msal.exceptions import MsalServiceError

from livegold.reporting.errors import LivegoldError, ServiceUnavailable, Unauthorized
from livegold.reporting.powerbi.certificate import Certificate
from livegold.reporting.powerbi.http import Session
from livegold.reporting.powerbi.refusals import code_and_message_of
from livegold.reporting.powerbi.token_cache import TokenCacheFile

SCOPE = "https://analysis.windows.net/powerbi/api/.default"
# OAuth's own words for "not now" (RFC 6749, 4.1.2.1), which Entra ID uses with 5xx and 429
NOT_NOW = ("temporarily_unavailable", "server_error")
# The refresh token has expired or was revoked (RFC 6749, 5.2)
GRANT_ENDED = "invalid_grant"
# The device code expired (RFC 8628, 3.5); msal returns the last answer before it did
NOBODY_CAME = ("authorization_pending", "expired_token")


class Tokens(Protocol):
    """Where a client gets access tokens. `service_principal` says whether they are for an application, not a user."""

    @property
    def service_principal(self) -> bool: ...

    def token(self, *, renew: bool = False) -> str: ...


class GivenTokens:
    """Tokens obtained elsewhere: a notebook's own login, or the fixed token of `livegold powerbi --open-token`.

    `get` is called for each API call and returns a valid token.
    """

    def __init__(self, get: Callable[[], str], *, service_principal: bool = False) -> None:
        self._get = get
        self.service_principal = service_principal

    def token(self, *, renew: bool = False) -> str:
        return self._get()


class EntraTokens(ABC):
    """Base of all logins through msal, which caches a token until shortly before it expires.

    `authority` is the root of Entra ID (https://login.microsoftonline.com); `session` makes the HTTP requests.
    """

    service_principal = True
    check: str
    """What to check when Entra ID refuses."""

    def __init__(self, authority: str, tenant: str, client_id: str, session: Session) -> None:
        self._authority = f"{authority.rstrip('/')}/{tenant}"
        self._client_id = client_id
        self._session = session
        self._application: Any = None
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(client_id={self._client_id!r}, authority={self._authority!r})"

    def token(self, *, renew: bool = False) -> str:
        """A valid access token; with `renew`, a new one even if the old one still looks valid.

        Raises ServiceUnavailable if Entra ID cannot be reached, Unauthorized (with the AADSTS code) if it refuses.
        """
        failed: LivegoldError
        with self._lock:
            try:
                if self._application is None:
                    self._application = self._built()
                answer = self._acquired(self._application, renew)
            except (requests.RequestException, MsalServiceError) as error:
                failed = self._no_answer(error)
            except (ValueError, RuntimeError, KeyError) as error:
                # What msal raises for an authority it cannot discover (wrong tenant, bad address) or that is not Entra
                failed = Unauthorized(f"{self._asking}: {_one_line(error)}: check powerbi.authority and powerbi.tenant")
            else:
                if "access_token" in answer:
                    return str(answer["access_token"])
                failed = self._refused(answer)
        raise failed

    @abstractmethod
    def _built(self) -> Any:
        """The msal application."""

    @abstractmethod
    def _acquired(self, application: Any, renew: bool) -> dict[str, Any]:
        """msal's answer: a token or an error."""

    @property
    def _asking(self) -> str:
        return f"asking {self._authority} for a token for client {self._client_id}"

    @property
    def _common(self) -> dict[str, Any]:
        # instance_discovery asks Microsoft's cloud whether it knows the authority; it never knows a private one.
        return {"authority": self._authority, "instance_discovery": False, "http_client": self._session}

    def _no_answer(self, error: Exception) -> LivegoldError:
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return Unauthorized(
                f"{self._asking}: its certificate is not trusted: give the authority that signed it as powerbi.ca"
            )
        why = _one_line(error) if isinstance(error, MsalServiceError) else type(error).__name__
        return ServiceUnavailable(f"{self._asking}: no answer ({why})")

    def _refused(self, answer: dict[str, Any]) -> LivegoldError:
        code, said = answer.get("error") or "refused", answer.get("error_description", "")
        if isinstance(code, dict):
            # Entra ID never answers like this, but a gateway in front of it may.
            code, said = code_and_message_of(code)
        code = str(code)
        text = f"{self._asking}: {code} {_one_line(said)}".rstrip()
        if code in NOT_NOW:
            return ServiceUnavailable(text, code=code)
        if code in NOBODY_CAME:
            return Unauthorized(f"{text}: nobody signed in in time; start it again and sign in", code=code)
        return Unauthorized(f"{text}: check {self.check}", code=code)


class _ServicePrincipal(EntraTokens):
    def _built(self) -> Any:
        return msal.ConfidentialClientApplication(self._client_id, client_credential=self._credential(), **self._common)

    def _acquired(self, application: Any, renew: bool) -> dict[str, Any]:
        if renew:
            application.remove_tokens_for_client()
        return dict(application.acquire_token_for_client([SCOPE]))

    @abstractmethod
    def _credential(self) -> Any:
        """The value for msal's `client_credential`."""


class TokenProvider(_ServicePrincipal):
    """Tokens for a service principal by its secret, which is kept here and never shown."""

    check = "powerbi.tenant, powerbi.client_id and the secret"

    def __init__(self, authority: str, tenant: str, client_id: str, client_secret: str, session: Session) -> None:
        super().__init__(authority, tenant, client_id, session)
        self._secret = client_secret

    def _credential(self) -> Any:
        return self._secret


class CertificateTokens(_ServicePrincipal):
    """Tokens for a service principal by its certificate: msal signs an assertion, no secret is sent."""

    check = "powerbi.tenant, powerbi.client_id, and that the application knows this certificate"

    def __init__(self, authority: str, tenant: str, client_id: str, certificate: Certificate, session: Session) -> None:
        super().__init__(authority, tenant, client_id, session)
        self._certificate = certificate

    def _credential(self) -> Any:
        return {"private_key": self._certificate.private_key, "public_certificate": self._certificate.certificate}


def to_stderr(message: str) -> None:
    """Shows a message to people, on stderr, where no program reads it."""
    print(message, file=sys.stderr, flush=True)


class DeviceCodeTokens(EntraTokens):
    """Tokens for a user, who signs in once in any browser. The login is kept in `cache` and outlives this process.

    `prompt` shows msal's message with the address and the code. Once a login has succeeded, the same object does not
    prompt again: a job that runs for days fails with Unauthorized when the login ends instead of waiting for nobody.
    """

    service_principal = False
    check = "powerbi.tenant, powerbi.client_id, and that the app allows public client flows"

    def __init__(
        self,
        authority: str,
        tenant: str,
        client_id: str,
        cache: TokenCacheFile,
        session: Session,
        prompt: Callable[[str], None] = to_stderr,
    ) -> None:
        super().__init__(authority, tenant, client_id, session)
        self._cache = cache
        self._prompt = prompt
        self._was_in = False

    def _built(self) -> Any:
        return msal.PublicClientApplication(self._client_id, token_cache=self._cache.read(), **self._common)

    def _acquired(self, application: Any, renew: bool) -> dict[str, Any]:
        try:
            answer = self._silently(application, renew)
            if "access_token" not in answer and answer.get("error") not in NOT_NOW and not self._was_in:
                answer = self._by_device_code(application)
        finally:
            # msal may hold a newer refresh token even if it failed later
            self._cache.write()
        self._was_in = self._was_in or "access_token" in answer
        return answer

    def _silently(self, application: Any, renew: bool) -> dict[str, Any]:
        for account in application.get_accounts():
            answer = application.acquire_token_silent_with_error([SCOPE], account, force_refresh=renew)
            if answer and answer.get("error") != GRANT_ENDED:
                return dict(answer)
        return {"error": "login_required", "error_description": "the login has ended: sign in again"}

    def _by_device_code(self, application: Any) -> dict[str, Any]:
        flow = application.initiate_device_flow([SCOPE])
        if "user_code" not in flow:
            return dict(flow)
        self._prompt(str(flow["message"]))
        return dict(application.acquire_token_by_device_flow(flow))


def _one_line(text: object) -> str:
    return " ".join(str(text).split())[:300]


def claims_of(token: str) -> dict[str, object]:
    """The claims in a JWT, not verified; empty if the token is not a JWT. Only claims may be shown, never the token."""
    try:
        payload = token.split(".")[1]
        found = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (IndexError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
