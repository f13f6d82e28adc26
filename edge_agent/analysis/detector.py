"""Opens the detector; without a usable one the box goes on with motion alone, and says so."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from edge_agent.config import DetectorConfig
from edge_agent.detect import OnnxDetector, Seen, find_model
from edge_agent.domain import Detection, Pixels, Region
from edge_agent.errors import ModelError

log = logging.getLogger(__name__)

#: A picture, and where in it people are looked for.
Request = tuple[Pixels, Sequence[Region]]


class BlindDetector:
    """Stands in for a detector that could not be opened: finds nobody."""

    name: str | None = None

    def __init__(self, trouble: str) -> None:
        self.trouble = trouble

    candidate_threshold = 0.5
    confirm_threshold = 0.5

    def detect(
        self, pixels: Pixels, regions: Sequence[Region], *, candidate_threshold: float
    ) -> Sequence[Detection]:
        del pixels, regions, candidate_threshold
        return ()

    def look_together(
        self, requests: Sequence[Request], *, candidate_threshold: float, floor: float
    ) -> Sequence[Seen]:
        del candidate_threshold, floor
        return [Seen((), ()) for _ in requests]


class NamedDetector:
    """A detector, the name that its events carry, and what it failed at, if anything."""

    def __init__(self, detector: OnnxDetector) -> None:
        self._detector = detector
        self.name: str | None = detector.manifest.name
        self.candidate_threshold = detector.candidate_threshold
        self.confirm_threshold = detector.confirm_threshold
        self.trouble = ""

    def detect(
        self, pixels: Pixels, regions: Sequence[Region], *, candidate_threshold: float
    ) -> Sequence[Detection]:
        """Nobody, and a trouble, when the model fails on this picture: motion goes on."""
        threshold, request = candidate_threshold, (pixels, regions)
        (seen,) = self.look_together([request], candidate_threshold=threshold, floor=threshold)
        return seen.detections

    def look_together(
        self, requests: Sequence[Request], *, candidate_threshold: float, floor: float
    ) -> Sequence[Seen]:
        """The same for several pictures, and who scored `floor`: one answer for each."""
        try:
            found = self._detector.look_together(
                requests, candidate_threshold=candidate_threshold, floor=floor
            )
        except ModelError as error:
            if not self.trouble:
                log.error("person detection fails: %s", error)
            self.trouble = f"person detection fails: {error}"
            return [Seen((), ()) for _ in requests]
        self.trouble = ""
        return found


def open_detector(config: DetectorConfig, cameras: int = 1) -> NamedDetector | BlindDetector:
    """The detector, `auto` for so many cameras; its `trouble` says what is wrong with it.

    A flipped bit in the model's file must not silence a whole box: motion, status and the
    alarm still go out, and a person can mend it.
    """
    try:
        model = find_model(config.model, cameras=cameras).at(config.input_px)
        detector = OnnxDetector.open(model, threads=config.threads)
    except ModelError as error:
        log.error("no person detection: %s", error)
        return BlindDetector(f"no person detection: {error}")
    if model.why:
        log.info("detector: auto is %s, %s", model.manifest.name, model.why)
    return NamedDetector(detector)
