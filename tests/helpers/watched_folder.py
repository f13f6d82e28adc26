"""A watched folder for tests: the watcher, a ledger in memory, and a clock that is moved."""

from __future__ import annotations

import datetime as dt
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from edge_agent.clock import ManualClock
from edge_agent.domain import CameraId
from edge_agent.recorders.find import FolderWatcher, FoundClip, Refused

YARD = CameraId("yard")


@dataclass
class Ledger:
    """What F1's sqlite table does, in a dict."""

    rows: dict[Path, tuple[int, int]] = field(default_factory=dict)
    asked: int = 0

    def known(self, path: Path) -> tuple[int, int] | None:
        self.asked += 1
        return self.rows.get(path)


class Watched:
    """Steps are driven by the test. `polled`: without inotify, so nothing happens by itself."""

    def __init__(
        self,
        root: Path,
        template: str = "generic",
        cameras: Mapping[str, CameraId] | None = None,
        *,
        method: str = "poll",
        now: dt.datetime | None = None,
        **settings: object,
    ) -> None:
        self.clock = ManualClock(utc_s=now.timestamp() if now else time.time())
        self.ledger = Ledger()
        self.found: list[FoundClip] = []
        self.refused: list[Refused] = []
        self.watcher = FolderWatcher(
            root,
            template,
            cameras or {"yard": YARD},
            dt.UTC,
            self.ledger,
            self.clock,
            method=method,
            **settings,
        )

    def _take(self, clip: FoundClip) -> None:
        self.found.append(clip)
        self.ledger.rows[clip.path] = (clip.size_bytes, clip.mtime_ns)

    def _refuse(self, refused: Refused) -> None:
        self.refused.append(refused)
        self.ledger.rows[refused.path] = (refused.size_bytes, refused.mtime_ns)

    def step(self) -> float:
        return self.watcher.step(self._take, self._refuse)

    def quiet(self) -> None:
        """Step until nothing is due now."""
        for _ in range(100_000):
            if self.step() > 0:
                return
        raise AssertionError("the watcher never rests")

    def pass_time(self, seconds: float, step_s: float = 1.0) -> None:
        """Let the clock run on, doing what becomes due."""
        self.quiet()
        for _ in range(round(seconds / step_s)):
            self.clock.advance(step_s)
            self.quiet()

    def until(self, happened: Callable[[], object], within_s: float = 10.0) -> None:
        """For what the kernel and watchdog's threads do: real time passes."""
        deadline = time.monotonic() + within_s
        while not happened():
            assert time.monotonic() < deadline, "it did not happen"
            self.quiet()
            time.sleep(0.005)

    @property
    def names(self) -> list[str]:
        return [clip.path.name for clip in self.found]


def at_mtime(path: Path, moment_s: float) -> Path:
    os.utime(path, (moment_s, moment_s))
    return path
