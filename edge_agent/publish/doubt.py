"""Whose fault it is that a broker calls a message impossible: the message's, or its own. Pure.

A broker whose rules refuse every topic of this box (0x90) is a person's mistake, as an ACL that
denies is: it must not cost an outbox. Only who takes other events is believed.
"""

from __future__ import annotations

#: So many messages in a row are called impossible before it is the broker that is doubted.
_BELIEVED = 3


class BrokerDoubt:
    """Of one connection."""

    def __init__(self) -> None:
        self._belief = 0
        self._passed_over = False

    def called_impossible(self) -> bool:
        """True: the message is to be given up. False: pass it over, and pause."""
        if self._belief > 0:
            self._belief -= 1
            return True
        self._passed_over = True
        return False

    def taken(self) -> bool:
        """The broker took an event; True where others were passed over and may be tried again."""
        self._belief = _BELIEVED
        again, self._passed_over = self._passed_over, False
        return again
