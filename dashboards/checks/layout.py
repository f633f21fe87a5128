"""Checks that visuals are within their page, do not overlap, and are accessible by screen reader and keyboard.

Does not check how they look.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

from livegold.dashboards.checks.finding import Finding, Problem, findings
from livegold.dashboards.checks.template import Json, Page, Template, Visual, literal

CHECK = "layout"
# Kinds of visuals that show no data: one below another (by z) may be its background.
BACKGROUNDS = ("shape", "basicShape", "image")
# Width of the phone layout's canvas, which is as high as it needs to be.
PHONE_WIDTH = 324
# Positions are written with a few decimals.
_SLACK = 0.01


@dataclass(frozen=True)
class _Box:
    x: float
    y: float
    width: float
    height: float

    def overlaps(self, other: _Box) -> bool:
        return _shared(self.x, self.width, other.x, other.width) and _shared(self.y, self.height, other.y, other.height)

    def __str__(self) -> str:
        return f"{self.x:g},{self.y:g} {self.width:g}x{self.height:g}"


def check(template: Template) -> list[Finding]:
    return findings(CHECK, [problem for page in template.pages for problem in _page(template, page)])


def _page(template: Template, page: Page) -> Iterator[Problem]:
    names = {v.name: v for v in page.visuals}
    boxes = {v.name: _box(v.content["position"], v, names) for v in page.visuals if _complete(v.content)}
    for visual in page.visuals:
        yield from _reachable(template, visual)
        box = boxes.get(visual.name)
        if box is None:
            yield Problem(
                template.place(visual.path), "has no whole position: give x, y, width, height, z and tabOrder"
            )
        else:
            yield from _inside(template, page, visual, box)
    yield from _apart(template, page, boxes, "visual.json")
    yield from _tab_orders(template, page)
    yield from _phone(template, page)


def _phone(template: Template, page: Page) -> Iterator[Problem]:
    boxes = {v.name: _box(v.mobile["position"], v, {}) for v in page.visuals if v.mobile and _complete(v.mobile)}
    for visual in page.visuals:
        place = template.place(visual.path.with_name("mobile.json"), "position")
        box = boxes.get(visual.name)
        if box is not None and not _within(box, PHONE_WIDTH, math.inf):
            yield Problem(place, f"{box} is not within the phone, which is {PHONE_WIDTH} wide")
        elif box is None and visual.mobile and "position" in visual.mobile:
            yield Problem(place, "is not whole: give x, y, width, height, z and tabOrder")
    yield from _apart(template, page, boxes, "mobile.json")


def _reachable(template: Template, visual: Visual) -> Iterator[Problem]:
    content = visual.content
    objects = (
        content["visualGroup"].get("objects", {})
        if "visualGroup" in content
        else content.get("visual", {}).get("visualContainerObjects", {})
    )
    texts = [
        # An alt text computed by a measure counts too.
        literal(properties, "altText") != "" and "expr" in properties["altText"]
        for entry in objects.get("general", ())
        if isinstance((properties := entry.get("properties", {})).get("altText"), dict)
    ]
    if not any(texts):
        yield Problem(template.place(visual.path), "has no alt text: give general.altText")


def _inside(template: Template, page: Page, visual: Visual, box: _Box) -> Iterator[Problem]:
    width, height = page.content.get("width", 0), page.content.get("height", 0)
    if box.width <= 0 or box.height <= 0:
        yield Problem(template.place(visual.path, "position"), f"{box} has no area")
    if not _within(box, width, height):
        text = f"{box} is not within the page, which is {width:g}x{height:g}"
        yield Problem(template.place(visual.path, "position"), text)


def _within(box: _Box, width: float, height: float) -> bool:
    right, bottom = box.x + box.width, box.y + box.height
    return box.x >= -_SLACK and box.y >= -_SLACK and right <= width + _SLACK and bottom <= height + _SLACK


def _apart(template: Template, page: Page, boxes: Mapping[str, _Box], file: str) -> Iterator[Problem]:
    shown = [v for v in page.visuals if v.name in boxes and not v.content.get("isHidden")]
    for one, other in combinations(shown, 2):
        if boxes[one.name].overlaps(boxes[other.name]) and not _meant(one, other):
            canvas = "the phone" if file == "mobile.json" else "the page"
            text = f"overlaps {other.name} on {canvas}: {boxes[one.name]} and {boxes[other.name]}"
            yield Problem(template.place(one.path.with_name(file), "position"), text)


def _meant(one: Visual, other: Visual) -> bool:
    """Whether an overlap is intended: one is the other's group, both are in one group, or the lower is a background."""
    groups = [v.content.get("parentGroupName") for v in (one, other)]
    if one.name == groups[1] or other.name == groups[0] or (groups[0] is not None and groups[0] == groups[1]):
        return True
    lower, upper = sorted((one, other), key=_depth)
    return lower.type in BACKGROUNDS and _depth(lower) < _depth(upper)


def _tab_orders(template: Template, page: Page) -> Iterator[Problem]:
    first: dict[tuple[str | None, float], str] = {}
    for visual in page.visuals:
        order = visual.content.get("position", {}).get("tabOrder")
        # A negative value excludes it from the tab order, as a background should be.
        if not isinstance(order, int | float) or order < 0:
            continue
        key = (visual.content.get("parentGroupName"), order)
        if key in first:
            yield Problem(template.place(visual.path, "tabOrder"), f"{order:g} is that of {first[key]} too")
        first.setdefault(key, visual.name)


def _complete(content: Json) -> bool:
    position = content.get("position", {})
    return all(isinstance(position.get(k), int | float) for k in ("x", "y", "width", "height", "z", "tabOrder"))


def _box(position: Json, visual: Visual, names: Mapping[str, Visual]) -> _Box:
    """The box in page coordinates: a visual in a group is positioned relative to the group's corner."""
    x, y = position["x"], position["y"]
    seen = {visual.name}
    parent = names.get(str(visual.content.get("parentGroupName")))
    while parent is not None and parent.name not in seen:
        seen.add(parent.name)
        x += parent.content.get("position", {}).get("x", 0)
        y += parent.content.get("position", {}).get("y", 0)
        parent = names.get(str(parent.content.get("parentGroupName")))
    return _Box(x, y, position["width"], position["height"])


def _depth(visual: Visual) -> float:
    return float(visual.content.get("position", {}).get("z", 0))


def _shared(start: float, length: float, other: float, other_length: float) -> bool:
    return min(start + length, other + other_length) - max(start, other) > _SLACK
