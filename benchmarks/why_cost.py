"""What it costs a running agent to keep why nobody was told (`edge-agent why`).

    python -m benchmarks.why_cost

Two clips are replayed; what a camera's seat keeps of each picture is timed where it happens,
between the inferences, in CPU time of the thread. Wanted: at most 1 % of the replay. Exit code 1
when it is more.
"""

from __future__ import annotations

import sys
import time

from benchmarks._pets import CLIP
from benchmarks._replays import clip_player, open_detector
from benchmarks.motion_recall import footage_dir
from edge_agent.agent.clip_player import PlayedFrame
from edge_agent.analysis.untold_seat import UntoldSeat
from edge_agent.config import CameraConfig, FileSource
from edge_agent.detect import OnnxDetector
from edge_agent.pipeline.untold_watch import KeptWindow

CLIPS = (CLIP, "intel_one-by-one-person-detection.mp4")
WANTED_SHARE = 0.01
#: Pictures of a minute, after which the agent takes what is kept.
_MINUTE = 300


class Cost:
    """CPU seconds of one clip: of all, and of keeping why."""

    def __init__(self, detector: OnnxDetector, name: str) -> None:
        path = footage_dir() / name
        camera = CameraConfig(id="bench", source=FileSource(path=str(path)))
        self._seat = UntoldSeat(camera, detector)
        self.pictures, self.keeping_s = 0, 0.0
        self.windows: list[KeptWindow] = []
        begun_s = time.thread_time()
        clip_player(detector).play(path, camera, self._see)
        self.windows += self._timed_take()
        self.total_s = time.thread_time() - begun_s

    def _see(self, played: PlayedFrame) -> None:
        begun_s = time.thread_time()
        frame = played.frame
        self._seat.add(frame.captured_s, frame.weekminute, played.analysis)
        self.keeping_s += time.thread_time() - begun_s
        self.pictures += 1
        if self.pictures % _MINUTE == 0:
            self.windows += self._timed_take()

    def _timed_take(self) -> list[KeptWindow]:
        begun_s = time.thread_time()
        kept = self._seat.take()[1]
        self.keeping_s += time.thread_time() - begun_s
        return kept


def main() -> int:
    detector, worst = open_detector(), 0.0
    print("| clip | pictures | replay, CPU s | keeping why | share | windows kept |")
    print("|---|---|---|---|---|---|")
    for name in CLIPS:
        cost = Cost(detector, name)
        share = cost.keeping_s / cost.total_s
        worst = max(worst, share)
        kept_kb = sum(len(window.moments) for window in cost.windows) / 1000
        print(
            f"| {name} | {cost.pictures} | {cost.total_s:.1f} | {cost.keeping_s * 1000:.0f} ms "
            f"| {share:.2%} | {len(cost.windows)}, {kept_kb:.0f} kB |"
        )
    return int(worst > WANTED_SHARE)


if __name__ == "__main__":
    sys.exit(main())
