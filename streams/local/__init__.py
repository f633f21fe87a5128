"""What runs on this machine: the broker, Java, Spark, and the processes livegold starts."""

from livegold.streams.local.broker import DEFAULT_PARTITIONS, Broker, running_servers, serve
from livegold.streams.local.demo_home import DemoHome
from livegold.streams.local.java import QUICK_START, check_java, java_home
from livegold.streams.local.processes import Child, stop_on_signals
from livegold.streams.local.session import jars_are_here, spark_session
from livegold.streams.local.warmup import warm_up

__all__ = [
    "DEFAULT_PARTITIONS",
    "QUICK_START",
    "Broker",
    "Child",
    "DemoHome",
    "check_java",
    "jars_are_here",
    "java_home",
    "running_servers",
    "serve",
    "spark_session",
    "stop_on_signals",
    "warm_up",
]
