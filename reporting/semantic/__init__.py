"""The semantic model as data: the use case's measures and those derived from them. Writes no files."""

from livegold.reporting.semantic.derived import (
    CompleteBuckets,
    DerivedMeasure,
    Freshness,
    LastUpdate,
    Ratio,
    StateColour,
    StateText,
)
from livegold.reporting.semantic.model import (
    SOURCES,
    ModelMeasure,
    Source,
    dimension_of,
    formats_of,
    model_measures,
    pages_of,
    parameter_of,
    slicing_tables,
    template_name,
)

__all__ = [
    "SOURCES",
    "CompleteBuckets",
    "DerivedMeasure",
    "Freshness",
    "LastUpdate",
    "ModelMeasure",
    "Ratio",
    "Source",
    "StateColour",
    "StateText",
    "dimension_of",
    "formats_of",
    "model_measures",
    "pages_of",
    "parameter_of",
    "slicing_tables",
    "template_name",
]
