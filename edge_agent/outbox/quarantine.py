"""A damaged database is kept, out of the way; a small file remembers which epochs it held."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from edge_agent.atomic_file import sync_folder, write_atomically
from edge_agent.contract import check_ulid
from edge_agent.errors import ContractError, StorageError
from edge_agent.outbox.database import DATABASE

EPOCH_FILE = "outbox.epoch"
ASIDE = f"{DATABASE}.corrupt"

#: A box that begins more epochs than this before one is settled has other troubles.
_MOST_EPOCHS = 100


def clear_the_way(state_dir: Path) -> None:
    """Rename what lies where a file of ours belongs and is none: a folder, a pipe, a device, a
    link that leads nowhere. Raises StorageError."""
    for name in (DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm", EPOCH_FILE):
        path = state_dir / name
        try:
            if os.path.lexists(path) and not path.is_file():
                _replace(path, state_dir / f"{name}.foreign")
        except OSError as error:
            raise StorageError(f"{path}: is no file: {error.strerror}") from error


def _replace(path: Path, target: Path) -> None:
    """Rename, also onto a folder."""
    if target.is_dir() and not target.is_symlink():
        shutil.rmtree(target)
    path.replace(target)


def put_aside(state_dir: Path) -> Path:
    """Rename the database and its log; an older one that lay there is replaced.

    Only one is kept, so that a failing card does not fill itself. Raises StorageError.
    """
    kept = state_dir / ASIDE
    try:
        for suffix in ("-wal", "-shm", ""):
            file = state_dir / f"{DATABASE}{suffix}"
            if file.exists():
                _replace(file, state_dir / f"{ASIDE}{suffix}")
            else:
                (state_dir / f"{ASIDE}{suffix}").unlink(missing_ok=True)
        sync_folder(state_dir)
    except OSError as error:
        raise StorageError(f"{kept}: cannot put the damaged outbox aside: {error}") from error
    return kept


def read_epochs_file(state_dir: Path) -> tuple[str, ...]:
    """The epochs of which something was still to be told, the current one first; none when
    unknown."""
    with contextlib.suppress(OSError, UnicodeDecodeError, ContractError):
        lines = (state_dir / EPOCH_FILE).read_text().split()
        return tuple(check_ulid(line) for line in lines[:_MOST_EPOCHS])
    return ()


def write_epochs_file(state_dir: Path, epochs: Sequence[str]) -> None:
    """Durable when it returns. Raises StorageError."""
    text = "".join(f"{epoch}\n" for epoch in epochs[:_MOST_EPOCHS])
    write_atomically(state_dir / EPOCH_FILE, text.encode())
