"""Spoils clips and opens them as an upload is opened. A process of its own: libav may die of it.

python spoilt_clips.py FOLDER SEED RUNS
"""

from __future__ import annotations

import contextlib
import random
import sys
from pathlib import Path

import av.logging

from edge_agent.clock import SystemClock
from edge_agent.config.schema import FileSource
from edge_agent.domain import CameraId, Frame
from edge_agent.errors import AgentError
from edge_agent.recorders.find.identity import open_regular
from edge_agent.recorders.find.reading import facts_of
from edge_agent.runtime.stop import StopToken
from edge_agent.sources import CameraFeed, CredentialGuard, FeedSettings


def spoil(data: bytes, chance: random.Random) -> bytes:
    out = bytearray(data)
    reach = min(len(out), chance.choice([64, 1024, len(out)]))
    for _ in range(chance.randint(1, 12)):
        at = chance.randrange(reach)
        if chance.random() < 0.7:
            out[at] = chance.choice([0, 255, out[at] ^ 1 << chance.randrange(8)])
        else:
            out[at : at + 4] = chance.choice(
                [b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff"]
            )
    return bytes(out[: chance.randrange(1, len(out))] if chance.random() < 0.2 else out)


def _look(frame: Frame) -> None:
    frame.pixels.luma()
    frame.pixels.bgr()


def main(folder: Path, seed: str, runs: int) -> None:
    av.logging.set_level(None)
    clock = SystemClock()
    originals = sorted(path for path in folder.iterdir() if not path.name.startswith("spoilt"))
    for run in range(runs):
        chance = random.Random(f"{seed}/{run}")
        original = originals[run % len(originals)]
        path = folder / f"spoilt{original.suffix}"
        path.write_bytes(spoil(original.read_bytes(), chance))
        print(f"{seed}/{run} {original.name}", flush=True)
        with contextlib.suppress(AgentError), contextlib.closing(open_regular(path)) as file:
            facts_of(file, "still" if path.suffix == ".jpg" else "video", "yard")
        settings = FeedSettings(CameraId("c"), FileSource(path=str(path), pace="fast"), 5.0)
        feed = CameraFeed(settings, credentials=CredentialGuard(None, clock), clock=clock)
        with contextlib.suppress(AgentError):
            feed.run_once(StopToken(), _look)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
