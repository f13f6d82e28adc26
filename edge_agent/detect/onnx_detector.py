"""The detect stage: regions of a frame in, persons out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edge_agent.detect.canvas import Canvas
from edge_agent.detect.catalog import ResolvedModel
from edge_agent.detect.decoders import DECODERS, Candidates
from edge_agent.detect.joint import plan_joint
from edge_agent.detect.manifest import ModelManifest
from edge_agent.detect.mapping import Found, distinct, to_detections, to_frame
from edge_agent.detect.nms import suppress
from edge_agent.detect.regions import Fit, Inference, extent
from edge_agent.detect.session import NetworkSession, OnnxSession
from edge_agent.domain import U8, Detection, Pixels, Region
from edge_agent.geometry import FrameSize

#: Most candidates that enter suppression. Noise under a low threshold must not make one
#: frame cost seconds; no household shows so many people.
MAX_CANDIDATES = 500


@dataclass(frozen=True, slots=True)
class Seen:
    """Of one picture: the candidates, and all from a lower score on, best first."""

    detections: tuple[Detection, ...]
    faint: tuple[Detection, ...]


class OnnxDetector:
    """One loaded model, shared by all cameras. Owned by the analysis thread."""

    def __init__(
        self, manifest: ModelManifest, session: NetworkSession, *, open_sides: bool = False
    ) -> None:
        """`open_sides`: the network takes smaller inputs than the manifest's as well."""
        self.manifest = manifest
        self.inferences = 0  # since the start, for telemetry
        self.input_px = 0  # how large their inputs were together
        self._session = session
        self._canvas = Canvas(manifest.input)
        # What is drawn in the middle has filling on all sides.
        self._cell = (
            max(manifest.strides) if open_sides and manifest.input.fit != "centered" else None
        )
        self._manifests = {manifest.input.size: manifest}

    @classmethod
    def open(cls, model: ResolvedModel, *, threads: int = 1) -> OnnxDetector:
        """Load and try the model. Raises ModelError saying what was expected and found."""
        session = OnnxSession.open(model, threads=threads)
        return cls(model.manifest, session, open_sides=session.open_sides)

    @property
    def candidate_threshold(self) -> float:
        """The model's own: detections that score lower are ignored."""
        return self.manifest.candidate_threshold

    @property
    def confirm_threshold(self) -> float:
        """The model's own: three detections of at least this within two seconds are a person."""
        return self.manifest.confirm_threshold

    def detect(
        self, pixels: Pixels, regions: Sequence[Region], *, candidate_threshold: float
    ) -> Sequence[Detection]:
        """Persons in and around `regions`, best first, at most two inferences.

        bboxes are fractions of the full frame, clipped to it. People just outside a region may
        be reported too (they were in the crop's context), but only when they are whole.
        """
        (found,) = self.detect_together(
            [(pixels, regions)], candidate_threshold=candidate_threshold
        )
        return found

    def detect_together(
        self, requests: Sequence[tuple[Pixels, Sequence[Region]]], *, candidate_threshold: float
    ) -> list[Sequence[Detection]]:
        """The same for several pictures at once, also of several cameras, with fewer inferences.

        One answer per request, in their order.
        """
        seen = self.look_together(
            requests, candidate_threshold=candidate_threshold, floor=candidate_threshold
        )
        return [each.detections for each in seen]

    def look_together(
        self,
        requests: Sequence[tuple[Pixels, Sequence[Region]]],
        *,
        candidate_threshold: float,
        floor: float,
    ) -> list[Seen]:
        """As `detect_together`, and from the same inferences all who scored `floor` or more.

        What is found from the candidate threshold on does not depend on `floor`.
        """
        planned = [(regions, pixels.size) for pixels, regions in requests]
        found: list[list[Found]] = [[] for _ in requests]
        for joint in plan_joint(planned, *self._fit):
            parts = [(requests[i][0].bgr(), look) for i, look in joint.parts]
            candidates = self._look(parts, min(floor, candidate_threshold))
            for i, look in joint.parts:
                found[i].append(to_frame(candidates, look, requests[i][0].size))
        return [
            self._seen(Found.together(each), candidate_threshold, regions, pixels.size)
            for (pixels, regions), each in zip(requests, found, strict=True)
        ]

    def found(self, pixels: Pixels, regions: Sequence[Region], *, floor: float) -> Found:
        """Whatever scores `floor`, for who asks `told_of` it more than once."""
        found = []
        for joint in plan_joint([(regions, pixels.size)], *self._fit):
            parts = [(pixels.bgr(), look) for _, look in joint.parts]
            candidates = self._look(parts, floor)
            found += [to_frame(candidates, look, pixels.size) for _, look in joint.parts]
        return Found.together(found)

    def told_of(
        self, found: Found, threshold: float, regions: Sequence[Region], frame: FrameSize
    ) -> tuple[Detection, ...]:
        """What `detect` says of these regions at a candidate threshold that is no lower than the
        floor of `found`."""
        return self._seen(found, threshold, regions, frame).detections

    @property
    def _fit(self) -> tuple[FrameSize, Fit]:
        return self.manifest.input.size, self.manifest.input.fit

    def _seen(
        self, found: Found, threshold: float, regions: Sequence[Region], frame: FrameSize
    ) -> Seen:
        """Suppression drops what is weaker than what stays, so it may come before the threshold;
        what is joined over the looks does not."""
        iou = self.manifest.nms_iou
        if not found.cut.any():  # nothing is joined: one suppression answers both
            whole = distinct(found, iou)
            faint = to_detections(whole, regions, frame)
            return Seen(faint[: int((whole.scores >= threshold).sum())], faint)
        sure = found.scores >= threshold
        detections = to_detections(distinct(found.where(sure), iou), regions, frame)
        if sure.all():
            return Seen(detections, detections)
        return Seen(detections, to_detections(distinct(found, iou), regions, frame))

    def _look(self, parts: Sequence[tuple[U8, Inference]], threshold: float) -> Candidates:
        size = self.manifest.input.size
        if self._cell:
            size = extent((look for _, look in parts), self._cell, size)
        outputs = self._session.run(self._canvas.draw(parts, size))
        self.inferences += 1
        self.input_px += size.area_px
        found = DECODERS[self.manifest.decoder].decode(outputs, self._manifest(size), threshold)
        boxes, scores = found.boxes, found.scores
        if len(scores) > MAX_CANDIDATES:
            best = scores.argpartition(-MAX_CANDIDATES)[-MAX_CANDIDATES:]
            boxes, scores = boxes[best], scores[best]
        keep = suppress(boxes, scores, self.manifest.nms_iou)
        return Candidates(boxes[keep], scores[keep])

    def _manifest(self, size: FrameSize) -> ModelManifest:
        """For an input of this size."""
        if size not in self._manifests:
            self._manifests[size] = self.manifest.sized(size)
        return self._manifests[size]
