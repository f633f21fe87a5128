"""The files of a report: their schemas, their encoding, and the names of what is in them. Not for their contents."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

_ADDRESS = "https://developer.microsoft.com/json-schemas/fabric"
_REPORT = f"{_ADDRESS}/item/report"
SCHEMAS = {
    "pbip": f"{_ADDRESS}/pbip/pbipProperties/1.0.0/schema.json",
    "platform": f"{_ADDRESS}/gitIntegration/platformProperties/2.1.0/schema.json",
    "pbir": f"{_REPORT}/definitionProperties/2.0.0/schema.json",
    "version": f"{_REPORT}/definition/versionMetadata/1.0.0/schema.json",
    "report": f"{_REPORT}/definition/report/3.3.0/schema.json",
    "pages": f"{_REPORT}/definition/pagesMetadata/1.1.0/schema.json",
    "page": f"{_REPORT}/definition/page/2.1.0/schema.json",
    "visual": f"{_REPORT}/definition/visualContainer/2.9.0/schema.json",
    "mobile": f"{_REPORT}/definition/visualContainerMobileState/2.4.0/schema.json",
}


def as_bytes(document: Mapping[str, Any]) -> bytes:
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()


def stable_name(*parts: str) -> str:
    """Twenty hexadecimal digits derived from `parts`, as names of pages, visuals and filters."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:20]
