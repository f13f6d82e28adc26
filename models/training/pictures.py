"""Pictures of a repository, read from a folder or a git directory (bare, shallow, or a clone).

In a git directory everything that was ever committed counts: many pictures lie in history only.
Of videos two frames a second are pictures.
"""

from __future__ import annotations

import hashlib
import io
import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np

from models.training.augment import U8

STILLS = (".jpg", ".jpeg", ".png", ".bmp", ".webp")
VIDEOS = (".mp4", ".avi", ".mkv", ".mov")
_FRAMES_PER_S = 2.0


@dataclass(frozen=True, slots=True)
class Entry:
    """One file: `blob` is git's name of its content, also where the file lies in a folder."""

    path: str
    blob: str


@dataclass(frozen=True, slots=True)
class Picture:
    """`name` is the blob, with `:FRAME` of a video."""

    path: str
    name: str
    bgr: U8


class Folder:
    """Files below a folder."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def entries(self) -> list[Entry]:
        files = sorted(p for p in self._root.rglob("*") if p.is_file() and ".git" not in p.parts)
        return [Entry(p.relative_to(self._root).as_posix(), _blob(p)) for p in files if _wanted(p)]

    def contents(self, entries: Sequence[Entry]) -> Iterator[tuple[Entry, bytes]]:
        for entry in entries:
            yield entry, (self._root / entry.path).read_bytes()


class GitDirectory:
    """What a git directory's commits hold. Blobs that are missing there are left out."""

    def __init__(self, git_dir: Path) -> None:
        self._git = ["git", f"--git-dir={git_dir}"]

    def entries(self) -> list[Entry]:
        found = {blob: path for path, blob in self.listed() if _wanted(Path(path))}
        return [Entry(path, blob) for blob, path in found.items()]

    def listed(self) -> list[tuple[str, str]]:
        """Path and name of all that was ever committed, newest commits first."""
        listed = subprocess.run(
            [*self._git, "rev-list", "--all", "--objects", "--missing=allow-any"],
            check=True,
            capture_output=True,
        ).stdout.decode(errors="surrogateescape")
        rows = (line.split(" ", 1) for line in listed.splitlines() if " " in line)
        return [(path, blob) for blob, path in rows]

    def read(self, blob: str) -> bytes:
        return subprocess.run(
            [*self._git, "cat-file", "blob", blob], check=True, capture_output=True
        ).stdout

    def contents(self, entries: Sequence[Entry]) -> Iterator[tuple[Entry, bytes]]:
        with subprocess.Popen(
            [*self._git, "cat-file", "--batch"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            for entry in entries:
                process.stdin.write(f"{entry.blob}\n".encode())
                process.stdin.flush()
                header = process.stdout.readline().split()
                if len(header) == 3:  # otherwise `NAME missing`
                    content = process.stdout.read(int(header[2]) + 1)[:-1]
                    if header[1] == b"blob":
                        yield entry, content


def opened(root: Path, repository: str) -> Folder | GitDirectory | None:
    """`OWNER+NAME` or `OWNER/NAME` below `root`: the folder itself, or the git directory in it."""
    for base in (root / repository.replace("/", "+"), root / repository):
        for place in (base, base / ".git", base / "repo", base / "repo" / ".git"):
            if (place / "HEAD").is_file() and (place / "objects").is_dir():
                return GitDirectory(place)
        if base.is_dir():
            return Folder(base)
    return None


def chosen(entries: Sequence[Entry], pattern: str, most: int) -> list[Entry]:
    """Those whose path matches, at most `most` of them, spread evenly over their paths' order."""
    wanted = re.compile(pattern)
    matching = sorted((e for e in entries if wanted.search(e.path)), key=lambda e: e.path)
    if len(matching) <= most:
        return matching
    return [matching[i * len(matching) // most] for i in range(most)]


def pictures(entry: Entry, content: bytes) -> Iterator[Picture]:
    """What can be decoded of one file; a broken file gives nothing."""
    if entry.path.lower().endswith(VIDEOS):
        yield from _frames(entry, content)
        return
    bgr = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    if bgr is not None:
        yield Picture(entry.path, entry.blob, np.asarray(bgr, np.uint8))


def _frames(entry: Entry, content: bytes) -> Iterator[Picture]:
    try:
        with av.open(io.BytesIO(content)) as video:
            rate = float(video.streams.video[0].average_rate or 25)
            every = max(1, int(rate / _FRAMES_PER_S))
            for number, frame in enumerate(video.decode(video=0)):
                if number % every == 0:
                    bgr = frame.to_ndarray(format="bgr24")
                    yield Picture(entry.path, f"{entry.blob}:{number}", np.asarray(bgr, np.uint8))
    except (av.FFmpegError, IndexError, ValueError):
        return


def _wanted(path: Path) -> bool:
    return path.suffix.lower() in STILLS + VIDEOS


def _blob(path: Path) -> str:
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
