"""Runs the contenders of `benchmarks.decode` and remembers what they did."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks._decode_motion_daemon import run_daemon
from benchmarks.scenes.encode import Clip, cache_dir

Result = dict[str, Any]

_ROOT = Path(__file__).resolve().parents[1]
_MEASURING = ("_decode_contenders", "_decode_cameras", "_decode_motion_daemon", "frigate_like")


def code_version() -> str:
    """Of the agent and of what measures it here: what was said by other code does not count."""
    here = [_ROOT / "benchmarks" / f"{name}.py" for name in _MEASURING]
    return _digest([*sorted((_ROOT / "edge_agent").rglob("*.py")), *here])


def models_version() -> str:
    return _digest(sorted((_ROOT / "models").glob("*.toml")))


def _digest(files: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:10]


@dataclass
class Results:
    """Runs contenders, each in its process, and keeps what they said.

    What this very code said about a clip is not asked again, so that a run of all that was
    stopped goes on where it was. `again`: it is.
    """

    again: bool
    rounds: int  # of each run the one that took the least CPU time counts
    code: str = field(default_factory=code_version)
    models: str = field(default_factory=models_version)
    _known: dict[str, Result] = field(default_factory=dict)

    def run(
        self, who: str, clip: Clip, *, model: str | None = None, main: Clip | None = None
    ) -> Result:
        """What `who` (agent, full, pipe) did with a clip. `main`: with closer looks at it."""
        options = ["--fps", f"{clip.fps:g}", "--size", *map(str, clip.size)]
        name = f"{_file_name(clip)}-{who}"
        if model:
            options += ["--model", model]
            name += f"-{model}"
        if main:
            options += ["--main", str(main.path)]
            name += "-main"

        def measure() -> Result:
            runs = [_contender(who, clip.path, options) for _ in range(self.rounds)]
            return min(runs, key=lambda run: float(run["cpu_s"]))

        return self._once(name, measure, detector=model is not None)

    def cameras(self, clip: Path, cameras: int, seconds: float) -> Result:
        """So many idle cameras in one process."""
        options = ["--cameras", str(cameras), "--seconds", f"{seconds:g}"]
        return self._once(
            f"cameras-{cameras}", lambda: _contender("cameras", clip, options), detector=True
        )

    def clips(self, clip: Path, seconds: float) -> Result:
        """What it costs to keep so much of a stream as an event's clip."""
        options = ["--seconds", f"{seconds:g}"]
        return self._once(f"clip-{clip.stem}", lambda: _contender("clip", clip, options))

    def daemon(self, clip: Clip) -> Result:
        """What Debian's `motion` did with a clip; takes as long as the clip."""
        name = f"{_file_name(clip)}-motion"
        return self._once(name, lambda: run_daemon(clip.path, clip.seconds, clip.size, clip.fps))

    def _once(self, name: str, measure: Callable[[], Result], *, detector: bool = False) -> Result:
        """`detector`: with a real one, so that another model's figures do not count."""
        version = f"{self.code}-{self.models}" if detector else self.code
        kept = cache_dir() / "results" / version / f"{name}.json"
        if name not in self._known:
            if not self.again and kept.exists():
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
