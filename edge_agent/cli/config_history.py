"""`edge-agent config history|diff|rollback`: what was in force, and how to come back to it."""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import difflib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from edge_agent.atomic_file import write_atomically
from edge_agent.config import DEFAULT_CONFIG_DIR
from edge_agent.config.history import History, KeptConfig, load_entry, state_dirs
from edge_agent.config.load import AGENT_FILE
from edge_agent.config.on_disk import Files, agent_file, read_files
from edge_agent.errors import EXIT_OK, OperatorError, StorageError
from edge_agent.foreign_text import printable

#: A camera's file that a rollback takes out of use: `run` reads *.toml only.
OUT_OF_USE = ".removed"


def add_parsers(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    history = verbs.add_parser(
        "history",
        help="list the configurations that were in force",
        description="One line for each change that a running agent applied: its number, when, "
        "which configuration, which files. Who changed them cannot be known.",
    )
    _add_config(history)
    history.set_defaults(func=_history)

    diff = verbs.add_parser(
        "diff", help="show what the files say now against a version that was in force"
    )
    _add_config(diff)
    diff.add_argument("version", nargs="?", type=int, help="its number (default: the newest)")
    diff.set_defaults(func=_diff)

    rollback = verbs.add_parser(
        "rollback",
        help="write a version that was in force back into the files",
        description="A running agent applies it at once. A camera's file that the version does "
        f"not have is renamed to *{OUT_OF_USE}; nothing is erased.",
    )
    _add_config(rollback)
    rollback.add_argument(
        "version", nargs="?", type=int, help="its number (default: the one before the newest)"
    )
    rollback.set_defaults(func=_rollback)


def _add_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config",
        type=Path,
        default=DEFAULT_CONFIG_DIR,
        metavar="PATH",
        help="folder of agent.toml and cameras.d/, or agent.toml itself (default: %(default)s)",
    )


def _history(arguments: argparse.Namespace) -> int:
    for entry in _known(arguments.config):
        when = dt.datetime.fromtimestamp(entry.applied_utc_s, dt.UTC).isoformat(timespec="seconds")
        files = ", ".join(entry.files) or "no file"
        changes = "; ".join(entry.changes)
        print(printable(f"{entry.number:>4}  {when}  {entry.cfg_sha}  {files}: {changes}"))
    return EXIT_OK


def _diff(arguments: argparse.Namespace) -> int:
    entries = _known(arguments.config)
    entry = _chosen(entries, arguments.version, back=1)
    now = _read(agent_file(arguments.config))
    lines = list(_differences(entry.contents, now, f"version {entry.number}"))
    sys.stdout.writelines(lines)
    if not lines:
        print(f"the files are version {entry.number}")
    return EXIT_OK


def _rollback(arguments: argparse.Namespace) -> int:
    entries = _known(arguments.config)
    entry = _chosen(entries, arguments.version, back=2)
    load_entry(entry)  # this version of the agent may refuse what an earlier one took
    agent = agent_file(arguments.config)
    wanted, now = entry.contents, _read(agent)
    for name in sorted(now.keys() - wanted.keys()):
        path = agent.parent / name
        aside = path.with_name(path.name + OUT_OF_USE)
        try:
            path.replace(aside)
        except OSError as error:
            raise StorageError(f"{path}: cannot be renamed: {error.strerror}") from error
        print(f"{path} is now {aside.name}")
    for name, data in sorted(wanted.items()):
        if now.get(name) != data:
            path = agent if name == AGENT_FILE else agent.parent / name
            _write(path, data, like=path if path.exists() else agent)
            print(f"{path} is version {entry.number} again")
    return EXIT_OK


def _known(config: Path) -> list[KeptConfig]:
    """The history of these files, oldest first. Raises OperatorError when there is none."""
    agent = agent_file(config)
    searched = []
    for state_dir in state_dirs(agent):
        history = History(state_dir)
        entries = [one for one in history.entries() if one.origin == str(agent.absolute())]
        if entries:
            return entries
        searched.append(str(state_dir))
    raise OperatorError(
        f"{agent}: no version of it was ever in force that you may read (looked in "
        f"{', '.join(dict.fromkeys(searched))}); a running agent keeps them: try as root"
    )


def _chosen(entries: list[KeptConfig], number: int | None, *, back: int) -> KeptConfig:
    """By its number, or the newest but `back` - 1."""
    if number is None and len(entries) >= back:
        return entries[-back]
    found = next((entry for entry in entries if entry.number == number), None)
    if found is None:
        known = ", ".join(str(entry.number) for entry in entries)
        raise OperatorError(f"there is no such version; kept are: {known}")
    return found


def _read(agent: Path) -> Files:
    try:
        return read_files(agent)
    except OSError as error:
        raise StorageError(f"{error.filename}: cannot be read: {error.strerror}") from error


def _differences(before: Files, after: Files, title: str) -> Iterator[str]:
    for name in sorted(before.keys() | after.keys()):
        old = before.get(name, b"").decode(errors="replace").splitlines(keepends=True)
        new = after.get(name, b"").decode(errors="replace").splitlines(keepends=True)
        for line in difflib.unified_diff(old, new, f"{name} ({title})", f"{name} (now)"):
            yield line if line.endswith("\n") else f"{line}\n"


def _write(path: Path, data: bytes, *, like: Path) -> None:
    """With the owner and mode of `like`: the agent's user must be able to read it."""
    try:
        before = like.stat()
    except OSError as error:
        raise StorageError(f"{like}: {error.strerror}") from error
    write_atomically(path, data, mode=before.st_mode & 0o777)
    with contextlib.suppress(PermissionError):  # who may not give files away owns them already
        os.chown(path, before.st_uid, before.st_gid)
