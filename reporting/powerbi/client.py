"""Workspaces, datasets, tables, rows and parameters of the Power BI REST API, as methods with typed results.

No retries, no state. Refreshes are in refresh.py, queries in queries.py, the push URL in push_url.py. Every method
raises the errors of `livegold.reporting.errors` with status, code, message and RequestId: Throttled for 429,
ServiceUnavailable if nothing was carried out, Ambiguous if it may have been, NotFound, Unauthorized, Refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import requests

from livegold.reporting.errors import Ambiguous, NotFound, Refused, SettingsError, WrongUse, choices
from livegold.reporting.powerbi.auth import Tokens, to_stderr
from livegold.reporting.powerbi.caller import Caller, encoded, object_of, values_of
from livegold.reporting.powerbi.http import Session
from livegold.reporting.powerbi.limits import (
    MAX_PARAMETERS_PER_REQUEST,
    MAX_REQUEST_BYTES,
    MAX_ROWS_PER_POST,
    RETENTION_POLICIES,
    SEQUENCE_HEADER,
)
from livegold.reporting.powerbi.login import tokens_from_settings
from livegold.reporting.powerbi.modes import check_mode
from livegold.reporting.settings import Settings

NO_MY_WORKSPACE = (
    "a service principal has no My workspace: give powerbi.workspace the id of a workspace that it is a member of, "
    "or sign in as a user (powerbi.login = device_code)"
)
NAMES_SHOWN = 10


@dataclass(frozen=True)
class Group:
    """A workspace. `dedicated` says whether it is on Premium, Fabric or Embedded capacity; None if unknown."""

    id: str
    name: str
    dedicated: bool | None = None


@dataclass(frozen=True)
class Dataset:
    """A dataset as the service lists it. `push`: it accepts rows; `push` and `refreshable` are None if not stated."""

    id: str
    name: str
    push: bool | None
    refreshable: bool | None = None
    configured_by: str = ""


@dataclass(frozen=True)
class SequenceNumber:
    """The last sequence number the service has from one client for a table."""

    client_id: str
    number: int


@dataclass(frozen=True)
class Parameter:
    """A parameter of a dataset's queries; `value` is None if the service does not reveal it."""

    name: str
    type: str
    value: str | None
    required: bool
    suggested: tuple[str, ...] = ()


class PowerBIClient:
    """Calls on one workspace: `workspace` is its id; None is My workspace, which users have and applications do not.

    Raises SettingsError for My workspace with the tokens of a service principal. Thread-safe.
    """

    def __init__(self, api: str, workspace: str | None, tokens: Tokens, session: Session) -> None:
        if not workspace and tokens.service_principal:
            raise SettingsError(NO_MY_WORKSPACE)
        self.workspace = workspace or None
        self.service_principal = tokens.service_principal
        myorg = f"{api.rstrip('/')}/v1.0/myorg"
        self._groups = f"{myorg}/groups"
        self._root = f"{self._groups}/{quote(workspace, safe='')}" if workspace else myorg
        self._tokens = tokens
        self._caller = Caller(tokens, session)

    @classmethod
    def from_settings(
        cls, settings: Settings, session: Session | None = None, prompt: Callable[[str], None] = to_stderr
    ) -> PowerBIClient:
        """A client from the settings; SettingsError says what is missing. `prompt` shows a user the device code."""
        session = session or Session(settings["powerbi.ca"])
        tokens = tokens_from_settings(settings, session, prompt)
        if not settings["powerbi.workspace"] and tokens.service_principal:
            raise SettingsError(f"setting powerbi.workspace is empty: {NO_MY_WORKSPACE}")
        return cls(settings["powerbi.api"], settings["powerbi.workspace"] or None, tokens, session)

    def close(self) -> None:
        """Closes the pooled connections."""
        self._caller.close()

    # Workspaces and datasets.

    def groups(self) -> list[Group]:
        """The workspaces the caller can see; My workspace is never among them."""
        doing = "listing workspaces"
        return [_group(g) for g in values_of(self.call("GET", self._groups, doing), doing)]

    def dedicated(self) -> bool | None:
        """Whether the workspace is on dedicated capacity; None for My workspace, and if the service does not say."""
        found = [g.dedicated for g in self.groups() if self.workspace and g.id.lower() == self.workspace.lower()]
        return found[0] if found else None

    def datasets(self) -> list[Dataset]:
        """The datasets of the workspace."""
        doing = "listing datasets"
        return [_dataset(d) for d in values_of(self.call("GET", f"{self._root}/datasets", doing), doing)]

    def dataset(self, dataset: str) -> Dataset:
        """One dataset by its id."""
        doing = f"reading dataset {dataset}"
        return _dataset(object_of(self.call("GET", self.at(dataset), doing), doing))

    def find_dataset(self, name_or_id: str) -> Dataset:
        """The dataset with this id, or else this name. NotFound lists some that exist, Refused those with one name."""
        there = self.datasets()
        by_id = [d for d in there if d.id.lower() == name_or_id.lower()]
        found = by_id or [d for d in there if d.name == name_or_id]
        if len(found) > 1:
            ids = ", ".join(d.id for d in found)
            raise Refused(f"the workspace has {len(found)} datasets named {name_or_id!r}: give the id of one ({ids})")
        if not found:
            names = sorted({d.name for d in there})
            shown = choices(repr(n) for n in names[:NAMES_SHOWN]) + (" or another" if len(names) > NAMES_SHOWN else "")
            advice = f": choose {shown}" if names else ", nor any other: create one first"
            raise NotFound(f"the workspace has no dataset {name_or_id!r}{advice}")
        return found[0]

    def create_dataset(self, definition: Mapping[str, Any], retention: str = "None") -> Dataset:
        """Creates a dataset from its JSON: `defaultMode` is Push (the default), Streaming or PushStreaming.

        `retention` is None or basicFIFO. The service allows several datasets with the same name. Raises Refused, before
        sending anything, for a mode that accepts no rows or does not support the definition. Raises Ambiguous if the
        dataset was accepted but not returned: look it up by name.
        """
        doing = f"creating dataset {definition.get('name')!r}"
        if retention not in RETENTION_POLICIES:
            raise Refused(f"{doing}: retention {retention!r} is not {choices(RETENTION_POLICIES)}")
        check_mode(definition, doing)
        url = f"{self._root}/datasets?defaultRetentionPolicy={retention}"
        answer = self.call("POST", url, doing, body=encoded(definition))
        if not answer.content:
            raise Ambiguous(
                f"{doing}: HTTP {answer.status_code} without a body: "
                "check by name whether it was created before retrying",
                status=answer.status_code,
            )
        return _dataset(object_of(answer, doing))

    def update_dataset(
        self,
        dataset: str,
        *,
        storage_mode: str | None = None,
        read_only_replicas: int | None = None,
        sync_replicas: bool | None = None,
    ) -> None:
        """Changes settings of a dataset, as its owner may: `storage_mode` is Abf or PremiumFiles.

        `read_only_replicas` is 0 to 64, or -1 for as many as needed; with `sync_replicas` the service keeps them in
        sync.
        """
        scale = {"maxReadOnlyReplicas": read_only_replicas, "autoSyncReadOnlyReplicas": sync_replicas}
        scale = {key: value for key, value in scale.items() if value is not None}
        body: dict[str, Any] = {} if storage_mode is None else {"targetStorageMode": storage_mode}
        if scale:
            body["queryScaleOutSettings"] = scale
        if not body:
            raise WrongUse(f"changing dataset {dataset}: nothing to change was given")
        self.call("PATCH", self.at(dataset), f"changing dataset {dataset}", body=encoded(body))

    def delete_dataset(self, dataset: str) -> None:
        self.call("DELETE", self.at(dataset), f"deleting dataset {dataset}")

    def take_over(self, dataset: str) -> None:
        """Makes the caller the owner of a dataset. My workspace has no such call: raises WrongUse."""
        doing = f"taking over dataset {dataset}"
        if self.workspace is None:
            raise WrongUse(f"{doing}: datasets in My workspace already belong to its user: give a workspace id")
        self.call("POST", f"{self.at(dataset)}/Default.TakeOver", doing)

    def parameters(self, dataset: str) -> list[Parameter]:
        """The parameters of a dataset's queries."""
        doing = f"reading the parameters of dataset {dataset}"
        return [_parameter(p) for p in values_of(self.call("GET", f"{self.at(dataset)}/parameters", doing), doing)]

    def update_parameters(self, dataset: str, values: Mapping[str, str]) -> None:
        """Sets parameters by name (case-sensitive). The new values take effect with the next refresh."""
        doing = f"changing parameters of dataset {dataset}"
        if not 0 < len(values) <= MAX_PARAMETERS_PER_REQUEST:
            raise WrongUse(f"{doing}: {len(values)} of them: give 1 to {MAX_PARAMETERS_PER_REQUEST}")
        details = [{"name": name, "newValue": value} for name, value in values.items()]
        url = f"{self.at(dataset)}/Default.UpdateParameters"
        self.call("POST", url, doing, body=encoded({"updateDetails": details}))

    # Tables and rows.

    def tables(self, dataset: str) -> list[str]:
        """Names of the tables; their columns are not provided, because the service often leaves them out."""
        doing = f"listing tables of dataset {dataset}"
        found = values_of(self.call("GET", f"{self.at(dataset)}/tables", doing), doing)
        return [str(t.get("name", "")) for t in found]

    def put_table(self, dataset: str, table: Mapping[str, Any]) -> None:
        """Changes columns and measures of an existing table."""
        name = str(table["name"])
        self.call("PUT", self.at(dataset, name), f"changing table {name!r}", body=encoded(table))

    def post_rows(
        self, dataset: str, table: str, rows: Sequence[Mapping[str, Any]] | bytes, sequence: int | None = None
    ) -> None:
        """Adds rows, given as a sequence or as the whole request body in bytes. `sequence` is sent in the header."""
        doing = f"adding rows to {table!r}"
        if isinstance(rows, bytes):
            body = rows
        else:
            if len(rows) > MAX_ROWS_PER_POST:
                raise Refused(f"{doing}: {len(rows)} rows in a request, {MAX_ROWS_PER_POST} at most")
            body = rows_body(rows)
        if len(body) > MAX_REQUEST_BYTES:
            raise Refused(f"{doing}: {len(body)} bytes in a request, {MAX_REQUEST_BYTES} at most")
        headers = {} if sequence is None else {SEQUENCE_HEADER: str(sequence)}
        self.call("POST", f"{self.at(dataset, table)}/rows", doing, body=body, headers=headers)

    def delete_rows(self, dataset: str, table: str) -> None:
        """Deletes all rows of a table; no call deletes only some."""
        self.call("DELETE", f"{self.at(dataset, table)}/rows", f"deleting the rows of {table!r}")

    def sequence_numbers(self, dataset: str, table: str) -> list[SequenceNumber]:
        """The last sequence numbers the service has for a table; empty if it never received one.

        Raises NotFound if the table does not exist or the service does not offer sequence numbers (a preview).
        """
        doing = f"reading the sequence numbers of {table!r}"
        values = values_of(self.call("GET", f"{self.at(dataset, table)}/sequenceNumbers", doing), doing)
        return [SequenceNumber(str(v.get("clientId", "")), int(v["sequenceNumber"])) for v in values]

    # For the other modules of this package.

    @property
    def root(self) -> str:
        """The base address of all calls on the workspace."""
        return self._root

    def at(self, dataset: str, table: str | None = None) -> str:
        """The address of a dataset or of one of its tables."""
        url = f"{self._root}/datasets/{quote(dataset, safe='')}"
        return url if table is None else f"{url}/tables/{quote(table, safe='')}"

    def call(
        self, method: str, url: str, doing: str, *, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> requests.Response:
        """A call without a dedicated method; see Caller.call."""
        return self._caller.call(method, url, doing, body=body, headers=headers)


def rows_body(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """The body of a POST of rows; decimals become JSON numbers with their exact digits."""
    return encoded({"rows": list(rows)})


def _group(body: Mapping[str, Any]) -> Group:
    return Group(str(body.get("id", "")), str(body.get("name", "")), body.get("isOnDedicatedCapacity"))


def _dataset(body: Mapping[str, Any]) -> Dataset:
    return Dataset(
        str(body.get("id", "")),
        str(body.get("name", "")),
        body.get("addRowsAPIEnabled"),
        body.get("isRefreshable"),
        str(body.get("configuredBy") or ""),
    )


def _parameter(body: Mapping[str, Any]) -> Parameter:
    value = body.get("currentValue")
    return Parameter(
        str(body.get("name", "")),
        str(body.get("type", "")),
        None if value is None else str(value),
        bool(body.get("isRequired")),
        tuple(str(v) for v in body.get("suggestedValues") or ()),
    )
