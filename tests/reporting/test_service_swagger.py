"""Every call that the local service answers, checked against Microsoft's own specification of the REST API.

The specification is not part of the project: these tests run where LIVEGOLD_SHARED points at a copy.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import requests

from livegold.reporting.service.application import Options, opened_application
from livegold.reporting.service.server import LocalService
from powerbi_cases import Time
from service_cases import DEFINITION, TABLE, Api

Json = dict[str, Any]
WORKSPACE, MINE = "/v1.0/myorg/groups/{groupId}", "/v1.0/myorg"
# What the real service sends beyond its specification: seen in its own examples, or in what public clients rely on.
BEYOND = {"@odata.count", "type", "extendedStatus", "status", "id", "defaultRetentionPolicy"}
# Known from public clients only, so there is nothing to check them against.
UNSPECIFIED = {
    ("GET", "/datasets/{datasetId}/tables/{tableName}/sequenceNumbers"),
    ("POST", "/datasets/{datasetId}/UpdateParameters"),
    ("POST", "/datasets/{datasetId}/TakeOver"),
}
NAMES = {"group": "groupId", "dataset": "datasetId", "table": "tableName", "refresh": "refreshId"}


@pytest.fixture(scope="module")
def specification(shared_data: Path) -> Json:
    file = shared_data.parent / "schemas" / "powerbi-rest-swagger.json"
    if not file.exists():
        pytest.skip("LIVEGOLD_SHARED has no specification of the REST API")
    found: Json = json.loads(file.read_text(encoding="utf-8"))
    return found


@pytest.fixture
def dedicated(tmp_path: Path, time: Time) -> Iterator[Api]:
    with LocalService(tmp_path / "home", clock=time.clock, dedicated=True) as running:
        yield Api(running)


class Checked:
    """Calls by their path in the specification; each answer must be what is specified there."""

    def __init__(self, specification: Json, api: Api) -> None:
        self._specification = specification
        self._api = api
        self.asked: set[tuple[str, str]] = set()

    def __call__(self, method: str, path: str, query: str = "", **options: Any) -> requests.Response:
        names = options.pop("names", {})
        operation = self._specification["paths"][path][method.lower()]
        url = path.format(groupId=self._api.at.workspace, **names)
        answer = self._api.session.request(method, self._api.at.api + url + query, **options)
        assert str(answer.status_code) in operation["responses"], (method, path, answer.status_code, answer.text)
        schema = operation["responses"][str(answer.status_code)].get("schema")
        if schema is None:
            assert answer.content == b"", (method, path)
        else:
            content = answer.json()
            definitions = self._specification["definitions"]
            if path.endswith("/tables"):  # users report tables that come without the columns that are required
                definitions = {**definitions, "Table": {**definitions["Table"], "required": ["name"]}}
            jsonschema.Draft4Validator({**schema, "definitions": definitions}).validate(content)
            assert list(unknown(content, schema, definitions)) == []
        self.asked.add((method, path))
        return answer


def unknown(content: Any, schema: Json, definitions: Json) -> Iterator[str]:
    """Names in the content that the schema does not have."""
    if isinstance(content, list):
        for item in content:
            yield from unknown(item, resolved(schema, definitions).get("items", {}), definitions)
    if isinstance(content, dict):
        known = properties(schema, definitions)
        for name, value in content.items():
            if name in known:
                yield from unknown(value, known[name], definitions)
            elif known and name not in BEYOND and not name.startswith("@odata."):
                yield name


def resolved(schema: Json, definitions: Json) -> Json:
    while "$ref" in schema:
        schema = definitions[schema["$ref"].rsplit("/", 1)[1]]
    return schema


def properties(schema: Json, definitions: Json) -> Json:
    schema = resolved(schema, definitions)
    found: Json = dict(schema.get("properties", {}))
    for part in schema.get("allOf", []):
        found.update(properties(part, definitions))
    return found


def exercise(call: Checked, api: Api, root: str, time: Time, imported: str) -> None:
    """Every call below one root, on a push dataset and on an imported one."""
    datasets, one = f"{root}/datasets", f"{root}/datasets/{{datasetId}}"
    pushed = call("POST", datasets, "?defaultRetentionPolicy=basicFIFO", json=DEFINITION).json()["id"]
    names = {"datasetId": pushed, "tableName": "Facts"}
    table = f"{one}/tables/{{tableName}}"
    call("GET", datasets)
    call("GET", one, names=names)
    call("PATCH", one, names=names, json={"targetStorageMode": "Abf"})
    call("GET", f"{one}/tables", names=names)
    call("PUT", table, names=names, json=TABLE)
    call("POST", f"{table}/rows", names=names, json={"rows": [{"n": 1, "money": 0.5}]})
    question = {"queries": [{"query": "EVALUATE SUMMARIZECOLUMNS('Facts'[n], \"sum\", SUM('Facts'[money]))"}]}
    call("POST", f"{one}/executeQueries", names=names, json=question)
    call("GET", f"{one}/datasources", names=names)
    call("DELETE", f"{table}/rows", names=names)
    for kind in ("reports", "dashboards", "dataflows") if "groups" in root else ("reports", "dashboards"):
        call("GET", f"{root}/{kind}")
    exercise_refreshes(call, api, one, time, imported)
    call("GET", f"{one}/parameters", names={"datasetId": imported})
    updated = {"updateDetails": [{"name": "Server", "newValue": "two"}]}
    call("POST", f"{one}/Default.UpdateParameters", names={"datasetId": imported}, json=updated)
    call("DELETE", one, names=names)


def exercise_refreshes(call: Checked, api: Api, one: str, time: Time, imported: str) -> None:
    names = {"datasetId": imported}
    plans: list[tuple[Json, Json]] = [({}, {}), ({"seconds": 9, "error": "Bad"}, {}), ({"disabled": True}, {})]
    if "groups" in one:
        body = {"type": "Full", "objects": [{"table": "Model"}], "retryCount": 1}
        plans += [({"seconds": 60}, body), ({"error": "Bad"}, body), ({"seconds": 9}, {"timeout": "0:00:01"})]
    for plan, body in plans:
        api.local("POST", "/refreshes", json=plan)
        started = call("POST", f"{one}/refreshes", names=names, json=body)
        at = {**names, "refreshId": started.headers["RequestId"]}
        assert call("GET", f"{one}/refreshes/{{refreshId}}", names=at).status_code == 202
        call("GET", f"{one}/refreshes", names=names)
        time.now += 100
        assert call("GET", f"{one}/refreshes/{{refreshId}}", names=at).status_code == 200
        call("GET", f"{one}/refreshes", "?$top=2", names=names)
    if "groups" in one:
        started = call("POST", f"{one}/refreshes", names=names, json={"type": "Full"})
        at = {**names, "refreshId": started.headers["x-ms-request-id"]}
        call("DELETE", f"{one}/refreshes/{{refreshId}}", names=at)
        call("GET", f"{one}/refreshes/{{refreshId}}", names=at)
        call("GET", f"{one}/refreshes", names=names)
    schedule = {"days": ["Monday"], "times": ["07:00"], "enabled": True, "localTimeZoneId": "UTC"}
    call("PATCH", f"{one}/refreshSchedule", names=names, json={"value": schedule})
    call("GET", f"{one}/refreshSchedule", names=names)


def test_every_answer_is_what_the_specification_says_and_every_call_is_asked(
    specification: Json, dedicated: Api, time: Time, tmp_path: Path
) -> None:
    call = Checked(specification, dedicated)
    parameters = [{"name": "Server", "type": "Text", "currentValue": "one", "isRequired": True}]
    for root, workspace in ((WORKSPACE, {}), (MINE, {"workspace": "my workspace"})):
        dedicated.sign_in(user=bool(workspace))
        imported = dedicated.imported(parameters=parameters, **workspace)
        exercise(call, dedicated, root, time, imported)
    dedicated.sign_in()
    call("GET", "/v1.0/myorg/groups")
    call("GET", WORKSPACE)
    taken = {"datasetId": dedicated.imported()}
    call("POST", f"{WORKSPACE}/datasets/{{datasetId}}/Default.TakeOver", names=taken)
    # My workspace is never on dedicated capacity, so it has no refresh that can be cancelled
    impossible = ("DELETE", f"{MINE}/datasets/{{datasetId}}/refreshes/{{refreshId}}")
    assert answered(specification, tmp_path / "routes") - call.asked == {impossible}


def answered(specification: Json, folder: Path) -> set[tuple[str, str]]:
    """Every specified call below /v1.0/myorg that the service has a route for; it has no others but UNSPECIFIED."""
    (folder / "powerbi").mkdir(parents=True)
    found: set[tuple[str, str]] = set()
    with opened_application(folder, Time().clock, Options()) as app:
        for route in app._app.routes:  # type: ignore[attr-defined]
            path = re.sub(r"\{(\w+)\}", lambda m: "{" + NAMES.get(m[1], m[1]) + "}", route.path)
            if path.startswith("/v1.0/"):
                found |= {(method, path) for method in route.methods - {"HEAD"}}
    specified = {(m.upper(), p) for p, operations in specification["paths"].items() for m in operations}
    assert found - specified <= {(m, root + p) for root in (WORKSPACE, MINE) for m, p in UNSPECIFIED}
    return found & specified
