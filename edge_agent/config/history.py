"""The configurations that were in force: kept in the state directory, the newest is the last good.

    state_dir/config/000017/entry.json       when, which files, what changed
                            agent.toml, cameras.d/*.toml

A version is written beside the others and then renamed, so it is there whole or not at all.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from edge_agent.atomic_file import TEMPORARY_PREFIX, sync_folder
from edge_agent.config.load import AGENT_FILE, CAMERAS_DIR, LoadedConfig, load_config
from edge_agent.config.on_disk import Files, read_files, write_files
from edge_agent.config.schema import DEFAULT_STATE_DIR
from edge_agent.errors import StorageError

HISTORY_DIR = "config"
#: A few kB each: enough for a season of tuning.
KEPT_VERSIONS = 50

_ENTRY = "entry.json"
_STATE_DIR = re.compile(r"""^\s*state_dir\s*=\s*["']([^"']+)["']""", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Entry:
    """One configuration that was in force."""

    number: int  # rises
    applied_utc_s: float
    cfg_sha: str
    origin: str  # the agent.toml that it came from
    files: tuple[str, ...]  # those that differ from the version before
    changes: tuple[str, ...]  # what they changed, for people


class History:
    """The agent writes it; the command line reads it."""

    def __init__(self, state_dir: Path) -> None:
        self._folder = state_dir / HISTORY_DIR

    def entries(self) -> list[Entry]:
        """Oldest first. What is damaged is left out."""
        return [entry for number in self._numbers() if (entry := self._entry(number)) is not None]

    def newest(self) -> Entry | None:
        entries = (self._entry(number) for number in reversed(self._numbers()))
        return next((entry for entry in entries if entry is not None), None)

    def files(self, entry: Entry) -> Files:
        """Raises StorageError."""
        try:
            return read_files(self._of(entry.number) / AGENT_FILE)
        except OSError as error:
            raise StorageError(f"{self._of(entry.number)}: {error.strerror}") from error

    def load(self, entry: Entry) -> LoadedConfig:
        """As it was loaded then. Raises ConfigError."""
        return load_config(
            self._of(entry.number) / AGENT_FILE, paths_from=Path(entry.origin).parent
        )

    def keep(
        self, files: Files, *, origin: Path, utc_s: float, cfg_sha: str, changes: Sequence[str]
    ) -> None:
        """This is in force from now on. Raises StorageError."""
        last = self.newest()
        before = self.files(last) if last else {}
        changed = tuple(
            name
            for name in sorted(before.keys() | files.keys())
            if before.get(name) != files.get(name)
        )
        numbers = self._numbers()
        number = numbers[-1] + 1 if numbers else 1
        entry = Entry(number, utc_s, cfg_sha, str(origin), changed, tuple(changes))
        try:
            self._write(entry, files)
            self._prune()
        except OSError as error:
            raise StorageError(f"{self._folder}: {error.strerror or error}") from error

    def _write(self, entry: Entry, files: Files) -> None:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=TEMPORARY_PREFIX, dir=self._folder))
        try:
            write_files(files, folder)
            (folder / _ENTRY).write_bytes(msgspec.json.encode(entry))
            for path in (folder, folder / CAMERAS_DIR):
                for file in path.iterdir():
                    _sync(file)
            folder.rename(self._of(entry.number))
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        sync_folder(self._folder)

    def _prune(self) -> None:
        for left in self._folder.glob(f"{TEMPORARY_PREFIX}*"):  # by a power cut
            shutil.rmtree(left, ignore_errors=True)
        for number in self._numbers()[:-KEPT_VERSIONS]:
            shutil.rmtree(self._of(number), ignore_errors=True)

    def _numbers(self) -> list[int]:
        with contextlib.suppress(OSError):
            return sorted(int(path.name) for path in self._folder.iterdir() if path.name.isdigit())
        return []

    def _entry(self, number: int) -> Entry | None:
        try:
            data = (self._of(number) / _ENTRY).read_bytes()
            return msgspec.json.decode(data, type=Entry)
        except (OSError, msgspec.MsgspecError):
            return None

    def _of(self, number: int) -> Path:
        return self._folder / f"{number:06d}"


def state_dirs(agent_path: Path) -> Iterator[Path]:
    """Where the state may lie of a configuration that cannot be read, the likeliest first."""
    try:
        text = agent_path.read_bytes().decode(errors="replace")
    except OSError:
        text = ""
    with contextlib.suppress(tomllib.TOMLDecodeError):
        box = tomllib.loads(text).get("box")
        named = box.get("state_dir") if isinstance(box, dict) else None
        if isinstance(named, str) and named:
            yield Path(named)
    if found := _STATE_DIR.search(text):
        yield Path(found[1])
    if service := os.environ.get("STATE_DIRECTORY"):  # systemd says which it made
        yield Path(service.partition(":")[0])
    yield Path(DEFAULT_STATE_DIR)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
