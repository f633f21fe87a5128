"""Records requests to the API and its responses verbatim, and redacts ids. Keeps no tokens."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import requests

from livegold.reporting.powerbi import Session
from livegold.reporting.powerbi.limits import REQUEST_ID_HEADER

LONGEST_BODY = 2_000
HEADERS = (REQUEST_ID_HEADER, "Retry-After", "Location", "x-ms-request-id", "x-powerbi-error-info", "Content-Type")
API_PATH = "/v1.0/"
_GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_ADDRESS = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")


@dataclass(frozen=True)
class Exchange:
    """One API call: its path and the response."""

    method: str
    path: str
    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""

    def as_json(self) -> dict[str, Any]:
        return {
            "request": f"{self.method} {self.path}",
            "status": self.status,
            "headers": self.headers,
            "body": self.body,
        }


class RecordingSession(Session):
    """A session that remembers each thread's last exchange with the API. Entra ID's responses contain tokens and are
    not remembered."""

    def __init__(self, api: str, ca: str = "") -> None:
        super().__init__(ca)
        self._api = api.rstrip("/") + API_PATH
        self._own = threading.local()

    @property
    def last(self) -> Exchange | None:
        """The last exchange of this thread since `reset`."""
        return getattr(self._own, "last", None)

    def reset(self) -> None:
        self._own.last = None

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **options: Any) -> requests.Response:
        answer = super().request(method, url, *args, **options)
        address = str(url)
        if address.startswith(self._api):
            headers = {name: answer.headers[name] for name in HEADERS if name in answer.headers}
            where = urlsplit(address)
            path = where.path + (f"?{where.query}" if where.query else "")
            self._own.last = Exchange(str(method), path, answer.status_code, headers, answer.text[:LONGEST_BODY])
        return answer


class Redactor:
    """Removes secrets, ids and addresses from texts. The same id gets the same placeholder everywhere.

    `known` maps ids to their placeholders; `secrets` are removed even with `with_ids`. Request ids stay: support asks
    for them, and they reveal nothing about the caller.
    """

    def __init__(self, known: dict[str, str], secrets: tuple[str, ...], *, with_ids: bool) -> None:
        self._names = {value.lower(): f"<{name}>" for value, name in known.items() if value}
        self._secrets = sorted(filter(None, secrets), key=len, reverse=True)
        self._with_ids = with_ids
        self._kept: set[str] = set()

    def name(self, value: str, name: str) -> None:
        """Uses `name` as the placeholder of an id from now on."""
        self._names.setdefault(value.lower(), f"<{name}>")

    def keep(self, request_id: str) -> None:
        """Leaves a request id unredacted."""
        self._kept.add(request_id.lower())

    def __call__(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "***")
        if self._with_ids:
            return text
        text = _GUID.sub(self._guid, text)
        for value, name in self._names.items():
            if not _GUID.fullmatch(value):
                text = re.sub(re.escape(value), name, text, flags=re.IGNORECASE)
        return _ADDRESS.sub("<address>", text)

    def everywhere(self, value: Any) -> Any:
        """Redacts every text in a JSON value."""
        if isinstance(value, str):
            return self(value)
        if isinstance(value, dict):
            return {k: self.everywhere(v) for k, v in value.items()}
        if isinstance(value, list | tuple):
            return [self.everywhere(v) for v in value]
        return value

    def _guid(self, found: re.Match[str]) -> str:
        value = found[0].lower()
        if value in self._kept:
            return found[0]
        if value not in self._names:
            self._names[value] = f"<id {sum(n.startswith('<id ') for n in self._names.values()) + 1}>"
        return self._names[value]
