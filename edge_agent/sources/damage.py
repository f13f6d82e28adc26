"""How many of a stream's pictures cannot be believed, because something of them was lost."""

from __future__ import annotations

_WINDOW_S = 30.0
#: Below this it is the odd packet that every Wi-Fi loses.
_TOLD_FRAC = 0.05
_MIN_PICTURES = 10


class DamageWatch:
    """Fed every decoded picture; its remark is read by others."""

    def __init__(self) -> None:
        self._begun_s: float | None = None
        self._pictures = self._damaged = 0
        self._frac = 0.0  # of the newest full window

    def add(self, pictures: int, damaged: int, at_s: float) -> None:
        if self._begun_s is None:
            self._begun_s = at_s
        self._pictures += pictures
        self._damaged += damaged
        if at_s - self._begun_s >= _WINDOW_S and self._pictures >= _MIN_PICTURES:
            self._frac = self._damaged / self._pictures
            self._begun_s, self._pictures, self._damaged = at_s, 0, 0

    @property
    def remark(self) -> str:
        """For a technician; "" where nearly all pictures are whole."""
        if self._frac < _TOLD_FRAC:
            return ""
        return (
            f"{self._frac:.0%} of the pictures are damaged on their way, and nothing is looked for "
            "in them; is the Wi-Fi too weak, the cable or the recorder's disk bad?"
        )
