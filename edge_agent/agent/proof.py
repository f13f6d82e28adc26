"""Proof of life: on schedule a known person goes all the way, and the ward is told so.

    clip --> analysis, with the detector in use --> outbox --> broker --> the ward's watermark

What is told is an event `ev/selftest/health` of kind `selftest`: nobody takes it for a person. It
starts when the person was found, and ends when the ward's server has it. A test that failed starts
as `critical` and ends when the next one passes.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from edge_agent.agent.proof_run import ProofOutcome, ProofParts, run_proof
from edge_agent.assets import asset_dir
from edge_agent.clock import Clock
from edge_agent.contract import Position
from edge_agent.domain import CameraId, EndReason, Event, EventId, Health, Label, Phase, Severity
from edge_agent.errors import StorageError
from edge_agent.outbox import Outbox
from edge_agent.runtime import StopToken, Worker

log = logging.getLogger(__name__)

KIND = "selftest"
CAMERA = CameraId("selftest")
#: After the start of the agent: cameras come first.
FIRST_AFTER_S = 600.0
_AGAIN_AFTER_FAILURE_S = 3600.0
#: How often the outbox is asked whether the ward has it, at first and later.
_LOOK_EVERY_S, _LOOK_LATER_S = 1.0, 30.0
_EARLY_S = 60.0
#: The writer gathers events for a second before it stores them.
_STORED_AFTER_S = 3.0


def clip_path() -> Path:
    """The known clip: drawn by us (`python -m edge_agent.demo.proof_clip`), nobody's picture."""
    try:
        folder = asset_dir("proof")
    except FileNotFoundError:
        # A broken installation: the test fails and says so, and the cameras go on.
        folder = Path(sys.prefix, "share", "edge-agent", "proof")
    return folder / "person.mp4"


def proof_of_life(
    parts: ProofParts,
    writer: EventWriter,
    new_event_id: Callable[[Label, float], EventId],
    *,
    every_h: float,
) -> ProofOfLife:
    """Through the running agent's own parts."""
    play = partial(run_proof, parts)
    return ProofOfLife(play, writer, parts.clock, new_event_id, every_h=every_h)


class EventWriter(Protocol):
    """`Writer`, as far as it is needed here."""

    def record(self, events: list[Event]) -> None: ...

    def in_turn(self, do: Callable[[Outbox], None]) -> None: ...


@dataclass(slots=True)
class _Told:
    """The event that is open."""

    start: Event
    passed: bool
    last: Position | None = None  # the newest position when it was stored; None: not known yet
    watermark: int | None = None
    looked_s: float = float("-inf")


class ProofOfLife:
    """`poll` belongs to the main thread. The clip is played by a thread of its own."""

    def __init__(
        self,
        play: Callable[[StopToken], ProofOutcome],
        writer: EventWriter,
        clock: Clock,
        new_event_id: Callable[[Label, float], EventId],
        *,
        every_h: float,
    ) -> None:
        """`every_h` 0: never."""
        self.every_h = every_h
        self._play, self._writer, self._clock = play, writer, clock
        self._new_event_id = new_event_id
        self._due_s = clock.mono_s() + FIRST_AFTER_S
        self._stop = StopToken()
        self._worker: Worker | None = None
        self._outcome: ProofOutcome | None = None
        self._told: _Told | None = None
        self._passed = self._failed = 0

    def poll(self) -> None:
        """Now and then."""
        now_s = self._clock.mono_s()
        if self._worker is not None and not self._worker.alive:
            outcome = self._outcome or ProofOutcome(f"the test crashed: {self._worker.crash!r}")
            self._worker = self._outcome = None
            self._conclude(outcome, now_s)
        elif self._worker is None and self.every_h > 0 and now_s >= self._due_s:
            self._worker = Worker(KIND, self._run, self._stop, vital=False)
            self._worker.start()
        if self._told is not None and self._told.passed:
            self._await_ward(self._told, now_s)

    def stop(self) -> None:
        """Does not wait: a clip on its way ends while the cameras do."""
        self._stop.stop()

    @property
    def reasons(self) -> tuple[str, ...]:
        """For the box's status, while the last test failed."""
        told = self._told
        if told is None or told.passed or told.start.health is None:
            return ()
        return (f"self-test: {told.start.health.detail['trouble']}",)

    @property
    def figures(self) -> Mapping[str, float]:
        return {"selftests_passed": self._passed, "selftests_failed": self._failed}

    def _run(self, stop: StopToken) -> None:
        self._outcome = self._play(stop)

    def _conclude(self, outcome: ProofOutcome, now_s: float) -> None:
        if self._stop.stopped:
            return
        passed = not outcome.trouble
        self._due_s = now_s + (self.every_h * 3600 if passed else _AGAIN_AFTER_FAILURE_S)
        if not passed and self._told is not None and not self._told.passed:
            return  # it is told already, and still holds
        if self._told is not None:
            reason = EndReason.TIMEOUT if self._told.passed else EndReason.GONE
            self._end(self._told, now_s, reason, {"acknowledged": False})
        self._passed, self._failed = self._passed + passed, self._failed + (not passed)
        detail: dict[str, Any] = {"passed": passed, "frames": outcome.frames}
        detail |= {"top_score": round(outcome.top_score, 3), "took_s": round(outcome.took_s, 1)}
        if not passed:
            detail["trouble"] = outcome.trouble
            log.error("self-test: %s", outcome.trouble)
        severity = Severity.INFO if passed else Severity.CRITICAL
        start = Event(
            event_id=self._new_event_id(Label.HEALTH, now_s),
            camera=CAMERA,
            label=Label.HEALTH,
            phase=Phase.START,
            rev=0,
            at_s=now_s,
            start_s=now_s,
            end_s=None,
            score=outcome.top_score,
            top_score=outcome.top_score,
            bbox=None,
            health=Health(KIND, severity, detail),
        )
        self._told = _Told(start, passed)
        self._writer.record([start])

    def _await_ward(self, told: _Told, now_s: float) -> None:
        """Ends the event once the watermark has passed it. A box without a broker waits."""
        if told.last is not None and (told.watermark or 0) >= told.last.seq:
            waited_s = round(now_s - told.start.at_s, 1)
            self._end(
                told,
                now_s,
                EndReason.GONE,
                {"acknowledged": True, "acknowledged_after_s": waited_s},
            )
            return
        age_s = now_s - told.start.at_s
        early = age_s < _EARLY_S
        if age_s >= _STORED_AFTER_S and now_s - told.looked_s >= (
            _LOOK_EVERY_S if early else _LOOK_LATER_S
        ):
            told.looked_s = now_s
            self._writer.in_turn(lambda outbox: _look(told, outbox))

    def _end(self, told: _Told, now_s: float, reason: EndReason, more: Mapping[str, Any]) -> None:
        """`more` is for a test that passed."""
        start = told.start
        health = start.health
        if health is not None and told.passed:
            health = replace(health, detail={**health.detail, **more})
        end = replace(
            start,
            phase=Phase.END,
            rev=1,
            at_s=now_s,
            end_s=now_s,
            end_reason=reason,
            health=health,
        )
        self._told = None
        self._writer.record([end])


def _look(told: _Told, outbox: Outbox) -> None:
    """By the writer. What was recorded before is stored by now, and has a number."""
    try:
        head = outbox.head()
    except StorageError:
        return  # a disk that fails is told in other ways; the next look may find it mended
    if told.last is None:
        told.last = Position(head.epoch, head.last_seq)
    # A new epoch says nothing of what lay in the old one.
    told.watermark = head.watermark if told.last.epoch == head.epoch else None
