"""`edge-agent listen`."""

from __future__ import annotations

import json

from edge.commands import options
from edge.commands.process import set_up_logging, settle, stop_on_signals
from edge.commands.settings import load


def listen_command(
    broker: options.Broker = None,
    config: options.Config = None,
    topic_prefix: options.Prefix = None,
    as_json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Subscribe to the broker and print decisions as they come."""
    set_up_logging(debug, quiet=True)
    from edge.agent.addresses import broker_address
    from edge.commands.listen.listener import decisions

    settings = load(config, None, broker, topic_prefix=topic_prefix)
    stop = stop_on_signals()
    settle()
    for record in decisions(broker_address(settings), settings.topic_prefix, stop.is_set):
        if as_json:
            print(json.dumps(record, ensure_ascii=False), flush=True)
            continue
        label = record["label"] or f"unknown ({record.get('unknown_reason')})"
        where = f"{record['device']}/{record['camera']}"
        print(f"{record['timestamp']}  {where:24}  {label:24}  {record['confidence']:.2f}", flush=True)
