"""What blocks that are charts have in common: colours of their lines and bars, axes and legend."""

from __future__ import annotations

from collections.abc import Sequence

from livegold.reporting import palette
from livegold.reporting.pbir import Json, colour, entry, query_ref


def fills(fields: Sequence[Json]) -> list[Json]:
    """Of each field the next of the report's colours."""
    colours = palette.DATA_COLOURS
    return [entry({"metadata": query_ref(f)}, fill=colour(colours[i % len(colours)])) for i, f in enumerate(fields)]


def axes(kind: str, *, legend: bool) -> Json:
    """`kind` is Scalar for time, Categorical for anything else."""
    return {
        "legend": [entry(show=legend, position="Top", showTitle=False)],
        "categoryAxis": [entry(show=True, axisType=kind, showAxisTitle=False)],
        "valueAxis": [entry(show=True, showAxisTitle=False)],
    }
