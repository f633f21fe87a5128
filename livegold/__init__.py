"""livegold: a model's live output, exact, in Power BI.

The public API: every public name, and nothing else. Anything not in `__all__` is private and may change. A name is
imported on first use, so that `import livegold` costs nothing and needs neither Spark nor Kafka.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from livegold.reporting.blocks import (
        Chart,
        ConfusionMatrix,
        CutOffSlider,
        Exceptions,
        Full,
        Header,
        Ranking,
        Slicer,
        Tile,
        TimeRange,
        Trend,
    )
    from livegold.reporting.errors import (
        Ambiguous,
        CheckFailed,
        LivegoldError,
        NotFound,
        Refused,
        SecondWriter,
        ServiceUnavailable,
        SettingsError,
        SpecificationError,
        Terminal,
        Throttled,
        Transient,
        Unauthorized,
        WrongUse,
    )
    from livegold.reporting.library import (
        Run,
        WrittenTemplate,
        backfill,
        load,
        publish,
        reconcile,
        report,
        run,
        settings,
        sql,
        status,
        train,
    )
    from livegold.reporting.measures import (
        AllTime,
        ByBucket,
        Count,
        CountIf,
        CountOf,
        Max,
        Measure,
        Min,
        Rejected,
        Sum,
        TrailingWindow,
        mean,
        sqrt,
    )
    from livegold.reporting.powerbi import (
        Enhanced,
        GivenTokens,
        PowerBIClient,
        Refreshes,
        RefreshObject,
        RefreshRun,
        Session,
        count_and_sums,
        execute_query,
        push_url_rows,
    )
    from livegold.reporting.semantic import Ratio
    from livegold.reporting.settings import Settings
    from livegold.reporting.specification import (
        Check,
        Derived,
        Dimension,
        Estimator,
        Feature,
        Field,
        Model,
        Page,
        Row,
        ScikitLearn,
        SparkML,
        Spotlight,
        State,
        UseCase,
    )
    from livegold.reporting.tasks import AtCutOff, Binary, Regression

    __version__: str

__all__ = [
    "AllTime",
    "Ambiguous",
    "AtCutOff",
    "Binary",
    "ByBucket",
    "Chart",
    "Check",
    "CheckFailed",
    "ConfusionMatrix",
    "Count",
    "CountIf",
    "CountOf",
    "CutOffSlider",
    "Derived",
    "Dimension",
    "Enhanced",
    "Estimator",
    "Exceptions",
    "Feature",
    "Field",
    "Full",
    "GivenTokens",
    "Header",
    "LivegoldError",
    "Max",
    "Measure",
    "Min",
    "Model",
    "NotFound",
    "Page",
    "PowerBIClient",
    "Ranking",
    "Ratio",
    "RefreshObject",
    "RefreshRun",
    "Refreshes",
    "Refused",
    "Regression",
    "Rejected",
    "Row",
    "Run",
    "ScikitLearn",
    "SecondWriter",
    "ServiceUnavailable",
    "Session",
    "Settings",
    "SettingsError",
    "Slicer",
    "SparkML",
    "SpecificationError",
    "Spotlight",
    "State",
    "Sum",
    "Terminal",
    "Throttled",
    "Tile",
    "TimeRange",
    "TrailingWindow",
    "Transient",
    "Trend",
    "Unauthorized",
    "UseCase",
    "WrittenTemplate",
    "WrongUse",
    "__version__",
    "backfill",
    "count_and_sums",
    "execute_query",
    "load",
    "mean",
    "publish",
    "push_url_rows",
    "reconcile",
    "report",
    "run",
    "settings",
    "sql",
    "sqrt",
    "status",
    "train",
]

if not TYPE_CHECKING:  # a type checker that saw this would accept any name as one of ours
    # The modules that define the names.
    _DOORS = {
        "livegold.reporting.blocks": (
            "Chart ConfusionMatrix CutOffSlider Exceptions Full Header Ranking Slicer Tile TimeRange Trend"
        ),
        "livegold.reporting.errors": (
            "Ambiguous CheckFailed LivegoldError NotFound Refused SecondWriter ServiceUnavailable SettingsError "
            "SpecificationError Terminal Throttled Transient Unauthorized WrongUse"
        ),
        "livegold.reporting.library": (
            "Run WrittenTemplate backfill load publish reconcile report run settings sql status train"
        ),
        "livegold.reporting.measures": (
            "AllTime ByBucket Count CountIf CountOf Max Measure Min Rejected Sum TrailingWindow mean sqrt"
        ),
        "livegold.reporting.powerbi": (
            "Enhanced GivenTokens PowerBIClient RefreshObject RefreshRun Refreshes Session count_and_sums "
            "execute_query push_url_rows"
        ),
        "livegold.reporting.semantic": "Ratio",
        "livegold.reporting.settings": "Settings",
        "livegold.reporting.specification": (
            "Check Derived Dimension Estimator Feature Field Model Page Row ScikitLearn SparkML Spotlight State UseCase"
        ),
        "livegold.reporting.tasks": "AtCutOff Binary Regression",
    }
    _DOOR = {name: door for door, names in _DOORS.items() for name in names.split()}

    def __getattr__(name: str) -> Any:
        if name == "__version__":
            from importlib.metadata import version

            return version("livegold")
        if name not in _DOOR:
            raise AttributeError(f"module 'livegold' has no attribute {name!r}")
        found = globals()[name] = getattr(importlib.import_module(_DOOR[name]), name)
        return found

    def __dir__() -> list[str]:
        return list(__all__)
