"""What the tests of the local service share: a dataset, and calls as somebody else's program makes them."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import msal
import requests

from livegold.reporting.powerbi.http import Session
from livegold.reporting.service.server import LocalService

SCOPE = "https://analysis.windows.net/powerbi/api/.default"
COLUMNS = {"n": "Int64", "x": "Double", "ok": "Boolean", "at": "DateTime", "text": "String", "money": "Decimal"}
TABLE = {"name": "Facts", "columns": [{"name": n, "dataType": t} for n, t in COLUMNS.items()]}
DEFINITION = {"name": "Tried", "tables": [TABLE, {"name": "Other", "columns": [{"name": "n", "dataType": "int64"}]}]}


class Api:
    """Bare requests, signed in as the application with a token that msal fetched (`sign_in` changes that).

    With `open_token` nothing is fetched: msal takes no plain HTTP.
    """

    def __init__(self, service: LocalService, open_token: str = "") -> None:
        self.service = service
        self.at = service.endpoint
        self.session = Session(self.at.ca)
        self.token: dict[str, Any] = {}
        self.root = f"{self.at.api}/v1.0/myorg/groups/{self.at.workspace}"
        if open_token:
            self.session.headers["Authorization"] = f"Bearer {open_token}"
        else:
            self.sign_in()

    def sign_in(self, *, user: bool = False) -> None:
        """As the application by its secret, or as the user by a device code."""
        authority = f"{self.at.authority}/{self.at.tenant}"
        own = {"authority": authority, "instance_discovery": False, "http_client": Session(self.at.ca)}
        if user:
            application = msal.PublicClientApplication(self.at.client_id, **own)
            flow = application.initiate_device_flow([SCOPE])
            self.local("POST", f"/devicecode/approve?user_code={flow['user_code']}")
            self.token = application.acquire_token_by_device_flow(flow)
        else:
            application = msal.ConfidentialClientApplication(
                self.at.client_id, client_credential=self.service.secret, **own
            )
            self.token = application.acquire_token_for_client([SCOPE])
        self.session.headers["Authorization"] = f"Bearer {self.token['access_token']}"

    def __call__(self, method: str, path: str, **options: Any) -> requests.Response:
        """A call in the workspace."""
        return self.session.request(method, self.root + path, **options)

    def mine(self, method: str, path: str, **options: Any) -> requests.Response:
        """A call in My workspace, or of none."""
        return self.session.request(method, f"{self.at.api}/v1.0/myorg{path}", **options)

    def local(self, method: str, path: str, **options: Any) -> requests.Response:
        """A call that only the local service has."""
        return Session(self.at.ca).request(method, f"{self.at.api}/_local{path}", **options)

    def made(self, retention: str = "basicFIFO", **changed: Any) -> str:
        """Id of a new dataset, DEFINITION with changes."""
        answer = self("POST", f"/datasets?defaultRetentionPolicy={retention}", json={**DEFINITION, **changed})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def imported(self, **options: Any) -> str:
        """Id of a new dataset that can be refreshed."""
        answer = self.local("POST", "/datasets", json={"name": "Imported", **options})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def post(self, dataset: str, rows: Any, table: str = "Facts", **headers: str) -> requests.Response:
        return self("POST", f"/datasets/{dataset}/tables/{table}/rows", json={"rows": rows}, headers=headers)

    def count(self, dataset: str, table: str = "Facts") -> dict[str, int]:
        found: dict[str, int] = self.local("GET", f"/datasets/{dataset}/tables/{table}/rows?count=true").json()
        return found

    def rows(self, dataset: str, table: str = "Facts") -> list[dict[str, Any]]:
        """What was stored, decimals digit by digit."""
        answer = self.local("GET", f"/datasets/{dataset}/tables/{table}/rows")
        found: list[dict[str, Any]] = json.loads(answer.content, parse_float=Decimal)["rows"]
        return found


def code_of(answer: requests.Response) -> tuple[int, str]:
    """(status, error code) of a refusal, which has a message and a RequestId whatever it is."""
    error = answer.json()["error"]
    assert error["message"]
    assert len(answer.headers["RequestId"]) == 36
    return answer.status_code, str(error["code"])
