"""`livegold reconcile`: shows the results of streams/accounts/reconciliation.py. Does not compute them."""

from __future__ import annotations

import dataclasses
import json

import click

from livegold.reporting.errors import CheckFailed


@click.command()
@click.argument("usecase")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of tables.")
def reconcile(usecase: str, as_json: bool) -> None:
    """Compares hub, raw, gold, quarantine and what was delivered. Exit code 1 if anything differs.

    Recounts from the broker's offsets and the tables on disk, never from counters.
    """
    from livegold.reporting import library

    case = library.load(usecase)
    found = library.reconcile(case)
    if as_json:
        plain = {**dataclasses.asdict(found), "use_case": case.name, "ok": found.ok}
        click.echo(json.dumps(plain, indent=1, default=str))
    else:
        from livegold.reporting.cli.view import console, reconciliation

        console().print(reconciliation(found))
    if not found.ok:
        differences = "1 difference" if len(found.problems) == 1 else f"{len(found.problems)} differences"
        raise CheckFailed(f"use case {case.name} does not reconcile: {differences}, each named above")
