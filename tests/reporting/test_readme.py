"""What the README tells people to type is there to be typed."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from livegold.reporting.cli.main import livegold
from livegold.reporting.settings.settings import all_settings
from livegold.reporting.specification import load_use_case

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = "\n".join(re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL))
COMMANDS = re.findall(r"^livegold .*$", BLOCKS, re.MULTILINE)


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_is_one_and_takes_its_options(line: str) -> None:
    words = shlex.split(line, comments=True)[1:]
    with click.Context(livegold) as context:
        command = livegold.get_command(context, words[0])
        assert command is not None, words[0]
        given = command.make_context(words[0], words[1:]).params
    if given.get("usecase"):
        assert load_use_case(given["usecase"])


def test_there_are_commands_to_check_and_make_has_the_two() -> None:
    assert len(COMMANDS) >= 10
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert {"demo", "test"} <= set(targets)
    assert re.findall(r"^make (\w+)", BLOCKS, re.MULTILINE) == ["demo", "test"]


def test_every_setting_it_names_is_one() -> None:
    named = set(re.findall(r"\bLIVEGOLD_[A-Z_]+[A-Z]", TEXT))
    assert named
    assert named <= {s.variable for s in all_settings()}


def test_every_file_and_every_heading_it_links_to_is_there() -> None:
    links = [link for link in re.findall(r"\]\(([^)]+)\)", TEXT) if "://" not in link]
    headings = {"#" + h.lower().replace(" ", "-") for h in re.findall(r"^#+ ([\w ]+)$", TEXT, re.MULTILINE)}
    inside = {link for link in links if link.startswith("#")}
    assert links
    assert inside <= headings
    assert [link for link in links if link not in inside and not (ROOT / link).exists()] == []
