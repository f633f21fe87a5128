"""SQL on the gold tables, returned as a DataFrame or an Arrow table. The query engine is in reporting/lake."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, overload

from livegold.reporting.errors import WrongUse, choices
from livegold.reporting.library.cases import settings as settings_in_force
from livegold.reporting.settings import Settings

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

FORMS = ("pandas", "arrow")


@overload
def sql(query: str, *, to: Literal["pandas"] = "pandas", settings: Settings | None = None) -> pd.DataFrame: ...


@overload
def sql(query: str, *, to: Literal["arrow"], settings: Settings | None = None) -> pa.Table: ...


def sql(
    query: str, *, to: Literal["pandas", "arrow"] = "pandas", settings: Settings | None = None
) -> pd.DataFrame | pa.Table:
    """The result of one SELECT, WITH, DESCRIBE or SHOW over the tables of the lake, without Spark; times are UTC.

    A table is `<use case>.<table>`, or just its name if the lake holds one use case; `SHOW TABLES` lists them. Raises
    WrongUse for any other statement and for a table that does not exist.
    """
    from livegold.reporting.lake import query as answer

    if to not in FORMS:
        raise WrongUse(f"to is {to!r}: give {choices(FORMS)}")
    rows = answer(settings or settings_in_force(), query)
    return rows if to == "arrow" else rows.to_pandas()
