"""Public clients of the Power BI API, unmodified, against the local service.

Where a client has Microsoft's addresses built in, its requests are led to the local service below it, as a name server
would: over TLS, with the local authority trusted.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pbiapi
import pbipy
import pytest
import requests
from requests.adapters import HTTPAdapter
from simplepbi.datasets import Datasets
from simplepbi.pushdatasets import PushDatasets

from livegold.reporting.home.endpoint import Endpoint
from livegold.reporting.service.server import LocalService
from powerbi_cases import Time
from service_cases import Api

MICROSOFT = ("api.powerbi.com", "login.microsoftonline.com", "login.windows.net")
TABLE = {"name": "Facts", "columns": [{"name": "n", "dataType": "Int64"}, {"name": "text", "dataType": "string"}]}
WORKSPACE = "livegold local"
COUNT = "EVALUATE ROW(\"rows\", COUNTROWS('Facts'), \"sum\", SUM('Facts'[n]))"


@pytest.fixture
def api(tmp_path: Path, time: Time) -> Iterator[Api]:
    with LocalService(tmp_path / "home", clock=time.clock, dedicated=True) as running:
        yield Api(running)


@pytest.fixture
def road(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leads what is meant for Microsoft to the local service."""
    at: Endpoint = api.at

    class Road(HTTPAdapter):
        def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
            url = urlsplit(str(request.url))
            if url.hostname in MICROSOFT:
                request.url = url._replace(netloc=urlsplit(at.api).netloc).geturl()
                options["verify"] = at.ca
            return super().send(request, *args, **options)

    monkeypatch.setattr("requests.sessions.HTTPAdapter", Road)


@pytest.mark.usefixtures("road")
def test_pbiapi_signs_in_makes_a_dataset_pushes_and_refreshes(api: Api, time: Time) -> None:
    client = pbiapi.PowerBIAPIClient(api.at.tenant, api.at.client_id, api.service.secret)
    client.create_dataset(WORKSPACE, {"name": "Made", "defaultMode": "Push", "tables": [TABLE]}, "basicFIFO")
    (dataset,) = client.get_datasets_in_workspace(WORKSPACE)
    client.post_rows(WORKSPACE, dataset["id"], "Facts", [{"n": i, "text": str(i)} for i in range(10_500)])
    assert api.count(dataset["id"])["stored"] == 10_500
    assert client.get_tables(WORKSPACE, dataset["id"])["value"] == [{"name": "Facts"}]
    wider = {**TABLE, "columns": [*TABLE["columns"], {"name": "more", "dataType": "bool"}]}
    client.update_table_schema(WORKSPACE, dataset["id"], "Facts", wider)
    client.post_rows(WORKSPACE, dataset["id"], "Facts", [{"more": True}])
    client.truncate_table(WORKSPACE, dataset["id"], "Facts")
    assert api.count(dataset["id"])["held"] == 0
    client.refresh_dataset_by_name(WORKSPACE, "Made")
    time.now += 1
    assert [r["status"] for r in client.get_dataset_refresh_history(WORKSPACE, "Made")] == ["Completed"]
    client.take_over_dataset(WORKSPACE, "Made")
    imported = api.imported(name="Other", parameters=[{"name": "Server", "type": "Text"}])
    client.update_parameters_in_dataset(WORKSPACE, "Other", [{"name": "Server", "newValue": "x"}])
    assert client.get_parameters_in_dataset(WORKSPACE, "Other")[0]["currentValue"] == "x"
    assert api("DELETE", f"/datasets/{imported}").status_code == 200
    client.delete_dataset(WORKSPACE, "Made")
    assert client.get_datasets_in_workspace(WORKSPACE) == []
    with pytest.raises(requests.HTTPError, match="404"):
        client.post_rows(WORKSPACE, dataset["id"], "Facts", [{"n": 1}])


@pytest.mark.usefixtures("road")
def test_pbipy_follows_refreshes_schedules_and_queries(api: Api, time: Time) -> None:
    client = pbipy.PowerBI(api.token["access_token"])
    pushed = api.made(tables=[TABLE])
    api.post(pushed, [{"n": 1}, {"n": 2}])
    (group,) = client.groups()
    assert (group.id, group.is_on_dedicated_capacity) == (api.at.workspace, True)
    (found,) = client.datasets(group=group)
    assert (found.id, found.add_rows_api_enabled) == (pushed, True)
    assert found.execute_queries(COUNT)["results"][0]["tables"][0]["rows"] == [{"[rows]": 2, "[sum]": 3}]
    imported = client.dataset(api.imported(), group=group)
    request_id = imported.refresh(type="Full", retry_count=1)
    assert imported.refresh_details(request_id)["extendedStatus"] == "InProgress"
    imported.cancel_refresh(request_id)
    imported.refresh()
    time.now += 1
    assert [r["status"] for r in imported.refresh_history()] == ["Completed", "Cancelled"]
    api.local("POST", "/refreshes", json={"seconds": 0, "error": "Broken"})
    with pytest.raises(Exception, match="Broken|Failed"):
        imported.refresh_and_wait(type="Full", check_interval=0)
    imported.update_refresh_schedule(days=["Monday"], times=["07:00"], enabled=True, local_time_zone_id="UTC")
    assert imported.refresh_schedule()["times"] == ["07:00"]
    client.delete_dataset(imported.id, group=group)
    assert [d.id for d in client.datasets(group=group)] == [pushed]


@pytest.mark.usefixtures("road")
def test_simplepbi_pushes_to_a_streaming_dataset_and_refreshes(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    push, datasets = PushDatasets(api.token["access_token"]), Datasets(api.token["access_token"])
    made = push.post_dataset_in_group_preview("basicFIFO", api.at.workspace, "Live", [TABLE])
    dataset = made.json()["id"]
    assert push.get_dataset_tables_in_group(api.at.workspace, dataset)["value"] == [{"name": "Facts"}]
    rows = [{"n": 1, "text": "x"}, {"n": 2}]
    assert push.post_rows_table_dataset_in_group(api.at.workspace, dataset, "Facts", rows).status_code == 200
    assert [r["n"] for r in api.rows(dataset)] == [1, 2]
    columns = [*TABLE["columns"], {"name": "more", "dataType": "Double"}]
    changed = push.put_table_in_group_preview(api.at.workspace, dataset, "Facts", columns, "", False)
    assert changed.json()["name"] == "Facts"
    answer = datasets.execute_queries_in_group(api.at.workspace, dataset, COUNT)
    assert answer["results"][0]["tables"][0]["rows"] == [{"[rows]": 2, "[sum]": 3}]
    assert push.delete_dataset_tablerows_in_group(api.at.workspace, dataset, "Facts").status_code == 200
    imported = api.imported()
    objects = [{"table": "Model"}]
    assert datasets.enhanced_refresh_dataset_in_group(api.at.workspace, imported, objects).status_code == 202
    history = datasets.get_refresh_history_in_group(api.at.workspace, imported, 5)
    assert history["value"][0]["refreshType"] == "ViaEnhancedApi"
    times = {"NotifyOption": "NoNotification", "days": ["Sunday"], "times": ["09:30"], "localTimeZoneId": "UTC"}
    assert datasets.update_refresh_schedule_in_group(api.at.workspace, imported, **times).status_code == 200
    assert datasets.get_refresh_schedule_in_group(api.at.workspace, imported)["times"] == ["09:30"]
    assert "Error" not in capsys.readouterr().out  # it prints what it should raise


NODE = """
const [api, tenant, client, workspace] = process.argv.slice(2);
const form = new URLSearchParams({grant_type: 'client_credentials', client_id: client,
  client_secret: process.env.SECRET, scope: 'https://analysis.windows.net/powerbi/api/.default'});
const token = await (await fetch(`${api}/${tenant}/oauth2/v2.0/token`, {method: 'POST', body: form})).json();
const headers = {Authorization: `Bearer ${token.access_token}`, 'Content-Type': 'application/json'};
const call = (method, path, body) => fetch(`${api}/v1.0/myorg/groups/${workspace}${path}`,
  {method, headers, body: body && JSON.stringify(body)});
const table = {name: 'Facts', columns: [{name: 'n', dataType: 'Int64'}]};
const made = await (await call('POST', '/datasets', {name: 'From Node', tables: [table]})).json();
const posted = await call('POST', `/datasets/${made.id}/tables/Facts/rows`, {rows: [{n: 1}, {n: 2}]});
console.log(made.id, posted.status, (await posted.text()).length);
"""


def test_node_pushes_rows_over_tls_with_nothing_but_its_own_fetch(api: Api, tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("there is no Node here")
    script = tmp_path / "push.mjs"
    script.write_text(NODE)
    at = api.at
    environment = {"NODE_EXTRA_CA_CERTS": at.ca, "SECRET": api.service.secret, "PATH": "/usr/bin:/bin"}
    command = [node, str(script), at.api, at.tenant, at.client_id, at.workspace]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr
    dataset, status, length = ran.stdout.split()
    assert (status, length) == ("200", "0")
    assert [r["n"] for r in api.rows(dataset)] == [1, 2]
