"""HTTP as this client needs it: time-outs on every call, kept connections, the right authority. Not what is sent.

`REQUESTS_CA_BUNDLE` and `CURL_CA_BUNDLE` win over a session's `verify`, and `.netrc` over an Authorization header.
Neither may happen here, so both are given with each request.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter

from reporting.errors import Ambiguous, LivegoldError, NotFound, Refused, ServiceUnavailable, Throttled, Unauthorized
from reporting.powerbi.limits import MAX_PENDING_POSTS, REQUEST_ID_HEADER

CONNECT_SECONDS = 10.0
READ_SECONDS = 60.0
IDEMPOTENT = ("GET", "PUT", "DELETE", "PATCH")
LOOPBACK = ("localhost", "127.0.0.1", "::1")
_RETRY_IN = re.compile(r"[Rr]etry in (\d+) seconds?")
_LONGEST_MESSAGE = 500


class Session(requests.Session):
    """A requests session with time-outs, and with `ca` (a PEM file) as the only authority where one is given."""

    def __init__(self, ca: str = "", timeout: tuple[float, float] = (CONNECT_SECONDS, READ_SECONDS)) -> None:
        super().__init__()
        self._ca = ca
        self._timeout = timeout
        self.mount("https://", HTTPAdapter(pool_maxsize=MAX_PENDING_POSTS, max_retries=0))

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
    """The error for a call that got no answer: Ambiguous where it may have been carried out and that matters."""
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return Refused(f"{doing}: the server's certificate is not trusted: give its authority as powerbi.ca")
    never_sent = isinstance(error, requests.ConnectTimeout) or "NewConnectionError" in repr(error)
    why = "the connection was refused or timed out" if never_sent else f"no answer came ({type(error).__name__})"
    if never_sent or method in IDEMPOTENT:
        return ServiceUnavailable(f"{doing}: {why}")
    return Ambiguous(f"{doing}: {why}; it may have been carried out")


def answer_error(answer: requests.Response, method: str, doing: str) -> LivegoldError:
    """The error for an answer of 400 and more, with status, code, message and RequestId in text and attributes."""
    code, message = code_and_message(answer)
    request_id = answer.headers.get(REQUEST_ID_HEADER, "")
    said = " ".join(part for part in (code, message) if part) or "no details"
    text = f"{doing}: HTTP {answer.status_code} {said[:_LONGEST_MESSAGE]}"
    if request_id:
        text += f" (RequestId {request_id})"
    http: dict[str, Any] = {"status": answer.status_code, "code": code or None, "request_id": request_id or None}
    if answer.status_code == 429:
        return Throttled(text, retry_after=_retry_after(answer, message), **http)
    if answer.status_code >= 500 or answer.status_code == 408:
        wait = _retry_after(answer, message)
        if method in IDEMPOTENT:
            return ServiceUnavailable(text, retry_after=wait, **http)
        return Ambiguous(text, retry_after=wait, **http)
    if answer.status_code in (401, 403):
        advice = (
            ": check the service principal, its role in the workspace and the tenant's setting for service principals"
        )
        return Unauthorized(text + advice, **http)
    if answer.status_code == 404:
        return NotFound(text, **http)
    if "not Push API dataset" in message:
        text += ": only a dataset made through the API as a push dataset takes rows; give another name"
    return Refused(text, **http)


def code_and_message(answer: requests.Response) -> tuple[str, str]:
    """Code and message out of every shape of error users have seen; empty texts where there is none."""
    try:
        body = answer.json()
    except ValueError:
        return "", answer.text.strip()
    if not isinstance(body, dict):
        return "", ""
    error = body.get("error")
    if not isinstance(error, dict):
        return str(error or ""), str(body.get("message") or body.get("error_description") or "")
    given = error.get("pbi.error")
    inner = given if isinstance(given, dict) else {}
    parts = [str(error.get("message") or "")]
    for holder in (error, inner):
        for detail in holder.get("details") or []:
            if isinstance(detail, dict):
                value = detail.get("detail")
                parts.append(str(value.get("value", "") if isinstance(value, dict) else detail.get("message") or ""))
    message = "; ".join(dict.fromkeys(part for part in parts if part))
    return str(error.get("code") or inner.get("code") or ""), message or str(body.get("message") or "")


def _retry_after(answer: requests.Response, message: str) -> float | None:
    header = answer.headers.get("Retry-After", "")
    if header.isdigit():
        return float(header)
    found = _RETRY_IN.search(message)
    return float(found[1]) if found else None
