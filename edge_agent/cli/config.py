"""`edge-agent config check|show|schema`; the other verbs are in `config_history`."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edge_agent.cli import config_history
from edge_agent.config import (
    DEFAULT_CONFIG_DIR,
    Config,
    load_config,
    redacted,
)
from edge_agent.errors import EXIT_CONFIG, EXIT_OK, ModelError
from edge_agent.foreign_text import printable_json
from edge_agent.language import LANGUAGES, speak


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("config", help="check, show or describe the configuration")
    verbs = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    check = verbs.add_parser(
        "check", help="say everything that is wrong, with file, line and fix; exit 78 if anything"
    )
    _add_config(check)
    check.add_argument("--strict", action="store_true", help="let warnings fail too")
    check.add_argument(
        "--online", action="store_true", help="also try the broker and each camera for some seconds"
    )
    check.add_argument(
        "--user",
        metavar="NAME",
        help="who will read the files (default: the User= of the installed unit, for its folder)",
    )
    check.add_argument("--json", action="store_true", help="print the result as JSON")
    check.add_argument("--lang", choices=LANGUAGES, help="default: as the system's")
    check.set_defaults(func=_check)

    show = verbs.add_parser("show", help="print what is in force, defaults included, no secrets")
    _add_config(show)
    show.add_argument("--json", action="store_true", help="as JSON instead of TOML")
    show.set_defaults(func=_show)

    config_history.add_parsers(verbs)

    schema = verbs.add_parser("schema", help="print the JSON Schema of agent.toml, for editors")
    which = schema.add_mutually_exclusive_group()
    which.add_argument("--camera", action="store_true", help="that of cameras.d/*.toml instead")
    which.add_argument("--markdown", action="store_true", help="the reference, docs/config.md")
    schema.set_defaults(func=_schema)


def _add_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config",
        type=Path,
        default=DEFAULT_CONFIG_DIR,
        metavar="PATH",
        help="folder of agent.toml and cameras.d/, or agent.toml itself (default: %(default)s)",
    )


def _check(arguments: argparse.Namespace) -> int:
    from edge_agent.cli.checking import Check, print_json, print_lines

    speak("en" if arguments.json else arguments.lang)
    check = Check.of(arguments.config, user=arguments.user, online=arguments.online)
    is_fine = not check.errors and not (arguments.strict and check.warnings)
    (print_json if arguments.json else print_lines)(check, is_fine=is_fine)
    return EXIT_OK if is_fine else EXIT_CONFIG


def _show(arguments: argparse.Namespace) -> int:
    loaded = load_config(arguments.config)
    shown = redacted(loaded.config)
    if arguments.json:
        print(printable_json(shown, indent=2))
        return EXIT_OK
    import tomlkit

    from edge_agent.cli.checking import summary_of

    print(f"# {summary_of(loaded)}")
    for source in loaded.sources:
        print(f"# from {source}")
    for line in _detector_lines(loaded.config):
        print(f"# {line}")
    print()
    if not shown["cameras"]:
        del shown["cameras"]
    print(tomlkit.dumps(_without_none(shown)).rstrip())
    return EXIT_OK


def _detector_lines(config: Config) -> Iterator[str]:
    """Which detector `auto` is, and which numbers its thresholds; `check` says what is wrong."""
    from edge_agent.detect import find_model

    try:
        model = find_model(config.detector.model, cameras=len(config.cameras))
    except ModelError:
        return
    manifest = model.manifest
    yield f"detector: {model.in_words()}"
    yield (
        f"thresholds on auto: candidates from {manifest.candidate_threshold:.2f}, "
        f"told from {manifest.confirm_threshold:.2f}"
    )


def _schema(arguments: argparse.Namespace) -> int:
    from edge_agent.config.reference import json_schema, markdown
    from edge_agent.config.schema import AgentFile, CameraConfig

    if arguments.markdown:
        print(markdown(), end="")
    else:
        root = CameraConfig if arguments.camera else AgentFile
        print(printable_json(json_schema(root), indent=2))
    return EXIT_OK


def _without_none(value: Any) -> Any:
    """TOML has no null: keys that are left out are left out."""
    if isinstance(value, dict):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [_without_none(item) for item in value]
    return value
