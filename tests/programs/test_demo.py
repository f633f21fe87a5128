"""The whole of `livegold demo` as a user starts it, in processes of its own: to its end, interrupted, and killed."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from livegold.dashboards.screenshots import Browser

pytestmark = [pytest.mark.spark, pytest.mark.long]

PATIENCE_SECONDS = 420.0
GONE_SECONDS = 20.0
KAFKA, SPARK = "kafka.Kafka", "org.apache.spark.deploy.SparkSubmit"
EVERYTHING = ("broker", KAFKA, "powerbi", "preview", "run", SPARK, "publish")
TOKEN = re.compile(rb"eyJ[\w-]{20,}\.eyJ[\w-]{20,}\.")
EQUATION = re.compile(
    r"published ([\d,]+) = raw ([\d,]+) = gold ([\d,]+) \+ quarantine ([\d,]+) \+ duplicates ([\d,]+)  ✓"
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One home for all: the model of the first demo is kept for the next."""
    folder = tmp_path_factory.mktemp("demo-home")
    yield folder
    for process in left_behind(folder):
        with suppress(psutil.NoSuchProcess):
            process.kill()


def demo(home: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-P", "-m", "livegold", "demo", "taxi_tips", "--no-open", *arguments]
    return subprocess.Popen(
        command,
        env={**os.environ, "LIVEGOLD_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def read_until(process: subprocess.Popen[str], wanted: str) -> str:
    """Output up to the first line that holds `wanted`."""
    assert process.stdout is not None
    text = ""
    for line in process.stdout:
        text += line
        if wanted in line:
            return text
    raise AssertionError(f"the demo ended before it said {wanted!r}:\n{text}")


def left_behind(home: Path) -> list[psutil.Process]:
    """Processes that were started with this home or one below it."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            used = process.environ().get("LIVEGOLD_HOME", "")
            if used.startswith(str(home)) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def running(home: Path, *wanted: str) -> list[psutil.Process]:
    """The processes of a demo, once each of the commands or Java programs `wanted` is among them."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        found = left_behind(home)
        said = {process.pid: " ".join(command_of(process)) for process in found}
        missing = [name for name in wanted if not any(name in words.split() for words in said.values())]
        if not missing:
            return found
        assert time.monotonic() < deadline, f"of the demo's processes {missing} did not start: {list(said.values())}"
        time.sleep(0.02)


def command_of(process: psutil.Process) -> list[str]:
    with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
        return process.cmdline()
    return []


def assert_all_end(home: Path, known: list[psutil.Process]) -> None:
    """Of what ran with this home, be it `known` or not, nothing is left within GONE_SECONDS."""
    deadline = time.monotonic() + GONE_SECONDS
    while left := {*left_behind(home), *(p for p in known if lives(p))}:
        assert time.monotonic() < deadline, f"left behind: {[' '.join(command_of(p))[:200] for p in left]}"
        time.sleep(0.2)


def lives(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return process.is_running() and bool(process.status() != psutil.STATUS_ZOMBIE)
    return False


def assert_no_secret_is_anywhere(home: Path, output: str) -> None:
    """Neither the secrets nor anything that looks like a token, but where the local service keeps its own."""
    own = {path for folder in home.rglob("powerbi") if "sinks" not in folder.parts for path in folder.rglob("*")}
    secrets = [path.read_bytes().strip() for path in own if path.name in ("client_secret", "token_key")]
    assert len(secrets) == 2
    written = [path for path in home.rglob("*") if path.is_file() and path not in own]
    assert any(path.suffix == ".log" for path in written)
    assert any(path.suffix == ".parquet" for path in written)
    assert any(path.suffix == ".db" for path in written)
    for text, where in [(output.encode(), "output"), *((path.read_bytes(), str(path)) for path in written)]:
        assert not any(secret in text for secret in secrets), where
        assert not TOKEN.search(text), where


def numbers(output: str) -> tuple[int, ...]:
    found = EQUATION.search(output)
    assert found is not None, output
    return tuple(int(n.replace(",", "")) for n in found.groups())


def test_a_demo_accounts_for_every_event_and_leaves_no_process(home: Path) -> None:
    process = demo(home, "--minutes", "0.5", "--rate", "200")
    output, _ = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0, output
    published, raw, gold, quarantine, duplicates = numbers(output)
    assert published == raw == gold + quarantine + duplicates
    assert published > 4_000
    assert min(gold, quarantine, duplicates) > 0
    (pulse,) = re.findall(r"Pulse +([\d,]+) ", output)
    assert int(pulse.replace(",", "")) > 0
    assert left_behind(home) == []
    assert_no_secret_is_anywhere(home, output)


def shown(browser: Browser) -> int:
    """The number in the tile of the trips, as it is on the page; 0 before there is one."""
    found = browser.run(
        "const tile = [...document.querySelectorAll('[data-visual]')].find(e => e.innerText.includes('Trips scored'));"
        "return tile?.querySelector('.lg-value')?.textContent"
    )
    return int(str(found or "0").replace(",", ""))


def follow_one(browser: Browser, page: str) -> list[str]:
    """Publishes the event that the page makes up; what is said of its steps once it is in the tile."""
    browser.open(f"{page}/follow")
    browser.wait("a made-up trip", lambda: browser.run("return document.querySelector('.lf-field input')?.value"))
    publish = "//button[contains(., 'Publish this trip')]"
    browser.driver.find_element("xpath", publish).click()
    done = "return [...document.querySelectorAll('.lf-done')].map(e => e.innerText)"
    browser.wait("all six steps", lambda: len(browser.run(done)) == 6, PATIENCE_SECONDS)
    return list(browser.run(done))


def test_the_page_moves_and_ctrl_c_ends_a_demo_cleanly_with_everything_published_counted(home: Path) -> None:
    process = demo(home, "--rate", "100", "--minutes", "20")
    before = read_until(process, "scored ")
    assert "kept from the demo before" in before
    (page,) = re.findall(r"live preview: (http://\S+)", before)
    with Browser() as browser:
        browser.open(page)
        first = browser.wait("a first number", lambda: shown(browser), PATIENCE_SECONDS)
        browser.wait("a greater number", lambda: shown(browser) > first, PATIENCE_SECONDS)
        steps = follow_one(browser, page)
        assert re.search(r"generous with probability \d+\.\d%", steps[2]), steps
        assert re.search(r"[1-9][\d,]* rows of batch \d+", steps[4]), steps
        browser.check()
    started = running(home, *EVERYTHING)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0, output
    published, raw, gold, quarantine, duplicates = numbers(output)
    assert published == raw == gold + quarantine + duplicates
    assert "of these, 1 were published besides the demo's own" in output
    assert_all_end(home, started)


def test_the_end_of_one_process_ends_the_demo_with_its_cause(home: Path) -> None:
    process = demo(home, "--minutes", "10")
    read_until(process, "pipeline ...")
    started = running(home, "broker", "powerbi", "preview", "run")
    (broker,) = [p for p in started if p.cmdline()[3:5] == ["livegold", "broker"]]
    broker.kill()
    output, _ = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 1, output
    assert output.splitlines()[-1].startswith("livegold: broker ended")
    assert_all_end(home, started)


def test_kill_9_of_a_demo_takes_every_process_along(home: Path) -> None:
    process = demo(home, "--minutes", "10")
    read_until(process, "pipeline ...")
    # Spark's Java is starting: the moment in which it is the least in hand.
    started = running(home, "broker", KAFKA, "powerbi", "preview", "run", SPARK)
    process.kill()
    process.wait()
    assert_all_end(home, started)
