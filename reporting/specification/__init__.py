"""The definition of a use case as frozen data: fields, checks, model, dimensions, measures, pages. Runs nothing."""

from livegold.reporting.specification.estimators import Answer, Estimator, ScikitLearn, SparkML
from livegold.reporting.specification.loading import load_use_case, registered_use_cases
from livegold.reporting.specification.page_checks import ReportChecks
from livegold.reporting.specification.pages import (
    COLUMNS,
    Block,
    Page,
    Row,
    State,
)
from livegold.reporting.specification.usecase import (
    Check,
    Column,
    Derived,
    Dimension,
    Feature,
    Field,
    Model,
    Spotlight,
    UseCase,
    columns_of,
)

__all__ = [
    "COLUMNS",
    "Answer",
    "Block",
    "Check",
    "Column",
    "Derived",
    "Dimension",
    "Estimator",
    "Feature",
    "Field",
    "Model",
    "Page",
    "ReportChecks",
    "Row",
    "ScikitLearn",
    "SparkML",
    "Spotlight",
    "State",
    "UseCase",
    "columns_of",
    "load_use_case",
    "registered_use_cases",
]
