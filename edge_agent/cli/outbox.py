"""`edge-agent outbox stat`: what waits for the ward. Reads only, also while the agent runs."""

from __future__ import annotations

import argparse
import datetime as dt
import json
from pathlib import Path
from typing import Any

from edge_agent.config import DEFAULT_CONFIG_DIR, load_config
from edge_agent.errors import EXIT_OK


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("outbox", help="look into the queue of events")
    verbs = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    stat = verbs.add_parser("stat", help="how many events wait, since when, what was shed")
    where = stat.add_mutually_exclusive_group()
    where.add_argument(
        "--config",
        type=Path,
        default=DEFAULT_CONFIG_DIR,
        metavar="PATH",
        help="folder of agent.toml (default: %(default)s)",
    )
    where.add_argument("--state-dir", type=Path, metavar="DIR", help="the state directory itself")
    stat.add_argument("--json", action="store_true", help="as JSON")
    stat.set_defaults(func=_stat)


def _stat(arguments: argparse.Namespace) -> int:
    from edge_agent.outbox import OutboxStat, outbox_stat

    state_dir = arguments.state_dir or Path(load_config(arguments.config).config.box.state_dir)
    stat: OutboxStat = outbox_stat(state_dir)
    figures = _figures(stat)
    if arguments.json:
        print(json.dumps(figures, indent=2))
        return EXIT_OK
    for name, value in figures.items():
        print(f"{name:<16} {_text(value)}")
    return EXIT_OK


def _figures(stat: Any) -> dict[str, Any]:
    oldest = None
    if stat.oldest_utc_s is not None:
        moment = dt.datetime.fromtimestamp(stat.oldest_utc_s, tz=dt.UTC)
        oldest = f"{moment:%Y-%m-%dT%H:%M:%SZ} (clock {stat.oldest_quality})"
    return {
        "epoch": stat.head.epoch,
        "first_seq": stat.head.first_seq,
        "last_seq": stat.head.last_seq,
        "watermark": stat.head.watermark,
        "unsent": stat.unsent,
        "sent": stat.sent,
        "rows": {f"{label}.{phase}": rows for label, phase, rows in stat.by_kind},
        "open_events": stat.open_events,
        "payload_bytes": stat.payload_bytes,
        "file_bytes": stat.file_bytes,
        "oldest": oldest,
        "gaps": [
            f"{gap.epoch}: " + ", ".join(f"{run.first}-{run.last or ''}" for run in gap.ranges)
            for gap in stat.gaps
        ],
        "unsequenced": stat.unsequenced.count if stat.unsequenced else 0,
        "damaged": stat.damaged,
        "earlier_epochs": list(stat.earlier_epochs),
    }


def _text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, dict):
        return ", ".join(f"{name} {count}" for name, count in value.items()) or "-"
    if isinstance(value, list):
        return "; ".join(value) or "-"
    return str(value)
