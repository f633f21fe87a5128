"""docs/local-service.md: its commands are run in a shell as they are printed, and print what it says they do."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "local-service.md"
PORT = "8643"
BLOCK = re.compile(r"```sh\n(.*?)```\n```text\n(.*?)```", re.DOTALL)
MARK = "--- end of block"
MAX_SECONDS = 180.0


def free_port() -> str:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return str(found.getsockname()[1])


def test_the_commands_of_the_page_print_what_it_says(tmp_path: Path) -> None:
    text = PAGE.read_text(encoding="utf-8").replace(PORT, free_port())
    blocks = BLOCK.findall(text)
    assert len(blocks) == text.count("```sh\n") >= 10
    script = "".join(f"{commands}\necho\necho '{MARK}'\n" for commands, _ in blocks)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("LIVEGOLD_")}
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    running = subprocess.Popen(
        ["bash", "-u", "-c", script],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    lines: list[str] = []
    end = threading.Timer(MAX_SECONDS, os.killpg, (running.pid, signal.SIGKILL))
    end.start()
    try:
        assert running.stdout is not None
        for line in running.stdout:
            lines.append(line)
            if "".join(lines).count(MARK) == len(blocks):
                break
    finally:  # the service in the background holds the pipe open
        end.cancel()
        os.killpg(running.pid, signal.SIGTERM)
        running.wait(20)
    printed = "".join(lines).split(MARK)
    assert len(printed) == len(blocks) + 1, f"the shell ended before its last block: {printed[-1]}"
    for (commands, expected), found in zip(blocks, printed[:-1], strict=True):
        for line in expected.strip().splitlines():
            assert line in found, f"{commands}\nprinted\n{found}\nand not\n{line}"
