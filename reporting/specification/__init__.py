"""What a use case is, as frozen data: fields, checks, model, dimensions, measures, pages. Runs nothing."""

from livegold.reporting.schema import CELLS
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
    "CELLS",
    "COLUMNS",
    "Block",
    "Check",
    "Column",
    "Derived",
    "Dimension",
    "Feature",
    "Field",
    "Model",
    "Page",
    "ReportChecks",
    "Row",
    "Spotlight",
    "State",
    "UseCase",
    "columns_of",
    "load_use_case",
    "registered_use_cases",
]
