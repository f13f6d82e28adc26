"""Does to a decoder what the gate decides: skip, look, rewind to a GOP in the ring.

What a rewind gives is never dropped, comes before newer pictures and must not hold up the camera:
where its reader has no room the packets wait (encoded, so it costs little), and each new packet
of the camera carries it on a little.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edge_agent.domain import Frame, Packet
from edge_agent.sources.decoder import Decoder, Picture
from edge_agent.sources.gate.machine import GateMachine
from edge_agent.sources.gate.words import Finding, GateState, GateStep, PacketFact, Sight
from edge_agent.sources.ring import MAX_STEP_BACK_S, GopRing

#: Packets decoded in one go, so that the camera's next packets do not pile up meanwhile.
_BURST_PACKETS = 8
_SAME_PTS_S = 1e-4


@dataclass(frozen=True, slots=True)
class FeedSide:
    """What the decoding asks of the camera's feed."""

    #: Would a picture of this stream time be analysed? May be asked at will.
    due: Callable[[float], bool]
    #: Says whether and as what a picture is analysed; asked once for each, in order.
    select: Callable[[Picture], Frame | None]
    #: The same for a picture that is older than those handed on.
    recall: Callable[[Picture], Frame | None]
    #: Hands a frame on. `kept`: it must not be dropped; False when there is no room now.
    hand_on: Callable[[Frame, bool], bool]
    #: Compares a picture with the background of keyframes.
    judge: Callable[[Picture], Sight]


class GatedDecoding:
    """One per opened stream, owned by the source thread."""

    def __init__(
        self,
        decoder: Decoder,
        ring: GopRing,
        machine: GateMachine,
        feed: FeedSide,
    ) -> None:
        self._decoder = decoder
        self._ring = ring
        self._machine = machine
        self._feed = feed
        self._waiting: deque[Packet] = deque()  # to be decoded, oldest first
        self._frames: deque[tuple[Frame, bool]] = deque()  # decoded, no room for them yet
        self._rewound_until_s = float("-inf")  # stream time: what is older must not be dropped
        self._handed_pts_s = self._handed_before_s = float("-inf")  # the newest two
        self._skip_until_s = float("-inf")  # stream time: was handed on before the rewind
        self._look_pts_s: float | None = None  # the keyframe's picture is looked at
        self._reordered = False

    @property
    def behind(self) -> bool:
        """What a rewind gives is still on its way."""
        return bool(self._waiting or self._frames)

    def take(self, packet: Packet, at_s: float, findings: Sequence[Finding]) -> None:
        """The next packet (already in the ring), captured at `at_s`."""
        machine = self._machine
        for finding in findings:
            machine.heed(finding)
        if self.behind:
            machine.keep_active()
        fact = PacketFact(packet.is_key, packet.pts_s, at_s)
        self._obey(machine.packet(fact), packet)
        self._work()

    def finish(self) -> None:
        """The recording has ended: hand on what is still inside."""
        while self._waiting:
            self._decode(self._waiting.popleft())
        if self._machine.state in (GateState.ACTIVE, GateState.ALWAYS):
            self._hand_over(self._decoder.drain())
        self._hand_out()

    def _obey(self, step: GateStep, packet: Packet) -> None:
        if step is GateStep.LOOK and self._machine.state is GateState.IDLE:
            self._look(packet)
        elif step in (GateStep.DECODE, GateStep.LOOK):
            self._look_pts_s = packet.pts_s if step is GateStep.LOOK else self._look_pts_s
            self._waiting.append(packet)
        elif step is GateStep.WAKE:
            self._rewind()

    def _look(self, packet: Packet) -> None:
        """A keyframe alone."""
        decoder = self._decoder
        self._count(1)
        pictures = decoder.decode(packet)
        if self._reordered or not any(_is_of(one, packet.pts_s) for one in pictures):
            # The decoder holds it back for pictures that may be shown before it.
            held = decoder.drain()
            decoder.flush()
            self._reordered = self._reordered or bool(held)
            pictures += held
        alone = [one for one in pictures if _is_of(one, packet.pts_s)]
        if not alone or alone[0].damaged:
            self._machine.pictureless()
            return
        for picture in alone:
            if self._machine.looked(self._feed.judge(picture)) is GateStep.WAKE:
                self._rewind()
                return
            self._hand_over([picture])
        decoder.rest()

    def _rewind(self) -> None:
        """Decode anew, from a keyframe in the ring to the newest packet."""
        packets = self._ring.snapshot(self._machine.rewind_to_s)
        if not packets:
            return  # a GOP too large for the ring: go on at the next keyframe
        self._decoder.use_loop_filter(True)
        self._decoder.flush()
        self._waiting.clear()
        self._waiting.extend(packets)
        self._look_pts_s = None
        self._rewound_until_s = max(packet.pts_s for packet in packets)
        if self._handed_pts_s > self._rewound_until_s + MAX_STEP_BACK_S:
            # The camera set its clock back: nothing of this was handed on.
            self._handed_pts_s = self._handed_before_s = float("-inf")
        self._skip_until_s = self._handed_pts_s

    def _work(self) -> None:
        """Carry on until nothing waits, there is no room, or it is the camera's turn."""
        for _ in range(_BURST_PACKETS):
            if not self._hand_out() or not self._waiting:
                return
            self._decode(self._waiting.popleft())
        self._hand_out()

    def _decode(self, packet: Packet) -> None:
        if self._machine.all_intra and not self._feed.due(packet.pts_s):
            return
        if self._decoder.lean and not self._machine.lean:
            # What was decoded without the filter would leave trails until the next keyframe.
            self._waiting.appendleft(packet)
            self._machine.refilter()
            self._rewind()
            packet = self._waiting.popleft()
        self._count(1)
        self._decoder.use_loop_filter(not self._machine.lean)
        pictures = self._decoder.decode(packet)
        for picture in pictures:
            if self._look_pts_s is not None and _is_of(picture, self._look_pts_s):
                self._look_pts_s = None
                if picture.damaged:
                    continue
                self._machine.looked(self._feed.judge(picture))
        self._hand_over(pictures)
        if self._machine.state is GateState.IDLE and self._reordered:
            self._hand_over(self._decoder.drain())
            self._decoder.flush()

    def _hand_over(self, pictures: Sequence[Picture]) -> None:
        for picture in pictures:
            if picture.pts_s <= self._skip_until_s + _SAME_PTS_S:
                self._look_back(picture)
                continue
            self._skip_until_s = float("-inf")
            self._handed_before_s, self._handed_pts_s = self._handed_pts_s, picture.pts_s
            frame = self._feed.select(picture)
            if frame is not None:
                kept = picture.pts_s <= self._rewound_until_s
                self._frames.append((frame, kept))

    def _look_back(self, picture: Picture) -> None:
        """A picture of before the keyframe that is known: nobody saw it yet."""
        if picture.damaged:
            return
        unseen = self._handed_before_s + _SAME_PTS_S < picture.pts_s
        if self._machine.recalls and unseen and not _is_of(picture, self._skip_until_s):
            frame = self._feed.recall(picture)
            if frame is not None:
                self._frames.append((frame, True))

    def _hand_out(self) -> bool:
        """False when there is no room for a frame that must not be dropped."""
        while self._frames:
            frame, kept = self._frames[0]
            if not self._feed.hand_on(frame, kept):
                return False
            self._frames.popleft()
        return True

    def _count(self, packets: int) -> None:
        self._machine.count_decoded(packets)


def _is_of(picture: Picture, pts_s: float) -> bool:
    return abs(picture.pts_s - pts_s) < _SAME_PTS_S
