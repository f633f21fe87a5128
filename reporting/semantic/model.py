"""The measures of a use case's semantic model, each with its DAX: for the push dataset and for templates over gold.

Writes nothing. The tables' columns come from `powerbi.dataset.fact_columns` and `dimension_columns`; all measures are
in Pulse.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from livegold.reporting.measures import ByBucket, Measure, TrailingWindow, dax_for_delta, dax_for_push
from livegold.reporting.semantic.derived import (
    CompleteBuckets,
    DerivedMeasure,
    Freshness,
    LastUpdate,
    Ratio,
    StateColour,
    StateText,
)
from livegold.reporting.specification import Dimension, Page, UseCase
from livegold.reporting.tasks import Parameter, TaskMeasure

Source = Literal["push", "databricks", "directlake", "delta", "sample"]
SOURCES: tuple[Source, ...] = ("push", "databricks", "directlake", "delta", "sample")

STALE_BUCKETS = 3
STALE_SECONDS = 120
"""The newest bucket is stale if it began more than both of these ago."""


@dataclass(frozen=True)
class ModelMeasure:
    """A measure of the model. `of` is its source, `folder` its display folder; text measures have no format."""

    of: Measure | DerivedMeasure
    name: str
    dax: str
    format: str
    description: str
    folder: str


def template_name(case: UseCase) -> str:
    """The display name of the model and the report: `taxi_tips` becomes `Taxi Tips`."""
    return case.name.replace("_", " ").title()


def model_measures(case: UseCase, source: Source) -> tuple[ModelMeasure, ...]:
    """Every measure of the model, in order; the first are the use case's own."""
    push = source == "push"
    made = [
        ModelMeasure(
            m,
            m.name,
            (dax_for_push if push else dax_for_delta)(m, case.bucket_seconds),
            m.format,
            m.description,
            _folder(m),
        )
        for m in case.measures
    ]
    for derived in derived_measures(case, sample=source == "sample"):
        made.append(
            ModelMeasure(derived, derived.name, derived.dax(push), derived.format, derived.description, derived.folder)
        )
    return tuple(made)


def derived_measures(case: UseCase, *, sample: bool = False) -> tuple[DerivedMeasure, ...]:
    """The measures of the model besides the use case's own."""
    made: list[DerivedMeasure] = [*case.ratios, *case.model.task.derived_measures]
    formats = formats_of(case)
    over_buckets = dict.fromkeys(m for page in pages_of(case) for block in page.blocks for m in block.over_buckets)
    reach = None if case.trend_minutes is None else case.trend_minutes * 60 // case.bucket_seconds
    made += [CompleteBuckets(name, formats[name], reach) for name in over_buckets]
    for state in case.states:
        made += [StateText(state), StateColour(state)]
    stale = max(STALE_SECONDS, STALE_BUCKETS * case.bucket_seconds)
    return (*made, LastUpdate(), Freshness(stale, sample))


def formats_of(case: UseCase) -> Mapping[str, str]:
    """Format strings of measures, ratios and the task's derived measures, by name."""
    named: tuple[Measure | Ratio | TaskMeasure, ...] = (
        *case.measures,
        *case.ratios,
        *case.model.task.derived_measures,
    )
    return {m.name: m.format for m in named}


def parameter_of(case: UseCase, name: str) -> Parameter:
    """The task's parameter with this name."""
    return next(p for p in case.model.task.parameters if p.name == name)


def slicing_tables(case: UseCase) -> dict[str, str]:
    """Names of the tables with key, label and order, by what they hold: dimensions, then the task's parameters."""
    return {d.name: d.table for d in case.all_dimensions} | {p.name: p.table for p in case.model.task.parameters}


def dimension_of(case: UseCase, name: str) -> Dimension:
    """The dimension with this name."""
    return next(d for d in case.all_dimensions if d.name == name)


def pages_of(case: UseCase) -> tuple[Page, ...]:
    """The pages the use case declares, or else the default pages."""
    if case.pages:
        return case.pages
    from livegold.reporting.semantic.default_pages import default_pages

    return default_pages(case)


def _folder(measure: Measure) -> str:
    if isinstance(measure.scope, TrailingWindow):
        return "Last minutes"
    return "By bucket" if isinstance(measure.scope, ByBucket) else "So far"
