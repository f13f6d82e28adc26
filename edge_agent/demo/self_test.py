"""The box tests itself, with no camera and no broker: the drawn clip in which somebody comes to a
door goes through decoding, detection and rules into an outbox of its own, and is read back.

An upgrade has to pass it before the new version may run.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from edge_agent.agent.clip_player import ClipPlayer, PlayedClip
from edge_agent.agent.proof import clip_path
from edge_agent.clock import Clock, SystemClock
from edge_agent.config import CameraConfig, DetectorConfig, FileSource, OutboxConfig
from edge_agent.contract import EventMessage, Sender, decode_event
from edge_agent.demo.proof_clip import PROOF_SCENE
from edge_agent.detect import OnnxDetector, find_model
from edge_agent.domain import Label, Phase
from edge_agent.errors import AgentError, MediaError
from edge_agent.outbox import Outbox, OutboxReader
from edge_agent.writer.drafting import EventDrafter

_CAMERA = CameraConfig(id="self-test", source=FileSource(path=""))
_WARD = _BOX = "self-test"
_FPS = PROOF_SCENE.fps
#: More messages than a clip with one person can lead to.
_MANY = 1000


class SelfTestFailed(AgentError):
    """A part of the path from picture to outbox does not do its work; says which."""


@dataclass(frozen=True, slots=True)
class SelfTestReport:
    """What came through."""

    model: str
    frames: int
    messages: int
    top_score: float


def run_self_test(config: DetectorConfig, clip: Path | None = None) -> SelfTestReport:
    """`clip`: another one than the shipped; to draw one takes longer than all the rest.

    Raises ModelError for a model that cannot be used, SelfTestFailed for everything else.
    """
    detector = OnnxDetector.open(
        find_model(config.model).at(config.input_px), threads=config.threads
    )
    clock = SystemClock()
    name = detector.manifest.name
    with tempfile.TemporaryDirectory(prefix="edge-agent-self-test-") as folder:
        replay = ClipPlayer(detector, default_fps=_FPS, zone=ZoneInfo("UTC"), clock=clock)
        try:
            result = replay.play(clip or clip_path(), _CAMERA)
        except MediaError as error:
            raise SelfTestFailed(f"self-test: its clip cannot be read: {error}") from error
        if result.fault is not None:
            raise SelfTestFailed(f"self-test: its clip breaks off: {result.fault}")
        messages = _through_outbox(
            Path(folder), result, Sender(_WARD, _BOX, model_name=name), clock
        )
    found = _persons(messages)
    return SelfTestReport(name, result.frames, len(messages), max(p.event.top_score for p in found))


def _through_outbox(
    folder: Path, result: PlayedClip, sender: Sender, clock: Clock
) -> Sequence[EventMessage]:
    """The events as the ward would get them, after they lay on the disk.

    Raises SelfTestFailed when one is missing or comes out of order.
    """
    drafter = EventDrafter(sender, clock, lambda _camera: result.timeline)
    drafts = [drafter.draft(event) for event in result.events]
    limits = OutboxConfig(max_mb=16, max_disk_frac=1.0)
    with Outbox.open(folder, limits=limits, clock=clock) as outbox:
        stored = outbox.append(drafts)
        if len(stored) != len(drafts):
            raise SelfTestFailed(
                f"self-test: the outbox took {len(stored)} of {len(drafts)} messages; "
                f"look at the space in {folder.parent}"
            )
    with OutboxReader(folder) as reader:
        rows = reader.undelivered(0, _MANY)
    messages = [decode_event(row.payload) for row in rows]
    if [message.event.event_id for message in messages] != [e.event_id for e in result.events]:
        raise SelfTestFailed("self-test: the outbox gave back other messages than it took")
    return messages


def _persons(messages: Sequence[EventMessage]) -> Sequence[EventMessage]:
    """Beginning and end of the person's visit; raises SelfTestFailed when one is missing."""
    persons = [message for message in messages if message.event.label is Label.PERSON]
    phases = {message.event.phase for message in persons}
    if not {Phase.START, Phase.END} <= phases:
        raise SelfTestFailed(
            "self-test: a person walked through the made picture and was not reported; "
            "check the model: edge-agent models verify"
        )
    return persons
