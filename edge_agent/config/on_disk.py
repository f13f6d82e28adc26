"""The files of a configuration as they lie on the disk: did any change, and what do they say?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from edge_agent.config.load import AGENT_FILE, CAMERAS_DIR
from edge_agent.plain_file import first_bytes

#: By name relative to the folder: `agent.toml`, `cameras.d/front.toml`.
Files = Mapping[str, bytes]

#: inode, size, time of change: whatever replaced or altered a file shows in one of them.
Fingerprint = tuple[tuple[str, int, int, int], ...]


def agent_file(path: Path) -> Path:
    """The agent.toml of `--config`, which names it or its folder."""
    return path / AGENT_FILE if path.is_dir() else path


def config_paths(agent_path: Path) -> Iterator[tuple[str, Path]]:
    """The files that count, by name; hidden ones (an editor's) do not."""
    yield AGENT_FILE, agent_path
    for path in sorted((agent_path.parent / CAMERAS_DIR).glob("*.toml")):
        if not path.name.startswith("."):
            yield f"{CAMERAS_DIR}/{path.name}", path


def fingerprint(agent_path: Path) -> Fingerprint:
    """Differs when any of the files does. Links are followed: where they lead is what counts."""
    return tuple(_marks(agent_path))


def _marks(agent_path: Path) -> Iterator[tuple[str, int, int, int]]:
    for name, path in config_paths(agent_path):
        try:
            stat = path.stat()
        except OSError:
            yield name, 0, 0, 0
        else:
            yield name, stat.st_ino, stat.st_size, stat.st_ctime_ns


def read_files(agent_path: Path) -> Files:
    """What they say now; too much of one that no configuration is as large as, which is refused
    when it is loaded. Raises OSError."""
    return {name: first_bytes(path) for name, path in config_paths(agent_path)}


def write_files(files: Files, folder: Path) -> Path:
    """Into an empty folder; its agent.toml. Raises OSError."""
    (folder / CAMERAS_DIR).mkdir(mode=0o700)
    for name, data in files.items():
        path = folder / name
        path.write_bytes(data)
        path.chmod(0o600)
    return folder / AGENT_FILE
