"""Shared by blocks that are charts: colours of lines and bars, axes and legend."""

from __future__ import annotations

from collections.abc import Sequence

from livegold.reporting import palette
from livegold.reporting.pbir import Json, colour, entry, query_ref


def fills(fields: Sequence[Json]) -> list[Json]:
    """Assigns the report's colours to the fields in turn."""
    colours = palette.DATA_COLOURS
    return [entry({"metadata": query_ref(f)}, fill=colour(colours[i % len(colours)])) for i, f in enumerate(fields)]


def axes(kind: str, *, legend: bool) -> Json:
    """Axes and legend. `kind` is Scalar for time, Categorical for anything else."""
    return {
        "legend": [entry(show=legend, position="Top", showTitle=False)],
        "categoryAxis": [entry(show=True, axisType=kind, showAxisTitle=False)],
        "valueAxis": [entry(show=True, showAxisTitle=False)],
    }
