"""What the commands of `models` share: their arguments, the chosen models, tables, progress."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from edge_agent.cli.numbers import picture_size
from edge_agent.errors import ModelError

if TYPE_CHECKING:
    from edge_agent.detect import ResolvedModel


def add_models(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "models", nargs="*", metavar="MODEL", help="a name or an ONNX file (default: all installed)"
    )


def add_size(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--size",
        type=picture_size,
        action="append",
        metavar="WxH",
        help="at this input size instead of the manifest's (fully convolutional files); "
        "may be given several times",
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="as JSON")


def chosen_models(names: Sequence[str]) -> list[ResolvedModel]:
    """The named models, or all that are installed. Raises ModelError when there is none."""
    from edge_agent.detect import default_model_dirs, find_model, installed_models

    if names:
        return [find_model(name) for name in names]
    found = installed_models()
    if not found:
        searched = ", ".join(map(str, default_model_dirs()))
        raise ModelError(f"no detector is installed (searched {searched}); see: models list")
    return list(found)


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    widths = [max(len(row[i]) for row in (header, *rows)) for i in range(len(header))]
    for row in (header, *rows):
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())


@contextmanager
def progress(what: str, total: float) -> Iterator[Callable[[int], None]]:
    """A bar on stderr, when somebody looks at it; it is told how much is done."""
    if not sys.stderr.isatty():
        yield lambda done: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.update(task, completed=done)
