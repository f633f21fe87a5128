"""What livegold keeps on this machine: caches, locks, the local service's endpoint, the status of pipelines."""

from livegold.reporting.home.cache import cache_folder
from livegold.reporting.home.endpoint import (
    LOCAL_CAPACITY,
    LOCAL_CLIENT,
    LOCAL_TENANT,
    LOCAL_USER,
    LOCAL_USER_NAME,
    LOCAL_WORKSPACE,
    Endpoint,
    client_secret,
    read_endpoint,
    remove_endpoint,
    service_folder,
    signing_key,
    write_endpoint,
)
from livegold.reporting.home.lock import acquire_lock
from livegold.reporting.home.status import StatusFile, known_cases

__all__ = [
    "LOCAL_CAPACITY",
    "LOCAL_CLIENT",
    "LOCAL_TENANT",
    "LOCAL_USER",
    "LOCAL_USER_NAME",
    "LOCAL_WORKSPACE",
    "Endpoint",
    "StatusFile",
    "acquire_lock",
    "cache_folder",
    "client_secret",
    "known_cases",
    "read_endpoint",
    "remove_endpoint",
    "service_folder",
    "signing_key",
    "write_endpoint",
]
