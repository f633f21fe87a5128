"""The names a report can use: tables with their columns, measures and hierarchies. Does not load a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Table:
    columns: frozenset[str]
    measures: frozenset[str]
    # The levels of each hierarchy.
    hierarchies: Mapping[str, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class MText:
    """A Power Query text of a model, and the object it belongs to."""

    place: str
    text: str


@dataclass(frozen=True)
class Model:
    tables: Mapping[str, Table]
    m_texts: tuple[MText, ...] = ()
    # What M text can refer to: the model's expressions (including parameters) and its tables.
    m_names: frozenset[str] = frozenset()

    @classmethod
    def of_parser(cls, loaded: dict[str, Any]) -> Model:
        """The model, from what `livegold.dashboards.checks.tom` prints for it."""
        tables = {
            name: Table(
                frozenset(table["columns"]),
                frozenset(table["measures"]),
                {h: frozenset(levels) for h, levels in table["hierarchies"].items()},
            )
            for name, table in loaded["tables"].items()
        }
        texts = tuple(MText(m["place"], m["text"]) for m in loaded["m"])
        return cls(tables, texts, frozenset(loaded["expressions"]) | frozenset(tables))

    @classmethod
    def of_dataset(cls, definition: dict[str, Any]) -> Model:
        """The model of a push dataset, from the REST API's JSON."""
        return cls(
            {
                table["name"]: Table(
                    frozenset(c["name"] for c in table.get("columns", ())),
                    frozenset(m["name"] for m in table.get("measures", ())),
                )
                for table in definition.get("tables", ())
            }
        )
