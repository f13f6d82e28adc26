"""Each camera, opened as the agent would open it: what it sends, and what its picture shows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from edge_agent.clock import Clock
from edge_agent.config import CameraConfig, FolderSource
from edge_agent.detect import OnnxDetector
from edge_agent.domain import U8
from edge_agent.errors import AgentError, CredentialRefused, SourceStalled, SourceUnreachable
from edge_agent.geometry import Polygon
from edge_agent.health.faults import Fault
from edge_agent.language import _
from edge_agent.runtime import StopToken
from edge_agent.sources import CredentialGuard, PictureRules, ProbeReport, blackened, probe
from edge_agent.tools.doctor.findings import DoctorFinding, failed, fine
from edge_agent.tools.sentences import of_stream
from edge_agent.tools.sight import CameraSight, look_at

#: Long enough for a keyframe of a camera with a GOP of 4 s.
_WATCH_S = 6.0


@dataclass(frozen=True, slots=True)
class CameraVisit:
    """`picture`: uint8 BGR (height, width, 3), privacy masks black; None where none came."""

    camera: str
    findings: tuple[DoctorFinding, ...]
    picture: U8 | None = field(default=None, repr=False, compare=False)


def visit(
    camera: CameraConfig, guard: CredentialGuard, clock: Clock, detector: OnnxDetector | None
) -> CameraVisit:
    """One connection; with `detector` it is told how many people are seen."""
    subject, source = _("camera {id}").format(id=camera.id), camera.source
    if isinstance(source, FolderSource):
        there = Path(source.path).is_dir()
        found = _("folder there") if there else _("folder missing")
        return CameraVisit(
            camera.id, (DoctorFinding("" if there else "EA-CAM-005", subject, found),)
        )
    try:
        seen = probe(
            source,
            credentials=guard,
            stop=StopToken(),
            clock=clock,
            watch_s=_WATCH_S,
            camera=camera.id,
            rules=PictureRules.of(source),
        )
    except AgentError as error:
        return CameraVisit(camera.id, (failed(_code_of(error), subject, error),))
    picture = seen.picture
    if picture is not None and camera.privacy_masks:
        picture = blackened(picture, [Polygon.of(mask.polygon) for mask in camera.privacy_masks])
    findings = tuple(_findings(subject, seen, picture, detector))
    return CameraVisit(camera.id, findings, picture)


def _code_of(error: AgentError) -> str:
    for kind, code in (
        (CredentialRefused, "EA-CAM-002"),
        (SourceUnreachable, "EA-CAM-001"),
        (SourceStalled, "EA-CAM-003"),
    ):
        if isinstance(error, kind):
            return code
    return "EA-CAM-005"


def _findings(
    subject: str, seen: ProbeReport, picture: U8 | None, detector: OnnxDetector | None
) -> Iterator[DoctorFinding]:
    stream = _stream(seen)
    if picture is None:
        yield fine(subject, stream)
    else:
        sight = look_at(picture, detector)
        shows = _("picture: {what}").format(what=sight.in_words())
        yield DoctorFinding(_sight_code(sight), subject, f"{stream}; {shows}")
    for advice in seen.advice:
        yield DoctorFinding("EA-CAM-004", subject, of_stream(advice))


def _sight_code(sight: CameraSight) -> str:
    if sight.shows_nothing:
        return "EA-CAM-006"
    return "EA-CAM-007" if sight.fault is Fault.DARK else ""


def _stream(seen: ProbeReport) -> str:
    figures = seen.figures
    rate = _(", {fps} fps").format(fps=round(figures.fps)) if figures.fps else ""
    key = (
        _(", keyframe every {s} s").format(s=f"{figures.key_interval_s:.1f}")
        if figures.key_interval_s
        else ""
    )
    return f"{seen.info.codec} {seen.size}{rate}{key}"
