"""A sweep whose settings look at the same is told exactly what each one's own replay would tell."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import flash

from edge_agent.agent.clip_player import ClipPlayer
from edge_agent.clock import SystemClock
from edge_agent.config import CameraConfig, FileSource
from edge_agent.detect import OnnxDetector, find_model
from edge_agent.pipeline.stages import Detector
from edge_agent.tools.tuning.candidates import Candidate, swept
from edge_agent.tools.tuning.decision import decided
from edge_agent.tools.tuning.experiment import Experiment


def test_events_of_a_sweep_are_those_of_as_many_replays(tmp_path: Path) -> None:
    clip = flash.clip(tmp_path / "yard.avi", bright_s=6, dark_s=4, dark_first=True)
    detector = OnnxDetector.open(find_model(str(flash.model(tmp_path))).at(None))

    def replay(detects: Detector) -> ClipPlayer:
        return ClipPlayer(detects, default_fps=5.0, zone=ZoneInfo("UTC"), clock=SystemClock())

    camera = CameraConfig(id="gate", source=FileSource(path="recording"))
    trials = swept(camera, ["person.min_height_frac=0.05:0.95:0.1", "person.cooldown_s=1,60"])
    experiment = Experiment(detector, replay, Candidate("A", camera), trials, None)
    experiment.add(clip, lambda step: None)

    assert len(trials) == 20
    counts = []
    for trial in experiment.outcome.trials:
        alone = replay(detector).play(clip, trial.candidate.camera)
        assert trial.decided[0].told == decided(alone.events, alone.looks).told
        counts.append(len(alone.events))
    assert min(counts) < max(counts)
