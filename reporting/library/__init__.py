"""The API for notebooks and programs, one function per command, exposed by `import livegold`. Displays nothing.

Importing it does not import Spark, DuckDB or Kafka: each function imports what it needs.
"""

from livegold.reporting.library.account import reconcile, status, statuses
from livegold.reporting.library.answer import sql
from livegold.reporting.library.cases import Case, load, settings
from livegold.reporting.library.publication import Publication, plan_publication, publish
from livegold.reporting.library.refill import Refill, backfill, plan_refill
from livegold.reporting.library.requirements import LOCAL, MODELS, PAGE, SCREENSHOTS, SPARK, require
from livegold.reporting.library.runs import Run, RunPlan, plan_run, run
from livegold.reporting.library.template import WrittenTemplate, report
from livegold.reporting.library.training import Training, plan_training, train

__all__ = [
    "LOCAL",
    "MODELS",
    "PAGE",
    "SCREENSHOTS",
    "SPARK",
    "Case",
    "Publication",
    "Refill",
    "Run",
    "RunPlan",
    "Training",
    "WrittenTemplate",
    "backfill",
    "load",
    "plan_publication",
    "plan_refill",
    "plan_run",
    "plan_training",
    "publish",
    "reconcile",
    "report",
    "require",
    "run",
    "settings",
    "sql",
    "status",
    "statuses",
    "train",
]
