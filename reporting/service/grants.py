"""Decides who gets a token, and refuses others with Entra ID's error messages. Not the tokens themselves."""

from __future__ import annotations

import hmac
import json
import uuid
from pathlib import Path
from typing import Any

from livegold.reporting.home import LOCAL_CLIENT, LOCAL_TENANT, LOCAL_USER, LOCAL_USER_NAME
from livegold.reporting.service import device_codes
from livegold.reporting.service.assertions import ASSERTION_TYPE, BadAssertion, check_assertion
from livegold.reporting.service.device_codes import DeviceCodes
from livegold.reporting.service.tokens import APPLICATION, LIFE_SECONDS, POWERBI_RESOURCE, USER, Tokens, encoded

DEVICE_GRANTS = ("urn:ietf:params:oauth:grant-type:device_code", "device_code")
# Authorities that stand for "the tenant of whoever signs in"; an application needs a specific tenant.
ANY_TENANT = ("common", "organizations")
OPENID_SCOPES = {"openid", "profile", "offline_access", "email"}
RESOURCE_SPELLINGS = (POWERBI_RESOURCE, "https://api.powerbi.com")

Answer = dict[str, Any]


class TokenRefused(Exception):
    """The token endpoint refuses, with Entra ID's error message."""

    def __init__(self, status: int, error: str, code: int, description: str) -> None:
        super().__init__(description)
        self.status, self.error, self.code, self.description = status, error, code, description

    @property
    def body(self) -> Answer:
        return {
            "error": self.error,
            "error_description": f"AADSTS{self.code}: {self.description}",
            "error_codes": [self.code],
            "trace_id": str(uuid.uuid4()),
            "correlation_id": str(uuid.uuid4()),
        }


class Grants:
    """Answers forms posted to the token endpoint. `certificate` is where a client's certificate is registered."""

    def __init__(self, tokens: Tokens, codes: DeviceCodes, client_secret: str, certificate: Path) -> None:
        self._tokens = tokens
        self._codes = codes
        self._secret = client_secret
        self._certificate = certificate

    def token(self, root: str, tenant: str, form: dict[str, str], *, v1: bool) -> Answer:
        """The token endpoint's response to a form; `root` is the authority's address. Raises TokenRefused."""
        grant = form.get("grant_type", "")
        _known_tenant(tenant, for_user=grant != "client_credentials")
        _known_client(form)
        if grant == "client_credentials":
            self._prove_client(root, form)
            return _answer({"access_token": self._tokens.access_token(APPLICATION)}, _resource(form), v1)
        if grant in DEVICE_GRANTS:
            self._device(form.get("device_code") or form.get("code", ""))
        elif grant == "refresh_token":
            if not self._tokens.is_refresh_token(form.get("refresh_token", "")):
                raise TokenRefused(400, "invalid_grant", 9002313, "The refresh token is not one of this service.")
        else:
            raise TokenRefused(400, "unsupported_grant_type", 70003, f"The grant type '{grant[:60]}' is not supported.")
        return _answer(self._of_user(root), _resource(form, needed=False), v1)

    def device_code(self, root: str, tenant: str, form: dict[str, str]) -> Answer:
        """The response to a client whose user will sign in elsewhere. Raises TokenRefused."""
        _known_tenant(tenant, for_user=True)
        _known_client(form)
        _resource(form)
        device, user = self._codes.give()
        page = f"{root}/_local/devicecode"
        return {
            "user_code": user,
            "device_code": device,
            "verification_uri": page,
            "verification_url": page,
            "expires_in": device_codes.LIFE_SECONDS,
            "interval": device_codes.INTERVAL_SECONDS,
            "message": f"To sign in, use a web browser to open the page {page} and enter the code {user}.",
        }

    def _prove_client(self, root: str, form: dict[str, str]) -> None:
        if "client_assertion" in form:
            if form.get("client_assertion_type") != ASSERTION_TYPE:
                raise TokenRefused(400, "invalid_request", 900144, "The client_assertion_type is not supported.")
            endpoints = tuple(f"{root}/{LOCAL_TENANT}/oauth2{version}/token" for version in ("/v2.0", ""))
            try:
                check_assertion(form["client_assertion"], self._certificate, endpoints)
            except BadAssertion as bad:
                raise TokenRefused(401, "invalid_client", 700027, f"The client assertion is refused: {bad}.") from None
            return
        if "client_secret" not in form:
            message = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."
            raise TokenRefused(401, "invalid_client", 7000218, message)
        if not hmac.compare_digest(form["client_secret"].encode("utf-8", "replace"), self._secret.encode()):
            raise TokenRefused(401, "invalid_client", 7000215, "Invalid client secret provided.")

    def _device(self, code: str) -> None:
        answer = self._codes.ask(code)
        if answer == device_codes.APPROVED:
            return
        number, words = {
            device_codes.PENDING: (70016, "The user has not signed in yet."),
            device_codes.DECLINED: (70018, "The user declined to sign in."),
            device_codes.EXPIRED: (70020, "The device code has expired."),
        }.get(answer, (70019, "The device code is unknown or was used already."))
        raise TokenRefused(400, answer, number, words)

    def _of_user(self, root: str) -> Answer:
        who = {
            "iss": f"{root}/{LOCAL_TENANT}/v2.0",
            "aud": LOCAL_CLIENT,
            "sub": LOCAL_USER,
            "oid": LOCAL_USER,
            "preferred_username": LOCAL_USER_NAME,
            "name": "Local Analyst",
            "ver": "2.0",
        }
        return {
            "access_token": self._tokens.access_token(USER),
            "refresh_token": self._tokens.refresh_token(),
            "id_token": self._tokens.signed(who, LIFE_SECONDS),
            "client_info": encoded(json.dumps({"uid": LOCAL_USER, "utid": LOCAL_TENANT}).encode()),
        }


def _known_tenant(tenant: str, *, for_user: bool) -> None:
    if tenant != LOCAL_TENANT and not (for_user and tenant in ANY_TENANT):
        raise TokenRefused(400, "invalid_request", 90002, f"Tenant '{tenant[:60]}' not found.")


def _known_client(form: dict[str, str]) -> None:
    if form.get("client_id") != LOCAL_CLIENT:
        asked = form.get("client_id", "")[:60]
        raise TokenRefused(400, "unauthorized_client", 700016, f"Application '{asked}' was not found.")


def _resource(form: dict[str, str], *, needed: bool = True) -> str:
    """The only resource for which there are tokens, as named by v1's `resource` or v2's `scope`."""
    asked = {form["resource"]} if form.get("resource") else set(form.get("scope", "").split()) - OPENID_SCOPES
    wanted = {_resource_of(scope) for scope in asked}
    if wanted == {POWERBI_RESOURCE} or (not wanted and not needed):
        return POWERBI_RESOURCE
    shown = " ".join(sorted(asked))[:120]
    raise TokenRefused(400, "invalid_scope", 70011, f"The provided scope '{shown}' is not valid.")


def _resource_of(scope: str) -> str:
    """`https://.../powerbi/api/.default` and `.../powerbi/api/Dataset.ReadWrite.All` belong to one resource."""
    for spelling in RESOURCE_SPELLINGS:
        if scope.rstrip("/") == spelling or scope.startswith(spelling + "/"):
            return POWERBI_RESOURCE
    return scope


def _answer(tokens: Answer, resource: str, v1: bool) -> Answer:
    """The token response; v1 returns its numbers as strings."""
    if v1:
        life: Answer = {"expires_in": str(LIFE_SECONDS), "ext_expires_in": str(LIFE_SECONDS), "resource": resource}
    else:
        life = {"expires_in": LIFE_SECONDS, "ext_expires_in": LIFE_SECONDS}
        if "refresh_token" in tokens:
            life["scope"] = f"{resource}/Dataset.ReadWrite.All {resource}/.default"
    return {"token_type": "Bearer", **life, **tokens}
