"""Access tokens for the Power BI API, through msal. Not for what is done with them."""

from __future__ import annotations

import threading
from typing import Any

import msal
import requests

from reporting.errors import ServiceUnavailable, Unauthorized
from reporting.powerbi.http import Session

SCOPE = "https://analysis.windows.net/powerbi/api/.default"


class TokenProvider:
    """Tokens for a service principal, by client credentials. msal keeps a token until shortly before it expires.

    `authority` is the root of Entra ID (https://login.microsoftonline.com), `session` does the HTTP. The secret is kept
    in here and shown nowhere.
    """

    def __init__(self, authority: str, tenant: str, client_id: str, client_secret: str, session: Session) -> None:
        self._authority = f"{authority.rstrip('/')}/{tenant}"
        self._client_id = client_id
        self._secret = client_secret
        self._session = session
        self._application: Any = None
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"TokenProvider(client_id={self._client_id!r}, authority={self._authority!r})"

    def token(self, *, renew: bool = False) -> str:
        """A valid access token; with `renew` a new one even if the old one looks good.

        Raises ServiceUnavailable when Entra ID cannot be reached, Unauthorized (with the AADSTS code) when it refuses.
        """
        with self._lock:
            try:
                application = self._built()
                if renew:
                    application.remove_tokens_for_client()
                answer = application.acquire_token_for_client([SCOPE])
            except requests.RequestException as error:
                if "CERTIFICATE_VERIFY_FAILED" in str(error):
                    advice = "its certificate is not trusted: give its authority as powerbi.ca"
                    raise Unauthorized(f"asking {self._authority} for a token: {advice}") from None
                why = type(error).__name__
                raise ServiceUnavailable(f"asking {self._authority} for a token: no answer ({why})") from None
            except ValueError as error:
                # msal's answer to an authority it cannot discover: a wrong tenant, or a bad address
                raise Unauthorized(f"asking {self._authority} for a token: {_one_line(error)}") from None
        if "access_token" in answer:
            return str(answer["access_token"])
        raise Unauthorized(
            f"asking {self._authority} for a token for client {self._client_id}: "
            f"{answer.get('error', 'refused')} {_one_line(answer.get('error_description', ''))}"
            ": check powerbi.tenant, powerbi.client_id and the secret",
            code=str(answer.get("error", "")),
        )

    def _built(self) -> Any:
        if self._application is None:
            # instance_discovery asks Microsoft's cloud whether it knows the authority: a private one it never does.
            self._application = msal.ConfidentialClientApplication(
                self._client_id,
                authority=self._authority,
                client_credential=self._secret,
                instance_discovery=False,
                http_client=self._session,
            )
        return self._application


def _one_line(text: object) -> str:
    return " ".join(str(text).split())[:300]
