"""What was begun and not ended, on disk: counted before each attempt, so that "three tries" also
holds when the attempt takes the process down.

Written without waiting for the disk: what the kernel has survives the end of a process, and a
power cut is not the attempt's fault.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import threading
from collections.abc import Iterator
from pathlib import Path

from edge_agent.plain_file import first_bytes

log = logging.getLogger(__name__)

TRIES = 3
_MAX_KNOWN = 256
_MAX_BYTES = 256 * 1024


class Attempts:
    """Safe from any thread. `path` None: only in memory."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._counts = _read(path)
        self._failing = False

    def count(self, key: str) -> int:
        """How often it was begun and not ended; it is given up at TRIES."""
        with self._lock:
            return self._counts.get(key, 0)

    def exhausted(self, key: str) -> bool:
        return self.count(key) >= TRIES

    def begin(self, key: str) -> None:
        """Before anything that may go wrong."""
        with self._lock:
            count = self._counts.pop(key, 0)
            self._counts[key] = count + 1
            while len(self._counts) > _MAX_KNOWN:
                del self._counts[next(iter(self._counts))]
            self._write()

    def ended(self, key: str) -> None:
        """With whatever result: the process has survived it."""
        with self._lock:
            if self._counts.pop(key, None) is not None:
                self._write()

    @contextlib.contextmanager
    def survived(self, key: str, *results: type[Exception]) -> Iterator[None]:
        """Begin and end; `results` are failures that are results, all others are crashes."""
        self.begin(key)
        try:
            yield
        except results:
            self.ended(key)
            raise
        self.ended(key)

    def _write(self) -> None:
        if self._path is None:
            return
        beside = self._path.with_suffix(".new")
        try:
            descriptor = os.open(beside, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w") as file:
                json.dump(self._counts, file)
            beside.replace(self._path)
        except OSError as error:
            if not self._failing:
                log.warning("%s: attempts are not counted over a restart: %s", self._path, error)
            self._failing = True
        else:
            self._failing = False


def _read(path: Path | None) -> dict[str, int]:
    """What cannot be read counts for nothing: it may be half written, or somebody's else."""
    if path is None:
        return {}
    try:
        found = json.loads(first_bytes(path, _MAX_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    items = found.items() if isinstance(found, dict) else ()
    return {
        str(key): count
        for key, count in list(items)[:_MAX_KNOWN]
        if isinstance(count, int) and 0 < count <= TRIES
    }
