"""A real single-node Kafka on this machine that needs only pyspark. Not for production; contains no client.

pyspark's `spark-submit` fetches Kafka's jars once (through Ivy, cached); after that Java runs them directly, together
with the jars in pyspark. KRaft, one node, listeners on 127.0.0.1 only. Published events are kept under
`<home>/broker` and survive a restart.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from livegold.reporting.errors import ServiceUnavailable, WrongUse
from livegold.streams.local.java import check_java
from livegold.streams.local.processes import Child, stop_on_signals

KAFKA = "org.apache.kafka:kafka_2.13:4.2.0"  # with the Scala version of pyspark's own jars
DEFAULT_PARTITIONS = 4
HEAP = "512m"
# With only the quick compiler it starts in two thirds of the time and keeps up with one producer (140,000 events/s).
_QUICK_START = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
START_SECONDS = 120.0
_FETCH_SECONDS = 600
_TOPIC_SECONDS = 20.0
_ATTEMPTS = 3  # a free port may be taken by the time Kafka binds it

_LOG_CONFIG = """\
rootLogger.level = WARN
rootLogger.appenderRef.console.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d %p %c{1}: %m%n
"""


class Broker:
    """A running broker: `with Broker(home) as broker: ... broker.servers`.

    `port` 0 picks a free one. `sasl` maps users to passwords and opens a second listener, SASL_PLAINTEXT with mechanism
    PLAIN, on a free port (`sasl_servers`), like that of Azure Event Hubs but without TLS. Topics are never created
    automatically: a mistyped name has to be an error. An event's timestamp is the broker's time at its arrival.
    Raises WrongUse (Java, port, folder in use) or ServiceUnavailable (did not start; names the log).
    """

    def __init__(self, home: Path, port: int = 0, sasl: Mapping[str, str] | None = None) -> None:
        self.folder = home.resolve() / "broker"
        self.log = self.folder / "broker.log"
        self._port = port
        self._users = dict(sasl or {})
        self._child: Child | None = None
        self._lock: int | None = None
        self.servers = ""
        self.sasl_servers = ""

    def start(self) -> Broker:
        java = check_java()
        if self._port and not _is_free(self._port):
            raise WrongUse(f"port {self._port} is in use on 127.0.0.1: stop what listens there or give another --port")
        self.folder.mkdir(parents=True, exist_ok=True)
        self._take_lock()
        try:
            return self._start(java, _classpath(self.folder, java))
        except BaseException:
            self.stop()
            raise

    def _take_lock(self) -> None:
        # Kafka has its own lock, but a second broker's attempt to take it would end the first broker.
        lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(lock)
            raise WrongUse(
                f"another broker runs on {self.folder}: stop it, or set LIVEGOLD_HOME to another folder"
            ) from error
        self._lock = lock

    def _start(self, java: Path, classpath: str) -> Broker:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                self._start_once(java, classpath)
                return self
            except _PortTaken:
                self._stop_child()
                if self._port or attempt == _ATTEMPTS:
                    raise
        raise AssertionError("unreachable")

    def _start_once(self, java: Path, classpath: str) -> None:
        port, sasl_port, controller_port = self._port or _free_port(), _free_port(), _free_port()
        configuration = self.folder / "server.properties"
        _write_private(configuration, self._configuration(port, sasl_port, controller_port))
        logging = self.folder / "log4j2.properties"
        logging.write_text(_LOG_CONFIG, encoding="utf-8")
        options = [*_QUICK_START, f"-Dlog4j2.configurationFile={logging}", "-Dfile.encoding=UTF-8"]
        if not (self.folder / "data" / "meta.properties").exists():
            self._format(java, [*options, "-cp", classpath], configuration)
        log_start = self.log.stat().st_size if self.log.exists() else 0
        self._child = Child(
            [str(java), f"-Xmx{HEAP}", *options, "-cp", classpath, "kafka.Kafka", str(configuration)],
            log=self.log,
            keeps=() if self._lock is None else (self._lock,),  # held until Kafka itself has ended
        )
        self.servers = f"127.0.0.1:{port}"
        self.sasl_servers = f"127.0.0.1:{sasl_port}" if self._users else ""
        self._wait_until_up(log_start)

    def _configuration(self, port: int, sasl_port: int, controller_port: int) -> str:
        advertised = f"PLAINTEXT://127.0.0.1:{port}"
        settings = {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "PLAINTEXT",
            "listener.security.protocol.map": (
                "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT"
            ),
            "log.dirs": str(self.folder / "data"),
            "log.message.timestamp.type": "LogAppendTime",
            "log.retention.ms": "-1",
            "log.retention.bytes": "-1",
            "auto.create.topics.enable": "false",
            "num.partitions": str(DEFAULT_PARTITIONS),
            "offsets.topic.num.partitions": "1",
            "offsets.topic.replication.factor": "1",
            "transaction.state.log.num.partitions": "1",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "share.coordinator.state.topic.replication.factor": "1",
            "share.coordinator.state.topic.min.isr": "1",
            "group.initial.rebalance.delay.ms": "0",
        }
        if self._users:
            advertised += f",SASL_PLAINTEXT://127.0.0.1:{sasl_port}"
            users = " ".join(f"user_{name}={_quoted(password)}" for name, password in self._users.items())
            settings["sasl.enabled.mechanisms"] = "PLAIN"
            settings["listener.name.sasl_plaintext.plain.sasl.jaas.config"] = (
                f"org.apache.kafka.common.security.plain.PlainLoginModule required {users};"
            )
        settings["listeners"] = f"{advertised},CONTROLLER://127.0.0.1:{controller_port}"
        settings["advertised.listeners"] = advertised
        # A backslash is the escape character of Java's properties files.
        return "".join(f"{key}={value.replace(chr(92), chr(92) * 2)}\n" for key, value in settings.items())

    def _format(self, java: Path, options: list[str], configuration: Path) -> None:
        identity = base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()
        # A leading "-" would be parsed as an option.
        identity = identity.replace("-", "A")
        done = subprocess.run(
            [str(java), *options, "kafka.tools.StorageTool", "format", "-t", identity, "-c", str(configuration)],
            capture_output=True,
            text=True,
            timeout=START_SECONDS,
            start_new_session=True,
        )
        if done.returncode != 0:
            output = (done.stderr + done.stdout).strip()
            self.log.write_text(output, encoding="utf-8")
            raise ServiceUnavailable(f"Kafka could not format {self.folder / 'data'}: see {self.log}")

    def _wait_until_up(self, log_start: int) -> None:
        deadline = time.monotonic() + START_SECONDS
        admin = self._admin()
        while True:
            assert self._child is not None
            if self._child.exit_code is not None:
                raise self._failure(log_start)
            try:
                if admin.list_topics(timeout=0.5).brokers:
                    return
            except KafkaException:
                pass
            if time.monotonic() > deadline:
                raise ServiceUnavailable(
                    f"Kafka did not come up on {self.servers} in {START_SECONDS:.0f} s: see {self.log}"
                )

    def _failure(self, log_start: int) -> WrongUse | ServiceUnavailable:
        with self.log.open("rb") as log:
            log.seek(log_start)
            text = log.read().decode("utf-8", "replace")
        if "Address already in use" in text:
            return _PortTaken(
                f"a port of {self.servers} was taken while Kafka started: stop what took it or give another --port"
            )
        return ServiceUnavailable(
            f"Kafka ended with {self._child and self._child.exit_code} as it started: see {self.log}"
        )

    def create_topic(self, name: str, partitions: int = DEFAULT_PARTITIONS) -> None:
        """Creates a topic unless it exists. Returns when it can be written to."""
        admin = self._admin()
        try:
            admin.create_topics([NewTopic(name, partitions, 1)], request_timeout=_TOPIC_SECONDS)[name].result()
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise ServiceUnavailable(f"topic {name} on {self.servers}: {error.args[0].str()}") from error
        deadline = time.monotonic() + _TOPIC_SECONDS
        while time.monotonic() < deadline:
            metadata = admin.list_topics(name, timeout=_TOPIC_SECONDS).topics[name]
            if not metadata.error and all(p.leader >= 0 for p in metadata.partitions.values()):
                return
            time.sleep(0.02)
        raise ServiceUnavailable(f"topic {name} on {self.servers} has no leader after {_TOPIC_SECONDS:.0f} s")

    def _admin(self) -> AdminClient:
        return AdminClient({"bootstrap.servers": self.servers, "log_level": 0, "reconnect.backoff.max.ms": 250})

    @property
    def pid(self) -> int | None:
        """Process id while it runs, otherwise None."""
        return self._child.pid if self._child and self._child.exit_code is None else None

    def stop(self) -> None:
        """Ends the broker; published events stay on disk. Safe to call twice."""
        self._stop_child()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _stop_child(self) -> None:
        if self._child is not None:
            self._child.stop()
            self._child = None

    def __enter__(self) -> Broker:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


class _PortTaken(WrongUse):
    """The only start-up failure that retrying with other ports may fix."""


def serve(home: Path, port: int, topics: Mapping[str, int] | None = None, say: Callable[[str], None] = print) -> None:
    """Runs a broker until SIGTERM or SIGINT, then returns; `topics` (name -> partitions) are created first.

    While it runs, `<home>/broker/endpoint.json` holds `servers` and our `pid`. Raises what Broker raises, and
    ServiceUnavailable if Kafka ends by itself.
    """
    with stop_on_signals() as stop, Broker(home, port) as broker:
        for name, partitions in (topics or {}).items():
            broker.create_topic(name, partitions)
        endpoint = broker.folder / "endpoint.json"
        _replace(endpoint, json.dumps({"servers": broker.servers, "pid": os.getpid()}) + "\n")
        try:
            say(f"Kafka listens on {broker.servers}; events are kept in {broker.folder}; Ctrl-C ends it")
            _until(stop, broker)
        finally:
            endpoint.unlink(missing_ok=True)


def running_servers(home: Path) -> str | None:
    """The servers of the broker that `serve` runs for this home, or None if none is running."""
    try:
        endpoint = json.loads((home / "broker" / "endpoint.json").read_text(encoding="utf-8"))
        os.kill(endpoint["pid"], 0)
        return str(endpoint["servers"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _until(stop: threading.Event, broker: Broker) -> None:
    while not stop.wait(0.25):
        if broker.pid is None:
            raise ServiceUnavailable(f"Kafka ended by itself: see {broker.log}")


def _classpath(folder: Path, java: Path) -> str:
    import pyspark

    spark = Path(pyspark.__file__).parent
    # pyspark's jars come first, as with spark-submit: otherwise Kafka's own slf4j would find no logging library.
    return os.pathsep.join([str(spark / "jars" / "*"), *_kafka_jars(folder, spark, java)])


def _kafka_jars(folder: Path, spark: Path, java: Path) -> list[str]:
    kept = folder / "jars.json"
    try:
        known = json.loads(kept.read_text(encoding="utf-8"))
        if known["package"] == KAFKA and all(Path(jar).is_file() for jar in known["jars"]):
            return list(known["jars"])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    jars = _fetch_jars(folder, spark, java)
    _replace(kept, json.dumps({"package": KAFKA, "jars": jars}, indent=1) + "\n")
    return jars


def _fetch_jars(folder: Path, spark: Path, java: Path) -> list[str]:
    bash = shutil.which("bash")
    if bash is None:
        raise WrongUse("spark-submit needs bash, which is not on PATH: install it")
    log = folder / "fetch.log"
    log.unlink(missing_ok=True)
    environment = os.environ | {
        "SPARK_HOME": str(spark),
        "JAVA_HOME": str(java.resolve().parent.parent),
        "PYSPARK_PYTHON": sys.executable,
    }
    # Any small program will do: only the list of jars printed by --verbose is needed.
    submit = [bash, str(spark / "bin" / "spark-submit"), "--verbose", "--master", "local[1]", "--packages", KAFKA]
    with Child(
        [*submit, "--class", "kafka.tools.StorageTool", "spark-internal", "random-uuid"],
        log=log,
        environment=environment,
    ) as child:
        deadline = time.monotonic() + _FETCH_SECONDS
        while child.exit_code is None and time.monotonic() < deadline:
            time.sleep(0.1)
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith("(spark.jars,"):
            jars = line.removeprefix("(spark.jars,").removesuffix(")").split(",")
            return [jar.removeprefix("file://") for jar in jars]
    raise ServiceUnavailable(
        f"Kafka ({KAFKA}) could not be fetched: check the network or the Maven settings of Ivy, and see {log}"
    )


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _is_free(port: int) -> bool:
    with closing(socket.socket()) as listener:
        # Like Kafka, treat a port whose last owner has just closed it as free.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _free_port() -> int:
    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _write_private(file: Path, text: str) -> None:
    file.unlink(missing_ok=True)
    with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
        out.write(text)


def _replace(file: Path, text: str) -> None:
    new = file.with_suffix(".new")
    new.write_text(text, encoding="utf-8")
    new.replace(file)
