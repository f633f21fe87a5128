"""The token endpoint over HTTP: as much of Entra ID as `msal` needs, v1 and v2. Nothing about Power BI."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from livegold.reporting.service.device_codes import DeviceCodes
from livegold.reporting.service.grants import Answer, Grants, TokenRefused
from livegold.reporting.service.problems import Problem

MAX_FIELDS = 100
_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Sign in (local)</title>
<h1>Local sign-in</h1><p>{said}</p>
<form method="post"><label>Code <input name="user_code" autofocus></label>
<button formaction="/_local/devicecode/approve">Approve</button>
<button formaction="/_local/devicecode/deny">Deny</button></form></html>"""


class Entra:
    """Routes /{tenant}/..., v1 and v2, and the page on which a device code is approved."""

    def __init__(self, grants: Grants, codes: DeviceCodes) -> None:
        self._grants = grants
        self._codes = codes

    def routes(self) -> list[Route]:
        return [
            Route("/_local/devicecode", self._page, methods=["GET"]),
            Route("/_local/devicecode/approve", self._approve, methods=["POST"]),
            Route("/_local/devicecode/deny", self._deny, methods=["POST"]),
            Route("/{tenant}/v2.0/.well-known/openid-configuration", self._configuration, methods=["GET"]),
            Route("/{tenant}/.well-known/openid-configuration", self._configuration_v1, methods=["GET"]),
            Route("/{tenant}/discovery/v2.0/keys", self._keys, methods=["GET"]),
            Route("/{tenant}/oauth2/v2.0/token", self._token, methods=["POST"]),
            Route("/{tenant}/oauth2/token", self._token_v1, methods=["POST"]),
            Route("/{tenant}/oauth2/v2.0/devicecode", self._device_code, methods=["POST"]),
            Route("/{tenant}/oauth2/devicecode", self._device_code, methods=["POST"]),
        ]

    async def _configuration(self, request: Request) -> Response:
        return JSONResponse(_configuration(request, "/v2.0"))

    async def _configuration_v1(self, request: Request) -> Response:
        return JSONResponse(_configuration(request, ""))

    async def _keys(self, request: Request) -> Response:
        """No keys: the local service's tokens are for itself, and its clients need not verify them."""
        return JSONResponse({"keys": []})

    async def _token(self, request: Request) -> Response:
        form = await _form(request)
        return _answered(lambda: self._grants.token(_root(request), request.path_params["tenant"], form, v1=False))

    async def _token_v1(self, request: Request) -> Response:
        form = await _form(request)
        return _answered(lambda: self._grants.token(_root(request), request.path_params["tenant"], form, v1=True))

    async def _device_code(self, request: Request) -> Response:
        form = await _form(request)
        return _answered(lambda: self._grants.device_code(_root(request), request.path_params["tenant"], form))

    async def _page(self, request: Request) -> Response:
        return HTMLResponse(_PAGE.format(said="Enter the code that the program shows."))

    async def _approve(self, request: Request) -> Response:
        return await self._decide(request, approve=True)

    async def _deny(self, request: Request) -> Response:
        return await self._decide(request, approve=False)

    async def _decide(self, request: Request, *, approve: bool) -> Response:
        code = request.query_params.get("user_code") or (await _form(request)).get("user_code", "")
        if not self._codes.decide(code, approve):
            raise Problem(404, "NotFound", "No device waits with that code")
        return HTMLResponse(_PAGE.format(said="Approved." if approve else "Denied."))


def _configuration(request: Request, version: str) -> Answer:
    tenant = request.path_params["tenant"]
    root = f"{_root(request)}/{tenant}"
    return {
        "token_endpoint": f"{root}/oauth2{version}/token",
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
        "jwks_uri": f"{root}/discovery/v2.0/keys",
        "issuer": f"{root}/v2.0",
        "authorization_endpoint": f"{root}/oauth2{version}/authorize",
        "device_authorization_endpoint": f"{root}/oauth2{version}/devicecode",
        "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["HS256"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
    }


def _root(request: Request) -> str:
    return f"{request.url.scheme}://{request.url.netloc}"


async def _form(request: Request) -> dict[str, str]:
    text = (await request.body()).decode("utf-8", "replace")
    try:
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_FIELDS))
    except ValueError:
        return {}


def _answered(ask: Callable[[], Answer]) -> Response:
    try:
        return JSONResponse(ask())
    except TokenRefused as refused:
        return JSONResponse(refused.body, refused.status)
