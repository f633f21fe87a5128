"""A small template written by hand, good in every respect, for tests that break one thing in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SCHEMAS = "https://developer.microsoft.com/json-schemas/fabric"
REPORT = f"{SCHEMAS}/item/report/definition"
NAME = "Small"

MODEL = {
    "database.tmdl": "database Small\n\tcompatibilityLevel: 1604\n\tcompatibilityMode: powerBI\n",
    "model.tmdl": (
        "model Model\n"
        "\tculture: en-US\n"
        "\tdefaultPowerBIDataSourceVersion: powerBI_V3\n"
        "\n"
        "ref table Pulse\n"
        "ref table Borough\n"
    ),
    "expressions.tmdl": (
        'expression Folder = "/data" meta [IsParameterQuery=true, Type="Text", IsParameterQueryRequired=true]\n'
        "\n"
        "\tannotation PBI_ResultType = Text\n"
    ),
    "relationships.tmdl": ("relationship 'Pulse borough'\n\tfromColumn: Pulse.borough\n\ttoColumn: Borough.key\n"),
    "tables/Pulse.tmdl": (
        "table Pulse\n"
        "\n"
        "\t/// how many predictions\n"
        "\tmeasure Predictions = SUM(Pulse[predictions])\n"
        "\t\tformatString: #,0\n"
        "\n"
        "\tcolumn bucket\n"
        "\t\tdataType: dateTime\n"
        "\t\tsummarizeBy: none\n"
        "\t\tsourceColumn: bucket\n"
        "\n"
        "\tcolumn borough\n"
        "\t\tdataType: string\n"
        "\t\tsummarizeBy: none\n"
        "\t\tisHidden\n"
        "\t\tsourceColumn: borough\n"
        "\n"
        "\tcolumn predictions\n"
        "\t\tdataType: int64\n"
        "\t\tsummarizeBy: none\n"
        "\t\tisHidden\n"
        "\t\tsourceColumn: predictions\n"
        "\n"
        "\tpartition Pulse = m\n"
        "\t\tmode: import\n"
        "\t\tsource =\n"
        "\t\t\t\tlet\n"
        '\t\t\t\t\tSource = DeltaLake.Table(Folder.Contents(Folder & "/pulse"))\n'
        "\t\t\t\tin\n"
        "\t\t\t\t\tSource\n"
    ),
    "tables/Borough.tmdl": (
        "table Borough\n"
        "\n"
        "\tcolumn key\n"
        "\t\tdataType: string\n"
        "\t\tsummarizeBy: none\n"
        "\t\tisHidden\n"
        "\t\tsourceColumn: key\n"
        "\n"
        "\tcolumn label\n"
        "\t\tdataType: string\n"
        "\t\tsummarizeBy: none\n"
        "\t\tsourceColumn: label\n"
        "\n"
        "\tpartition Borough = m\n"
        "\t\tmode: import\n"
        "\t\tsource = DeltaLake.Table(Folder.Contents(Folder))\n"
    ),
}

# The same fields as a push dataset has them.
DATASET = {
    "name": "Small Push",
    "defaultMode": "Push",
    "tables": [
        {
            "name": "Pulse",
            "columns": [
                {"name": "bucket", "dataType": "DateTime"},
                {"name": "borough", "dataType": "String"},
                {"name": "predictions", "dataType": "Int64"},
            ],
            "measures": [{"name": "Predictions", "expression": "SUM(Pulse[predictions])"}],
        },
        {
            "name": "Borough",
            "columns": [{"name": "key", "dataType": "String"}, {"name": "label", "dataType": "String"}],
        },
    ],
}


def write(folder: Path, *, push: bool = False) -> Path:
    """Writes the template into `folder`, for push with dataset.json instead of the model; gives back `folder`."""
    report = folder / f"{NAME}.Report"
    if push:
        put(folder / "dataset.json", DATASET)
        source = {"byConnection": {"connectionString": "Data Source=powerbi://api.powerbi.com/v1.0/myorg/W"}}
    else:
        _write_model(folder / f"{NAME}.SemanticModel")
        source = {"byPath": {"path": f"../{NAME}.SemanticModel"}}
    put(
        folder / f"{NAME}.pbip",
        {
            "$schema": f"{SCHEMAS}/pbip/pbipProperties/1.0.0/schema.json",
            "version": "1.0",
            "artifacts": [{"report": {"path": f"{NAME}.Report"}}],
            "settings": {"enableAutoRecovery": True},
        },
    )
    put(report / ".platform", _platform("Report", "6ac5a0b9-7a0c-4b8e-9c55-1f0d4b6f6a01"))
    put(
        report / "definition.pbir",
        {
            "$schema": f"{SCHEMAS}/item/report/definitionProperties/2.0.0/schema.json",
            "version": "4.0",
            "datasetReference": source,
        },
    )
    _write_report(report)
    return folder


def put(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8", newline="\n")


def change(path: Path, changed: Any) -> None:
    """Reads the JSON file, hands it to `changed`, which changes it in place, and writes it back."""
    content = json.loads(path.read_text(encoding="utf-8"))
    changed(content)
    put(path, content)


def visual(folder: Path, name: str, page: str = "live") -> Path:
    return folder / f"{NAME}.Report/definition/pages/{page}/visuals/{name}/visual.json"


def text(value: str) -> dict[str, Any]:
    return {"expr": {"Literal": {"Value": f"'{value}'"}}}


def field(kind: str, table: str, name: str) -> dict[str, Any]:
    return {kind: {"Expression": {"SourceRef": {"Entity": table}}, "Property": name}}


def projected(*fields: dict[str, Any]) -> dict[str, Any]:
    projections = []
    for one in fields:
        (inside,) = one.values()
        name = inside["Property"]
        table = inside["Expression"]["SourceRef"]["Entity"]
        projections.append({"field": one, "queryRef": f"{table}.{name}", "nativeQueryRef": name})
    return {"projections": projections}


def container(
    name: str, kind: str, box: tuple[int, int, int, int], state: dict[str, Any], order: int
) -> dict[str, Any]:
    x, y, width, height = box
    made: dict[str, Any] = {
        "$schema": f"{REPORT}/visualContainer/2.9.0/schema.json",
        "name": name,
        "position": {"x": x, "y": y, "z": order, "width": width, "height": height, "tabOrder": order},
        "visual": {
            "visualType": kind,
            "visualContainerObjects": {"general": [{"properties": {"altText": text(f"what {name} shows")}}]},
        },
    }
    if state:
        made["visual"]["query"] = {"queryState": state}
    return made


def _platform(kind: str, identity: str) -> dict[str, Any]:
    return {
        "$schema": f"{SCHEMAS}/gitIntegration/platformProperties/2.0.0/schema.json",
        "metadata": {"type": kind, "displayName": NAME},
        "config": {"version": "2.0", "logicalId": identity},
    }


def _write_model(model: Path) -> None:
    put(model / ".platform", _platform("SemanticModel", "6ac5a0b9-7a0c-4b8e-9c55-1f0d4b6f6a02"))
    put(
        model / "definition.pbism",
        {
            "$schema": f"{SCHEMAS}/item/semanticModel/definitionProperties/1.0.0/schema.json",
            "version": "4.2",
            "settings": {},
        },
    )
    for name, content in MODEL.items():
        path = model / "definition" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8", newline="\n")


def _write_report(report: Path) -> None:
    definition = report / "definition"
    put(definition / "version.json", {"$schema": f"{REPORT}/versionMetadata/1.0.0/schema.json", "version": "2.0.0"})
    put(
        definition / "report.json",
        {
            "$schema": f"{REPORT}/report/3.3.0/schema.json",
            "themeCollection": {
                "customTheme": {
                    "name": "small.json",
                    "reportVersionAtImport": {"visual": "2.9.0", "report": "3.3.0", "page": "2.1.0"},
                    "type": "RegisteredResources",
                }
            },
            "resourcePackages": [
                {
                    "name": "RegisteredResources",
                    "type": "RegisteredResources",
                    "items": [{"name": "small.json", "path": "small.json", "type": "CustomTheme"}],
                }
            ],
        },
    )
    put(
        report / "StaticResources/RegisteredResources/small.json",
        {"name": "small.json", "dataColors": ["#0B5CAD", "#B14A00"], "background": "#FFFFFF", "foreground": "#1A1A1A"},
    )
    put(
        definition / "pages/pages.json",
        {
            "$schema": f"{REPORT}/pagesMetadata/1.1.0/schema.json",
            "pageOrder": ["live", "tip"],
            "activePageName": "live",
        },
    )
    page = {
        "$schema": f"{REPORT}/page/2.1.0/schema.json",
        "name": "live",
        "displayName": "Live",
        "displayOption": "FitToPage",
        "height": 720,
        "width": 1280,
    }
    put(definition / "pages/live/page.json", page)
    put(
        definition / "pages/tip/page.json",
        {
            **page,
            "name": "tip",
            "displayName": "Tip",
            "height": 240,
            "width": 320,
            "type": "Tooltip",
            "visibility": "HiddenInViewMode",
        },
    )
    predictions = field("Measure", "Pulse", "Predictions")
    card = container("card", "cardVisual", (20, 20, 300, 160), {"Data": projected(predictions)}, 0)
    card["filterConfig"] = {
        "filters": [
            {
                "name": "no_staten_island",
                "field": field("Column", "Borough", "label"),
                "type": "Categorical",
                "filter": {
                    "Version": 2,
                    "From": [{"Name": "b", "Entity": "Borough", "Type": 0}],
                    "Where": [
                        {
                            "Condition": {
                                "Not": {
                                    "Expression": {
                                        "In": {
                                            "Expressions": [
                                                {
                                                    "Column": {
                                                        "Expression": {"SourceRef": {"Source": "b"}},
                                                        "Property": "label",
                                                    }
                                                }
                                            ],
                                            "Values": [[{"Literal": {"Value": "'Staten Island'"}}]],
                                        }
                                    }
                                }
                            }
                        }
                    ],
                },
            }
        ]
    }
    line = container(
        "line",
        "lineChart",
        (20, 200, 800, 480),
        {
            "Category": projected(field("Column", "Pulse", "bucket")),
            "Y": projected(predictions),
            "Series": projected(field("Column", "Borough", "label")),
        },
        1,
    )
    line["visual"]["visualContainerObjects"]["visualTooltip"] = [
        {"properties": {"type": text("Canvas"), "section": text("tip")}}
    ]
    tip = container("tip_card", "cardVisual", (10, 10, 300, 200), {"Data": projected(predictions)}, 0)
    for page_name, content in (("live", card), ("live", line), ("tip", tip)):
        put(definition / f"pages/{page_name}/visuals/{content['name']}/visual.json", content)
