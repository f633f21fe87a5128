"""The local broker: real Java, real Kafka, real signals."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME, Consumer, TopicPartition
from confluent_kafka.admin import AdminClient

from livegold.reporting.errors import WrongUse
from livegold.reporting.settings import settings
from livegold.streams.hub.hub import Hub, offsets
from livegold.streams.hub.publisher import publish
from livegold.streams.local import java
from livegold.streams.local.broker import Broker, running_servers
from livegold.streams.local.processes import Child
from stream_cases import held_events

ENDS_WITHIN = 20.0


def hub_of(servers: str, topic: str) -> Hub:
    return Hub.of(settings.load({}, hub__servers=servers), topic)


def wait_for(what: object, seconds: float = ENDS_WITHIN) -> bool:
    assert callable(what)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if what():
            return True
        time.sleep(0.05)
    return bool(what())


@pytest.fixture(scope="module")
def home(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose list of jars is there, so that a broker in it starts in seconds."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "broker").mkdir()
    (folder / "broker" / "jars.json").write_bytes((broker.folder / "jars.json").read_bytes())
    return folder


@pytest.mark.broker
def test_an_event_gets_the_brokers_time_and_keeps_every_byte(broker: Broker) -> None:
    broker.create_topic("bytes", 1)
    published = publish(hub_of(broker.servers, "bytes"), [("k", b"\xff\x00"), (None, b"")])
    assert published.count == 2
    consumer = Consumer({"bootstrap.servers": broker.servers, "group.id": "t", "enable.auto.commit": False})
    try:
        consumer.assign([TopicPartition("bytes", 0, 0)])
        first, second = consumer.consume(2, timeout=10)
        assert (first.key(), first.value()) == (b"k", b"\xff\x00")
        assert (second.key(), second.value()) == (None, b"")
        kind, milliseconds = first.timestamp()
        assert kind == TIMESTAMP_LOG_APPEND_TIME
        assert abs(milliseconds / 1000 - time.time()) < 60
    finally:
        consumer.close()


@pytest.mark.broker
def test_creating_a_topic_that_is_there_leaves_it(broker: Broker) -> None:
    broker.create_topic("twice", 3)
    broker.create_topic("twice", 5)
    topics = AdminClient({"bootstrap.servers": broker.servers}).list_topics(timeout=10).topics
    assert len(topics["twice"].partitions) == 3


@pytest.mark.broker
def test_the_broker_listens_on_the_loopback_only(broker: Broker) -> None:
    assert broker.pid is not None
    listening = [c.laddr for c in psutil.Process(broker.pid).net_connections("tcp") if c.status == psutil.CONN_LISTEN]
    assert len(listening) == 3
    assert {address.ip.removeprefix("::ffff:") for address in listening} == {"127.0.0.1"}


@pytest.mark.broker
def test_events_are_there_again_after_a_restart_on_other_ports(home: Path) -> None:
    with Broker(home) as first:
        first.create_topic("kept", 2)
        publish(hub_of(first.servers, "kept"), [(str(i), b"%d" % i) for i in range(50)])
        before = held_events(first.servers, "kept")
        pid, servers = first.pid, first.servers
    assert pid is not None
    assert not psutil.pid_exists(pid)
    with Broker(home) as second:
        assert second.servers != servers
        assert sum(len(held) for held in before.values()) == 50
        assert held_events(second.servers, "kept") == before


@pytest.mark.broker
def test_a_second_broker_on_the_same_folder_is_refused_and_the_first_lives_on(broker: Broker) -> None:
    with pytest.raises(WrongUse, match=r"^another broker runs on .*: stop it, or set LIVEGOLD_HOME to another folder$"):
        Broker(broker.folder.parent).start()
    broker.create_topic("still_there", 1)
    assert offsets(hub_of(broker.servers, "still_there")) == {0: (0, 0)}


@pytest.mark.broker
def test_a_port_in_use_is_one_line_that_says_what_to_do(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(WrongUse, match=f"^port {port} is in use on 127.0.0.1: stop .* or give another --port$"):
            Broker(tmp_path, port).start()


def serving(home: Path) -> subprocess.Popen[bytes]:
    program = "import sys, pathlib, livegold.streams.local.broker as b; b.serve(pathlib.Path(sys.argv[1]), 0, {'t': 1})"
    return subprocess.Popen([sys.executable, "-c", program, str(home)], stdout=subprocess.PIPE)


@pytest.fixture
def served(home: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    process = serving(home)
    try:
        assert wait_for(lambda: running_servers(home) is not None, 60)
        (java_process,) = psutil.Process(process.pid).children(recursive=True)
        yield process, java_process.pid
    finally:
        process.kill()
        process.communicate()


@pytest.mark.broker
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serving_ends_with_exit_code_0_on_a_signal_and_leaves_nothing(
    home: Path, served: tuple[subprocess.Popen[bytes], int], number: signal.Signals
) -> None:
    process, kafka = served
    servers = running_servers(home)
    assert servers is not None
    assert alive(kafka)
    assert "t" in AdminClient({"bootstrap.servers": servers}).list_topics(timeout=10).topics
    process.send_signal(number)
    assert process.wait(ENDS_WITHIN) == 0
    assert not psutil.pid_exists(kafka)
    assert running_servers(home) is None
    assert not (home / "broker" / "endpoint.json").exists()


@pytest.mark.broker
def test_kafka_dies_when_its_parent_is_killed(home: Path, served: tuple[subprocess.Popen[bytes], int]) -> None:
    process, kafka = served
    assert alive(kafka)
    process.kill()
    process.wait()
    assert wait_for(lambda: not psutil.pid_exists(kafka))
    assert json.loads((home / "broker" / "endpoint.json").read_text())["pid"] == process.pid
    assert running_servers(home) is None


@pytest.mark.parametrize("watched", [False, True])
def test_a_child_dies_with_its_parent_with_and_without_a_watcher(tmp_path: Path, watched: bool) -> None:
    program = (
        "import sys, time, pathlib; from livegold.streams.local.processes import Child\n"
        f"Child(['/bin/sh', '-c', 'echo $$ > {tmp_path}/pid; exec sleep 60'], "
        f"log=pathlib.Path('{tmp_path}/log'), watched={watched})\n"
        "time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", program])
    try:
        pid_file = tmp_path / "pid"
        assert wait_for(lambda: pid_file.exists() and pid_file.read_text().strip())
        child = int(pid_file.read_text())
        assert psutil.pid_exists(child)
    finally:
        parent.kill()
        parent.wait()
    assert wait_for(lambda: not psutil.pid_exists(child))


def test_a_child_that_ignores_the_signal_is_killed_with_all_it_started(tmp_path: Path) -> None:
    script = f"trap '' TERM; sleep 60 & echo $! > {tmp_path}/pid; wait; sleep 60"
    child = Child(["/bin/sh", "-c", script], log=tmp_path / "log")
    pid_file = tmp_path / "pid"
    assert wait_for(lambda: pid_file.exists() and pid_file.read_text().strip())
    grandchild = int(pid_file.read_text())
    assert alive(grandchild)
    child.stop(grace=0.3)
    assert child.exit_code == -signal.SIGKILL
    assert wait_for(lambda: not alive(grandchild))


def alive(pid: int) -> bool:
    with suppress(psutil.NoSuchProcess):
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    return False


def fake_java(folder: Path, script: str) -> Path:
    (folder / "bin").mkdir(parents=True)
    program = folder / "bin" / "java"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return folder


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("echo 'openjdk version \"11.0.2\" 2019-01-15' >&2", "is Java 11: install Java 17 or later"),
        ("echo 'java version \"1.8.0_202\"' >&2", "is Java 8: install Java 17 or later"),
        ("echo 'no runtime present' >&2; exit 1", r"gave no version \(no runtime present\): install Java 17"),
    ],
)
def test_a_java_that_will_not_do_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, says: str
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(fake_java(tmp_path / "jdk", script)))
    with pytest.raises(WrongUse, match=says) as caught:
        java.check_java()
    assert "\n" not in str(caught.value)


def test_no_java_at_all_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(WrongUse, match=r"^there is no Java on PATH: install Java 17"):
        Broker(tmp_path / "home").start()
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(WrongUse, match="has no bin/java: install Java 17"):
        java.check_java()


def test_a_new_enough_java_is_taken_from_java_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = fake_java(tmp_path / "jdk", "echo 'openjdk version \"21.0.1\" 2023-10-17' >&2")
    monkeypatch.setenv("JAVA_HOME", str(home))
    assert java.check_java() == home / "bin" / "java"
    assert java.java_home() == Path(os.path.realpath(home))
