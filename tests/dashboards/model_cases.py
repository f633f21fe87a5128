"""Random use cases, valid by construction, and random predictions of a use case. No tests in here.

`use_cases()` varies what a template is derived from: fields of every type, declared and open dimensions, measures of
every kind and scope with names and formats that need quoting, ratios, cut-offs, states, and pages of random blocks.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

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
from livegold.reporting.measures.measure import (
    Aggregate,
    AllTime,
    ByBucket,
    Count,
    CountIf,
    CountOf,
    Expression,
    Max,
    Measure,
    Min,
    Rejected,
    Scope,
    Sum,
    TrailingWindow,
    mean,
    sqrt,
)
from livegold.reporting.semantic.derived import Ratio
from livegold.reporting.specification import SparkML
from livegold.reporting.specification.pages import Block, Page, Row, State
from livegold.reporting.specification.usecase import (
    Check,
    Derived,
    Dimension,
    Feature,
    Field,
    Model,
    Spotlight,
    UseCase,
)
from livegold.reporting.tasks.binary import CELLS, SCORE_BANDS, AtCutOff, Binary

# ---- texts -----------------------------------------------------------------------------------------------------------

# What TMDL, DAX, M, JSON and file names each treat in a special way, but for what a measure may not be named with.
_MARKS = " .,:;=+-*/%&#@!?()<>{}|~^$_€äØλ中✓😀\\"
_names = st.text(st.sampled_from(string.ascii_letters + string.digits + _MARKS), min_size=1, max_size=24)
_sentences = st.sampled_from(
    (
        "",
        "plain",
        'with "quotes" in it',
        "it's: a = b",
        "two\nlines",
        "first\n\nthird",
        "über 10 € – ✓",
        "/// slashes",
        "```",
        "ends with a colon:",
    )
)
_formats = st.sampled_from(
    ("", "0", "#,0", "0.0%", "0.000", "$#,0.00", '#,0" mi"', '"about "0.0', "\\$#,0;(\\$#,0)", "#,0.0 €", "0.0;-0.0;–")
)
_values = st.sampled_from(
    ("Bronx", "Staten Island", "it's", 'say "so"', "a,b", "50%", "Ünïcode", "中", "x<y>&z", "10", "yes", "-", "A/B\\C")
)
_words = st.sampled_from((("good", "watch", "bad"), ("as usual", "slow", "silent"), ("gut", "so là là", "schlecht!")))
_thresholds = st.sampled_from((-10.0, -1.0, -0.25, 0.0, 0.00001, 0.5, 0.7, 0.875, 1.0, 5, 12, 1e16))

# ---- fields ----------------------------------------------------------------------------------------------------------

_TYPES = ("string", "int", "double", "boolean", "timestamp", "decimal(10,2)", "decimal(6,0)", "decimal(12,4)")
# Keywords of the languages that the names go into, and names that look like ours.
_FIELD_NAMES = (
    "order_no",
    "type",
    "each",
    "table",
    "measure",
    "column",
    "value",
    "fare",
    "kind",
    "zone",
    "x",
    "x1",
    "key",
)
_NUMERIC = ("int", "double", "decimal")


@dataclass(frozen=True)
class _Parts:
    """What the later parts of a use case may refer to."""

    fields: tuple[Field, ...]
    derived: tuple[Derived, ...]
    bucket_seconds: int
    # Fields whose place in predictions a dimension takes.
    mapped: tuple[str, ...] = ()

    def of(self, *kinds: str) -> list[str]:
        own = (*self.fields, *self.derived)
        left_out = {"id", "at", "came", *self.mapped}
        return [f.name for f in own if f.type.startswith(kinds) and f.name not in left_out]


@st.composite
def _parts(draw: st.DrawFn) -> _Parts:
    names = draw(st.lists(st.sampled_from(_FIELD_NAMES), min_size=2, max_size=7, unique=True))
    fields = [
        Field("id", "string", required=True, description="key"),
        Field("at", "timestamp", required=True, description="when"),
        Field("came", "boolean", description="what came in the end"),
        Field("amount", "double", required=True),
    ]
    fields += [Field(name, draw(st.sampled_from(_TYPES)), draw(st.booleans()), draw(_sentences)) for name in names]
    derived = [Derived("large", "boolean", "coalesce(amount > 10, false)", "more than ten")]
    if draw(st.booleans()):
        derived.append(Derived("twice", "double", "amount * 2D", draw(_sentences)))
    return _Parts(tuple(fields), tuple(derived), draw(st.sampled_from((1, 10, 60, 300, 900))))


@st.composite
def _dimensions(draw: st.DrawFn, parts: _Parts) -> tuple[Dimension, ...]:
    columns = draw(
        st.lists(st.sampled_from(parts.of("string", "boolean", "int") or ["large"]), max_size=3, unique=True)
    )
    made = []
    for number, column in enumerate(columns):
        name = column if draw(st.booleans()) else f"dim_{number}"
        values = draw(st.none() | st.lists(_values, min_size=1, max_size=5, unique_by=str.lower).map(tuple))
        made.append(Dimension(name, column, values, draw(st.sampled_from((1, 3, 50))), draw(_sentences)))
    return tuple(made)


# ---- measures --------------------------------------------------------------------------------------------------------

_CELL_COUNTS = {cell: CountIf(cell) for cell in CELLS}
_constants = st.integers(-9, 9) | st.sampled_from((0.5, -2.0, 1.25, 1e-05))


def _aggregates(parts: _Parts, extremes: bool) -> st.SearchStrategy[Aggregate]:
    numbers = st.sampled_from([*parts.of(*_NUMERIC), "amount", "score", "expected"])
    booleans = st.sampled_from([*parts.of("boolean"), "predicted", "unknown", "late", *CELLS])
    columns = st.sampled_from([*parts.of("string", *_NUMERIC), "amount", "score"])
    kinds: list[st.SearchStrategy[Aggregate]] = [
        st.just(Count()),
        booleans.map(CountIf),
        columns.map(CountOf),
        numbers.map(Sum),
        st.just(Rejected()),
    ]
    if extremes:
        kinds += [numbers.map(Min), numbers.map(Max)]
    return st.one_of(kinds)


def _expressions(aggregates: st.SearchStrategy[Any]) -> st.SearchStrategy[Expression]:
    def combined(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
        operations = st.sampled_from("+-*/")
        return (
            st.tuples(operations, inner, inner).map(_apply)
            | st.tuples(operations, inner, _constants).map(_apply)
            | st.tuples(operations, _constants, inner).map(_apply)
            | inner.map(sqrt)
        )

    return st.recursive(aggregates, combined, max_leaves=5)


def _apply(parts: tuple[str, Any, Any]) -> Expression:
    operation, left, right = parts
    if operation == "+":
        return left + right
    if operation == "-":
        return left - right
    return left * right if operation == "*" else left / right


def _scopes(parts: _Parts) -> st.SearchStrategy[Scope]:
    minutes = max(1, parts.bucket_seconds // 60)
    windows = st.sampled_from((minutes, 3 * minutes)).map(TrailingWindow)
    return st.just(AllTime()) | windows | st.just(ByBucket())


@st.composite
def _unique_names(draw: st.DrawFn, count: int, taken: set[str]) -> list[str]:
    """Names of measures that differ by more than case, from each other and from what is taken."""
    made: list[str] = []
    for number in range(count):
        name = draw(_names).strip() or "m"
        # A number makes it unique whatever was drawn.
        name = f"{name} {number}"
        made.append(name if name.lower() not in taken else f"{name} again")
    return made


@st.composite
def _measures(draw: st.DrawFn, parts: _Parts, cells: bool) -> tuple[Measure, ...]:
    count = draw(st.integers(2, 6))
    names = draw(_unique_names(count, set()))
    made = []
    for name in names:
        scope = draw(_scopes(parts))
        extremes = not isinstance(scope, AllTime)
        some = _aggregates(parts, extremes) | st.sampled_from(["amount", "score"]).map(mean)
        expression = draw(_expressions(some).filter(lambda e: bool(e.aggregates)))
        made.append(Measure(name, expression, scope, draw(_formats), draw(_sentences)))
    if cells:
        counts = _CELL_COUNTS
        known = counts["tp"] + counts["fp"] + counts["tn"] + counts["fn"]
        made.append(Measure("Accuracy", (counts["tp"] + counts["tn"]) / known, draw(_scopes(parts)), "0.0%"))
    return tuple(made)


@st.composite
def _cut_offs(draw: st.DrawFn) -> tuple[AtCutOff, ...]:
    counts = st.sampled_from(list(_CELL_COUNTS.values()))
    expressions = _expressions(counts).filter(lambda e: bool(e.aggregates))
    names = ["Precision at", "Earned at", "Third: at"][: draw(st.integers(1, 3))]
    return tuple(AtCutOff(name, draw(expressions), draw(_formats), draw(_sentences)) for name in names)


# ---- pages -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Shown:
    """What the blocks of a page may name."""

    numbers: list[str]
    in_time: list[str]
    dimensions: list[str]
    columns: list[str]
    cut_offs: bool
    tooltips: list[str]

    @property
    def some(self) -> st.SearchStrategy[tuple[str, ...]]:
        return st.lists(st.sampled_from(self.numbers), min_size=1, max_size=3, unique=True).map(tuple)


@st.composite
def _blocks(draw: st.DrawFn, shown: _Shown, width: int) -> Block:
    """A block of any kind that `width` columns have room for."""
    one = st.sampled_from(shown.numbers)
    kinds = ["header", "tile", "slicer", "time", "chart", "ranking", "exceptions", "full"]
    kinds += ["matrix"] if len(shown.numbers) >= 4 else []
    kinds += ["trend", "trend"] if shown.in_time else []
    kinds += ["slider"] if shown.cut_offs else []
    # A table or a chart one or two columns wide shows nothing.
    kind = draw(st.sampled_from(kinds if width >= 3 else ["tile", "slicer", "header"]))
    title = draw(st.sampled_from(("", "A title", 'Quotes "and" it\'s', "Ünïcode ✓")))
    tooltip = draw(st.sampled_from(["", *shown.tooltips]))
    if kind == "tile":
        measure = draw(one)
        others = [n for n in shown.numbers if n != measure]
        return Tile(measure, draw(st.sampled_from(["", *others])), width=width, title=title)
    if kind == "slicer":
        return Slicer(draw(st.sampled_from(shown.dimensions)), width=width, title=title)
    if kind == "header":
        return Header(width=width, title=title)
    if kind == "time":
        return TimeRange(width=width, title=title)
    if kind == "trend":
        expected = None
        if len(shown.in_time) > 2 and draw(st.booleans()):
            expected = (shown.in_time[0], shown.in_time[1])
        left = [n for n in shown.in_time if n not in (expected or ())]
        lines = draw(st.lists(st.sampled_from(left), min_size=1, max_size=3, unique=True))
        return Trend(tuple(lines), expected, tooltip, width=width, title=title)
    if kind == "ranking":
        return Ranking(draw(st.sampled_from(shown.dimensions)), draw(shown.some), tooltip, width=width, title=title)
    if kind == "chart":
        axes = [*shown.dimensions, *(["cut_off"] if shown.cut_offs else [])]
        how = draw(st.sampled_from(("columns", "bars", "line")))
        return Chart(draw(st.sampled_from(axes)), draw(shown.some), how, tooltip, width=width, title=title)
    if kind == "exceptions":
        columns = draw(st.lists(st.sampled_from(shown.columns), min_size=1, max_size=6, unique=True))
        return Exceptions(tuple(columns), width=width, title=title)
    if kind == "matrix":
        tp, fp, fn, tn = draw(st.permutations(shown.numbers))[:4]
        return ConfusionMatrix(measures=(tp, fp, fn, tn), width=width, title=title)
    if kind == "slider":
        return CutOffSlider(width=width, title=title)
    return Full(_text_box(draw(st.sampled_from(("made by hand", 'with "quotes"')))), width=width, title=title)


def _text_box(text: str) -> dict[str, Any]:
    paragraphs = [{"textRuns": [{"value": text}]}]
    return {"visualType": "textbox", "objects": {"general": [{"properties": {"paragraphs": paragraphs}}]}}


@st.composite
def _rows(draw: st.DrawFn, shown: _Shown, most: int) -> tuple[Row, ...]:
    rows = []
    for _ in range(draw(st.integers(1, most))):
        widths = draw(st.sampled_from(((12,), (6, 6), (4, 4, 4), (3, 3, 3, 3), (8, 4), (2, 7, 3), (5, 5), (9,))))
        rows.append(Row(tuple(draw(_blocks(shown, w)) for w in widths), draw(st.sampled_from((0.5, 1.0, 2.5)))))
    return tuple(rows)


@st.composite
def _pages(draw: st.DrawFn, shown: _Shown) -> tuple[Page, ...]:
    if draw(st.integers(0, 5)) == 5:
        return ()  # those that any use case can have
    tooltips = [f"Tip {n}" for n in range(draw(st.integers(0, 2)))]
    shown = _Shown(shown.numbers, shown.in_time, shown.dimensions, shown.columns, shown.cut_offs, tooltips)
    plain = _Shown(shown.numbers, shown.in_time, shown.dimensions, shown.columns, shown.cut_offs, [])
    pages = [Page("First: a page", draw(_rows(shown, 4)), description=draw(_sentences))]
    pages += [Page(f"Page {n}", draw(_rows(shown, 3))) for n in range(draw(st.integers(0, 2)))]
    for number in range(draw(st.integers(0, 2))):
        dimension = draw(st.sampled_from(shown.dimensions))
        pages.append(Page(f"Through {number}", draw(_rows(shown, 3)), "drillthrough", dimension))
    pages += [Page(name, _tip(draw, plain), "tooltip") for name in tooltips]
    return tuple(pages)


def _tip(draw: st.DrawFn, shown: _Shown) -> tuple[Row, ...]:
    tiles = tuple(Tile(draw(st.sampled_from(shown.numbers)), width=6) for _ in range(2))
    rows = [Row(tiles)]
    if shown.in_time and draw(st.booleans()):
        rows.append(Row((Trend((shown.in_time[0],)),)))
    return tuple(rows)


# ---- use cases -------------------------------------------------------------------------------------------------------


@st.composite
def use_cases(draw: st.DrawFn) -> UseCase:
    """Valid use cases without a generator: a sample of them has rows drawn at random."""
    parts = draw(_parts())
    dimensions = draw(_dimensions(parts))
    parts = replace(parts, mapped=tuple(d.name for d in dimensions))
    cells = draw(st.sampled_from((True, True, False)))
    measures = draw(_measures(parts, cells))
    own = [m.name for m in measures]
    ratios = tuple(
        Ratio(
            f"Ratio {n}",
            draw(st.sampled_from(own)),
            draw(st.sampled_from(own)),
            factor,
            draw(_formats),
            most=draw(st.sampled_from((None, 1.0, -2.5))),
        )
        for n, factor in enumerate(draw(st.lists(st.sampled_from((1.0, 0.2, -3.0, 1e-05)), max_size=2)))
    )
    cut_offs = draw(_cut_offs()) if cells and draw(st.sampled_from((True, True, False))) else ()
    numbers = [*own, *(r.name for r in ratios), *(c.name for c in cut_offs)]
    stated = draw(st.lists(st.sampled_from(numbers), max_size=3, unique=True))
    pair = st.lists(_thresholds, min_size=2, max_size=2, unique=True)
    states = tuple(State(name, *draw(pair), words=draw(_words)) for name in stated)
    columns = tuple(draw(st.lists(st.sampled_from(["amount", *parts.of("")]), max_size=4, unique=True)))
    shown = _Shown(
        numbers=numbers,
        in_time=[m.name for m in measures if not isinstance(m.scope, AllTime)],
        dimensions=[*(d.name for d in dimensions), "score_band", "model_version"],
        columns=["event_time", "score", "predicted", "outcome", "severity", *columns, *(d.name for d in dimensions)],
        cut_offs=bool(cut_offs),
        tooltips=[],
    )
    return UseCase(
        name=draw(st.sampled_from(("made", "made_up", "a1_b2"))),
        question=draw(_sentences) or "What?",
        description=draw(_sentences),
        entity="thing",
        time_zone=draw(st.sampled_from(("UTC", "America/New_York", "Asia/Kolkata"))),
        event_id=draw(st.sampled_from((None, "id"))),
        event_time="at",
        fields=parts.fields,
        derived=parts.derived,
        checks=(Check("amount_above_zero", "amount > 0", "amount is not above 0"),),
        model=Model(
            task=Binary("yes", "no", draw(st.sampled_from((0.5, 0.3, 0.75))), cut_offs),
            estimator=SparkML("DecisionTreeClassifier"),
            features=(Feature("amount", "amount"), Feature("is_large", "double(large)")),
            outcome="came",
        ),
        dimensions=dimensions,
        bucket_seconds=parts.bucket_seconds,
        trend_minutes=draw(st.sampled_from((None, max(1, parts.bucket_seconds // 60), 4 * parts.bucket_seconds))),
        measures=measures,
        ratios=ratios,
        states=states,
        pages=draw(_pages(shown)),
        spotlight=Spotlight(
            severity="CASE WHEN fp OR fn THEN amount ELSE 0 END", where="severity > 1", columns=columns, limit=50
        ),
    )


# ---- predictions -----------------------------------------------------------------------------------------------------

_FIRST_DAY = int(datetime(2026, 1, 5, tzinfo=UTC).timestamp())


def first_bucket(case: UseCase) -> int:
    """Number of the first bucket that predictions of `prediction_rows` are in."""
    return _FIRST_DAY // case.bucket_seconds


def bucket_numbers(case: UseCase) -> list[int]:
    """Buckets that predictions are in: next to each other, and on both sides of the edges of every window."""
    windows = {m.scope.buckets(case.bucket_seconds) for m in case.measures if isinstance(m.scope, TrailingWindow)}
    near = {w + n for w in windows for n in (-1, 0, 1)}
    return [first_bucket(case) + n for n in sorted({0, 1, 2, *near})]


def values_of(case: UseCase) -> dict[str, tuple[str, ...]]:
    """A few values of each dimension, in order; every band."""
    found = {}
    for dimension in case.all_dimensions:
        few = dimension.values if dimension.name == "score_band" else (dimension.values or ("1", "2"))[:2]
        found[dimension.name] = (*(few or ()), "other", "unknown")
    return found


def with_cut_offs(case: UseCase, *cut_offs: AtCutOff) -> Model:
    """The model of a use case with these measures at a cut-off instead of its own."""
    assert isinstance(case.model.task, Binary)
    return replace(case.model, task=replace(case.model.task, cut_offs=cut_offs))


def threshold_of(case: UseCase) -> float:
    assert isinstance(case.model.task, Binary)
    return case.model.task.threshold


def prediction_rows(case: UseCase) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Rows of gold's predictions with the columns that measures can read, in `bucket_numbers`.

    Doubles are whole quarters and scores whole sixty-fourths: sums of them are exact in any order.
    """
    return st.lists(_prediction(case), min_size=6, max_size=24)


@st.composite
def _prediction(draw: st.DrawFn, case: UseCase) -> dict[str, Any]:
    bucket_no = draw(st.sampled_from(bucket_numbers(case)))
    score = draw(st.integers(0, 63)) / 64
    outcome = draw(st.sampled_from((None, True, False, True, False)))
    predicted = score >= threshold_of(case)
    row: dict[str, Any] = {c.name: _value(draw, c.type) for c in case.event_columns if c.name != case.event_id}
    row |= {name: draw(st.sampled_from(values)) for name, values in values_of(case).items()}
    row |= {
        "bucket": datetime.fromtimestamp(bucket_no * case.bucket_seconds, UTC).replace(tzinfo=None),
        "bucket_no": bucket_no,
        "score": score,
        "predicted": predicted,
        "outcome": outcome,
        "tp": outcome is True and predicted,
        "fp": outcome is False and predicted,
        "tn": outcome is False and not predicted,
        "fn": outcome is True and not predicted,
        "expected": None if outcome is None else score,
        "expected_variance": None if outcome is None else score * (1 - score),
        "unknown": outcome is None,
        "late": draw(st.booleans()),
        "score_band": SCORE_BANDS[int(score * 10)],
    }
    return row


def _value(draw: st.DrawFn, type_: str) -> Any:
    if draw(st.integers(0, 4)) == 0:
        return None
    if type_ == "string":
        return draw(_values)
    if type_ == "boolean":
        return draw(st.booleans())
    if type_ == "timestamp":
        return datetime(2026, 1, 5)
    if type_ == "int":
        return draw(st.integers(-3, 9))
    if type_ == "double":
        return draw(st.integers(-40, 400)) / 4
    scale = int(type_.rstrip(")").split(",")[1])
    return Decimal(draw(st.integers(-9_999, 99_999))).scaleb(-scale)


def gold_pulse(case: UseCase, rows: Sequence[dict[str, Any]], batches: int = 2) -> list[dict[str, Any]]:
    """Pulse as gold has it after these predictions came in `batches` batches: the partial sums of each, appended."""
    keys = ("bucket", "bucket_no", *(d.name for d in case.all_dimensions))
    made = []
    for batch in range(batches):
        groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
        for row in rows[batch::batches]:
            groups.setdefault(tuple(row[k] for k in keys), []).append(row)
        for key, members in groups.items():
            made.append(dict(zip(keys, key, strict=True)) | {a.name: a.of_rows(members) for a in case.aggregates})
    return made


def made_cases(count: int) -> list[UseCase]:
    """`count` use cases of `use_cases()`, always the same: for checks that are only quick for many at once."""
    found: list[UseCase] = []

    @settings(
        max_examples=count, database=None, derandomize=True, phases=[Phase.generate], suppress_health_check=HealthCheck
    )
    @given(use_cases())
    def collect(case: UseCase) -> None:
        found.append(case)

    collect()
    return found[:count]
