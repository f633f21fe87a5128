"""The report of a use case: designed pages whose every visual can be read, reached and told apart."""

from __future__ import annotations

import dataclasses
import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from livegold.dashboards.checks import check
from livegold.dashboards.report import report_files
from livegold.dashboards.report.layout import GUTTER, MARGIN, lay_out
from livegold.dashboards.template import write_template
from livegold.reporting import palette
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
from livegold.reporting.errors import SpecificationError
from livegold.reporting.semantic.model import SOURCES, Source
from livegold.reporting.specification import UseCase, load_use_case
from livegold.reporting.specification.pages import Block, Page, Row
from model_cases import with_cut_offs

CASE = load_use_case("taxi_tips")
BARE = dataclasses.replace(CASE, pages=(), states=(), model=with_cut_offs(CASE))
DEFAULT = dataclasses.replace(CASE, pages=())
CARD = {
    "visualType": "cardVisual",
    "query": {
        "queryState": {
            "Data": {
                "projections": [
                    {
                        "field": {"Measure": {"Expression": {"SourceRef": {"Entity": "Pulse"}}, "Property": "F1"}},
                        "queryRef": "Pulse.F1",
                        "nativeQueryRef": "F1",
                    }
                ]
            }
        }
    },
}
CELLS = ("True positives", "False positives", "False negatives", "True negatives")
# Every block at its narrowest, rows far too many for one page, and the same thing twice.
CRAMPED = dataclasses.replace(
    CASE,
    pages=(
        Page(
            "Cramped",
            (
                Row((Header(width=3), Tile("F1", width=1), Tile("F1", width=1), Slicer("payment", width=1)), 0.001),
                Row((TimeRange(width=1), CutOffSlider(width=1), ConfusionMatrix(measures=CELLS, width=2)), 0.001),
                Row((Chart("cut_off", ("Recall at cut-off",), "bars"),)),
                Row((Chart("score_band", ("Trips", "Fares"), "bars"),)),
                Row((Exceptions(("borough",), width=6), Full(CARD, width=3), Full({**CARD, "objects": {}}, width=3))),
                Row((Trend(("Trips a minute",), width=6), Trend(("Trips a minute",), tooltip="Tip", width=6)), 9),
            ),
        ),
        Page("Bare", (Row((Tile("Trips"),)),), kind="drillthrough", dimension="payment"),
        Page("Tip", (Row((Header(),)), Row((Ranking("borough", ("Trips", "Pace")),))), kind="tooltip"),
    ),
)


def live(*blocks: Block) -> tuple[Page, ...]:
    return (Page("Live", (Row(blocks),)),)


def documents(case: UseCase, source: Source = "push") -> dict[str, Any]:
    return {p: json.loads(data) for p, data in report_files(case, source).items() if not p.startswith("Static")}


def page_of(files: dict[str, Any], name: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A page and its visuals in tab order."""
    path = next(p for p, d in files.items() if p.endswith("page.json") and d["displayName"] == name)
    folder = path.removesuffix("page.json")
    visuals = [d for p, d in files.items() if p.startswith(folder) and p.endswith("visual.json")]
    return files[path], sorted(visuals, key=lambda v: v["position"]["tabOrder"])


def text_of(visual: dict[str, Any], name: str, prop: str) -> str:
    value = visual["visual"]["visualContainerObjects"][name][0]["properties"][prop]["expr"]["Literal"]["Value"]
    return str(value).strip("'")


def fields(node: Any, kind: str) -> Iterator[str]:
    if isinstance(node, dict):
        if kind in node and "Property" in node[kind]:
            yield node[kind]["Property"]
        for inside in node.values():
            yield from fields(inside, kind)
    elif isinstance(node, list):
        for inside in node:
            yield from fields(inside, kind)


# Colours.


def luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize(("text", "ground"), palette.TEXT_PAIRS)
def test_text_can_be_read_on_its_background(text: str, ground: str) -> None:
    assert contrast(text, ground) >= 4.5


@pytest.mark.parametrize(("mark", "ground"), palette.MARK_PAIRS)
def test_lines_and_bars_stand_out_from_their_background(mark: str, ground: str) -> None:
    assert contrast(mark, ground) >= 3


def test_no_colour_is_used_but_those_whose_contrast_is_tested() -> None:
    files = report_files(CASE, "sample")
    used = {c for data in files.values() for c in re.findall(r"#[0-9A-Fa-f]{6}\b", data.decode())}
    tested = {c for pair in (*palette.TEXT_PAIRS, *palette.MARK_PAIRS) for c in pair}
    assert used <= tested | {palette.EDGE, palette.GRID}


# Viénot, Brettel and Mollon 1999: what is left of linear RGB for who lacks one kind of cone.
_BLIND = {
    "protan": ((0.11238, 0.88762, 0), (0.11238, 0.88762, 0), (0.00401, -0.00401, 1)),
    "deutan": ((0.29275, 0.70725, 0), (0.29275, 0.70725, 0), (-0.02234, 0.02234, 1)),
}


def lab(colour: str, kind: str) -> tuple[float, float, float]:
    raw = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    rgb = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in raw]
    if kind in _BLIND:
        rgb = [sum(w * c for w, c in zip(row, rgb, strict=True)) for row in _BLIND[kind]]
    to_xyz = ((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505))
    xyz = [sum(w * c for w, c in zip(row, rgb, strict=True)) for row in to_xyz]
    x, y, z = (
        (max(v, 0) / w) ** (1 / 3) if v / w > 0.008856 else 7.787 * v / w + 16 / 116
        for v, w in zip(xyz, (0.9505, 1, 1.089), strict=True)
    )
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


@pytest.mark.parametrize("kind", ["all cones", "protan", "deutan"])
def test_the_lines_of_a_chart_can_be_told_apart_by_the_colour_blind(kind: str) -> None:
    lines = (*palette.DATA_COLOURS[:3], palette.EXPECTED)
    for one, other in itertools.combinations(lines, 2):
        distance = sum((a - b) ** 2 for a, b in zip(lab(one, kind), lab(other, kind), strict=True)) ** 0.5
        assert distance >= 15, (one, other, distance)


# What every visual has.


@pytest.mark.parametrize("case", [CASE, DEFAULT, BARE, CRAMPED], ids=["taxi_tips", "default", "bare", "cramped"])
def test_a_report_passes_every_check(case: UseCase, tmp_path: Path) -> None:
    write_template(case, "push", tmp_path / "made")
    findings = check(tmp_path / "made")
    assert not [str(f) for f in findings if f.state == "failed"]
    assert {"fields", "references", "names", "layout"} <= {f.check for f in findings if f.state == "passed"}


@pytest.mark.parametrize("case", [CASE, DEFAULT, BARE, CRAMPED], ids=["taxi_tips", "default", "bare", "cramped"])
def test_every_visual_has_its_own_title_and_alt_text_and_is_reached_in_reading_order(case: UseCase) -> None:
    files = documents(case)
    for path, page in files.items():
        if not path.endswith("page.json"):
            continue
        _, visuals = page_of(files, page["displayName"])
        assert [v["position"]["tabOrder"] for v in visuals] == list(range(len(visuals)))
        corners = [(v["position"]["y"], v["position"]["x"]) for v in visuals]
        # In a narrow header one part stands below the other, and both beside what follows.
        assert corners == sorted(corners) or case is CRAMPED
        for visual in visuals:
            assert len(text_of(visual, "general", "altText")) > 2
            assert text_of(visual, "title", "text")


def test_a_page_is_cut_into_columns_and_shares_that_fill_it() -> None:
    for page in CASE.pages:
        layout = lay_out(page)
        edge = MARGIN if page.kind != "tooltip" else GUTTER
        assert not layout.grown
        assert min(p.box.x for p in layout.blocks) == edge == min(p.box.y for p in layout.blocks)
        assert max(p.box.x + p.box.width for p in layout.blocks) == layout.width - edge
        bottom = max(p.box.y + p.box.height for p in layout.blocks)
        assert layout.height - edge - len(page.rows) <= bottom <= layout.height - edge


def test_a_page_with_more_rows_than_it_has_room_for_grows() -> None:
    page, _ = page_of(documents(CRAMPED), "Cramped")
    assert page["height"] > 720
    assert page["displayOption"] == "FitToWidth"


def test_names_are_the_same_wherever_a_block_stands() -> None:
    first, *others = CASE.pages
    turned = dataclasses.replace(CASE, pages=(dataclasses.replace(first, rows=tuple(reversed(first.rows))), *others))
    names = {p for p in report_files(CASE, "push") if p.endswith("visual.json")}
    assert names == {p for p in report_files(turned, "push") if p.endswith("visual.json")}


# What single blocks become.


def test_a_tile_shows_its_state_by_colour_shape_and_word_and_what_it_is_compared_with() -> None:
    _, visuals = page_of(documents(CASE), "Live")
    tile = next(v for v in visuals if text_of(v, "title", "text") == "Accuracy, last 2 min")["visual"]
    labels = list(fields(tile["objects"]["referenceLabel"], "Measure"))
    assert labels == ["Accuracy, last 2 min, state", "Baseline, last 2 min"]
    assert list(fields(tile["objects"]["referenceLabelValue"], "Measure")) == ["Accuracy, last 2 min, colour"]


def test_a_trend_shows_closed_buckets_and_the_expected_band_dashed() -> None:
    _, visuals = page_of(documents(CASE), "Live")
    trend = next(v for v in visuals if "expects" in text_of(v, "title", "text"))["visual"]
    shown = list(fields(trend["query"]["queryState"]["Y"], "Measure"))
    assert shown == ["Generous share, closed", "Expected, low, closed", "Expected, high, closed"]
    dashed = [s["selector"]["metadata"] for s in trend["objects"]["lineStyles"] if "lineStyle" in s["properties"]]
    assert dashed == ["Pulse.Expected, low, closed", "Pulse.Expected, high, closed"]


def test_what_is_worst_comes_first_in_a_table_with_states_and_the_largest_in_one_without() -> None:
    case = dataclasses.replace(
        CASE,
        pages=live(
            Ranking("borough", ("Trips", "Pace"), width=4),
            Ranking("borough", ("Trips", "Rejected, last 2 min"), width=4),
            Ranking("borough", ("Trips", "F1"), width=4),
        ),
    )
    _, visuals = page_of(documents(case), "Live")
    sorts = [v["visual"]["query"]["sortDefinition"]["sort"][0] for v in visuals]
    assert [(next(fields(s, "Measure")), s["direction"]) for s in sorts] == [
        ("Pace", "Ascending"),
        ("Rejected, last 2 min", "Descending"),
        ("Trips", "Descending"),
    ]


def test_single_predictions_are_sorted_by_severity_which_is_always_shown() -> None:
    _, visuals = page_of(documents(CRAMPED), "Cramped")
    table = next(v for v in visuals if v["visual"]["visualType"] == "tableEx")["visual"]
    refs = [p["queryRef"] for p in table["query"]["queryState"]["Values"]["projections"]]
    assert refs == ["Borough.label", "Spotlight.severity"]
    assert table["query"]["sortDefinition"]["sort"][0]["direction"] == "Descending"


def test_the_slider_does_not_narrow_the_chart_of_all_cut_offs() -> None:
    page, visuals = page_of(documents(CASE), "Model")
    slider = next(v["name"] for v in visuals if text_of(v, "title", "text") == "Cut-off")
    chart = next(v["name"] for v in visuals if text_of(v, "title", "text") == "Earned by cut-off")
    assert page["visualInteractions"] == [{"source": slider, "target": chart, "type": "NoFilter"}]


@pytest.mark.parametrize(("case", "name"), [(CASE, "Borough"), (CRAMPED, "Bare")])
def test_a_page_to_drill_through_to_is_bound_to_its_dimension_hidden_and_has_a_way_back(
    case: UseCase, name: str
) -> None:
    page, visuals = page_of(documents(case), name)
    (bound,) = page["filterConfig"]["filters"]
    (parameter,) = page["pageBinding"]["parameters"]
    assert (page["type"], page["visibility"]) == ("Drillthrough", "HiddenInViewMode")
    assert (bound["howCreated"], bound["field"]) == ("Drillthrough", parameter["fieldExpr"])
    assert parameter["boundFilter"] == bound["name"]
    button = visuals[0]
    assert button["visual"]["visualType"] == "actionButton"
    assert text_of(button, "visualLink", "type") == "Back"


def test_a_tooltip_page_is_small_hidden_and_shown_by_the_blocks_that_name_it() -> None:
    files = documents(CASE)
    page, _ = page_of(files, "Trips")
    assert (page["type"], page["width"], page["height"], page["visibility"]) == (
        "Tooltip",
        320,
        240,
        "HiddenInViewMode",
    )
    _, live = page_of(files, "Live")
    shown_by = [v for v in live if "visualTooltip" in v["visual"]["visualContainerObjects"]]
    assert {text_of(v, "visualTooltip", "section") for v in shown_by} == {page["name"]}
    assert len(shown_by) == 2


@pytest.mark.parametrize("source", SOURCES)
def test_pages_refresh_by_themselves_where_the_source_allows(source: Source) -> None:
    pages = [d for p, d in documents(CASE, source).items() if p.endswith("page.json")]
    refreshed = [p["displayName"] for p in pages if "pageRefresh" in p["objects"]]
    assert refreshed == (["Live", "Model", "Borough"] if source in ("push", "databricks") else [])


def test_the_first_page_alone_has_a_layout_for_phones_in_one_column_the_most_important_first() -> None:
    files = documents(CASE)
    page, visuals = page_of(files, "Live")
    phone = {p: d["position"] for p, d in files.items() if p.endswith("mobile.json")}
    assert {p.split("/")[2] for p in phone} == {page["name"]}
    by_name = {p.split("/")[4]: box for p, box in phone.items()}
    column = sorted((v for v in visuals if v["name"] in by_name), key=lambda v: by_name[v["name"]]["y"])
    boxes = [by_name[v["name"]] for v in column]
    assert len({(b["x"], b["width"]) for b in boxes}) == 1
    assert all(one["y"] + one["height"] <= other["y"] for one, other in itertools.pairwise(boxes))
    kinds = [v["visual"]["visualType"] for v in column]
    assert kinds[:3] == ["textbox", "cardVisual", "cardVisual"]
    assert kinds[-3:] == ["tableEx", "slicer", "slicer"]
    left_out = [v["visual"]["visualType"] for v in visuals if v["name"] not in by_name]
    assert left_out == ["pageNavigator"]


# What cannot be shown.


@pytest.mark.parametrize(
    ("block", "problem"),
    [
        (Exceptions(("batch_id",)), "column is 'batch_id'"),
        (Ranking("borough", ("Trips", "Trips")), "has 'Trips' twice"),
        (Trend(("Expected, low",), ("Expected, low", "Expected, high")), "has 'Expected, low' twice"),
        (Tile("Trips", "Trips"), "has 'Trips' twice"),
    ],
)
def test_what_the_model_does_not_have_or_a_visual_has_twice_is_refused(block: Block, problem: str) -> None:
    with pytest.raises(SpecificationError, match=problem):
        dataclasses.replace(CASE, pages=live(block))
