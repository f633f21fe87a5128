"""Each check of a report template passes a good one, and fails at the right place when one thing in it is broken."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import check_template as good
from livegold.dashboards.checks import Finding, check, check_all
from livegold.dashboards.checks.template import Template, literal
from livegold.dashboards.checks.toolbox import Tools
from livegold.dashboards.checks.tools import install
from livegold.reporting.errors import WrongUse

OWN_CHECKS = {"fields", "references", "names", "layout"}
ALL_CHECKS = OWN_CHECKS | {"model parser", "power query", "schemas", "theme schema", "report validator"}

Change = Callable[[Path], None]


@pytest.fixture
def no_tools(tmp_path: Path) -> Tools:
    return Tools(tmp_path / "no tools")


def states(findings: list[Finding]) -> dict[str, str]:
    return {f.check: f.state for f in findings}


def failures(findings: list[Finding]) -> list[Finding]:
    return [f for f in findings if f.state == "failed"]


# Changes of one thing.


def in_json(path: str, changed: Callable[[Any], Any]) -> Change:
    return lambda folder: good.change(folder / path, changed)


def in_visual(name: str, changed: Callable[[Any], Any], page: str = "live") -> Change:
    return lambda folder: good.change(good.visual(folder, name, page), changed)


def in_text(path: str, old: str, new: str) -> Change:
    def change(folder: Path) -> None:
        text = (folder / path).read_text(encoding="utf-8")
        assert old in text
        (folder / path).write_text(text.replace(old, new), encoding="utf-8", newline="\n")

    return change


def both(*changes: Change) -> Change:
    def change(folder: Path) -> None:
        for one in changes:
            one(folder)

    return change


def without(path: str) -> Change:
    return lambda folder: (folder / path).unlink()


def container_objects(content: Any) -> Any:
    return content["visual"]["visualContainerObjects"]


def with_bookmark(folder: Path) -> None:
    bookmarks = folder / "Small.Report/definition/bookmarks"
    good.put(
        bookmarks / "first.bookmark.json",
        {
            "$schema": f"{good.REPORT}/bookmark/2.1.0/schema.json",
            "name": "first",
            "displayName": "First",
            "explorationState": {
                "version": "1.3",
                "activeSection": "live",
                "sections": {"live": {"visualContainers": {"line": {}}}},
            },
        },
    )
    index = {"$schema": f"{good.REPORT}/bookmarksMetadata/1.0.0/schema.json", "items": [{"name": "first"}]}
    good.put(bookmarks / "bookmarks.json", index)


def with_drill_through(folder: Path) -> None:
    """The tooltip page becomes one that is drilled through to, and the card a link to it."""
    label = good.field("Column", "Borough", "label")

    def page(content: Any) -> None:
        content["type"] = "Drillthrough"
        content["filterConfig"] = {
            "filters": [{"name": "drilled", "field": label, "type": "Categorical", "howCreated": "Drillthrough"}]
        }
        parameter = {"name": "borough", "boundFilter": "drilled", "fieldExpr": label}
        content["pageBinding"] = {"name": "drill", "type": "Drillthrough", "parameters": [parameter]}

    def link(content: Any) -> None:
        properties = {"type": good.text("Drillthrough"), "drillthroughSection": good.text("tip")}
        container_objects(content)["visualLink"] = [{"properties": properties}]

    good.change(folder / "Small.Report/definition/pages/tip/page.json", page)
    good.change(good.visual(folder, "line"), lambda c: container_objects(c).pop("visualTooltip"))
    good.change(good.visual(folder, "card"), link)


def with_background(z: int) -> Change:
    def change(folder: Path) -> None:
        shape = good.container("back", "shape", (10, 10, 900, 690), {}, -1)
        shape["position"]["z"] = z
        good.put(good.visual(folder, "back"), shape)

    return change


def grouped(folder: Path) -> None:
    """Both visuals in one group, placed from its corner, where they lie over one another."""
    group = good.container("both", "", (20, 20, 1000, 690), {}, 5)
    del group["visual"]
    alt_text = {"general": [{"properties": {"altText": good.text("both")}}]}
    group["visualGroup"] = {"displayName": "Both", "groupMode": "ScaleMode", "objects": alt_text}
    good.put(good.visual(folder, "both"), group)

    def inside(content: Any) -> None:
        content["parentGroupName"] = "both"
        content["position"] |= {"x": 0, "y": 0}

    for name in ("card", "line"):
        good.change(good.visual(folder, name), inside)


def on_phone(*boxes: tuple[str, int]) -> Change:
    def change(folder: Path) -> None:
        for name, y in boxes:
            state = {
                "$schema": f"{good.REPORT}/visualContainerMobileState/2.4.0/schema.json",
                "position": {"x": 0, "y": y, "z": 0, "width": 324, "height": 100, "tabOrder": 0},
            }
            good.put(good.visual(folder, name).with_name("mobile.json"), state)

    return change


def with_subquery(folder: Path) -> None:
    """The five largest boroughs, as Power BI writes a Top N filter: its source is a query of its own."""

    def top(content: Any) -> None:
        aliased = {"Column": {"Expression": {"SourceRef": {"Source": "b"}}, "Property": "label"}}
        measure = {"Measure": {"Expression": {"SourceRef": {"Source": "p"}}, "Property": "Predictions"}}
        query = {
            "Version": 2,
            "From": [{"Name": "b", "Entity": "Borough", "Type": 0}, {"Name": "p", "Entity": "Pulse", "Type": 0}],
            "Select": [{**aliased, "Name": "field"}],
            "OrderBy": [{"Direction": 2, "Expression": measure}],
            "Top": 5,
        }
        subquery = {"Name": "subquery", "Expression": {"Subquery": {"Query": query}}, "Type": 2}
        condition = {"In": {"Expressions": [aliased], "Table": {"SourceRef": {"Source": "subquery"}}}}
        content["filterConfig"]["filters"][0] |= {
            "type": "TopN",
            "filter": {
                "Version": 2,
                "From": [subquery, {"Name": "b", "Entity": "Borough", "Type": 0}],
                "Where": [{"Condition": condition}],
            },
        }

    good.change(good.visual(folder, "card"), top)


def with_hierarchy(folder: Path) -> None:
    hierarchy = "\n\thierarchy Places\n\n\t\tlevel Label\n\t\t\tcolumn: label\n"
    table = folder / "Small.SemanticModel/definition/tables/Borough.tmdl"
    table.write_text(table.read_text().replace("\n\tpartition", f"{hierarchy}\n\tpartition"), newline="\n")

    def level(content: Any) -> None:
        source = {"Hierarchy": {"Expression": {"SourceRef": {"Entity": "Borough"}}, "Hierarchy": "Places"}}
        used = {"HierarchyLevel": {"Expression": source, "Level": "Label"}}
        series = content["visual"]["query"]["queryState"]["Series"]
        series["projections"] = [{"field": used, "queryRef": "Borough.Places.Label", "nativeQueryRef": "Label"}]

    good.change(good.visual(folder, "line"), level)


def aggregated(folder: Path) -> None:
    """A column summed up by the visual, and formatting meant for it alone."""

    def total(content: Any) -> None:
        summed = {"Aggregation": {"Expression": good.field("Column", "Pulse", "predictions"), "Function": 0}}
        projection = {"field": summed, "queryRef": "Sum(Pulse.predictions)", "nativeQueryRef": "predictions"}
        content["visual"]["query"]["queryState"]["Y"]["projections"] = [projection]
        colour = {"solid": {"color": {"expr": {"Literal": {"Value": "'#0B5CAD'"}}}}}
        selector = {"metadata": "Sum(Pulse.predictions)"}
        content["visual"]["objects"] = {"dataPoint": [{"properties": {"fill": colour}, "selector": selector}]}

    good.change(good.visual(folder, "line"), total)


VARIATIONS: dict[str, Change] = {
    "nothing changed": lambda folder: None,
    "a bookmark": with_bookmark,
    "a drill-through page": with_drill_through,
    "a shape behind the visuals": with_background(-1),
    "visuals in a group": grouped,
    "a phone layout": on_phone(("card", 0), ("line", 120)),
    "a Top N filter": with_subquery,
    "a hierarchy": with_hierarchy,
    "an aggregated column": aggregated,
}


@dataclass(frozen=True)
class Breakage:
    """One thing broken: which check must see it, where, and what it must say; `also` may see it too."""

    change: Change
    check: str
    place: str
    says: str
    also: set[str] = field(default_factory=set)


MODEL = "Small.SemanticModel/definition"
DEFINITION = "Small.Report/definition"
CARD = f"{DEFINITION}/pages/live/visuals/card/visual.json"
LINE = f"{DEFINITION}/pages/live/visuals/line/visual.json"
LIVE = f"{DEFINITION}/pages/live/page.json"
PAGES = f"{DEFINITION}/pages/pages.json"
THEME = "Small.Report/StaticResources/RegisteredResources/small.json"


def renamed_role(content: Any) -> None:
    state = content["visual"]["query"]["queryState"]
    state["Catgory"] = state.pop("Category")


def renamed_page(folder: Path) -> None:
    pages = folder / DEFINITION / "pages"
    long = "p" * 51
    (pages / "live").rename(pages / long)
    good.change(pages / long / "page.json", lambda c: c.update(name=long))
    good.change(pages / "pages.json", lambda c: c.update(pageOrder=[long, "tip"], activePageName=long))


def bytes_of(path: str, changed: Callable[[bytes], bytes]) -> Change:
    return lambda folder: (folder / path).write_bytes(changed((folder / path).read_bytes()))


def measure_of_unknown_alias(content: Any) -> None:
    where = content["filterConfig"]["filters"][0]["filter"]["Where"][0]
    where["Condition"]["Not"]["Expression"]["In"]["Expressions"][0]["Column"]["Expression"]["SourceRef"]["Source"] = "q"


BREAKAGES: dict[str, Breakage] = {
    # The model.
    "a measure renamed in the model": Breakage(
        in_text(f"{MODEL}/tables/Pulse.tmdl", "measure Predictions", "measure Scored"),
        "fields",
        CARD,
        "measure Pulse[Predictions] is not in the model; Pulse has Scored",
    ),
    "an indentation broken": Breakage(
        in_text(f"{MODEL}/tables/Pulse.tmdl", "\t\tdataType: int64", "dataType: int64"),
        "model parser",
        f"{MODEL}/tables/Pulse.tmdl",
        "Line Number - 19",
    ),
    "a data type misspelt": Breakage(
        in_text(f"{MODEL}/tables/Pulse.tmdl", "int64", "int46"), "model parser", f"{MODEL}/tables/Pulse.tmdl", "int46"
    ),
    "a relationship to a column that is not there": Breakage(
        in_text(f"{MODEL}/relationships.tmdl", "Borough.key", "Borough.code"),
        "model parser",
        MODEL,
        "Property ToColumn",
    ),
    "M broken": Breakage(
        in_text(f"{MODEL}/tables/Pulse.tmdl", '"/pulse"))', '"/pulse")'),
        "power query",
        "Small.SemanticModel table Pulse partition Pulse",
        "Expected",
    ),
    "a parameter misspelt in M": Breakage(
        in_text(f"{MODEL}/tables/Borough.tmdl", "Contents(Folder)", "Contents(Foldr)"),
        "power query",
        "Small.SemanticModel table Borough partition Borough",
        "'Foldr', which nothing defines",
    ),
    # The schemas.
    "a version of a schema that is not there": Breakage(
        in_text(LIVE, "page/2.1.0", "page/2.2.0"), "schemas", f"{LIVE} $schema", "no such schema here: versions 2.1.0"
    ),
    "a property that is not known": Breakage(
        in_visual("card", lambda c: c.update(colour="red")), "schemas", CARD, "'colour' was unexpected"
    ),
    "no schema named": Breakage(
        in_json(PAGES, lambda c: c.pop("$schema")), "schemas", PAGES, "has no $schema", {"report validator"}
    ),
    "a colour of the theme that is none": Breakage(
        in_json(THEME, lambda c: c.update(background="blueish")),
        "theme schema",
        f"{THEME} $.background",
        "blueish",
        {"report validator"},
    ),
    "a file that is not JSON": Breakage(
        bytes_of(f"{DEFINITION}/version.json", lambda b: b[:-3]),
        "schemas",
        f"{DEFINITION}/version.json",
        "is not JSON",
        {"report validator", "names"},
    ),
    # The validator.
    "a role misspelt": Breakage(in_visual("line", renamed_role), "report validator", LINE, "Catgory"),
    "a formatting property that is not there": Breakage(
        in_visual(
            "line",
            lambda c: c["visual"].update(objects={"legend": [{"properties": {"shwo": good.text("x")}}]}),
        ),
        "report validator",
        LINE,
        "shwo",
    ),
    "a kind of visual that is not there": Breakage(
        in_visual("line", lambda c: c["visual"].update(visualType="lineGraph")), "report validator", LINE, "lineGraph"
    ),
    # Fields.
    "a table that is not there": Breakage(
        in_text(LINE, '"Entity": "Borough"', '"Entity": "Bourough"'), "fields", LINE, "table 'Bourough' is not in"
    ),
    "a column used as a measure": Breakage(
        in_text(CARD, '"Property": "Predictions"', '"Property": "predictions"'),
        "fields",
        CARD,
        "Pulse[predictions] is used as a measure, which it is not",
    ),
    "a column of a filter that is not there": Breakage(
        in_text(CARD, '"Property": "label"', '"Property": "lable"'), "fields", CARD, "column Borough[lable] is not in"
    ),
    "a table of a filter's From that is not there": Breakage(
        in_text(
            CARD, '"Name": "b",\n              "Entity": "Borough"', '"Name": "b",\n              "Entity": "Boro"'
        ),
        "fields",
        CARD,
        "table 'Boro' is not in",
    ),
    "a filter's source that its From has not": Breakage(
        in_visual("card", measure_of_unknown_alias),
        "fields",
        CARD,
        "source 'q' is not in the From",
        {"report validator"},
    ),
    "a column inside an aggregation that is not there": Breakage(
        both(aggregated, in_text(LINE, '"Property": "predictions"', '"Property": "prediction"')),
        "fields",
        LINE,
        "column Pulse[prediction] is not in",
    ),
    "a level that is not there": Breakage(
        both(with_hierarchy, in_text(LINE, '"Level": "Label"', '"Level": "Lable"')), "fields", LINE, "level 'Lable'"
    ),
    "a hierarchy that is not there": Breakage(
        both(with_hierarchy, in_text(LINE, '"Hierarchy": "Places"', '"Hierarchy": "Place"')),
        "fields",
        LINE,
        "hierarchy Borough[Place] is not in",
    ),
    "formatting for a field that the visual has not": Breakage(
        both(aggregated, in_text(LINE, '"metadata": "Sum(', '"metadata": "Total(')),
        "fields",
        LINE,
        "'Total(Pulse.predictions)', which is no queryRef",
    ),
    # References.
    "a tooltip page that is not there": Breakage(
        in_text(LINE, "'tip'", "'top'"),
        "references",
        f"{LINE} visualTooltip.section",
        "'top' is not a page: live or tip",
    ),
    "a tooltip that is an ordinary page": Breakage(
        in_text(LINE, "'tip'", "'live'"), "references", f"{LINE} visualTooltip.section", "not of type Tooltip"
    ),
    "a drill-through page that is not there": Breakage(
        both(with_drill_through, in_text(CARD, "'tip'", "'top'")),
        "references",
        f"{CARD} visualLink.drillthroughSection",
        "'top' is not a page",
    ),
    "a drill-through bound to no filter": Breakage(
        both(with_drill_through, in_text(f"{DEFINITION}/pages/tip/page.json", '"name": "drilled"', '"name": "other"')),
        "references",
        f"{DEFINITION}/pages/tip/page.json pageBinding",
        "'drilled', no filter of the page: other",
    ),
    "an active page that is not there": Breakage(
        in_json(PAGES, lambda c: c.update(activePageName="lost")),
        "references",
        f"{PAGES} activePageName",
        "'lost' is not a page",
        {"report validator"},
    ),
    "a page left out of the order": Breakage(
        in_json(PAGES, lambda c: c.update(pageOrder=["live"])),
        "references",
        f"{PAGES} pageOrder",
        "but the pages are ['live', 'tip']",
        {"report validator"},
    ),
    "a visual of a bookmark that is not there": Breakage(
        both(with_bookmark, in_text(f"{DEFINITION}/bookmarks/first.bookmark.json", '"line"', '"lien"')),
        "references",
        f"{DEFINITION}/bookmarks/first.bookmark.json",
        "visual 'lien' is not on page 'live'",
    ),
    "a bookmark that is listed and not there": Breakage(
        both(with_bookmark, in_text(f"{DEFINITION}/bookmarks/bookmarks.json", "first", "last")),
        "references",
        f"{DEFINITION}/bookmarks/bookmarks.json",
        "lists ['last'], but the bookmarks are ['first']",
    ),
    "a resource without a file": Breakage(
        without(THEME), "references", f"{DEFINITION}/report.json resourcePackages", "no file", {"report validator"}
    ),
    "a theme with another name than its file's": Breakage(
        in_json(THEME, lambda c: c.update(name="Small")), "references", THEME, "'Small'", {"report validator"}
    ),
    "a report bound to a model that is not there": Breakage(
        in_text("Small.Report/definition.pbir", "../Small.", "../Smaller."), "references", "definition.pbir", "Smaller"
    ),
    "one identity for two items": Breakage(
        in_text("Small.Report/.platform", "6a01", "6a02"), "references", "Small.SemanticModel/.platform", "is that of"
    ),
    # Names.
    "a name too long": Breakage(
        renamed_page, "names", "page.json name", "has 51 characters (50 at most)", {"schemas", "report validator"}
    ),
    "a name with a space": Breakage(
        in_visual("card", lambda c: c.update(name="a card")), "names", f"{CARD} name", "'a card'"
    ),
    "a path too long": Breakage(
        lambda folder: good.put(folder / "Small.Report" / ("d" * 95) / ("e" * 95) / "f.txt", {}),
        "names",
        "f.txt",
        "(199 at most, for Windows)",
    ),
    "a name that Windows refuses": Breakage(
        lambda folder: good.put(folder / "Small.Report" / "aux.txt", {}), "names", "aux.txt", "on Windows"
    ),
    "a byte order mark": Breakage(
        bytes_of(f"{MODEL}/model.tmdl", lambda b: b"\xef\xbb\xbf" + b),
        "names",
        f"{MODEL}/model.tmdl",
        "byte order mark",
    ),
    "a name twice": Breakage(
        both(
            in_visual("tip_card", lambda c: c.update(name="card"), "tip"),
            lambda folder: good.visual(folder, "tip_card", "tip").parent.rename(
                good.visual(folder, "card", "tip").parent
            ),
        ),
        "names",
        "visuals/card/visual.json name",
        "'card' is the name of",
    ),
    "lines that end with CR LF": Breakage(
        bytes_of(LIVE, lambda b: b.replace(b"\n", b"\r\n")), "names", LIVE, "carriage returns"
    ),
    "bytes that are not UTF-8": Breakage(
        bytes_of(f"{MODEL}/tables/Pulse.tmdl", lambda b: b.replace(b"how many", b"how m\xe4ny")),
        "names",
        f"{MODEL}/tables/Pulse.tmdl",
        "is not UTF-8",
    ),
    # Layout.
    "two visuals over one another": Breakage(
        in_visual("line", lambda c: c["position"].update(y=100)),
        "layout",
        f"{CARD} position",
        "overlaps line on the page",
    ),
    "a shape over the visuals": Breakage(
        with_background(9), "layout", "visuals/back/visual.json position", "overlaps card on the page"
    ),
    "a visual outside the page": Breakage(
        in_visual("line", lambda c: c["position"].update(width=1270)),
        "layout",
        f"{LINE} position",
        "is not within the page, which is 1280x720",
        {"report validator"},
    ),
    "no alt text": Breakage(
        in_visual("card", lambda c: container_objects(c).pop("general")), "layout", CARD, "has no alt text"
    ),
    "an empty alt text": Breakage(
        in_visual("card", lambda c: container_objects(c)["general"][0]["properties"].update(altText=good.text(""))),
        "layout",
        CARD,
        "has no alt text",
    ),
    "no tab order": Breakage(
        in_visual("card", lambda c: c["position"].pop("tabOrder")), "layout", CARD, "has no whole position"
    ),
    "one tab order twice": Breakage(
        in_visual("line", lambda c: c["position"].update(tabOrder=0)), "layout", f"{LINE} tabOrder", "0 is that of card"
    ),
    "a visual wider than the phone": Breakage(
        both(
            on_phone(("card", 0)),
            in_json(CARD.replace("visual.json", "mobile.json"), lambda c: c["position"].update(x=1)),
        ),
        "layout",
        "visuals/card/mobile.json position",
        "1,0 324x100 is not within the phone, which is 324 wide",
    ),
    "two visuals over one another on the phone": Breakage(
        on_phone(("card", 0), ("line", 50)), "layout", "card/mobile.json position", "overlaps line on the phone"
    ),
}


@pytest.fixture(scope="session")
def found(tmp_path_factory: pytest.TempPathFactory, schemas: Path, tools: Tools) -> dict[str, list[Finding]]:
    """What the checks say of every variation and every breakage, all in one run: Microsoft's parser starts once."""
    folders: dict[str, Path] = {}
    changes = {**VARIATIONS, **{name: b.change for name, b in BREAKAGES.items()}}
    for number, (name, change) in enumerate(changes.items()):
        folders[name] = good.write(tmp_path_factory.mktemp(f"t{number}", numbered=False))
        change(folders[name])
    answers = check_all(list(folders.values()), schemas=schemas, tools=tools)
    return {name: answers[folder] for name, folder in folders.items()}


@pytest.mark.parametrize("name", VARIATIONS)
def test_a_good_template_passes_every_check(found: dict[str, list[Finding]], name: str) -> None:
    assert not failures(found[name])
    assert states(found[name]) == dict.fromkeys(ALL_CHECKS, "passed")


@pytest.mark.parametrize("name", BREAKAGES)
def test_one_broken_thing_fails_its_check_at_its_place(found: dict[str, list[Finding]], name: str) -> None:
    broken = BREAKAGES[name]
    failed = failures(found[name])
    assert [f for f in failed if f.check == broken.check and broken.place in f.place and broken.says in f.problem], (
        "\n".join(map(str, failed))
    )
    assert {f.check for f in failed} - broken.also == {broken.check}


def test_a_model_that_does_not_load_leaves_its_fields_and_its_m_unchecked(found: dict[str, list[Finding]]) -> None:
    answers = states(found["an indentation broken"])
    assert (answers["fields"], answers["power query"]) == ("not run", "not run")


def test_a_push_template_is_checked_against_its_dataset(tmp_path: Path, schemas: Path, tools: Tools) -> None:
    folder = good.write(tmp_path / "push", push=True)
    # There is no model here to parse and no M in it: those two checks have nothing to say.
    assert states(check(folder, schemas=schemas, tools=tools)) == dict.fromkeys(
        ALL_CHECKS - {"model parser", "power query"}, "passed"
    )
    good.change(folder / "dataset.json", lambda d: d["tables"][0]["measures"][0].update(name="Scored"))
    failed = failures(check(folder, schemas=schemas, tools=tools))
    assert {f.check for f in failed} == {"fields"}
    assert all("measure Pulse[Predictions]" in f.problem for f in failed)


def test_a_report_whose_model_is_not_here_has_its_fields_unchecked(tmp_path: Path, no_tools: Tools) -> None:
    folder = good.write(tmp_path / "push", push=True)
    (folder / "dataset.json").unlink()
    answers = {f.check: f for f in check(folder, tools=no_tools)}
    assert answers["fields"].state == "not run"
    assert "dataset.json" in answers["fields"].problem


def test_missing_tools_are_not_run_and_say_what_to_do(
    tmp_path: Path, no_tools: Tools, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LIVEGOLD_SCHEMAS", raising=False)
    answers = {f.check: f for f in check(good.write(tmp_path / "t"), tools=no_tools)}
    assert {name for name, f in answers.items() if f.state == "not run"} == (ALL_CHECKS - OWN_CHECKS) | {"fields"}
    assert {name for name, f in answers.items() if f.state == "passed"} == {"references", "names", "layout"}
    assert "python -m livegold.dashboards.checks.tools" in answers["model parser"].problem
    assert "LIVEGOLD_SCHEMAS" in answers["schemas"].problem
    assert answers["fields"].place == ""


def test_missing_node_is_not_run(tmp_path: Path, tools: Tools, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    answers = {f.check: f for f in check(good.write(tmp_path / "t"), tools=tools)}
    for name in ("report validator", "power query"):
        assert answers[name].state == "not run"
        assert "install Node.js" in answers[name].problem


@pytest.mark.parametrize(
    ("broken", "checked"),
    [
        ("@microsoft/powerbi-report-authoring-cli/dist/index.js", "report validator"),
        ("@microsoft/powerquery-parser/package.json", "power query"),
    ],
)
def test_a_tool_that_does_not_start_is_not_run(tmp_path: Path, tools: Tools, broken: str, checked: str) -> None:
    copy = Tools(tmp_path / "tools")
    shutil.copytree(tools.node_modules.parent, copy.node_modules.parent, symlinks=True)
    copy.python.symlink_to(tools.python)
    (copy.node_modules / broken).unlink()
    if checked == "power query":
        shutil.rmtree(copy.node_modules / "@microsoft/powerquery-parser/lib")
    answers = {f.check: f for f in check(good.write(tmp_path / "t"), tools=copy)}
    assert answers[checked].state == "not run"
    assert "does not run here" in answers[checked].problem


def test_a_model_parser_that_does_not_start_is_not_run(tmp_path: Path) -> None:
    empty = Tools(tmp_path / "tools")
    empty.python.mkdir(parents=True)
    answers = {f.check: f for f in check(good.write(tmp_path / "t"), tools=empty)}
    assert answers["model parser"].state == "not run"
    assert re.search("does not run here .*clr_loader", answers["model parser"].problem)


def test_an_installation_that_fails_leaves_nothing_that_looks_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    half = Tools(tmp_path / "tools")
    half.python.mkdir(parents=True)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(WrongUse, match=r"npm, which is not on PATH: install Node\.js"):
        install(half)
    assert list(half.folder.iterdir()) == [half.python]


def test_schemas_come_from_the_environment_where_no_folder_is_given(
    tmp_path: Path, schemas: Path, no_tools: Tools, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIVEGOLD_SCHEMAS", str(schemas))
    folder = good.write(tmp_path / "t")
    assert states(check(folder, tools=no_tools))["schemas"] == "passed"
    monkeypatch.setenv("LIVEGOLD_SCHEMAS", str(tmp_path / "none"))
    assert states(check(folder, tools=no_tools))["schemas"] == "not run"


def test_the_parser_prints_what_it_loaded(tmp_path: Path, tools: Tools) -> None:
    folder = good.write(tmp_path / "t") / MODEL
    command = [sys.executable, "-m", "livegold.dashboards.checks.tom", str(folder), str(tmp_path / "none")]
    printed = json.loads(subprocess.run(command, capture_output=True, check=True, timeout=300).stdout)
    assert printed[str(folder)]["model"]["tables"]["Pulse"]["measures"] == ["Predictions"]
    assert [p["text"] for p in printed[str(tmp_path / "none")]["problems"]]


def test_a_folder_without_a_report_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match=r"NAME\.Report"):
        check(tmp_path)


def test_a_report_that_cannot_be_read_passes_no_check_that_reads_it(tmp_path: Path, no_tools: Tools) -> None:
    folder = good.write(tmp_path / "t", push=True)
    good.change(good.visual(folder, "card"), lambda c: c.update(position=[1, 2], visual="card", filterConfig=3))
    assert states(check(folder, tools=no_tools))["layout"] == "failed"
    for path in (folder / DEFINITION).rglob("*.json"):
        path.write_bytes(b"[")
    answers = states(check(folder, tools=no_tools))
    assert (answers["names"], answers["references"]) == ("failed", "failed")


def test_a_literal_of_pbir_is_read_as_its_text() -> None:
    assert literal({"altText": good.text("it''s")}, "altText") == "it's"
    assert literal({"show": {"expr": {"Literal": {"Value": "true"}}}}, "show") == "true"
    assert literal({"altText": {"expr": good.field("Measure", "Pulse", "Words")}}, "altText") is None


def test_a_template_without_its_files_is_read_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "Empty.Report").mkdir()
    template = Template.at(tmp_path)
    assert (template.pages, template.model, template.dataset) == ((), None, None)
