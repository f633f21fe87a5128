"""`livegold broker`: the local Kafka in the foreground. The broker itself is in streams/local/broker.py."""

from __future__ import annotations

import click

from livegold.reporting.library import SPARK, require

# hub.servers points here by default.
DEFAULT_PORT = 9092


@click.command()
@click.option(
    "--port", type=click.IntRange(0, 65_535), default=DEFAULT_PORT, show_default=True, help="0 picks a free one."
)
@click.option("--topic", "topics", multiple=True, help="Create this topic first; may be repeated.")
def broker(port: int, topics: tuple[str, ...]) -> None:
    """Runs a local Kafka until Ctrl-C. What is published is kept under LIVEGOLD_HOME."""
    require(SPARK)
    from livegold.reporting.settings import load as load_settings
    from livegold.streams.local import DEFAULT_PARTITIONS, serve

    serve(load_settings().home, port, dict.fromkeys(topics, DEFAULT_PARTITIONS), say=click.echo)
