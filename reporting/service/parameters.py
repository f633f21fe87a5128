"""The parameters of an imported dataset: listed and updated according to the specification. Not refreshes."""

from __future__ import annotations

import re
from typing import Any

from livegold.reporting.powerbi.limits import MAX_PARAMETERS_PER_REQUEST
from livegold.reporting.service.problems import bad_request, invalid_request
from livegold.reporting.service.store import Store, StoredDataset

KIND = "parameters"
TYPES = ("Text", "Number", "Logical", "Date", "DateTime", "DateTimeZone", "Time", "Duration", "Any", "Binary")
UNCHANGEABLE_TYPES = ("Any", "Binary")
_NUMBER = re.compile(r"-?[0-9]{1,30}(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?")


class Parameters:
    """Parameters, stored with their datasets."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def all(self, dataset: StoredDataset) -> list[dict[str, Any]]:
        return list(self._store.document(dataset.id, KIND).get("value", []))

    def set(self, dataset: StoredDataset, given: Any) -> None:
        """Sets the parameters of a dataset being imported. Raises a Problem of 400."""
        if not isinstance(given, list) or len(given) > MAX_PARAMETERS_PER_REQUEST:
            raise bad_request(f"parameters are a list of {MAX_PARAMETERS_PER_REQUEST} at most")
        made = []
        for one in given:
            if not isinstance(one, dict) or not isinstance(one.get("name"), str) or one.get("type") not in TYPES:
                raise bad_request(f"a parameter has a name and a type of {', '.join(TYPES)}")
            value, required = one.get("currentValue", ""), one.get("isRequired", False)
            if not isinstance(value, str) or not isinstance(required, bool):
                raise bad_request(f"parameter {one['name'][:60]!r}: currentValue is text, isRequired true or false")
            shown = {"name": one["name"], "type": one["type"], "isRequired": required, "currentValue": value}
            made.append(shown)
        self._store.put_document(dataset.id, KIND, {"value": made})

    def update(self, dataset: StoredDataset, body: Any) -> None:
        """Carries out Default.UpdateParameters. Raises a Problem of 400."""
        details = body.get("updateDetails") if isinstance(body, dict) else None
        if not isinstance(details, list) or not details or len(details) > MAX_PARAMETERS_PER_REQUEST:
            raise bad_request(f"updateDetails must be a list of 1 to {MAX_PARAMETERS_PER_REQUEST} parameters")
        known = {p["name"]: p for p in self.all(dataset)}
        seen: set[str] = set()
        for detail in details:
            name = detail.get("name") if isinstance(detail, dict) else None
            if not isinstance(name, str) or name in seen or name not in known:
                raise invalid_request(f"parameter {str(name)[:60]!r} is unknown or there twice")
            seen.add(name)
            known[name]["currentValue"] = _checked(known[name], detail.get("newValue"))
        self._store.put_document(dataset.id, KIND, {"value": list(known.values())})


def _checked(parameter: dict[str, Any], value: Any) -> str:
    name, kind = parameter["name"], parameter["type"]
    if kind in UNCHANGEABLE_TYPES:
        raise invalid_request(f"parameter {name!r} is of type {kind}, which cannot be updated")
    if value is None:
        value = ""
    if not isinstance(value, str):
        raise bad_request(f"parameter {name!r}: newValue is not a string")
    if not value and parameter["isRequired"]:
        raise invalid_request(f"parameter {name!r} is required and must have a value")
    bad_number = kind == "Number" and value and not _NUMBER.fullmatch(value)
    bad_logical = kind == "Logical" and value and value.lower() not in ("true", "false")
    if bad_number or bad_logical:
        raise invalid_request(f"parameter {name!r} is of type {kind}, which {value[:40]!r} is not")
    return value
