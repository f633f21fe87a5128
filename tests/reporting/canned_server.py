"""A real HTTP server that answers with the bytes a test gives it: for answers that no service would give on demand."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any


@dataclass(frozen=True)
class Got:
    """A request as it came."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    client: tuple[str, int]

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class CannedServer:
    """Answers each request with the next of `reply`'s answers, and the last one again. Remembers what came."""

    def __init__(self) -> None:
        self.got: list[Got] = []
        self._answers: list[tuple[int, bytes, dict[str, str]]] = []
        self._last: tuple[int, bytes, dict[str, str]] = (500, b"no answer was given", {})
        canned = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                canned.got.append(Got(self.command, self.path, dict(self.headers.items()), body, self.client_address))
                status, content, headers = canned._next()
                self.send_response(status)
                for name, value in {"Content-Length": str(len(content)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def reply(self, status: int, body: Any = b"", headers: Mapping[str, str] | None = None) -> CannedServer:
        """Adds an answer: bytes as they are, anything else as JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self._answers.append((status, content, dict(headers or {})))
        return self

    def _next(self) -> tuple[int, bytes, dict[str, str]]:
        if self._answers:
            self._last = self._answers.pop(0)
        return self._last

    def __enter__(self) -> CannedServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
