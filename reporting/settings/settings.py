"""Settings: environment variables over `livegold.toml` over defaults. Not for what a use case defines.

Every setting is one line of `SETTINGS` or of the settings a sink declares. In the environment it is `LIVEGOLD_` plus
the key in capitals with `_` for `.` (`hub.servers` is `LIVEGOLD_HUB_SERVERS`); in `livegold.toml` it is a key in its
table. Secrets are read from the environment only, and a `Settings` exposes them only through `secret()`.
"""

from __future__ import annotations

import os
import sys
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import EntryPoint
from pathlib import Path
from types import MappingProxyType

from livegold.reporting.errors import SettingsError, choices
from livegold.reporting.plugins import loaded, registered


@dataclass(frozen=True)
class Setting:
    """One setting: its key, default, meaning, and its valid values if they are enumerable."""

    key: str
    default: str
    help: str
    valid: tuple[str, ...] = ()
    secret: bool = False

    @property
    def variable(self) -> str:
        return variable_of(self.key)


def variable_of(key: str) -> str:
    """The environment variable of a setting."""
    return "LIVEGOLD_" + key.upper().replace(".", "_")


SETTINGS: tuple[Setting, ...] = (
    Setting("home", ".livegold", "where state lives: lake, checkpoints, models, logs"),
    Setting("lake", "", "root of the Delta tables: a folder or a URL Spark can write; empty is <home>/lake"),
    Setting("hub.kind", "kafka", "where events come from", ("kafka", "eventhubs", "folder")),
    Setting("hub.servers", "127.0.0.1:9092", "bootstrap servers; eventhubs: <namespace>.servicebus.windows.net:9093"),
    Setting("hub.topic", "", "topic (event hub) of the use case; empty is the name of the use case"),
    Setting(
        "hub.security",
        "",
        "security protocol; empty is plaintext for kafka and sasl_ssl for eventhubs",
        ("", "plaintext", "ssl", "sasl_plaintext", "sasl_ssl"),
    ),
    Setting("hub.username", "", "SASL PLAIN user; eventhubs uses $ConnectionString"),
    Setting("hub.password", "", "SASL PLAIN password", secret=True),
    Setting("hub.connection_string", "", "connection string of the Event Hubs namespace", secret=True),
    Setting("hub.ca", "", "PEM file of the certificate authority of the hub, when it is a private one"),
    Setting("hub.folder", "", "folder of JSON-lines files, one event a line, for hub.kind = folder"),
    Setting("hub.batch_events", "1000000", "most events in one batch (maxOffsetsPerTrigger)"),
    Setting("stream.trigger_seconds", "1", "seconds between two batches of `stream`"),
    Setting("stream.feed_seconds", "2", "seconds between two batches of a feed in `stream`"),
    Setting("spark.master", "", "Spark master when no session is active; empty is local[*]"),
    Setting("spark.memory", "3g", "memory of the local Spark driver"),
    Setting("spark.java_options", "", "further options of the local driver's JVM"),
    Setting("mlflow.uri", "", "MLflow tracking and registry; empty is a sqlite file under <home>"),
)
"""livegold's own settings; sinks declare theirs themselves."""
SINKS = "livegold.sinks"
"""Entry-point group of the sinks, each of which declares settings in a section of its own name."""


def all_settings() -> tuple[Setting, ...]:
    """livegold's own settings and those declared by its sinks and by the sinks of other packages.

    Raises SettingsError for a sink that cannot be loaded or that declares settings outside its own section.
    """
    return (*SETTINGS, *(s for entry in _sinks(tuple(sys.path)) for s in _declared(entry)))


def secret_variables() -> tuple[str, ...]:
    """Environment variables that hold secrets; a sink that cannot be loaded is skipped."""
    found = [*SETTINGS]
    with suppress(SettingsError):
        for entry in _sinks(tuple(sys.path)):
            with suppress(SettingsError):
                found += _declared(entry)
    return tuple(s.variable for s in found if s.secret)


@cache
def _sinks(path: tuple[str, ...]) -> tuple[EntryPoint, ...]:
    """The sinks' entry points for the import path `path`, cached so that packages are not searched repeatedly."""
    return tuple(registered(SINKS, "sink", SettingsError).values())


def _declared(entry: EntryPoint) -> tuple[Setting, ...]:
    found = tuple(getattr(loaded(entry, "sink", SettingsError), "settings", ()))
    for setting in found:
        if not isinstance(setting, Setting) or not setting.key.startswith(f"{entry.name}."):
            raise SettingsError(
                f"sink {entry.name} ({entry.value}) declares {getattr(setting, 'key', setting)!r}: "
                f"give it settings named {entry.name}.*"
            )
    return found


@dataclass(frozen=True)
class Settings:
    """All settings, resolved. Create it with `load`; `values` never contains a secret."""

    values: Mapping[str, str]
    _secrets: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __getitem__(self, key: str) -> str:
        return self.values[key]

    def integer(self, key: str, least: int = 1) -> int:
        """A setting that is an integer of at least `least`."""
        text = self.values[key]
        if not text.isdigit() or int(text) < least:
            raise SettingsError(f"setting {key} is {text!r}: give a whole number of {least} or more")
        return int(text)

    def seconds(self, key: str) -> float:
        """A setting that is a positive number of seconds."""
        try:
            number = float(self.values[key])
        except ValueError:
            number = -1.0
        if not 0 < number < 86_400:
            raise SettingsError(f"setting {key} is {self.values[key]!r}: give a number of seconds between 0 and 86400")
        return number

    def secret(self, key: str) -> str:
        """A secret; if it is not set, raises SettingsError naming the environment variable."""
        value = self._secrets.get(key, "")
        if not value:
            raise SettingsError(f"secret {key} is not set: put it in the environment as {variable_of(key)}")
        return value

    def has_secret(self, key: str) -> bool:
        return bool(self._secrets.get(key))

    def secrets(self) -> tuple[str, ...]:
        """Every secret value that is set, for redaction."""
        return tuple(v for v in self._secrets.values() if v)

    @property
    def home(self) -> Path:
        return Path(self.values["home"])

    @property
    def lake(self) -> str:
        return self.values["lake"] or str(self.home.resolve() / "lake")

    @property
    def mlflow_uri(self) -> str:
        return self.values["mlflow.uri"] or f"sqlite:///{self.home.resolve() / 'mlflow.db'}"


def load(environment: Mapping[str, str] | None = None, file: Path | None = None, **changed: str) -> Settings:
    """The settings in force.

    `changed` are values from the caller, with `__` for the dot (`hub__servers=...`), and take precedence over
    everything. Raises SettingsError for an unknown key, an invalid value, or a secret in the file.
    """
    environment = os.environ if environment is None else environment
    file = Path(environment.get("LIVEGOLD_CONFIG", "livegold.toml")) if file is None else file
    declared = all_settings()
    by_key = {s.key: s for s in declared}
    from_file = _read(file, by_key) if file.exists() else {}
    overrides = {key.replace("__", "."): value for key, value in changed.items()}
    for key in overrides:
        if key not in by_key:
            raise SettingsError(f"{key} is not a setting: {_nearest(key, by_key)}")
    known = {s.variable for s in declared} | {"LIVEGOLD_CONFIG", "LIVEGOLD_SHARED", "LIVEGOLD_SCHEMAS"}
    for variable in environment:
        if variable.startswith("LIVEGOLD_") and variable not in known:
            raise SettingsError(f"environment variable {variable} is not a setting: {_nearest(variable, known)}")
    values: dict[str, str] = {}
    secrets: dict[str, str] = {}
    for setting in declared:
        value = environment.get(setting.variable, from_file.get(setting.key, setting.default))
        value = overrides.get(setting.key, value)
        if setting.secret:
            secrets[setting.key] = value
            continue
        if setting.valid and value not in setting.valid:
            wanted = choices(repr(v) for v in setting.valid)
            raise SettingsError(f"setting {setting.key} is {value!r}: give {wanted}")
        values[setting.key] = value
    return Settings(MappingProxyType(values), MappingProxyType(secrets))


def _read(file: Path, declared: Mapping[str, Setting]) -> dict[str, str]:
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} is not valid TOML: {error}") from error
    flat: dict[str, str] = {}
    for name, value in document.items():
        entries = {f"{name}.{k}": v for k, v in value.items()} if isinstance(value, dict) else {name: value}
        for key, entry in entries.items():
            if key not in declared:
                raise SettingsError(f"{file}: {key} is not a setting: {_nearest(key, declared)}")
            if declared[key].secret:
                raise SettingsError(f"{file}: {key} is a secret: put it in the environment as {variable_of(key)}")
            flat[key] = str(entry)
    return flat


def _nearest(name: str, valid: Mapping[str, object] | set[str]) -> str:
    import difflib

    near = difflib.get_close_matches(name, list(valid), n=3, cutoff=0.5)
    return "did you mean " + choices(near) + "?" if near else "the settings are listed in docs/settings.md"


def table() -> str:
    """All settings as a Markdown table, for the documentation."""
    lines = ["| key in `livegold.toml` | environment | default | meaning |", "|---|---|---|---|"]
    for setting in all_settings():
        default = "(secret)" if setting.secret else f"`{setting.default}`" if setting.default else ""
        key = "environment only" if setting.secret else f"`{setting.key}`"
        lines.append(f"| {key} | `{setting.variable}` | {default} | {setting.help} |")
    return "\n".join(lines) + "\n"
