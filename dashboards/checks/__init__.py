"""Checks of report templates: Microsoft's parsers, schemas and validator, and what no other tool checks.

They do not check that the numbers are right: that DAX equals SQL is tested with the measures.
"""

from livegold.dashboards.checks.finding import Finding
from livegold.dashboards.checks.run import check, check_all
from livegold.dashboards.checks.template import DATASET

__all__ = ["DATASET", "Finding", "check", "check_all"]
