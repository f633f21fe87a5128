"""`livegold`: finds the command, and reports any error as one clear line. Contains no command.

Commands are imported on demand, and what they need (Spark, Kafka, MLflow) when they run, so that `--help` is instant.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

import click

from livegold.reporting.cli.redaction import redacted
from livegold.reporting.errors import LivegoldError

INTERRUPTED = 130
"""Exit code of a program ended by Ctrl-C (128 + SIGINT)."""


@dataclass(frozen=True)
class _Entry:
    """The module of a command; its click command has the same name as the command."""

    module: str
    help: str


COMMANDS = {
    "demo": _Entry("livegold.reporting.cli.demo", "Runs everything on this machine and shows it live."),
    "publish": _Entry("livegold.reporting.cli.publish", "Publishes a file, or made-up events, to the hub."),
    "train": _Entry("livegold.reporting.cli.train", "Trains a model, evaluates it, and promotes it if it is better."),
    "run": _Entry("livegold.reporting.cli.run", "Runs the pipeline, as a batch or as a stream."),
    "backfill": _Entry(
        "livegold.reporting.cli.backfill", "Refills a dataset from gold, within the limits of Power BI."
    ),
    "status": _Entry(
        "livegold.reporting.cli.status", "Shows each query and sink: position, lag, rate, last error, budget."
    ),
    "reconcile": _Entry("livegold.reporting.cli.reconcile", "Compares hub, raw, gold, quarantine and delivered."),
    "sql": _Entry("livegold.reporting.cli.sql", "Runs SQL on the gold tables, without Spark."),
    "report": _Entry(
        "livegold.reporting.cli.report", "Writes the report template for Power BI Desktop, and checks it."
    ),
    "preview": _Entry("livegold.reporting.cli.preview", "Shows the report in the browser, with rows as they arrive."),
    "refresh": _Entry("livegold.reporting.cli.refresh", "Runs, watches and schedules refreshes of a dataset."),
    "doctor": _Entry("livegold.reporting.cli.doctor", "Checks everything a run needs, and says what to do."),
    "broker": _Entry("livegold.reporting.cli.broker", "Runs a local Kafka until Ctrl-C."),
    "powerbi": _Entry("livegold.reporting.cli.powerbi", "Runs the local Power BI service until Ctrl-C."),
    "bench": _Entry("livegold.reporting.cli.bench", "Runs the benchmarks, beside plain Spark and the naive push."),
}


class _Commands(click.Group):
    """A group whose commands are imported on use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for name, entry in COMMANDS.items() if importlib.util.find_spec(entry.module)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        command = getattr(importlib.import_module(COMMANDS[cmd_name].module), cmd_name)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in self.list_commands(ctx):
            from livegold.reporting.errors import choices

            raise click.UsageError(f"no command {args[0]!r}: give {choices(self.list_commands(ctx))}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name].help) for name in self.list_commands(ctx)])


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="livegold", message="livegold %(version)s")
@click.option("--debug", is_flag=True, help="Show the traceback of an error; may stand anywhere on the line.")
def livegold(debug: bool) -> None:
    """A model's live output, exact, in Power BI.

    USECASE is the name of a shipped use case, such as taxi_tips, or the path of a Python file with one.
    """


def run(arguments: Sequence[str]) -> int:
    """Runs one command line and returns its exit code; an error is one line on standard error."""
    arguments = list(arguments)
    debug = "--debug" in arguments
    arguments = [a for a in arguments if a != "--debug"]
    try:
        result = livegold.main(args=arguments, prog_name="livegold", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except LivegoldError as error:
        _complain(str(error), debug)
        return error.exit_code
    except click.ClickException as error:
        command = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "livegold"
        _complain(f"{error.format_message().rstrip('.')}: see `{command} --help`", debug)
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        _complain("interrupted", debug)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output, such as `head`, has closed the pipe. Python would complain again on closing it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        hint = "" if debug else " (run it again with --debug for the trace)"
        _complain(f"this is a defect in livegold: {type(error).__name__}: {error}{hint}", debug)
        return 1


def _complain(message: str, debug: bool) -> None:
    if debug:
        print(redacted(traceback.format_exc()), file=sys.stderr, end="")
    print("livegold: " + redacted(" ".join(message.split())), file=sys.stderr)


def main() -> NoReturn:
    """The entry point of `livegold`."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
