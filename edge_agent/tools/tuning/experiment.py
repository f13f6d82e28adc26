"""Runs settings against recordings, compares them with A, and scores them by labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import av
import av.error

from edge_agent.agent.clip_player import PlayedFrame
from edge_agent.clock import thread_cpu_s
from edge_agent.config import CameraConfig
from edge_agent.config.profiles import variants
from edge_agent.detect import OnnxDetector
from edge_agent.errors import MediaError
from edge_agent.pipeline.near_miss import FLOOR_FRAC
from edge_agent.pipeline.stages import thresholds
from edge_agent.tools.tuning.candidates import Candidate
from edge_agent.tools.tuning.comparison import Comparison, Side, compared
from edge_agent.tools.tuning.decision import Decided, Decisions
from edge_agent.tools.tuning.labels import Interval, Labels
from edge_agent.tools.tuning.recording import Doubt, MakePlayer, Pass, Recorded
from edge_agent.tools.tuning.score import NOTHING, Recommendation, VisitScore, recommended, scored


@dataclass(slots=True)
class Trial:
    """Settings and what they lead to, clip by clip."""

    candidate: Candidate
    decided: list[Decided] = field(default_factory=list)
    compared: list[Comparison] = field(default_factory=list)
    score: VisitScore = NOTHING

    @property
    def events(self) -> int:
        return sum(len(each.told) for each in self.decided)

    @property
    def gained(self) -> int:
        return sum(len(each.gained) for each in self.compared)

    @property
    def lost(self) -> int:
        return sum(len(each.lost) for each in self.compared)


@dataclass(slots=True)
class TuningOutcome:
    """`a` is what holds now, `trials` what was tried."""

    a: Trial
    trials: list[Trial]
    recordings: list[Recorded]
    visits: list[tuple[Interval, ...]]
    labelled: bool
    deciding_s: float = 0.0  # CPU, of all trials after the pass

    @property
    def advice(self) -> Recommendation | None:
        """Which trial is recommended, -1 being A; None: nothing is labelled, or nothing tried."""
        if not self.labelled or not self.trials:
            return None
        found = recommended([trial.score for trial in (self.a, *self.trials)], 0)
        return replace(found, index=found.index - 1)


class Experiment:
    """One detector and one A; clips are added one after the other."""

    def __init__(
        self,
        detector: OnnxDetector,
        player: MakePlayer,
        a: Candidate,
        trials: Sequence[Candidate],
        labels: Labels | None,
    ) -> None:
        """A single trial runs along in full, and is told exactly what its replay would tell."""
        self._detector, self._labels = detector, labels
        self._exact = _exact(a, trials)
        cameras = [each.camera for each in (a, *trials)]
        holding = [each for camera in cameras for each in variants(camera)]
        floor = FLOOR_FRAC * min(thresholds(c.person, detector)[0] for c in holding)
        shared = (a.camera, self._exact, cameras)
        more = len(trials) > 1 and any(_looks_else(a.camera, camera) for camera in holding)
        doubt = Doubt(holding, detector) if more else None
        self._pass = Pass(detector, player, shared, floor, doubt=doubt)
        self.outcome = TuningOutcome(
            Trial(a), [Trial(each) for each in trials], [], [], labels is not None
        )

    def add(self, clip: Path, watch: Callable[[PlayedFrame], None]) -> None:
        """Raises MediaError for a clip that shows nothing, LabelError for unfit labels."""
        outcome = self.outcome
        visits = self._labels.of(clip, _fps(clip)) if self._labels else ()
        recorded = self._pass.record(clip, watch)
        begun_s = thread_cpu_s()
        decisions = Decisions(self._detector, recorded.size)
        known: list[tuple[CameraConfig, Decided]] = list(
            zip((outcome.a.candidate.camera, *self._exact), recorded.exact, strict=True)
        )
        a = Side(known[0][0], recorded.looks_of(known[0][0]), known[0][1])
        for trial in (outcome.a, *outcome.trials):
            camera = trial.candidate.camera
            looks = recorded.looks_of(camera)
            found = next((decided for each, decided in known if each == camera), None)
            if found is None:
                found = decisions.decide(looks, camera)
                known.append((camera, found))
            trial.decided.append(found)
            b = Side(camera, looks, found)
            own = self._detector if len(outcome.trials) == 1 else None
            trial.compared.append(compared(a, b, own))
            trial.score = trial.score.plus(scored(found.told, visits))
        outcome.deciding_s += thread_cpu_s() - begun_s
        outcome.recordings.append(recorded)
        outcome.visits.append(visits)


def _exact(a: Candidate, trials: Sequence[Candidate]) -> list[CameraConfig]:
    """Who runs along in full: one other side; the many of a sweep are decided on numbers."""
    if len(trials) == 1 and trials[0].camera != a.camera:
        return [trials[0].camera]
    return []


def _looks_else(one: CameraConfig, other: CameraConfig) -> bool:
    """Whether the tracker is sure of other people, and so looks at them more or less often."""

    def deciding(camera: CameraConfig) -> object:
        person = camera.person
        zones = tuple(zone.confirm_threshold for zone in camera.zones)
        thresholds = person.confirm_threshold, person.candidate_threshold
        return thresholds, person.confirm_looks, person.confirm_window_s, zones

    return deciding(one) != deciding(other)


def _fps(clip: Path) -> float | None:
    """Pictures a second, by which MOT labels count."""
    try:
        with av.open(str(clip)) as container:
            rate = container.streams.video[0].average_rate
    except (av.error.FFmpegError, OSError, IndexError) as error:
        raise MediaError(f"{clip}: cannot be opened: {error}") from error
    return float(rate) if rate else None
