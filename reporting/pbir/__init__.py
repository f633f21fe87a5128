"""Power BI's report format (PBIR): writes and reads values, fields and formatting.

Knows nothing of use cases, pages or design.
"""

from livegold.reporting.pbir.documents import SCHEMAS, as_bytes, stable_name
from livegold.reporting.pbir.expressions import (
    DEFAULT,
    EVERY_VALUE,
    Json,
    above_zero,
    colour,
    colour_by,
    column,
    entry,
    equals,
    first_of,
    in_card,
    in_table,
    literal,
    measure,
    projection,
    query_ref,
    roles,
    sort,
    when_equal,
)
from livegold.reporting.pbir.values import Choice, Condition, Field, Order, conditions_of, field_of, value_of
from livegold.reporting.pbir.visual import Box, Projection, Theme, Visual

__all__ = [
    "DEFAULT",
    "EVERY_VALUE",
    "SCHEMAS",
    "Box",
    "Choice",
    "Condition",
    "Field",
    "Json",
    "Order",
    "Projection",
    "Theme",
    "Visual",
    "above_zero",
    "as_bytes",
    "colour",
    "colour_by",
    "column",
    "conditions_of",
    "entry",
    "equals",
    "field_of",
    "first_of",
    "in_card",
    "in_table",
    "literal",
    "measure",
    "projection",
    "query_ref",
    "roles",
    "sort",
    "stable_name",
    "value_of",
    "when_equal",
]
