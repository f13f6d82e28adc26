"""The ring on disk from which `edge-agent why` answers a complaint of last night.

    STATE_DIR/why/20261126T221400Z.ring     0600 in a folder 0700; numbers only, no picture

A file is a row of batches: magic, length, CRC-32, then a zlib stream of msgpack. Batches are only
appended, each with one write and one fdatasync. What a power cut or a bad card spoils is skipped
by the reader, which finds the next batch by its magic, and is counted. Files go when they are seven
days old, and the oldest while all of them are larger than agreed.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import re
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import msgspec

from edge_agent.atomic_file import sync_folder
from edge_agent.clock import ClockQuality, ClockReading
from edge_agent.config import CameraConfig
from edge_agent.errors import StorageError

FOLDER = "why"
DAYS = 7
#: Of all files together.
MAX_BYTES = 20_000_000
#: A file is closed when it is so large or so old; it is erased as a whole.
_FILE_BYTES = 500_000
_FILE_S = 6 * 3600.0
_DAY_S = 86_400.0

_MAGIC = b"\xeaWhy"
_HEAD = struct.Struct("<4sII")
#: No batch is larger; a length above it is damage.
_MOST_BATCH_BYTES = 4_000_000
_SUFFIX = ".ring"
_NAMED = re.compile(r"\d{8}T\d{6}Z\.ring")


class MinuteRow(msgspec.Struct, array_like=True, frozen=True):
    """One minute of one camera. `reason`: `edge_agent.agent.minute_reason.Reason`."""

    camera: str
    utc_s: int  # when it began
    reason: str
    pictures: int
    looks: int
    moved: int  # pictures with something moving
    changed_frac: float
    best_score: float  # 0: nothing looked like a person
    candidate_threshold: float
    confirm_threshold: float
    told: bool
    dropped: int = 0  # pictures that the analysis had no time for
    keyframes_only: bool = False  # for most of the minute
    sent_fps: float = 0.0  # by the camera
    left_out: int = 0  # windows that found no room in the ring
    profile: str = ""  # at its end


class WindowRow(msgspec.Struct, array_like=True, frozen=True):
    """Frames in which somebody may not have been told: `pipeline.untold_watch.KeptWindow`."""

    camera: str
    settings: int  # index into the batch's
    utc_s: float  # of `first_s`
    first_s: float
    last_s: float
    best_score: float
    moments: bytes
    profile: str = ""  # of the settings' camera


class Settings(msgspec.Struct, array_like=True, frozen=True):
    """What held in windows, with all profiles; `own_*`: the detector's thresholds."""

    camera: CameraConfig
    own_candidate: float
    own_confirm: float


class Batch(msgspec.Struct, array_like=True, frozen=True):
    """What is written at once."""

    schema: int
    minutes: tuple[MinuteRow, ...] = ()
    windows: tuple[WindowRow, ...] = ()
    settings: tuple[Settings, ...] = ()


SCHEMA = 1


@dataclass(frozen=True, slots=True)
class RingContents:
    """What the ring holds. `damaged`: batches that could not be read, at least."""

    minutes: tuple[MinuteRow, ...]
    windows: tuple[tuple[WindowRow, Settings], ...]
    damaged: int


class UntoldRing:
    """The only writer; owned by one thread. Raises StorageError."""

    def __init__(self, state_dir: Path, *, max_bytes: int = MAX_BYTES) -> None:
        self._folder = state_dir / FOLDER
        self._max_bytes = max_bytes
        self._file: Path | None = None

    def append(self, batch: Batch, reading: ClockReading) -> int:
        """Make it durable; returns how many bytes that took."""
        data = encoded(batch)
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            path = self._file_for(len(data), reading)
            new = not path.exists()
            descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                os.write(descriptor, data)
                os.fdatasync(descriptor)
            finally:
                os.close(descriptor)
            if new:
                sync_folder(self._folder)
                self._shed(path, reading)
        except OSError as error:
            self._file = None
            raise StorageError(f"{self._folder}: {error.strerror or error}") from error
        self._file = path
        return len(data)

    def _file_for(self, size: int, reading: ClockReading) -> Path:
        """The newest file while it has room and its time; else a new one."""
        newest = self._file or max(ring_files(self._folder), default=None)
        begun_s = _begun_s(newest) if newest else None
        if newest is not None and begun_s is not None and newest.exists():
            fits = newest.stat().st_size + size <= _FILE_BYTES
            if fits and 0 <= reading.utc_s - begun_s < _FILE_S:
                return newest
        name = dt.datetime.fromtimestamp(reading.utc_s, dt.UTC).strftime("%Y%m%dT%H%M%SZ")
        return self._folder / f"{name}{_SUFFIX}"

    def _shed(self, current: Path, reading: ClockReading) -> None:
        """What is too old, or of a future that a wrong clock made up, or too much."""
        files = [path for path in sorted(ring_files(self._folder)) if path != current]
        if reading.quality is not ClockQuality.UNSET:
            for path in list(files):
                age_s = reading.utc_s - (_begun_s(path) or 0.0)
                ahead = reading.quality is ClockQuality.SYNCED and age_s < -_DAY_S
                if age_s >= DAYS * _DAY_S or ahead:
                    files.remove(path)
                    path.unlink(missing_ok=True)
        room = self._max_bytes - _FILE_BYTES
        sizes = {path: path.stat().st_size for path in files}
        while files and sum(sizes[path] for path in files) > room:
            files.pop(0).unlink(missing_ok=True)


def erase(state_dir: Path) -> None:
    """All of it. Raises OSError."""
    for path in ring_files(state_dir / FOLDER):
        path.unlink(missing_ok=True)


def ring_files(folder: Path) -> list[Path]:
    """In no order; none where there is no folder. Raises OSError where it may not be read."""
    try:
        return [path for path in folder.iterdir() if _NAMED.fullmatch(path.name)]
    except FileNotFoundError:
        return []


def read_ring(
    state_dir: Path, camera: str, begin_s: float, end_s: float, *, later: bool = False
) -> RingContents:
    """Of one camera, what is of [begin, end). `later`: it may have been written long after, as
    of a recorder's clips. Raises OSError where the files may not be read."""
    minutes: dict[int, MinuteRow] = {}
    found: dict[tuple[float, float], tuple[WindowRow, Settings]] = {}
    damaged = 0
    for path in sorted(ring_files(state_dir / FOLDER)):
        begun_s = _begun_s(path)
        if begun_s is None or begun_s < begin_s - _FILE_S - _DAY_S:
            continue
        if begun_s >= end_s and not later:
            continue
        with contextlib.suppress(FileNotFoundError):  # erased meanwhile
            batches, spoilt = batches_of(path.read_bytes())
            damaged += spoilt
            for batch in batches:
                for row in batch.minutes:
                    if row.camera == camera and begin_s <= row.utc_s < end_s:
                        minutes[row.utc_s] = row
                for window in batch.windows:
                    if window.camera == camera and begin_s <= window.utc_s < end_s:
                        key = window.utc_s, window.first_s  # a clip may be analysed again
                        found[key] = window, batch.settings[window.settings]
    windows = sorted(found.values(), key=lambda pair: pair[0].utc_s)
    return RingContents(tuple(minutes[at] for at in sorted(minutes)), tuple(windows), damaged)


def encoded(batch: Batch) -> bytes:
    body = zlib.compress(msgspec.msgpack.encode(batch), 6)
    return _HEAD.pack(_MAGIC, len(body), zlib.crc32(body)) + body


def batches_of(data: bytes) -> tuple[list[Batch], int]:
    """All that can be read, and how many places could not."""
    batches, spoilt, at = [], 0, 0
    while at < len(data):
        found = _batch_at(data, at)
        if found is None:
            spoilt += 1
            at = _next(data, at + 1)
        else:
            batch, at = found
            if batch.schema == SCHEMA:
                batches.append(batch)
    return batches, spoilt


def _next(data: bytes, at: int) -> int:
    """Where the next batch that can be read begins."""
    at = data.find(_MAGIC, at)
    while at >= 0 and _batch_at(data, at) is None:
        at = data.find(_MAGIC, at + 1)
    return at if at >= 0 else len(data)


def _batch_at(data: bytes, at: int) -> tuple[Batch, int] | None:
    if len(data) - at < _HEAD.size:
        return None
    magic, length, crc = _HEAD.unpack_from(data, at)
    begin = at + _HEAD.size
    body = data[begin : begin + length]
    if magic != _MAGIC or length > _MOST_BATCH_BYTES or len(body) < length:
        return None
    if zlib.crc32(body) != crc:
        return None
    try:
        inflate = zlib.decompressobj()
        plain = inflate.decompress(body, 8 * _MOST_BATCH_BYTES)
        batch = msgspec.msgpack.decode(plain, type=Batch)
    except (zlib.error, msgspec.MsgspecError, ValueError):
        return None
    if any(not 0 <= row.settings < len(batch.settings) for row in batch.windows):
        return None
    return batch, begin + length


def _begun_s(path: Path) -> float | None:
    try:
        return dt.datetime.fromisoformat(path.name.removesuffix(_SUFFIX)).timestamp()
    except ValueError:
        return None
