"""Connections that break soon after they were made, again and again. Pure.

A broker that is given one client id twice throws the older connection out, mostly without a
word: two subscribers of one ward then take turns, and each sees only that it breaks.
"""

from __future__ import annotations

#: A rival comes back within the longest wait between two tries, 30 s for the command.
_SOON_S = 60.0
#: A broker that restarts or a bad line breaks one or two; a rival does not stop.
_TOO_MANY = 3


class RivalWatch:
    """Counts the short connections in a row."""

    def __init__(self, client_id: str) -> None:
        self._client_id = client_id
        self._short = 0

    def lost(self, lived_s: float) -> str:
        """After a connection that the broker broke; what to ask the operator, or nothing."""
        self._short = self._short + 1 if lived_s < _SOON_S else 0
        if self._short < _TOO_MANY:
            return ""
        return f": is another subscriber running as {self._client_id}?"
