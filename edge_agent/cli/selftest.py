"""`edge-agent selftest`: does this installation find a person and keep the event?"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from edge_agent.errors import EXIT_OK
from edge_agent.language import LANGUAGES, _, speak


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "selftest",
        help="test this installation with a made picture: no camera or broker needed",
        description="Takes the drawn clip of somebody who comes to a door through decoding, "
        "detection and rules into an outbox of its own. Touches neither the configuration nor the "
        "agent's state. Exits 0 when the person came through, 1 when not, 78 for a model that "
        "cannot be used.",
    )
    parser.add_argument(
        "--config",
        type=Path,
        metavar="PATH",
        help="test with the detector of this configuration (default: the built-in one)",
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.add_argument("--lang", choices=LANGUAGES, help="default: as the system's")
    parser.set_defaults(func=_selftest)


def _selftest(arguments: argparse.Namespace) -> int:
    from edge_agent.config import DetectorConfig, load_config
    from edge_agent.demo.self_test import run_self_test

    speak(arguments.lang)
    given = arguments.config
    detector = load_config(given).config.detector if given else DetectorConfig()
    report = run_self_test(detector)
    if arguments.json:
        answer = {
            "model": report.model,
            "frames": report.frames,
            "messages": report.messages,
            "top_score": round(report.top_score, 3),
        }
        print(json.dumps(answer))
    else:
        said = _(
            "the self-test passed: {model} found the person (score {score}) in {frames} pictures, "
            "and {messages} messages came through an outbox"
        )
        score = f"{report.top_score:.2f}"
        print(
            said.format(
                model=report.model, score=score, frames=report.frames, messages=report.messages
            )
        )
    return EXIT_OK
