"""`_gap`: announced on every connection until the server's watermark has passed. Pure."""

from __future__ import annotations

from collections import deque

from edge_agent.contract import Gap
from edge_agent.outbox import GapReport


class Announcements:
    """The `_gap` messages of the newest report, each sent once per connection and resend."""

    def __init__(self) -> None:
        self._report: GapReport | None = None
        self._waiting: deque[Gap] = deque()
        self._open = 0

    def update(self, report: GapReport) -> None:
        """What the outbox wants announced now; a new revision is announced anew."""
        if self._report is None or report.revision != self._report.revision:
            self._report = report
            self.send_again()
        elif len(report.gaps) < len(self._report.gaps):
            self._report = report  # the watermark passed some; the revision stays

    def send_again(self) -> None:
        if self._report is not None:
            self._waiting = deque(self._report.gaps)
            self._open = len(self._waiting)

    def peek(self) -> Gap | None:
        return self._waiting[0] if self._waiting else None

    def take(self) -> int:
        """The gap of `peek` was sent; the revision it belongs to."""
        if self._report is None:
            raise ValueError("nothing to announce")
        self._waiting.popleft()
        return self._report.revision

    def put_back(self) -> None:
        """A refused announcement: all of them again, later."""
        self.send_again()

    def acknowledged(self, revision: int | None) -> bool:
        """True when the broker has every message of the current revision."""
        if self._report is None or revision != self._report.revision or not self._open:
            return False
        self._open -= 1
        return self._open == 0

    def outstanding(self, epoch: str, watermark: int) -> bool:
        """Whether something was announced that the watermark has not passed."""
        if self._report is None:
            return False
        return any(
            gap.epoch != epoch
            or gap.unsequenced is not None
            or any((span.last or 0) > watermark for span in gap.ranges)
            for gap in self._report.gaps
        )
