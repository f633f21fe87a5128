"""Whether the local workspace is on shared or dedicated capacity, and what differs. Not the refreshes."""

from __future__ import annotations

from livegold.reporting.home import LOCAL_CAPACITY, LOCAL_WORKSPACE
from livegold.reporting.powerbi.limits import MAX_SCHEDULED_REFRESHES_DEDICATED, MAX_SCHEDULED_REFRESHES_SHARED


class Capacity:
    """The capacity of the workspace; a test may change it while the service runs."""

    def __init__(self, dedicated: bool = False) -> None:
        self.dedicated = dedicated

    def is_dedicated(self, workspace: str) -> bool:
        return self.dedicated and workspace == LOCAL_WORKSPACE

    def scheduled_a_day(self, workspace: str) -> int:
        return MAX_SCHEDULED_REFRESHES_DEDICATED if self.is_dedicated(workspace) else MAX_SCHEDULED_REFRESHES_SHARED

    def of_group(self) -> dict[str, object]:
        """The fields of a workspace that describe its capacity."""
        if not self.dedicated:
            return {"isOnDedicatedCapacity": False}
        return {
            "isOnDedicatedCapacity": True,
            "capacityId": LOCAL_CAPACITY,
            "defaultDatasetStorageFormat": "Small",
        }
