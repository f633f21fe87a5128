"""Access tokens of the local service: issued for the one client it knows, checked on every call. Not Entra ID.

Tokens are JSON web tokens signed with a key kept on disk, so that they outlive a restart as real ones do.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import uuid
from collections.abc import Callable
from typing import Any

from reporting.service.endpoint import LOCAL_CLIENT, LOCAL_TENANT
from reporting.service.problems import Problem, not_authorized, token_expired

LIFE_SECONDS = 3_599  # as Entra ID answers for client credentials
POWERBI_RESOURCE = "https://analysis.windows.net/powerbi/api"
# Real tokens are longer than 1,000 characters, and clients have been caught by that.
PADDING = "0" * 900


class TokenRefused(Exception):
    """The token endpoint says no, in Entra ID's words."""

    def __init__(self, status: int, error: str, code: int, description: str) -> None:
        super().__init__(description)
        self.status, self.error, self.code, self.description = status, error, code, description

    @property
    def body(self) -> dict[str, Any]:
        return {
            "error": self.error,
            "error_description": f"AADSTS{self.code}: {self.description}",
            "error_codes": [self.code],
            "trace_id": str(uuid.uuid4()),
            "correlation_id": str(uuid.uuid4()),
        }


class Tokens:
    """Issues and checks tokens. `clock` gives seconds since the epoch."""

    def __init__(self, client_secret: str, signing_key: str, clock: Callable[[], float]) -> None:
        self._secret = client_secret
        self._key = signing_key.encode()
        self._clock = clock
        self._generation = 0

    def issue(self, tenant: str, form: dict[str, str]) -> dict[str, Any]:
        """The token endpoint's answer to a client credentials form, v1 (`resource`) or v2 (`scope`)."""
        if tenant != LOCAL_TENANT:
            raise TokenRefused(400, "invalid_request", 90002, f"Tenant '{tenant}' not found.")
        if form.get("grant_type") != "client_credentials":
            asked = form.get("grant_type", "")
            raise TokenRefused(400, "unsupported_grant_type", 70003, f"The grant type '{asked}' is not supported.")
        if form.get("client_id") != LOCAL_CLIENT:
            asked = form.get("client_id", "")
            raise TokenRefused(400, "unauthorized_client", 700016, f"Application '{asked}' was not found.")
        if not hmac.compare_digest(form.get("client_secret", "").encode(), self._secret.encode()):
            raise TokenRefused(401, "invalid_client", 7000215, "Invalid client secret provided.")
        wanted = form.get("resource") or form.get("scope", "").removesuffix("/.default")
        if wanted.rstrip("/") != POWERBI_RESOURCE:
            raise TokenRefused(400, "invalid_scope", 70011, f"The provided scope '{wanted}' is not valid.")
        now = int(self._clock())
        claims = {
            "aud": POWERBI_RESOURCE,
            "tid": tenant,
            "appid": LOCAL_CLIENT,
            "iat": now,
            "nbf": now,
            "exp": now + LIFE_SECONDS,
            "jti": str(uuid.uuid4()),
            "generation": self._generation,
            "padding": PADDING,
        }
        return {
            "token_type": "Bearer",
            "expires_in": LIFE_SECONDS,
            "ext_expires_in": LIFE_SECONDS,
            "access_token": self._sign(claims),
        }

    def check(self, authorization: str) -> str:
        """The client id an Authorization header stands for; a Problem of 401 or 403 TokenExpired if it does not."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise not_authorized("No bearer token in the Authorization header")
        claims = self._open(token.strip())
        if claims["exp"] <= self._clock() or claims["generation"] < self._generation:
            raise token_expired()
        return str(claims["appid"])

    def expire_all(self) -> None:
        """Every token issued so far counts as expired."""
        self._generation += 1

    def _sign(self, claims: dict[str, Any]) -> str:
        head = _encode(json.dumps({"typ": "JWT", "alg": "HS256"}).encode())
        body = _encode(json.dumps(claims).encode())
        return f"{head}.{body}.{self._signature(head, body)}"

    def _signature(self, head: str, body: str) -> str:
        return _encode(hmac.new(self._key, f"{head}.{body}".encode(), hashlib.sha256).digest())

    def _open(self, token: str) -> dict[str, Any]:
        refused: Problem = not_authorized("The bearer token is not one of this service")
        parts = token.split(".")
        if len(parts) != 3 or not hmac.compare_digest(parts[2].encode(), self._signature(parts[0], parts[1]).encode()):
            raise refused
        claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        return claims


def _encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
