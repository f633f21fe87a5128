"""One call of the Power BI REST API: token, connection, errors, JSON. No specific calls and no retries."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import orjson
import requests

from livegold.reporting.errors import LivegoldError, Refused
from livegold.reporting.powerbi.auth import Tokens
from livegold.reporting.powerbi.http import Bearer, Session, failed_to_answer
from livegold.reporting.powerbi.refusals import EXPIRED, answer_error, code_and_message

JSON = "application/json; charset=utf-8"


class Caller:
    """Makes calls with a bearer token. Raises `livegold.reporting.errors`; an expired token is renewed once."""

    def __init__(self, tokens: Tokens, session: Session) -> None:
        self._tokens = tokens
        self._session = session

    def call(
        self, method: str, url: str, doing: str, *, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> requests.Response:
        """Returns the successful response. `doing` starts any error message: what was being done, with what."""
        answer = self._once(method, url, doing, body, headers, renew=False)
        if answer.status_code == 401 or (answer.status_code == 403 and code_and_message(answer)[0] == EXPIRED):
            # The service may consider a token expired before msal does, and reports it as 403 as often as 401.
            answer = self._once(method, url, doing, body, headers, renew=True)
        if answer.status_code >= 400:
            raise answer_error(answer, method, doing)
        if answer.is_redirect:
            # Not followed: the token is for one host.
            host = urlsplit(answer.headers["Location"]).netloc
            raise Refused(f"{doing}: sent on to {host!r}: set powerbi.api to the address of the API itself")
        return answer

    def close(self) -> None:
        self._session.close()

    def _once(
        self, method: str, url: str, doing: str, body: bytes | None, headers: Mapping[str, str] | None, *, renew: bool
    ) -> requests.Response:
        sent = dict(headers or {})
        if body is not None:
            sent["Content-Type"] = JSON
        bearer = Bearer(self._tokens.token(renew=renew))
        failed: LivegoldError
        try:
            return self._session.request(method, url, data=body, headers=sent, auth=bearer, allow_redirects=False)
        except requests.RequestException as error:
            failed = failed_to_answer(error, method, doing)
        raise failed


def encoded(value: Any) -> bytes:
    """JSON in which decimals are numbers with their exact digits."""
    return orjson.dumps(value, default=_as_json)


def object_of(answer: requests.Response, doing: str) -> dict[str, Any]:
    """The JSON object in a response; raises Refused if there is none."""
    try:
        body = answer.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Refused(
            f"{doing}: HTTP {answer.status_code} without a JSON object: check that powerbi.api is a Power BI REST API",
            status=answer.status_code,
        )
    return body


def values_of(answer: requests.Response, doing: str) -> list[dict[str, Any]]:
    """The `value` of a response, which is a list of objects."""
    found = object_of(answer, doing).get("value")
    return [v for v in found if isinstance(v, dict)] if isinstance(found, list) else []


def _as_json(value: Any) -> Any:
    if isinstance(value, Decimal):
        return orjson.Fragment(format(value, "f"))
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is not a JSON value")
