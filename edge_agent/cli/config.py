"""`edge-agent config check|show|schema`; the other verbs are in `config_history`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edge_agent.cli import config_history
from edge_agent.config import (
    DEFAULT_CONFIG_DIR,
    SHORT_SHA_LENGTH,
    Config,
    FolderSource,
    LoadedConfig,
    canonical_sha,
    load_config,
    redacted,
)
from edge_agent.errors import EXIT_CONFIG, EXIT_OK, ConfigError, ConfigProblem


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("config", help="check, show or describe the configuration")
    verbs = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    check = verbs.add_parser(
        "check", help="say everything that is wrong, with file, line and fix; exit 78 if anything"
    )
    _add_config(check)
    check.add_argument("--strict", action="store_true", help="let warnings fail too")
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
    try:
        loaded = load_config(arguments.config)
    except ConfigError as error:
        for problem in error.problems:
            print(f"error: {problem}", file=sys.stderr)
        print(_count(len(error.problems), "error"), file=sys.stderr)
        return EXIT_CONFIG
    for warning in loaded.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    wrong = list(_template_problems(loaded.config))
    for problem in wrong:
        print(f"error: {problem}", file=sys.stderr)
    if wrong:
        print(_count(len(wrong), "error"), file=sys.stderr)
        return EXIT_CONFIG
    if loaded.warnings and arguments.strict:
        print(_count(len(loaded.warnings), "warning"), file=sys.stderr)
        return EXIT_CONFIG
    print(f"{loaded.sources[0]}: fine, {_summary(loaded)}")
    return EXIT_OK


def _template_problems(config: Config) -> Iterator[ConfigProblem]:
    """Of recorder folders: what a template is, only their own package knows."""
    for camera in config.cameras:
        if isinstance(camera.source, FolderSource):
            from edge_agent.recorders.find import template_problem

            problem = template_problem(camera.id, camera.source.template)
            if problem is not None:
                yield problem


def _show(arguments: argparse.Namespace) -> int:
    loaded = load_config(arguments.config)
    shown = redacted(loaded.config)
    if arguments.json:
        print(json.dumps(shown, indent=2, ensure_ascii=False))
        return EXIT_OK
    import tomlkit

    print(f"# {_summary(loaded)}")
    for source in loaded.sources:
        print(f"# from {source}")
    print()
    if not shown["cameras"]:
        del shown["cameras"]
    print(tomlkit.dumps(_without_none(shown)).rstrip())
    return EXIT_OK


def _schema(arguments: argparse.Namespace) -> int:
    from edge_agent.config.reference import json_schema, markdown
    from edge_agent.config.schema import AgentFile, CameraConfig

    if arguments.markdown:
        print(markdown(), end="")
    else:
        root = CameraConfig if arguments.camera else AgentFile
        print(json.dumps(json_schema(root), indent=2, ensure_ascii=False))
    return EXIT_OK


def _summary(loaded: LoadedConfig) -> str:
    short_sha = canonical_sha(loaded.config)[:SHORT_SHA_LENGTH]
    return f"{_count(len(loaded.config.cameras), 'camera')}, cfg {short_sha}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _without_none(value: Any) -> Any:
    """TOML has no null: keys that are left out are left out."""
    if isinstance(value, dict):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [_without_none(item) for item in value]
    return value
