"""docs/client.md does what it says: its blocks run as they are printed, against a running local service."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from test_powerbi_auth import certificate_pem, key_pem

from livegold.reporting.powerbi.http import Session
from livegold.reporting.service.server import LocalService
from powerbi_cases import rows_of

pytestmark = pytest.mark.integration
ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "client.md").read_text(encoding="utf-8")
PYTHON = "\n".join(re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL))
SHELL = re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)
SECRET, CERTIFICATE, USER, COMMANDS = SHELL
WHO = (
    "import livegold as lg; from livegold.reporting.powerbi.login import chosen_login; given = lg.settings(); "
    "c = lg.PowerBIClient.from_settings(given); print(chosen_login(given), len(c.datasets()), c.workspace)"
)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[LocalService]:
    """In real time, on dedicated capacity, with the imported dataset that the page refreshes."""
    with LocalService(tmp_path / "service", dedicated=True) as running:
        at = running.endpoint
        tables = [{"name": "Orders", "columns": [{"name": "n", "dataType": "Int64"}]}]
        session = Session(at.ca)
        made = session.post(f"{at.api}/_local/datasets", json={"name": "Sales", "tables": tables})
        assert made.status_code == 201, made.text
        # The last refresh is there to be cancelled; all before it end at once.
        for plan in ({"seconds": 0, "times": 3}, {"seconds": 3_600}):
            assert session.post(f"{at.api}/_local/refreshes", json=plan).status_code == 201
        yield running


@pytest.fixture
def environment(service: LocalService, tmp_path: Path) -> dict[str, str]:
    """What a reader has: ids of their own, and here the addresses of the local service."""
    at = service.endpoint
    clean = {k: v for k, v in os.environ.items() if not k.startswith("LIVEGOLD_")}
    return {
        **clean,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{clean['PATH']}",
        "PYTHONPATH": str(ROOT),
        "LIVEGOLD_HOME": str(tmp_path / "home"),
        "LIVEGOLD_POWERBI_API": at.api,
        "LIVEGOLD_POWERBI_AUTHORITY": at.authority,
        "LIVEGOLD_POWERBI_CA": at.ca,
        "TENANT": at.tenant,
        "APP": at.client_id,
        "WORKSPACE": at.workspace,
        "SECRET": service.secret,
    }


def bash(script: str, environment: dict[str, str], folder: Path) -> str:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], env=environment, cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_python_and_the_commands_do_what_the_page_says(
    service: LocalService, environment: dict[str, str], tmp_path: Path
) -> None:
    script = tmp_path / "page.py"
    script.write_text(PYTHON + "\nprint(dataset.id)\n")
    dataset = bash(f"{SECRET}\npython {script}", environment, tmp_path).strip()
    assert [row["shop"] for row in rows_of(service, dataset, "Takings")] == ["Oslo", "Rome"]
    said = bash(f"{SECRET}\n{COMMANDS}", environment, tmp_path)
    for what in (
        "Sales: Completed",
        '"state": "Completed"',
        "Sales: mon, tue at 07:00, 19:00 W. Europe",
        "is cancelled",
    ):
        assert what in said
    assert said.splitlines()[-1].endswith("(switched off: --enable switches it on)")


def test_each_login_of_the_page_signs_in(service: LocalService, environment: dict[str, str], tmp_path: Path) -> None:

    key = rsa.generate_private_key(65_537, 2_048)
    certificate = certificate_pem(key)
    (service.home / "powerbi" / "client-certificate.pem").write_text(certificate)
    pem = tmp_path / "login.pem"
    pem.write_text(key_pem(key) + certificate)
    environment = {**environment, "PEM_FILE": str(pem)}
    workspace = service.endpoint.workspace
    for block, expected in (
        (SECRET, f"secret 1 {workspace}"),
        (CERTIFICATE, f"certificate 1 {workspace}"),
        (USER, "device_code 0 None"),
    ):
        assert bash(f'{block}\npython -c "{WHO}"', environment, tmp_path).strip() == expected
    assert (tmp_path / "home" / "powerbi-token-cache.json").exists()
