"""Tells other processes how to reach the running local service: `endpoint.json` and the client secret. No server."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from livegold.reporting.errors import WrongUse

# The ids are RFC 4122 GUIDs because public clients parse them as such.
LOCAL_TENANT = "10ca1000-0000-4000-8000-000000000001"
LOCAL_CLIENT = "10ca1000-0000-4000-8000-000000000002"
LOCAL_WORKSPACE = "10ca1000-0000-4000-8000-000000000003"
LOCAL_USER = "10ca1000-0000-4000-8000-000000000004"
LOCAL_USER_NAME = "analyst@livegold.example"
LOCAL_CAPACITY = "10ca1000-0000-4000-8000-000000000005"


@dataclass(frozen=True)
class Endpoint:
    """What a client needs to reach the local service, except the secret (see `client_secret`).

    `ca` is the PEM file to trust, empty if the service uses plain HTTP.
    """

    api: str
    authority: str
    ca: str
    tenant: str
    client_id: str
    workspace: str
    pid: int

    def settings(self) -> dict[str, str]:
        """The same as settings keys, for `settings.load(**changed)` (with `__` for the dot)."""
        values = asdict(self)
        return {f"powerbi__{k}": values[k] for k in ("api", "authority", "ca", "tenant", "client_id", "workspace")}


def service_folder(home: Path) -> Path:
    return home / "powerbi"


def write_endpoint(home: Path, endpoint: Endpoint) -> Path:
    """Writes `<home>/powerbi/endpoint.json` atomically: a reader sees either the complete old file or the new one."""
    file = service_folder(home) / "endpoint.json"
    new = file.with_name("endpoint.json.new")
    new.write_text(json.dumps(asdict(endpoint), indent=2) + "\n", encoding="utf-8")
    os.replace(new, file)
    return file


def read_endpoint(home: Path) -> Endpoint:
    """The endpoint written by a running local service; raises WrongUse if there is none."""
    file = service_folder(home) / "endpoint.json"
    try:
        return Endpoint(**json.loads(file.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise WrongUse(f"no local service is running for {home}: start it with `livegold powerbi`") from None


def remove_endpoint(home: Path) -> None:
    """Removes the file if this process wrote it."""
    file = service_folder(home) / "endpoint.json"
    if file.exists() and json.loads(file.read_text(encoding="utf-8")).get("pid") == os.getpid():
        file.unlink()


def client_secret(home: Path) -> str:
    """The local service's client secret: random, created on first use, in a file only its owner can read."""
    return _kept_secret(service_folder(home) / "client_secret")


def signing_key(home: Path) -> str:
    """The key with which the local service signs its access tokens."""
    return _kept_secret(service_folder(home) / "token_key")


def _kept_secret(file: Path) -> str:
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return file.read_text(encoding="utf-8").strip()
    secret = secrets.token_urlsafe(32)
    with os.fdopen(descriptor, "w", encoding="utf-8") as out:
        out.write(secret)
    return secret
