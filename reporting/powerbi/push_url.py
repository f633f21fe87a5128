"""Sends rows to a streaming dataset through its push URL, whose key replaces a login. The key is never shown.

The URL is in the dataset's settings ("API info"). No token and no sequence numbers: at most once or at least once.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests

from livegold.reporting.errors import LivegoldError, Refused, WrongUse
from livegold.reporting.powerbi.caller import JSON, encoded
from livegold.reporting.powerbi.http import LOOPBACK, Session, failed_to_answer
from livegold.reporting.powerbi.limits import MAX_ROWS_PER_POST, MAX_STREAMING_REQUEST_BYTES
from livegold.reporting.powerbi.refusals import code_and_message, refusal

HIDDEN = "***"
_KEY = re.compile(r"(?<=[?&]key=)[^&\s\"']+", re.IGNORECASE)
_DATASET = re.compile(r"/datasets/([^/?]+)/rows/?$")


class _KeyHidden(logging.Filter):
    """Hides the key in urllib3's log, which contains every requested URL with its query string."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(_KEY.sub(HIDDEN, a) if isinstance(a, str) else a for a in record.args)
        return True


logging.getLogger("urllib3.connectionpool").addFilter(_KeyHidden())


class _NoLogin(requests.auth.AuthBase):
    """No Authorization header, not even one from `.netrc`."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


def push_url_rows(url: str, rows: Sequence[Mapping[str, Any]], session: Session | None = None) -> None:
    """Adds rows through a push URL in one request of at most 15 KB.

    Raises WrongUse for an invalid URL, Refused for too many rows, and the errors of the client; none shows the key.
    """
    doing = f"adding rows through the push URL of dataset {_checked(url)}"
    body = encoded(list(rows))
    if len(rows) > MAX_ROWS_PER_POST:
        raise Refused(f"{doing}: {len(rows)} rows in a request, {MAX_ROWS_PER_POST} at most")
    if len(body) > MAX_STREAMING_REQUEST_BYTES:
        raise Refused(
            f"{doing}: {len(body)} bytes in a request, {MAX_STREAMING_REQUEST_BYTES} at most: send fewer rows"
        )
    failed: LivegoldError
    own = Session() if session is None else session
    try:
        answer = own.post(url, data=body, headers={"Content-Type": JSON}, auth=_NoLogin(), allow_redirects=False)
        if answer.status_code < 300:
            return
        code, message = code_and_message(answer)
        failed = refusal(answer, "POST", doing, code, _without_key(message, url))
    except requests.RequestException as error:
        # Its text contains the URL: raised further down, so that no traceback shows it either.
        failed = failed_to_answer(error, "POST", doing)
    finally:
        if session is None:
            own.close()
    raise failed


def _without_key(message: str, url: str) -> str:
    for key in parse_qs(urlsplit(url).query)["key"]:
        message = message.replace(key, HIDDEN)
    return _KEY.sub(HIDDEN, message)


def _checked(url: str) -> str:
    """The id of the dataset in a push URL."""
    try:
        parts = urlsplit(url)
        host, dataset = parts.hostname, _DATASET.search(parts.path)
    except ValueError:
        host = dataset = None
    wanted = "https://<host>/beta/<tenant>/datasets/<id>/rows?key=<key>"
    if not host or dataset is None or not parse_qs(parts.query).get("key"):
        raise WrongUse(f"this is not a push URL: give {wanted}, as shown in the dataset's settings")
    if parts.scheme != "https" and host not in LOOPBACK:
        raise WrongUse(f"the push URL of dataset {dataset[1]} is not https and would expose its key: give {wanted}")
    return dataset[1]
