"""The configurations that were in force: kept in the state directory, the newest is the last good.

    state_dir/config/000017.json       when, which files, what changed, and what the files said

A version is one file that is written atomically: it is there whole or not at all.
"""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from edge_agent.atomic_file import TEMPORARY_PREFIX, write_atomically
from edge_agent.config.load import LoadedConfig, load_config
from edge_agent.config.on_disk import Files, write_files
from edge_agent.config.schema import DEFAULT_STATE_DIR
from edge_agent.errors import StorageError
from edge_agent.plain_file import first_bytes

HISTORY_DIR = "config"
#: A few kB each: enough for a season of tuning.
KEPT_VERSIONS = 50
#: Every file of the largest configuration, escaped; a longer entry is none that was written here.
_LARGEST_ENTRY_BYTES = 64 * 1024 * 1024

_NUMBER = re.compile(r"[0-9]{1,12}")

_STATE_DIR = re.compile(r"""^\s*state_dir\s*=\s*["']([^"']+)["']""", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class KeptConfig:
    """One configuration that was in force."""

    number: int  # rises
    applied_utc_s: float
    cfg_sha: str
    origin: str  # the agent.toml that it came from
    files: tuple[str, ...]  # those that differ from the version before
    changes: tuple[str, ...]  # what they changed, for people
    texts: dict[str, str] = field(repr=False)  # what all files said, by name

    @property
    def contents(self) -> Files:
        return {name: text.encode() for name, text in self.texts.items()}


class History:
    """The agent writes it; the command line reads it."""

    def __init__(self, state_dir: Path) -> None:
        self._folder = state_dir / HISTORY_DIR

    def entries(self) -> list[KeptConfig]:
        """Oldest first. What is damaged is left out."""
        return [entry for number in self._numbers() if (entry := self._entry(number)) is not None]

    def newest(self) -> KeptConfig | None:
        entries = (self._entry(number) for number in reversed(self._numbers()))
        return next((entry for entry in entries if entry is not None), None)

    def keep(
        self, files: Files, *, origin: Path, utc_s: float, cfg_sha: str, changes: Sequence[str]
    ) -> None:
        """This is in force from now on. Raises StorageError."""
        last, numbers = self.newest(), self._numbers()
        before = last.texts if last else {}
        texts = {name: data.decode(errors="replace") for name, data in files.items()}
        names = sorted(before.keys() | texts.keys())
        changed = tuple(name for name in names if before.get(name) != texts.get(name))
        number = numbers[-1] + 1 if numbers else 1
        entry = KeptConfig(number, utc_s, cfg_sha, str(origin), changed, tuple(changes), texts)
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise StorageError(f"{self._folder}: cannot be made: {error.strerror}") from error
        write_atomically(self._path(number), msgspec.json.encode(entry))
        self._prune()

    def _prune(self) -> None:
        left = list(self._folder.glob(f"{TEMPORARY_PREFIX}*"))  # by a power cut
        for path in (*left, *map(self._path, self._numbers()[:-KEPT_VERSIONS])):
            with contextlib.suppress(OSError):
                path.unlink()

    def _numbers(self) -> list[int]:
        with contextlib.suppress(OSError):
            paths = self._folder.glob("*.json")
            return sorted(int(path.stem) for path in paths if _NUMBER.fullmatch(path.stem))
        return []

    def _entry(self, number: int) -> KeptConfig | None:
        try:
            data = first_bytes(self._path(number), _LARGEST_ENTRY_BYTES)
            return msgspec.json.decode(data, type=KeptConfig)
        except (OSError, msgspec.MsgspecError, RecursionError):
            return None

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:06d}.json"


def load_entry(entry: KeptConfig) -> LoadedConfig:
    """As it was loaded then. Raises ConfigError."""
    return load_files(entry.contents, paths_from=Path(entry.origin).parent)


def load_files(files: Files, *, paths_from: Path) -> LoadedConfig:
    """Files that do not lie in their folder, `paths_from`. Raises ConfigError."""
    with tempfile.TemporaryDirectory(prefix="edge-agent-") as folder:
        return load_config(write_files(files, Path(folder)), paths_from=paths_from)


def state_dirs(agent_path: Path) -> Iterator[Path]:
    """Where the state may lie of a configuration that cannot be read, the likeliest first."""
    try:
        text = first_bytes(agent_path).decode(errors="replace")
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
