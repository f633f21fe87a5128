"""Settings come from where they should, and what cannot be is refused before anything starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from livegold.reporting.errors import SettingsError
from livegold.reporting.settings.settings import load, table

NO_FILE = Path("no such file")


def test_environment_wins_over_the_file_and_the_file_over_the_default(tmp_path: Path) -> None:
    file = tmp_path / "livegold.toml"
    file.write_text('lake = "/from/file"\n[hub]\nservers = "file:1"\ntopic = "of-file"\n')
    settings = load({"LIVEGOLD_HUB_SERVERS": "environment:1"}, file, hub__topic="of-command")
    assert (settings["hub.servers"], settings["hub.topic"]) == ("environment:1", "of-command")
    assert (settings.lake, settings["hub.kind"]) == ("/from/file", "kafka")


def test_a_secret_is_taken_from_the_environment_only_and_is_never_shown(tmp_path: Path) -> None:
    settings = load({"LIVEGOLD_POWERBI_CLIENT_SECRET": "s3cr3t"}, NO_FILE)
    assert settings.secret("powerbi.client_secret") == "s3cr3t"
    assert "s3cr3t" not in repr(settings)
    file = tmp_path / "livegold.toml"
    file.write_text('[powerbi]\nclient_secret = "s3cr3t"\n')
    with pytest.raises(SettingsError, match="LIVEGOLD_POWERBI_CLIENT_SECRET") as refused:
        load({}, file)
    assert "s3cr3t" not in str(refused.value)
    with pytest.raises(SettingsError, match="put it in the environment as LIVEGOLD_HUB_PASSWORD"):
        load({}, NO_FILE).secret("hub.password")


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"LIVEGOLD_HUB_SERVER": "x:1"}, "did you mean LIVEGOLD_HUB_SERVERS"),
        ({"LIVEGOLD_HUB_KIND": "rabbit"}, "hub.kind is 'rabbit': give 'kafka', 'eventhubs' or 'folder'"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_with_what_can(environment: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        load(environment, NO_FILE)


def test_a_number_that_is_none_is_refused_when_it_is_asked_for() -> None:
    settings = load({"LIVEGOLD_HUB_BATCH_EVENTS": "many", "LIVEGOLD_STREAM_TRIGGER_SECONDS": "-1"}, NO_FILE)
    with pytest.raises(SettingsError, match="hub.batch_events is 'many': give a whole number of 1 or more"):
        settings.integer("hub.batch_events")
    with pytest.raises(SettingsError, match="stream.trigger_seconds is '-1'"):
        settings.seconds("stream.trigger_seconds")


def test_a_file_that_is_no_toml_or_has_unknown_keys_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "livegold.toml"
    file.write_text("hub = [")
    with pytest.raises(SettingsError, match="not valid TOML"):
        load({}, file)
    file.write_text('[hub]\nserver = "x:1"\n')
    with pytest.raises(SettingsError, match="did you mean hub.servers"):
        load({}, file)


def test_the_documentation_lists_the_settings_as_they_are() -> None:
    document = Path(__file__).parents[2] / "docs" / "settings.md"
    assert document.read_text(encoding="utf-8").endswith(table())
