"""A client for a local service running in this process, with its real tokens."""

from __future__ import annotations

from livegold.reporting.powerbi import PowerBIClient, Session, TokenProvider
from livegold.reporting.service.server import LocalService


def client_of(service: LocalService, session: Session | None = None) -> PowerBIClient:
    """A client using `session`, or a new one that trusts the service's certificate."""
    at = service.endpoint
    session = session or Session(at.ca)
    tokens = TokenProvider(at.authority, at.tenant, at.client_id, service.secret, session)
    return PowerBIClient(at.api, at.workspace, tokens, session)
