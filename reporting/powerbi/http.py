"""HTTP as this client needs it: a timeout on every call, pooled connections, the right CA. Not what is sent.

In requests, `REQUESTS_CA_BUNDLE` and `CURL_CA_BUNDLE` override a session's `verify`, and `.netrc` overrides an
Authorization header. Neither may happen here, so `verify` and the header's `auth` are passed with each request.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import NewConnectionError

from livegold.reporting.errors import Ambiguous, LivegoldError, Refused, ServiceUnavailable
from livegold.reporting.powerbi.limits import MAX_PENDING_POSTS
from livegold.reporting.powerbi.refusals import IDEMPOTENT

CONNECT_SECONDS = 10.0
READ_SECONDS = 60.0
LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Session(requests.Session):
    """A requests session with timeouts, and with `ca` (a PEM file), if given, as the only trusted authority."""

    def __init__(self, ca: str = "", timeout: tuple[float, float] = (CONNECT_SECONDS, READ_SECONDS)) -> None:
        super().__init__()
        self._ca = ca
        self._timeout = timeout
        for scheme in ("https://", "http://"):
            self.mount(scheme, HTTPAdapter(pool_maxsize=MAX_PENDING_POSTS, max_retries=0))

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **options: Any) -> requests.Response:
        options["timeout"] = options.get("timeout") or self._timeout
        if self._ca:
            options["verify"] = self._ca
        return super().request(method, url, *args, **options)

    def merge_environment_settings(self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any) -> Any:
        merged = super().merge_environment_settings(url, proxies, stream, verify, cert)
        if urlsplit(str(url)).hostname in LOOPBACK:
            merged["proxies"] = {}
        return merged


class Bearer(requests.auth.AuthBase):
    """The Authorization header as an `auth`, which `.netrc` cannot replace."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def failed_to_answer(error: requests.RequestException, method: str, doing: str) -> LivegoldError:
    """The error for a call without a response: Ambiguous if it may have been carried out and is not idempotent."""
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return Refused(f"{doing}: the server's certificate is not trusted: give its authority as powerbi.ca")
    cause = getattr(error.args[0], "reason", None) if error.args else None
    # urllib3 raises it for a refused connection and for an unresolvable host name
    never_sent = isinstance(error, requests.ConnectTimeout) or isinstance(cause, NewConnectionError)
    why = "the connection was refused or timed out" if never_sent else f"no answer came ({type(error).__name__})"
    if never_sent or method in IDEMPOTENT:
        return ServiceUnavailable(f"{doing}: {why}")
    return Ambiguous(f"{doing}: {why}; it may have been carried out")
