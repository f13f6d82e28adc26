"""One camera from connection to frames: what a source thread runs.

    open -> packets -> ring, meter -> gate -> decoder -> sampler -> deliver(frame)
                                        ^                                |
                                        +---------- told(finding) -------+

`run` is the retry loop around `run_once`. A feed shares nothing with other cameras' feeds
but the credential guard, so one that hangs or fails touches nobody else.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace

from edge_agent.clock import Clock, thread_cpu_s
from edge_agent.config.schema import FileSource
from edge_agent.domain import Frame, Packet
from edge_agent.errors import (
    AgentError,
    MediaError,
    OperatorError,
    RetryableError,
)
from edge_agent.runtime.stop import StopToken
from edge_agent.sources.backoff import LONGEST_S, Backoff
from edge_agent.sources.capture_time import (
    CaptureTime,
    LiveCaptureTime,
    RecordedCaptureTime,
)
from edge_agent.sources.change import source_version, wait_for_change
from edge_agent.sources.credentials import CredentialGuard
from edge_agent.sources.damage import DamageWatch
from edge_agent.sources.decoder import Decoder, Picture
from edge_agent.sources.failure_log import FailureLog
from edge_agent.sources.feed_state import (
    FeedCounts,
    FeedSettings,
    FeedState,
    FeedStatus,
    GateStatus,
    overlay_remark,
    state_after,
)
from edge_agent.sources.gate import (
    FeedSide,
    Finding,
    GatedDecoding,
    GateMachine,
    GateMemory,
    Sight,
)
from edge_agent.sources.meter import StreamMeter
from edge_agent.sources.opening import Opener, open_source
from edge_agent.sources.packets import PacketSource, StreamInfo, read_packets
from edge_agent.sources.playing import Playing
from edge_agent.sources.refusal import GivenUp
from edge_agent.sources.tap import PacketTap

#: The analysis is at most this many frames ahead of the source thread.
_MAX_FINDINGS = 64

Deliver = Callable[[Frame], None]
#: For a frame that must not be dropped; False: no room now, ask again with the next packet.
Keep = Callable[[Frame], bool]


class CameraFeed:
    """Owned by one source thread; only `status`, `told` and `apply` may be called from others."""

    def __init__(
        self,
        settings: FeedSettings,
        *,
        credentials: CredentialGuard,
        clock: Clock,
        opener: Opener = open_source,
        backoff: Backoff | None = None,
    ) -> None:
        self.tap = PacketTap()  # where clips take their packets from
        self._settings = settings
        self._credentials = credentials
        self._clock = clock
        self._opener = opener
        self._memory = GateMemory()
        self._machine: GateMachine | None = None
        self._findings: deque[Finding] = deque(maxlen=_MAX_FINDINGS)
        self._cpu_s = 0.0
        self._backoff = backoff or Backoff()
        recorded = isinstance(settings.source, FileSource) and settings.source.pace == "fast"
        self._timeline: CaptureTime = RecordedCaptureTime() if recorded else LiveCaptureTime()
        self._meter = StreamMeter()
        self._counts = FeedCounts()
        self._state = FeedState.CONNECTING
        self._reason: str | None = None
        self._info: StreamInfo | None = None
        self._last_packet_s: float | None = None
        self._streamed_s = 0.0  # how long packets flowed in the newest connection
        self._source: PacketSource | None = None  # while it plays
        self._damage = DamageWatch()
        self._decoder: Decoder | None = None  # while it plays
        self._given_up = False
        self._told = ""  # of a failure, for the ward
        self._played_out = False  # a recording broke off, but not before it was played
        self._journal = FailureLog(settings.camera, clock)

    def run(
        self,
        stop: StopToken,
        deliver: Deliver,
        lost: Callable[[], None] = lambda: None,
        keep: Keep | None = None,
    ) -> None:
        """Until the stop token is set or a recording ends; `lost` is told of every failure.

        A failure that a person must mend is tried again each minute, without touching the
        network while a login pauses; a corrected password file is noticed within seconds. But a
        recording that was played as far as it goes is not played again until it changes:
        its events would be told again and again.
        """
        while not stop.stopped:
            source = self._settings.source
            version = source_version(source)
            try:
                self.run_once(stop, deliver, keep)
            except RetryableError as error:
                lost()
                delay_s = self._backoff.delay_s(self._streamed_s)
                self._journal.failed(error, delay_s)
                stop.wait(delay_s)
            except OperatorError as error:
                lost()
                self._journal.failed(error, LONGEST_S)
                wait_for_change(source, version, LONGEST_S, stop)
            else:
                return
            while self._played_out and version == source_version(source) and not stop.stopped:
                wait_for_change(source, version, LONGEST_S, stop)

    def run_once(self, stop: StopToken, deliver: Deliver, keep: Keep | None = None) -> None:
        """One connection, or one file (again and again when it loops).

        Returns when stopped or at a recording's end; every frame went through `deliver`,
        which may block to slow a recording down, or through `keep`: those of a past that is
        decoded after the fact. Raises an AgentError otherwise.
        """
        source = self._settings.source
        loops = isinstance(source, FileSource) and source.loop
        try:
            self._play(stop, deliver, keep)
            while loops and not stop.stopped:
                self._play(stop, deliver, keep)
        except AgentError as error:
            streamed = self._state is FeedState.STREAMING
            self._played_out = streamed and isinstance(error, MediaError)
            self._state, self._reason = state_after(error), str(error)
            self._told = getattr(error, "told", "")
            raise
        finally:
            self._decoder = None
            if self._source is not None:
                self._counts.lost_packets += self._source.lost_packets
                self._source = None
        self._state, self._reason = FeedState.ENDED, None

    def told(self, finding: Finding) -> None:
        """What the analysis made of a frame: keeps the gate open. Safe from any thread."""
        self._findings.append(finding)

    @property
    def decoder_mb(self) -> float:
        """What its decoder takes, about. Safe from any thread."""
        decoder = self._decoder
        return decoder.size_mb if decoder is not None else 0.0

    def give_up(self) -> None:
        """Memory is short: let go of the stream, and come back later. Safe from any thread."""
        self._given_up = True

    def apply(self, settings: FeedSettings) -> None:
        """Go on with other settings of the same stream, from the next packet on. Safe from any
        thread."""
        self._settings = settings

    def status(self) -> FeedStatus:
        """Safe from any thread: each field is read at once."""
        last_s, state, reason = self._last_packet_s, self._state, self._reason
        source = self._source
        remarks = source.remarks if source else ()
        lost = source.lost_packets if source else 0
        age_s = None if last_s is None else max(0.0, self._clock.mono_s() - last_s)
        return FeedStatus(
            self._settings.camera,
            state,
            reason,
            self._info,
            self._meter.figures(),
            age_s,
            self._gate_status(),
            self._counts.decoded,
            self._counts.delivered,
            self._counts.decode_errors,
            self._counts.connections,
            self._counts.damaged,
            self._counts.lost_packets + lost,
            self._told,
            tuple(
                text
                for text in (*remarks, self._damage.remark, overlay_remark(self._memory.overlays))
                if text
            ),
            source.sender_ahead_s if source else None,
        )

    def _gate_status(self) -> GateStatus | None:
        machine, memory = self._machine, self._memory
        if machine is None:
            return None
        return GateStatus(
            machine.plan,
            machine.mode,
            memory.nuisance.frac,
            replace(memory.counters),
            self._cpu_s,
        )

    def _play(self, stop: StopToken, deliver: Deliver, keep: Keep | None) -> None:
        self._state, self._reason, self._streamed_s = FeedState.CONNECTING, None, 0.0
        self._told = ""
        opened = self._opener(
            self._settings.source,
            camera=self._settings.camera,
            credentials=self._credentials,
            stop=stop,
            clock=self._clock,
            rules=self._settings.rules,
        )
        settings = self._settings
        with closing(opened) as source:
            self._source = source
            self._given_up = False
            playing = self._begin(source)
            self._decoder = playing.decoder
            decoding = self._decoding(playing, deliver, keep)
            for packet in read_packets(source, settings.camera):
                playing.go_on_with(self._settings)
                self._note(packet, playing)
                # Before the first keyframe a decoder only makes grey pictures and errors.
                playing.keyed = playing.keyed or packet.is_key
                if playing.keyed:
                    at_s = playing.timeline.estimate_s(packet.pts_s)
                    decoding.take(packet, at_s, self._heard())
                self._tally(packet, playing)
                self._check_picture(playing)
            if not stop.stopped:
                decoding.finish()
                self._count_pictures(playing)

    def _begin(self, source: PacketSource) -> Playing:
        settings = self._settings
        self._info = source.info
        self._counts.connections += 1
        self._meter.restart()
        self._timeline.restart()
        self._findings.clear()
        self._machine = GateMachine(self._memory, enabled=settings.gated)
        return Playing.begin(source, settings, self._machine, self._timeline)

    def _decoding(self, playing: Playing, deliver: Deliver, keep: Keep | None) -> GatedDecoding:
        def due(pts_s: float) -> bool:
            return playing.sampler.is_due(playing.timeline.estimate_s(pts_s))

        def select(picture: Picture) -> Frame | None:
            self._note_picture()
            if picture.damaged:
                return None  # what the decoder made up is neither motion nor a person
            # Sampled by the moment of capture, which follows the pts but evens out their jumps
            # and does not let a burst after a hiccup through.
            captured_s = playing.timeline.captured_s(picture.pts_s)
            if not playing.sampler.due(captured_s):
                return None
            return Frame(self._settings.camera, captured_s, playing.pixels(picture))

        def recall(picture: Picture) -> Frame | None:
            at_s = playing.timeline.estimate_s(picture.pts_s)
            if not playing.recalled.due(at_s):
                return None
            pixels = playing.pixels(picture)
            return Frame(self._settings.camera, at_s, pixels, recalled=True)

        def hand_on(frame: Frame, kept: bool) -> bool:
            if kept and keep is not None:
                if not keep(frame):
                    return False
            else:
                deliver(frame)
            self._counts.delivered += 1
            return True

        def judge(picture: Picture) -> Sight:
            at_s = playing.timeline.estimate_s(picture.pts_s)
            luma = playing.pixels(picture).luma()
            return Sight.of(playing.eye.update(luma, at_s), at_s)

        side = FeedSide(due, select, recall, hand_on, judge)
        return GatedDecoding(playing.decoder, playing.ring, playing.machine, side)

    def _heard(self) -> Sequence[Finding]:
        """Findings since the last packet."""
        return [self._findings.popleft() for _ in range(len(self._findings))]

    def _note(self, packet: Packet, playing: Playing) -> None:
        """Everything that happens to every packet, decoded or not."""
        now_s = packet.received_s
        if playing.first_packet_s is None:
            playing.first_packet_s = now_s
        self._streamed_s = now_s - playing.first_packet_s
        self._last_packet_s = now_s
        self._meter.add(packet)
        playing.ring.add(packet)
        playing.timeline.received(packet)
        self.tap.flows(packet, playing.ring, playing.timeline.offset_s)

    def _note_picture(self) -> None:
        """A camera is online when it can see: packets alone prove nothing."""
        if self._state is FeedState.CONNECTING:
            self._state = FeedState.STREAMING
            if self._info is not None and self._machine is not None:
                self._journal.online(self._info, self._machine.plan)

    def _tally(self, packet: Packet, playing: Playing) -> None:
        if packet.is_key:
            self._cpu_s = thread_cpu_s()
        tried = playing.keyed and playing.decoder.tried
        if self._count_pictures(playing):
            playing.blind_since_s = None
        elif playing.blind_since_s is None and (tried or not playing.keyed):
            playing.blind_since_s = packet.received_s

    def _count_pictures(self, playing: Playing) -> int:
        playing.shown = None
        pictures = playing.decoder.take_pictures()
        self._counts.decoded += pictures
        self._counts.decode_errors += playing.decoder.take_errors()
        damaged = playing.decoder.take_damaged()
        self._counts.damaged += damaged
        if self._last_packet_s is not None:
            self._damage.add(pictures, damaged, self._last_packet_s)
        if pictures:
            self._note_picture()
        return pictures

    def _check_picture(self, playing: Playing) -> None:
        """Raises SourceStalled or MediaError when packets come but nothing can be seen in them."""
        if self._given_up:
            self._given_up = False
            raise GivenUp(self._settings.camera)
        if self._last_packet_s is not None:
            playing.check(self._last_packet_s)
