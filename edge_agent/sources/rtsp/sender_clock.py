"""The camera's clock, as its RTCP sender reports tell it (RFC 3550, 6.4.1)."""

from __future__ import annotations

import statistics
from collections import deque

_NTP_EPOCH_S = 2_208_988_800  # 1900 to 1970
_ERA_S = 1 << 32  # NTP's seconds begin anew in 2036
_SENDER_REPORT = 200
_VERSION = 2
_REPORT_BYTES = 28  # header, SSRC, NTP, RTP time, two counts
#: The middle of so many reports: one that waited in a queue says nothing.
_REPORTS = 5


class SenderClock:
    """Of one connection. Fed by the relay's thread; `ahead_s` is read by others."""

    def __init__(self) -> None:
        self._ahead_s: deque[float] = deque(maxlen=_REPORTS)
        #: The camera's UTC minus our monotonic seconds; None: it did not tell a time yet.
        self.ahead_s: float | None = None

    def heard(self, packet: bytes, at_s: float, ssrc: int | None) -> None:
        """One RTCP packet, which may hold several; `ssrc`: the picture's, None: not known yet."""
        at = 0
        while len(packet) - at >= 4:
            size = 4 + 4 * int.from_bytes(packet[at + 2 : at + 4], "big")
            if packet[at] >> 6 != _VERSION or size > len(packet) - at:
                return
            if packet[at + 1] == _SENDER_REPORT and size >= _REPORT_BYTES:
                self._take(packet[at : at + size], at_s, ssrc)
            at += size

    def _take(self, report: bytes, at_s: float, ssrc: int | None) -> None:
        if ssrc is not None and int.from_bytes(report[4:8], "big") != ssrc:
            return
        seconds = int.from_bytes(report[8:12], "big")
        if not seconds:
            return  # a sender without a clock says zero
        if seconds < _ERA_S // 2:
            seconds += _ERA_S
        utc_s = seconds - _NTP_EPOCH_S + int.from_bytes(report[12:16], "big") / _ERA_S
        self._ahead_s.append(utc_s - at_s)
        newest = self._ahead_s[-1]
        # A camera that was set anew is believed at its second report.
        if len(self._ahead_s) > 2 and abs(newest - self._ahead_s[0]) > 1.0:
            agreeing = [each for each in self._ahead_s if abs(each - newest) <= 1.0]
            if len(agreeing) > 1:
                self._ahead_s = deque(agreeing, _REPORTS)
        self.ahead_s = statistics.median(self._ahead_s)
