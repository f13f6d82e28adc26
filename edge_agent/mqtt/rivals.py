"""Connections that break soon after they were made, again and again. Pure.

A broker that is given one client id twice throws the older connection out, mostly without a
word: two boxes with one id, or two subscribers of one ward, then take turns, and each sees only
that its connection breaks.
"""

from __future__ import annotations

#: A rival comes back within the longest wait between two tries, 30 s for the command.
_SOON_S = 60.0
#: A broker that restarts or a bad line breaks one or two; a rival does not stop.
_TOO_MANY = 3


class RivalWatch:
    """Counts the short connections in a row."""

    def __init__(self) -> None:
        self._short = 0

    def lost(self, lived_s: float) -> bool:
        """After a connection that the broker broke; True when somebody else is suspected."""
        self._short = self._short + 1 if lived_s < _SOON_S else 0
        return self._short >= _TOO_MANY

    def lasted(self) -> bool:
        """After a connection that stands; True when that ends a suspicion."""
        suspected, self._short = self._short >= _TOO_MANY, 0
        return suspected

    @property
    def soon_s(self) -> float:
        """A connection that stands so long has no rival."""
        return _SOON_S
