"""Maps a response with status 400 or above to one of `livegold.reporting.errors`. Does not send or retry.

The service has no single error format: users have seen all those in `code_and_message`, and an empty body. The message
ends with what to do about the error, if there is anything a person can do.
"""

from __future__ import annotations

import re
from typing import Any

import requests

from livegold.reporting.errors import (
    Ambiguous,
    LivegoldError,
    NotFound,
    Refused,
    ServiceUnavailable,
    Throttled,
    Unauthorized,
)
from livegold.reporting.powerbi.limits import MAX_REQUEST_BYTES, REQUEST_ID_HEADER

IDEMPOTENT = ("GET", "PUT", "DELETE", "PATCH")
EXPIRED = "TokenExpired"
_RETRY_IN = re.compile(r"retry in (\d+) seconds?", re.IGNORECASE)
_LONGEST_MESSAGE = 500
_WHO_ASKS = "check the caller's role in the workspace, and the tenant's setting for service principals"

# Error code, or part of the message, in lower case -> what a person can do.
_ADVICE = {
    "not push api dataset": "only a dataset made through the API as a push dataset takes rows; give another name",
    "featuredeprecatederror": "this tenant makes no more push datasets: use one that exists, or the eventstream sink",
    "creation of streaming dataset is deprecated": "use a dataset that exists, or the eventstream sink",
    "tokenexpired": "a new token was refused as well; check the clock of this machine",
    "powerbinotauthorizedexception": f"a wrong workspace id is answered so too: check powerbi.workspace; {_WHO_ASKS}",
    "powerbientitynotfound": "check the id, and that it is in this workspace",
    "requestentitytoolarge": f"send fewer rows in a request ({MAX_REQUEST_BYTES // 2**20} MB at most)",
    "another refresh request is already executing": "wait for it, or cancel it",
}
_ADVICE_BY_STATUS = {
    401: _WHO_ASKS,
    403: _WHO_ASKS,
    409: "something else is at work on it: wait for that, or cancel it",
    413: _ADVICE["requestentitytoolarge"],
}


def answer_error(answer: requests.Response, method: str, doing: str) -> LivegoldError:
    """The error for a response of 400 or above, with status, code, message and RequestId in text and attributes."""
    code, message = code_and_message(answer)
    return refusal(answer, method, doing, code, message)


def refusal(answer: requests.Response, method: str, doing: str, code: str, message: str) -> LivegoldError:
    """Like `answer_error`, for a code and message found elsewhere (an error inside a 200 response)."""
    status, request_id = answer.status_code, answer.headers.get(REQUEST_ID_HEADER, "")
    said = " ".join(part for part in (code, _one_line(message)) if part) or "no details"
    text = f"{doing}: HTTP {status} {said[:_LONGEST_MESSAGE]}"
    if request_id:
        text += f" (RequestId {request_id})"
    if advice := _advice(status, code, message):
        text += f": {advice}"
    http: dict[str, Any] = {"status": status, "code": code or None, "request_id": request_id or None}
    if status == 429:
        return Throttled(text, retry_after=retry_after(answer, message), **http)
    if status >= 500 or status == 408:
        kind = ServiceUnavailable if method in IDEMPOTENT else Ambiguous
        return kind(text, retry_after=retry_after(answer, message), **http)
    if status in (401, 403):
        return Unauthorized(text, **http)
    return (NotFound if status == 404 else Refused)(text, **http)


def code_and_message(answer: requests.Response) -> tuple[str, str]:
    """Code and message from every error format users have seen; empty strings if there are none."""
    try:
        body = answer.json()
    except ValueError:
        return "", answer.text.strip()
    if not isinstance(body, dict):
        return "", ""
    error, outer = body.get("error"), body.get("message") or body.get("Message")
    if not isinstance(error, dict):
        return str(error or ""), str(outer or body.get("error_description") or "")
    code, message = code_and_message_of(error)
    return code, message or str(outer or "")


def code_and_message_of(error: dict[str, Any]) -> tuple[str, str]:
    """The same for one error object: its own message and details, and those of a nested `pbi.error`."""
    given = error.get("pbi.error")
    inner = given if isinstance(given, dict) else {}
    parts = [str(error.get("message") or "")]
    for holder in (error, inner):
        details = holder.get("details")
        for detail in details if isinstance(details, list) else []:
            if isinstance(detail, dict):
                value = detail.get("detail")
                parts.append(str(value.get("value", "") if isinstance(value, dict) else detail.get("message") or ""))
    message = "; ".join(dict.fromkeys(part for part in parts if part))
    return str(error.get("code") or inner.get("code") or ""), message


def retry_after(answer: requests.Response, message: str = "") -> float | None:
    """The pause in seconds that a response asks for in its header or message; None if it asks for none."""
    header = answer.headers.get("Retry-After", "").strip()
    if header.isdigit():
        return float(header)
    found = _RETRY_IN.search(message)
    return float(found[1]) if found else None


def _advice(status: int, code: str, message: str) -> str:
    said = f"{code} {message}".lower()
    return next((advice for sign, advice in _ADVICE.items() if sign in said), _ADVICE_BY_STATUS.get(status, ""))


def _one_line(text: str) -> str:
    return " ".join(text.split())
