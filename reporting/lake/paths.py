"""The paths of a use case's tables. Not for reading or writing them."""

from __future__ import annotations

from dataclasses import dataclass

from livegold.reporting.schema import PREDICTIONS_TABLE, PULSE_TABLE, QUARANTINE_TABLE, RAW_TABLE, SPOTLIGHT_TABLE
from livegold.reporting.settings import Settings


@dataclass(frozen=True)
class Lake:
    """Paths (or URLs) of the Delta tables and checkpoints of one use case."""

    root: str
    case: str

    @classmethod
    def of(cls, settings: Settings, case: str) -> Lake:
        return cls(settings.lake.rstrip("/"), case)

    @property
    def raw(self) -> str:
        return f"{self.root}/{RAW_TABLE}/{self.case}"

    @property
    def quarantine(self) -> str:
        return f"{self.root}/{QUARANTINE_TABLE}/{self.case}"

    @property
    def gold(self) -> str:
        return f"{self.root}/gold/{self.case}"

    @property
    def predictions(self) -> str:
        return f"{self.gold}/{PREDICTIONS_TABLE}"

    @property
    def pulse(self) -> str:
        return f"{self.gold}/{PULSE_TABLE}"

    @property
    def spotlight(self) -> str:
        return f"{self.gold}/{SPOTLIGHT_TABLE}"

    def dimension(self, name: str) -> str:
        return f"{self.gold}/{name}"

    def checkpoint(self, query: str) -> str:
        """Checkpoint of a query: `raw`, `gold`, or `feed-<sink>`."""
        return f"{self.root}/checkpoints/{self.case}/{query}"

    @property
    def gold_start(self) -> str:
        """The file with the position at which the gold query starts, if that is not the hub's start."""
        return f"{self.checkpoint('gold')}-start.json"

    @property
    def rebuild(self) -> str:
        """The folder in which gold is rebuilt from raw."""
        return f"{self.root}/rebuild/{self.case}"

    @property
    def rebuild_plan(self) -> str:
        """The file describing the rebuild in progress; without it, anything in the folder is left over."""
        return f"{self.rebuild}/plan.json"

    def fresh(self, rebuild_id: str) -> FreshLake:
        """The lake of one rebuild. No two have the same paths, because Spark caches what a table's path held."""
        return FreshLake(f"{self.rebuild}/{rebuild_id}", self.case, self.raw)


@dataclass(frozen=True)
class FreshLake(Lake):
    """Separate gold tables and checkpoints, with the raw of the lake they are rebuilt from."""

    history: str

    @property
    def raw(self) -> str:
        return self.history
