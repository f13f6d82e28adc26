"""What comes on the agreed channel: whose it is, and what is missing of it."""

from __future__ import annotations

from dataclasses import dataclass

_HEADER_BYTES = 12  # RFC 3550, 5.1
_SEQUENCES = 1 << 16
#: A larger step is a new beginning, not a loss (RFC 3550, A.1: MAX_DROPOUT).
_MAX_DROPOUT = 3000
#: An encoder that begins anew takes another SSRC, and the old one falls silent.
SILENT_S = 2.0
#: Foreign packets of one connection that are no longer a curiosity.
MANY_FOREIGN = 20


@dataclass(slots=True)
class Traffic:
    """Of one connection. Fed by the relay's thread; its figures are read by others.

    `declared`: the SSRC in the answer to SETUP; cameras often write a wrong one there.
    """

    payload_type: int
    declared: int | None = None
    ssrc: int | None = None  # whose packets are taken
    packets: int = 0
    lost: int = 0
    foreign: int = 0  # of another sender on the same channel
    stray: int = 0  # on channels that were not agreed
    stray_channel: int | None = None
    _newest: int | None = None  # sequence number
    _heard_s: float = 0.0

    def is_ours(self, packet: bytes, at_s: float) -> bool:
        """One RTP packet, in the order of arrival: is it to be handed on?"""
        if len(packet) < _HEADER_BYTES or packet[0] >> 6 != 2:
            return False
        ssrc = int.from_bytes(packet[8:12], "big")
        if ssrc != self.ssrc and not self._takes(ssrc, at_s):
            self.foreign += 1
            return False
        self._heard_s = at_s
        self.packets += 1
        self._count(int.from_bytes(packet[2:4], "big"))
        return True

    def strayed(self, channel: int) -> None:
        self.stray += 1
        self.stray_channel = channel

    @property
    def confused(self) -> bool:
        """Two senders at a time, and nothing says which one is the camera's."""
        return self.foreign >= MANY_FOREIGN and self.ssrc != self.declared

    @property
    def remark(self) -> str:
        """For a technician; "" where all is well."""
        if self.foreign >= MANY_FOREIGN:
            return f"{self.foreign} packets of another sender (SSRC) came along and were left out"
        if self.stray >= MANY_FOREIGN:
            return f"packets came on channel {self.stray_channel}, which was not agreed"
        return ""

    def _takes(self, ssrc: int, at_s: float) -> bool:
        """Is it this sender's turn?"""
        first = self.ssrc is None
        declared = ssrc == self.declared
        silent = at_s - self._heard_s >= SILENT_S
        if not (first or declared or silent):
            return False
        self.ssrc, self._newest = ssrc, None
        return True

    def _count(self, sequence: int) -> None:
        if self._newest is None:
            self._newest = sequence
            return
        step = (sequence - self._newest) % _SEQUENCES
        if step == 0 or step > _SEQUENCES - _MAX_DROPOUT:
            # One that was overtaken (UDP) was counted as lost when its successor came.
            self.lost = max(0, self.lost - 1) if step else self.lost
            return
        if step < _MAX_DROPOUT:
            self.lost += step - 1
        self._newest = sequence
