"""The one pass over a clip: A as `replay` runs it, and beside it what other settings look at.

A picture is decoded once and each part of it inferred once: settings that ask for the same regions
share the answer, down to the lowest candidate threshold of them all. Settings that run along in
full (`exact`) are told exactly what their own replay would tell.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from edge_agent.agent.clip_player import ClipPlayer, PlayedClip, PlayedFrame
from edge_agent.clock import thread_cpu_s
from edge_agent.config import CameraConfig
from edge_agent.config.profiles import variants
from edge_agent.detect import Found, OnnxDetector
from edge_agent.domain import Detection, Motion, Pixels, Region, Track
from edge_agent.geometry import FrameSize, shows_same_person
from edge_agent.health import Darkness
from edge_agent.pipeline.carry_over import LIMIT_BYTES
from edge_agent.pipeline.profiles import GivenDarkness, Profiles
from edge_agent.pipeline.stages import Thresholds, motion_of, thresholds
from edge_agent.tools.tuning.decision import Decided, Decider, RecordedFrame, decided

#: The region of a look, in sizes of the person, as the tracker's.
_CONTEXT = 1.8
#: Of motion's memory, which goes into the next profile: what people leave of a carry-over.
_STATE_BYTES = LIMIT_BYTES - 8192


class MakePlayer(Protocol):
    """Makes the player of A with a detector."""

    def __call__(self, shared: SharedLooks, /) -> ClipPlayer: ...


class SharedLooks:
    """A detector that infers each part of a picture once, whoever asks and for what threshold.

    Implements `pipeline.stages.Detector`. Pictures come one after the other.
    """

    def __init__(self, detector: OnnxDetector, floor: float) -> None:
        self._detector = detector
        self.floor = min(floor, detector.candidate_threshold)
        self.candidate_threshold = detector.candidate_threshold
        self.confirm_threshold = detector.confirm_threshold
        self.spent_s = 0.0
        self._of: Pixels | None = None
        self._found: dict[tuple[Region, ...], Found] = {}

    def detect(
        self, pixels: Pixels, regions: Sequence[Region], *, candidate_threshold: float
    ) -> Sequence[Detection]:
        asked = tuple(regions)
        found = self._looked(pixels, asked)
        return self._detector.told_of(found, candidate_threshold, asked, pixels.size)

    def seen(self, pixels: Pixels) -> tuple[tuple[Region, ...], tuple[Detection, ...]]:
        """Where anybody looked at this picture, and all that was found there."""
        if self._of is not pixels:
            return (), ()
        searched: list[Region] = []
        seen: list[Detection] = []
        for regions, found in self._found.items():
            searched += [region for region in regions if region not in searched]
            told = self._detector.told_of(found, self.floor, regions, pixels.size)
            seen += [each for each in told if not _is_among(each, seen)]
        return tuple(searched), tuple(seen)

    def _looked(self, pixels: Pixels, regions: tuple[Region, ...]) -> Found:
        if self._of is not pixels:
            self._of, self._found = pixels, {}
        if regions not in self._found:
            begun_s = thread_cpu_s()
            self._found[regions] = self._detector.found(pixels, regions, floor=self.floor)
            self.spent_s += thread_cpu_s() - begun_s
        return self._found[regions]


def _is_among(detection: Detection, others: Sequence[Detection]) -> bool:
    return any(shows_same_person(detection.bbox, other.bbox) for other in others)


class Doubt:
    """Whom the strictest settings may still look at in every picture in which they move."""

    def __init__(self, cameras: Sequence[CameraConfig], own: Thresholds) -> None:
        confirm = [thresholds(camera.person, own)[1] for camera in cameras]
        zones = [zone.confirm_threshold for camera in cameras for zone in camera.zones]
        self._threshold = max(*confirm, *(each for each in zones if each != "auto"), 0.0)
        self._looks = max(camera.person.confirm_looks for camera in cameras)
        self._window_s = min(camera.person.confirm_window_s for camera in cameras)
        self._scores: dict[int, list[tuple[float, float]]] = {}
        self._sure: set[int] = set()

    def wanted(self, step: PlayedFrame) -> tuple[Region, ...]:
        """What moves and is not surely somebody for all; with surroundings where it is of one."""
        analysis, at_s = step.analysis, step.frame.captured_s
        for track in analysis.tracks:
            if analysis.searched and track.track_id not in self._sure and track.seen_s == at_s:
                self._learn(track, at_s)
        wanted: list[Region] = []
        for region in analysis.motion.regions:
            touched = [
                track for track in analysis.tracks if track.bbox.intersection_frac(region.bbox) > 0
            ]
            doubtful = [track for track in touched if track.track_id not in self._sure]
            wanted += [Region(track.bbox.scaled(_CONTEXT).clipped()) for track in doubtful]
            wanted += [] if touched else [region]
        return tuple(dict.fromkeys(wanted))

    def _learn(self, track: Track, at_s: float) -> None:
        scores = self._scores.setdefault(track.track_id, [])
        scores.append((at_s, track.score))
        scores[:] = [each for each in scores if at_s - each[0] <= self._window_s]
        if sum(score >= self._threshold for _, score in scores) >= self._looks:
            self._sure.add(track.track_id)
            del self._scores[track.track_id]


class MotionGroup:
    """Settings to which the same moves; those of A need no second look at the pixels."""

    def __init__(self, camera: CameraConfig, *, is_a: bool) -> None:
        self.looks: list[RecordedFrame] = []
        self._moving = _moving(camera)
        self._dark = GivenDarkness()
        self._profiles = Profiles(camera, self._dark)
        self._detector = None if is_a else motion_of(self._profiles.camera)

    def includes(self, camera: CameraConfig) -> bool:
        return self._moving == _moving(camera)

    def update(self, step: PlayedFrame, *, dark: bool) -> Motion:
        if self._detector is None:
            return step.analysis.motion
        frame, before, self._dark.now = step.frame, self._profiles.camera, dark
        self._profiles.update(frame)
        now = self._profiles.camera
        if (now.motion, now.ignore_zones) != (before.motion, before.ignore_zones):
            state, self._detector = self._detector.state(_STATE_BYTES), motion_of(now)
            self._detector.restore(state, 0.0)
        return self._detector.update(frame.pixels.luma(), frame.captured_s)


def _moving(camera: CameraConfig) -> object:
    """What decides what moves: of each profile, too, where one is other than the camera's own."""
    own, *profiles = [(each.motion, each.ignore_zones) for each in variants(camera)]
    if all(each == own for each in profiles):
        return own
    conditions = [(each.schedule, each.dark) for each in camera.profiles.values()]
    return own, [*zip(profiles, conditions, strict=True)]


@dataclass(slots=True)
class Recorded:
    """A clip as numbers. `exact`: of each of the settings that ran along, A first."""

    clip: Path
    size: FrameSize
    result: PlayedClip
    exact: list[Decided]
    groups: list[MotionGroup]
    cost: PassCost

    def looks_of(self, camera: CameraConfig) -> Sequence[RecordedFrame]:
        """The numbers that settings are decided on."""
        return next(group.looks for group in self.groups if group.includes(camera))


@dataclass(frozen=True, slots=True)
class PassCost:
    """What the pass cost, in CPU seconds; the rest of `total_s` decodes and finds motion."""

    total_s: float
    detector_s: float
    deciding_s: float


class Pass:
    """Records clips. `exact`: settings beside A that run along; `others`: are decided later."""

    def __init__(
        self,
        detector: OnnxDetector,
        player: MakePlayer,
        cameras: tuple[CameraConfig, Sequence[CameraConfig], Sequence[CameraConfig]],
        floor: float,
        *,
        doubt: Doubt | None,
    ) -> None:
        """`cameras`: A, `exact` and `others`. `doubt`: what makes the strictest of them sure; till
        then it looks where something moves, also where A does not."""
        self._a, self._exact, self._others = cameras
        self._doubt = doubt
        self._looks = SharedLooks(detector, floor)
        self._player = player(self._looks)

    def record(self, clip: Path, watch: Callable[[PlayedFrame], None]) -> Recorded:
        """Raises MediaError for a clip that shows nothing."""
        groups = [MotionGroup(self._a, is_a=True)]
        for camera in (*self._exact, *self._others):
            if not any(group.includes(camera) for group in groups):
                groups.append(MotionGroup(camera, is_a=False))
        alongs = [
            (
                next(group for group in groups if group.includes(camera)),
                Decider(camera, self._looks),
            )
            for camera in self._exact
        ]
        begun_s, self._looks.spent_s = thread_cpu_s(), 0.0
        deciding_s, hits, size = 0.0, [], FrameSize(1, 1)
        profiles: list[str] = []
        darkness = Darkness() if self._asks_darkness() else None

        def see(step: PlayedFrame) -> None:
            nonlocal deciding_s, size
            before_s, inferred_s = thread_cpu_s(), self._looks.spent_s
            frame, size = step.frame, step.frame.pixels.size
            dark = darkness is not None and darkness.update(frame.pixels, frame.captured_s)
            motions = [group.update(step, dark=dark) for group in groups]
            for group, along in alongs:
                along.step(frame, motions[groups.index(group)], dark=dark)
            searched, found = self._looks.seen(frame.pixels)
            wanted = self._doubt.wanted(step) if self._doubt else ()
            if wanted and not searched:
                self._looks.detect(frame.pixels, wanted, candidate_threshold=self._looks.floor)
                searched, found = self._looks.seen(frame.pixels)
            for group, motion in zip(groups, motions, strict=True):
                look = RecordedFrame(
                    frame.captured_s, frame.weekminute, motion, searched, found, dark
                )
                group.looks.append(look)
            hits.append(step.analysis.hits)
            profiles.append(step.analysis.profile)
            deciding_s += thread_cpu_s() - before_s - (self._looks.spent_s - inferred_s)
            watch(step)

        result = self._player.play(clip, self._a, see)
        total_s = thread_cpu_s() - begun_s
        exact = [decided(result.events, result.looks, tuple(hits), tuple(profiles))]
        exact += [along.close() for _, along in alongs]
        cost = PassCost(total_s, self._looks.spent_s, deciding_s)
        return Recorded(clip, size, result, exact, groups, cost)

    def _asks_darkness(self) -> bool:
        cameras = (self._a, *self._exact, *self._others)
        return any(each.dark for camera in cameras for each in camera.profiles.values())
