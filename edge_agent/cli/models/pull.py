"""`edge-agent models pull`: fetch a known model."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.cli.models.shared import progress
from edge_agent.cli.models.verify import print_steps
from edge_agent.cli.numbers import number
from edge_agent.config import DEFAULT_CONFIG_DIR, load_config
from edge_agent.errors import EXIT_OK, ModelError

if TYPE_CHECKING:
    from edge_agent.tools.registry import FetchSettings


def add_parser(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = verbs.add_parser(
        "pull",
        help="fetch a known model",
        description="Fetches the file, going on where an earlier attempt ended, checks its size "
        "and SHA-256, and only then lets the agent see it. Proxies: HTTPS_PROXY and NO_PROXY, or "
        "--proxy. Without a network: --from a USB stick.",
    )
    parser.add_argument("models", nargs="+", metavar="NAME", help="see: models list")
    parser.add_argument(
        "--to",
        type=Path,
        metavar="DIR",
        help="default: $EDGE_AGENT_MODELS, or /var/lib/edge-agent/models",
    )
    source = parser.add_mutually_exclusive_group()
    source.add_argument(
        "--mirror", metavar="URL", help="fetch URL/FILE instead (default: detector.mirror)"
    )
    source.add_argument(
        "--from", type=Path, dest="source", metavar="PATH", help="copy this file, or from a folder"
    )
    parser.add_argument(
        "--proxy", metavar="URL", help="http://HOST:PORT (default: detector.proxy, HTTPS_PROXY)"
    )
    parser.add_argument("--allow-http", action="store_true", help="allow a mirror without TLS")
    parser.add_argument(
        "--timeout",
        type=number(1, 600, "s"),
        default=30.0,
        metavar="S",
        help="give up after so long without a byte (default: 30)",
    )
    parser.add_argument(
        "--config",
        type=Path,
        metavar="PATH",
        help=f"whose mirror and proxy to use (default: {DEFAULT_CONFIG_DIR}, if it is there)",
    )
    parser.set_defaults(func=_pull)


def _pull(arguments: argparse.Namespace) -> int:
    from edge_agent.detect import ResolvedModel, pull_dir
    from edge_agent.tools.registry import known_models, pull, shipped_registry

    known = known_models(shipped_registry())
    wanted = []
    for name in arguments.models:
        if name not in known:
            raise ModelError(f"{name}: not in the registry; known are {', '.join(known)}")
        wanted.append(known[name])
    settings = _fetch_settings(arguments)
    folder = arguments.to or pull_dir()
    code = EXIT_OK
    for model in wanted:
        origin = arguments.source or settings.url_of(model.url, model.file)
        print(f"{model.name}: {model.bytes / 1e6:.1f} MB, licence {model.licence}, from {origin}")
        if not model.downloaded and arguments.source is None:
            print("  first download from here: the pinned hash decides")
        with progress(model.file, model.bytes) as advance:
            pulled = pull(model, folder, settings, source=arguments.source, advance=advance)
        got = f"{pulled.fetched_bytes} bytes" if pulled.fetched_bytes else "was there already"
        print(f"  {pulled.path}: {got}, sha256 is right")
        code = max(code, print_steps(ResolvedModel(model.manifest(), pulled.path)))
    return code


def _fetch_settings(arguments: argparse.Namespace) -> FetchSettings:
    """The command line outranks the configuration, which outranks the environment."""
    from edge_agent.tools.registry import FetchSettings

    mirror, proxy = arguments.mirror, arguments.proxy
    path = arguments.config or DEFAULT_CONFIG_DIR
    if arguments.config or (DEFAULT_CONFIG_DIR / "agent.toml").is_file():
        detector = load_config(path).config.detector
        mirror, proxy = mirror or detector.mirror, proxy or detector.proxy
    return FetchSettings.of(mirror, proxy, arguments.allow_http, arguments.timeout)
