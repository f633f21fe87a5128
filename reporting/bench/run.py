"""The whole bench: the naive push and livegold for each use case, each against a local service in simulated time.

Each is a separate process with its own service and clock, because simulated time cannot be shared; two run at once.
"""

from __future__ import annotations

import multiprocessing
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

from livegold.reporting.bench.cases import PARCELS
from livegold.reporting.bench.clock import SimulatedClock
from livegold.reporting.bench.delivery import Delivered, Delivery, client_of
from livegold.reporting.bench.demand import Demand
from livegold.reporting.bench.naive import Naive, push_naively
from livegold.reporting.bench.stored import Stored
from livegold.reporting.bench.wire import CountingSession
from livegold.reporting.service.server import LocalService
from livegold.reporting.specification import UseCase, load_use_case

START = 1_772_323_200.0  # 2026-03-01, midnight in UTC
AT_ONCE = 2

Say = Callable[[str], None]


def bench_case(name: str) -> UseCase:
    """A use case by name or file, or the bench's own `bench_parcels`."""
    return PARCELS if name == PARCELS.name else load_use_case(name)


def bench_delivery(
    cases: Sequence[str], demand: Demand, naive_hours: float, folder: Path, say: Say
) -> tuple[list[Delivered], Naive | None]:
    """Runs the bench in `folder`, which is emptied first and removed at the end. `say` must be picklable.

    Raises what a sink raises. `Delivered.require` checks the results.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in cases:
        bench_case(name)
    try:
        with ProcessPoolExecutor(AT_ONCE, multiprocessing.get_context("spawn")) as pool:
            naive = pool.submit(naive_push, folder / "naive", demand.rate, naive_hours, say) if naive_hours else None
            running = [pool.submit(deliver, name, demand, folder / f"case-{n}", say) for n, name in enumerate(cases)]
            return [r.result() for r in running], naive.result() if naive else None
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def deliver(name: str, demand: Demand, folder: Path, say: Say) -> Delivered:
    """One use case from start to end."""
    case = bench_case(name)
    own = replace(demand, most_spotlight=case.spotlight.limit)
    say(f"{case.name}: {own.hours:g} simulated hours at {own.rate:,.0f} events a second")
    clock = SimulatedClock(START)
    with LocalService(folder / "service", clock=clock) as service:
        delivery = Delivery(case, own, service, clock, folder / "delivery", say)
        try:
            return delivery.run()
        finally:
            delivery.close()


def naive_push(folder: Path, rate: float, hours: float, say: Say) -> Naive:
    """Runs the naive push for some hours."""
    clock = SimulatedClock(START)
    with LocalService(folder, clock=clock) as service:
        wire = CountingSession(service.endpoint.ca, clock)
        client = client_of(service, wire)

        def counted(dataset: str, table: str) -> tuple[int, int]:
            return Stored(PARCELS, service.endpoint.api, dataset, wire).counts(table)

        try:
            found = push_naively(client, wire, clock, rate, hours, counted)
        finally:
            client.close()
    say(f"naive push: {found.accepted:,} of {found.events:,} events arrived, {found.refusals:,} times 429")
    return found
