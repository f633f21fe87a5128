"""The calls of the Power BI REST API that livegold uses, as methods with typed results. No retries, no state.

Every method raises the errors of `reporting.errors` with status, code, message and RequestId: Throttled for 429,
ServiceUnavailable where nothing was carried out, Ambiguous where it may have been, NotFound, Unauthorized, Refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol
from urllib.parse import quote

import orjson
import requests

from reporting.errors import Refused, SettingsError
from reporting.powerbi.auth import TokenProvider
from reporting.powerbi.http import Bearer, Session, answer_error, code_and_message, failed_to_answer
from reporting.powerbi.limits import MAX_REQUEST_BYTES, MAX_ROWS_PER_POST, RETENTION_POLICIES, SEQUENCE_HEADER
from reporting.settings import Settings


class Tokens(Protocol):
    """Where access tokens come from."""

    def token(self, *, renew: bool = False) -> str: ...


@dataclass(frozen=True)
class Group:
    """A workspace."""

    id: str
    name: str


@dataclass(frozen=True)
class Dataset:
    """A dataset as the service lists it. `push` says that it takes rows; None where the service is silent."""

    id: str
    name: str
    push: bool | None


@dataclass(frozen=True)
class SequenceNumber:
    """The last sequence number the service has of one client for a table."""

    client_id: str
    number: int


class PowerBIClient:
    """Calls on one workspace (`workspace` is its id; None is My workspace, which no service principal has)."""

    def __init__(self, api: str, workspace: str | None, tokens: Tokens, session: Session) -> None:
        self._groups = f"{api.rstrip('/')}/v1.0/myorg/groups"
        self._root = (
            f"{self._groups}/{quote(workspace, safe='')}" if workspace else self._groups.removesuffix("/groups")
        )
        self._tokens = tokens
        self._session = session

    @classmethod
    def from_settings(cls, settings: Settings, session: Session | None = None) -> PowerBIClient:
        """A client for the service principal of the settings; SettingsError names what is missing."""
        for key in ("powerbi.tenant", "powerbi.client_id", "powerbi.workspace"):
            if not settings[key]:
                advice = " (a service principal has no My workspace)" if key == "powerbi.workspace" else ""
                raise SettingsError(f"setting {key} is empty{advice}: give its id, or use the local service")
        session = session or Session(settings["powerbi.ca"])
        tokens = TokenProvider(
            settings["powerbi.authority"],
            settings["powerbi.tenant"],
            settings["powerbi.client_id"],
            settings.secret("powerbi.client_secret"),
            session,
        )
        return cls(settings["powerbi.api"], settings["powerbi.workspace"], tokens, session)

    def close(self) -> None:
        """Drops the kept connections."""
        self._session.close()

    def groups(self) -> list[Group]:
        """The workspaces the caller can see."""
        answer = self._call("GET", self._groups, "listing workspaces")
        return [Group(g["id"], g.get("name", "")) for g in _values(answer)]

    def datasets(self) -> list[Dataset]:
        """The datasets of the workspace."""
        return [_dataset(d) for d in _values(self._call("GET", f"{self._root}/datasets", "listing datasets"))]

    def dataset(self, dataset: str) -> Dataset:
        """One dataset by its id."""
        return _dataset(self._call("GET", self._at(dataset), f"reading dataset {dataset}").json())

    def create_dataset(self, definition: Mapping[str, Any], retention: str = "None") -> Dataset:
        """Makes a dataset from its JSON. `retention` is None or basicFIFO. A second one of the same name is a twin."""
        if retention not in RETENTION_POLICIES:
            raise Refused(
                f"creating dataset {definition.get('name')!r}: retention {retention!r} is not None or basicFIFO"
            )
        doing = f"creating dataset {definition.get('name')!r}"
        url = f"{self._root}/datasets?defaultRetentionPolicy={retention}"
        return _dataset(self._call("POST", url, doing, body=_encoded(definition)).json())

    def delete_dataset(self, dataset: str) -> None:
        self._call("DELETE", self._at(dataset), f"deleting dataset {dataset}")

    def tables(self, dataset: str) -> list[str]:
        """Names of the tables; the service often leaves out their columns, so they are not offered here."""
        answer = self._call("GET", f"{self._at(dataset)}/tables", f"listing tables of dataset {dataset}")
        return [t["name"] for t in _values(answer)]

    def put_table(self, dataset: str, table: Mapping[str, Any]) -> None:
        """Changes columns and measures of a table that is there."""
        name = str(table["name"])
        self._call("PUT", self._at(dataset, name), f"changing table {name!r}", body=_encoded(table))

    def post_rows(
        self, dataset: str, table: str, rows: Sequence[Mapping[str, Any]] | bytes, sequence: int | None = None
    ) -> None:
        """Adds rows: a sequence of them, or the whole request body as bytes. `sequence` goes along as the header."""
        if isinstance(rows, bytes):
            body = rows
        else:
            if len(rows) > MAX_ROWS_PER_POST:
                raise Refused(f"adding rows to {table!r}: {len(rows)} rows in a request, {MAX_ROWS_PER_POST} at most")
            body = rows_body(rows)
        if len(body) > MAX_REQUEST_BYTES:
            raise Refused(f"adding rows to {table!r}: {len(body)} bytes in a request, {MAX_REQUEST_BYTES} at most")
        headers = {} if sequence is None else {SEQUENCE_HEADER: str(sequence)}
        self._call("POST", f"{self._at(dataset, table)}/rows", f"adding rows to {table!r}", body=body, headers=headers)

    def delete_rows(self, dataset: str, table: str) -> None:
        """Deletes all rows of a table: no call deletes some."""
        self._call("DELETE", f"{self._at(dataset, table)}/rows", f"deleting the rows of {table!r}")

    def sequence_numbers(self, dataset: str, table: str) -> list[SequenceNumber]:
        """The last sequence numbers the service has for a table; empty for a table that never got one.

        NotFound: the table is not there, or the service does not offer sequence numbers (a preview).
        """
        url = f"{self._at(dataset, table)}/sequenceNumbers"
        values = _values(self._call("GET", url, f"reading the sequence numbers of {table!r}"))
        return [SequenceNumber(str(v.get("clientId", "")), int(v["sequenceNumber"])) for v in values]

    def _at(self, dataset: str, table: str | None = None) -> str:
        url = f"{self._root}/datasets/{quote(dataset, safe='')}"
        return url if table is None else f"{url}/tables/{quote(table, safe='')}"

    def _call(
        self, method: str, url: str, doing: str, *, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> requests.Response:
        answer = self._once(method, url, doing, body, headers, renew=False)
        if answer.status_code == 401 or (answer.status_code == 403 and code_and_message(answer)[0] == "TokenExpired"):
            # The service may count a token as expired before msal does, and says so with 403 as often as with 401.
            answer = self._once(method, url, doing, body, headers, renew=True)
        if answer.status_code >= 400:
            raise answer_error(answer, method, doing)
        return answer

    def _once(
        self, method: str, url: str, doing: str, body: bytes | None, headers: Mapping[str, str] | None, *, renew: bool
    ) -> requests.Response:
        sent = dict(headers or {})
        if body is not None:
            sent["Content-Type"] = "application/json; charset=utf-8"
        bearer = Bearer(self._tokens.token(renew=renew))
        try:
            return self._session.request(method, url, data=body, headers=sent, auth=bearer, allow_redirects=False)
        except requests.RequestException as error:
            raise failed_to_answer(error, method, doing) from None


def rows_body(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """The body of a POST of rows; decimals become JSON numbers digit by digit."""
    return _encoded({"rows": list(rows)})


def _encoded(value: Any) -> bytes:
    return orjson.dumps(value, default=_as_json)


def _as_json(value: Any) -> Any:
    if isinstance(value, Decimal):
        return orjson.Fragment(format(value, "f"))
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is no JSON value")


def _values(answer: requests.Response) -> list[dict[str, Any]]:
    return list(answer.json().get("value") or [])


def _dataset(body: Mapping[str, Any]) -> Dataset:
    return Dataset(str(body["id"]), str(body.get("name", "")), body.get("addRowsAPIEnabled"))
