"""Runs the contenders of `benchmarks.decode` and remembers what they did."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks._decode_motion_daemon import run_daemon
from benchmarks.scenes.encode import Clip, cache_dir

Result = dict[str, Any]


@dataclass
class Results:
    """Runs contenders, each in its process, and keeps what they said.

    `reuse`: what an earlier run said is taken for granted, whatever has changed since.
    """

    reuse: bool
    rounds: int  # of each run the one that took the least CPU time counts
    _known: dict[str, Result] = field(default_factory=dict)

    def run(self, who: str, clip: Clip, *, infer: bool = False) -> Result:
        """What `who` (agent, full, pipe) did with a clip."""
        options = ["--fps", f"{clip.fps:g}", "--size", *map(str, clip.size)]
        if infer:
            options.append("--infer")
        name = f"{_file_name(clip)}-{who}{'-infer' if infer else ''}"

        def measure() -> Result:
            runs = [_contender(who, clip.path, options) for _ in range(self.rounds)]
            return min(runs, key=lambda run: float(run["cpu_s"]))

        return self._once(name, measure)

    def cameras(self, clip: Path, cameras: int, seconds: float) -> Result:
        """So many idle cameras in one process."""
        options = ["--cameras", str(cameras), "--seconds", f"{seconds:g}"]
        return self._once(f"cameras-{cameras}", lambda: _contender("cameras", clip, options))

    def clips(self, clip: Path, seconds: float) -> Result:
        """What it costs to keep so much of a stream as an event's clip."""
        options = ["--seconds", f"{seconds:g}"]
        return self._once(f"clip-{clip.stem}", lambda: _contender("clip", clip, options))

    def daemon(self, clip: Clip) -> Result:
        """What Debian's `motion` did with a clip; takes as long as the clip."""
        name = f"{_file_name(clip)}-motion"
        return self._once(name, lambda: run_daemon(clip.path, clip.seconds, clip.size, clip.fps))

    def _once(self, name: str, measure: Callable[[], Result]) -> Result:
        kept = cache_dir() / "results" / f"{name}.json"
        if name not in self._known:
            if self.reuse and kept.exists():
                self._known[name] = dict(json.loads(kept.read_text()))
            else:
                print(f"  {name}", file=sys.stderr, flush=True)
                self._known[name] = measure()
                kept.parent.mkdir(parents=True, exist_ok=True)
                kept.write_text(json.dumps(self._known[name]))
        return self._known[name]


def _file_name(clip: Clip) -> str:
    """The folder's name says which rendering it is."""
    return f"{clip.path.parent.name}-{clip.path.stem}"


def _contender(who: str, clip: Path, options: Sequence[str]) -> Result:
    command = [sys.executable, "-m", "benchmarks._decode_contenders", who, str(clip), *options]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return dict(json.loads(done.stdout))
