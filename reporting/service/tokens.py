"""Access tokens of the local service: signed for a principal, checked on every call. Who gets one: see `grants`.

Tokens are JSON web tokens signed with a key kept on disk, so that they survive a restart as real ones do.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from livegold.reporting.errors import WrongUse
from livegold.reporting.home import LOCAL_CLIENT, LOCAL_TENANT, LOCAL_USER, LOCAL_USER_NAME
from livegold.reporting.service.problems import Problem, not_authorized, token_expired

LIFE_SECONDS = 3_599  # as Entra ID returns for client credentials
REFRESH_LIFE_SECONDS = 90 * 86_400.0  # as in Entra ID's documentation
POWERBI_RESOURCE = "https://analysis.windows.net/powerbi/api"
# Real tokens are longer than 1,000 characters, which has broken clients.
PADDING = "0" * 900
OPEN_TOKEN_CHARACTERS = 16


@dataclass(frozen=True)
class Principal:
    """The caller: the application itself (a service principal), or a user through it."""

    is_user: bool

    @property
    def client(self) -> str:
        return LOCAL_CLIENT

    @property
    def name(self) -> str:
        """The name the service shows as the owner of a dataset."""
        return LOCAL_USER_NAME if self.is_user else LOCAL_CLIENT


APPLICATION = Principal(is_user=False)
USER = Principal(is_user=True)


class Tokens:
    """Signs and checks tokens. `clock` gives seconds since the epoch; `open_token` is always accepted as the user's.

    Raises WrongUse for an open token that is too short.
    """

    def __init__(self, signing_key: str, clock: Callable[[], float], open_token: str | None = None) -> None:
        if open_token is not None and (len(open_token) < OPEN_TOKEN_CHARACTERS or not open_token.isprintable()):
            raise WrongUse(f"the open token is too short: give {OPEN_TOKEN_CHARACTERS} printable characters or more")
        self._key = signing_key.encode()
        self._clock = clock
        self._open_token = open_token
        self._generation = 0

    def access_token(self, principal: Principal) -> str:
        """A new access token, valid for LIFE_SECONDS."""
        who = {"idtyp": "user", "oid": LOCAL_USER, "upn": LOCAL_USER_NAME, "scp": "Dataset.ReadWrite.All"}
        own = who if principal.is_user else {"idtyp": "app", "oid": LOCAL_CLIENT}
        return self.signed(
            {"aud": POWERBI_RESOURCE, "appid": LOCAL_CLIENT, **own, "generation": self._generation, "padding": PADDING},
            LIFE_SECONDS,
        )

    def refresh_token(self) -> str:
        """A new refresh token for the user. Like a real one, it survives `expire_all`."""
        return self.signed({"aud": "refresh", "oid": LOCAL_USER}, REFRESH_LIFE_SECONDS)

    def is_refresh_token(self, token: str) -> bool:
        """Whether it was created by `refresh_token` and is still valid."""
        claims = self._read(token)
        return claims is not None and claims.get("aud") == "refresh" and claims["exp"] > self._clock()

    def check(self, authorization: str) -> Principal:
        """The principal of an Authorization header; raises a Problem of 401, or of 403 TokenExpired."""
        scheme, _, token = authorization.partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            raise not_authorized("No bearer token in the Authorization header")
        if self._open_token is not None and _same(token, self._open_token):
            return USER
        claims = self._read(token)
        if claims is None or claims.get("aud") != POWERBI_RESOURCE:
            refused: Problem = not_authorized("The bearer token is not one of this service")
            raise refused
        if claims["exp"] <= self._clock() or claims.get("generation", 0) < self._generation:
            raise token_expired()
        return USER if claims.get("idtyp") == "user" else APPLICATION

    def expire_all(self) -> None:
        """Expires every access token issued so far; an open token stays valid."""
        self._generation += 1

    def signed(self, claims: dict[str, Any], life: float) -> str:
        """A signed token with the usual time and tenant claims added; `life` is in seconds."""
        now = int(self._clock())
        usual = {"tid": LOCAL_TENANT, "iat": now, "nbf": now, "exp": now + int(life), "jti": str(uuid.uuid4())}
        head = encoded(json.dumps({"typ": "JWT", "alg": "HS256"}).encode())
        body = encoded(json.dumps({**usual, **claims}).encode())
        return f"{head}.{body}.{self._signature(head, body)}"

    def _signature(self, head: str, body: str) -> str:
        return encoded(hmac.new(self._key, f"{head}.{body}".encode(), hashlib.sha256).digest())

    def _read(self, token: str) -> dict[str, Any] | None:
        parts = token.split(".")
        if len(parts) != 3 or not _same(parts[2], self._signature(parts[0], parts[1])):
            return None
        claims: dict[str, Any] = json.loads(decoded(parts[1]))
        return claims


def encoded(content: bytes) -> str:
    """URL-safe Base64 without padding, as in JSON web tokens."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def decoded(text: str) -> bytes:
    """Decodes URL-safe Base64 without padding; raises ValueError if it is invalid."""
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError) as error:
        raise ValueError("not base64") from error


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "surrogatepass"), other.encode("utf-8", "surrogatepass"))
