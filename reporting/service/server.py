"""Runs the local service: blocking, for the command line (`serve`), or inside a program (`LocalService`). No calls."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType, TracebackType
from typing import IO

import uvicorn

from livegold.reporting import home as places
from livegold.reporting.errors import ServiceUnavailable, WrongUse
from livegold.reporting.home import LOCAL_CLIENT, LOCAL_TENANT, LOCAL_WORKSPACE, Endpoint, acquire_lock
from livegold.reporting.service.application import Options, opened_application
from livegold.reporting.service.certificates import Certificates, ensure_certificates
from livegold.reporting.service.front import Front
from livegold.reporting.service.semantics import SequenceSemantics

HOST = "127.0.0.1"
DEFAULT_PORT = 8643
START_SECONDS = 20.0
STOP_SECONDS = 3  # for in-flight requests when the service is told to stop


class LocalService:
    """A local service that runs for the duration of a `with` block.

    State is under `<home>/powerbi` and persists for the next one. `port` 0 picks a free one. `clock` gives seconds
    since the epoch and drives limits, retention, refreshes and tokens. `http` uses plain HTTP without TLS. `open_token`
    is a bearer token that is always accepted as the user's (16 characters or more). `dedicated` puts the workspace on
    dedicated capacity. `semantics` says how sequence numbers are treated. Raises WrongUse if the port is in use,
    another service is running on the same home, or the open token is too short.
    """

    def __init__(
        self,
        home: Path,
        *,
        port: int = 0,
        clock: Callable[[], float] = time.time,
        http: bool = False,
        open_token: str | None = None,
        dedicated: bool = False,
        semantics: SequenceSemantics | None = None,
    ) -> None:
        self.home = home
        self._port = port
        self._clock = clock
        self._options = Options(http=http, open_token=open_token, dedicated=dedicated, semantics=semantics)
        self._stack = contextlib.ExitStack()
        self.endpoint: Endpoint

    def __enter__(self) -> LocalService:
        try:
            server = self._stack.enter_context(_opened(self.home, self._port, self._clock, self._options))
            self.endpoint = server.endpoint
            thread = threading.Thread(target=server.run_until_told, name="local-power-bi", daemon=True)
            thread.start()
            self._stack.callback(thread.join, START_SECONDS)
            self._stack.callback(server.stop)
            server.wait_started(START_SECONDS)
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    @property
    def secret(self) -> str:
        """The client secret of the local service."""
        return places.client_secret(self.home)


def serve(
    home: Path,
    port: int = DEFAULT_PORT,
    *,
    http: bool = False,
    open_token: str | None = None,
    dedicated: bool = False,
    say: Callable[[str], None] = print,
) -> None:
    """Runs until SIGTERM or SIGINT, then returns, so that the caller exits with 0. Options as for `LocalService`.

    Reports where it listens and writes `<home>/powerbi/endpoint.json` once it does. Call from the main thread.
    """
    options = Options(http=http, open_token=open_token, dedicated=dedicated)
    with _opened(home, port, time.time, options) as server:

        def stop(number: int, frame: FrameType | None) -> None:
            server.stop()

        before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            trust = f"certificate authority {server.endpoint.ca}" if server.endpoint.ca else "plain HTTP, no TLS"
            say(f"local Power BI service on {server.endpoint.api}, {trust}")
            server.run_until_told()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


class _Server:
    """uvicorn on an already bound socket, without its signal handling. `certificates` None means plain HTTP."""

    def __init__(self, app: Front, bound: socket.socket, certificates: Certificates | None, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._socket = bound
        config = uvicorn.Config(
            app,  # type: ignore[arg-type,unused-ignore]
            ssl_certfile=str(certificates.certificate) if certificates else None,
            ssl_keyfile=str(certificates.key) if certificates else None,
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            server_header=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=STOP_SECONDS,
        )
        config.load()
        self._server = _Quiet(config)

    def run_until_told(self) -> None:
        self._server.run(sockets=[self._socket])

    def stop(self) -> None:
        self._server.should_exit = True

    def wait_started(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not self._server.started:
            if time.monotonic() > until:
                raise ServiceUnavailable(f"the local service did not start within {seconds:.0f} s")
            time.sleep(0.01)


class _Quiet(uvicorn.Server):
    """uvicorn would catch signals and re-raise them after stopping, so that the process would not exit with 0."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Drops idle connections at once: over TLS a graceful close waits for a client that may not be reading."""
        for connection in list(self.server_state.connections):
            cycle = getattr(connection, "cycle", None)
            if cycle is None or cycle.response_complete:
                connection.transport.abort()
        await super().shutdown(sockets)


@contextlib.contextmanager
def _opened(home: Path, port: int, clock: Callable[[], float], options: Options) -> Iterator[_Server]:
    folder = places.service_folder(home)
    folder.mkdir(parents=True, exist_ok=True)
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    with contextlib.ExitStack() as stack:
        stack.enter_context(_only_one(folder / "service.lock", home))
        bound = stack.enter_context(_bound(port))
        certificates = None if options.http else ensure_certificates(folder)
        app = stack.enter_context(opened_application(home, clock, options))
        scheme = "http" if options.http else "https"
        root = f"{scheme}://localhost:{bound.getsockname()[1]}"
        endpoint = Endpoint(
            api=root,
            authority=root,
            ca=str(certificates.ca.resolve()) if certificates else "",
            tenant=LOCAL_TENANT,
            client_id=LOCAL_CLIENT,
            workspace=LOCAL_WORKSPACE,
            pid=os.getpid(),
        )
        # The socket listens from here on: a client that reads the file can connect, and waits until uvicorn accepts.
        server = _Server(app, bound, certificates, endpoint)
        places.write_endpoint(home, endpoint)
        stack.callback(places.remove_endpoint, home)
        yield server


def _bound(port: int) -> socket.socket:
    # With the protocol given, asyncio sets TCP_NODELAY; otherwise small responses are delayed by 40 ms each.
    found = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((HOST, port))
    except OSError as error:
        found.close()
        raise WrongUse(
            f"port {port} of {HOST} cannot be used ({error.strerror}): stop what uses it, or give another with --port"
        ) from error
    found.listen(128)
    return found


def _only_one(file: Path, home: Path) -> IO[str]:
    refusal = f"a local service already runs for {home}: use it (see {home}/powerbi/endpoint.json), or stop it first"
    return acquire_lock(file, WrongUse(refusal))
