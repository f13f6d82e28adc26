"""When to send: the backlog's rate, pauses after a refusal, resends without progress. Pure."""

from __future__ import annotations

#: First and longest pause.
DENIED_PAUSE_S = (60.0, 1800.0)
BUSY_PAUSE_S = (1.0, 60.0)
RESEND_AFTER_S = 60.0


class TokenBucket:
    """At most `per_s` in a second on average; a quarter of a second's worth at once."""

    def __init__(self, per_s: float, now_s: float) -> None:
        self._per_s = per_s
        self._most = max(1.0, per_s / 4)
        self._tokens = 1.0
        self._filled_s = now_s

    def take(self, now_s: float) -> bool:
        """Use a token, if there is one."""
        self._fill(now_s)
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True

    def wait_s(self, now_s: float) -> float:
        """Until there is a token."""
        self._fill(now_s)
        return max(0.0, (1.0 - self._tokens) / self._per_s)

    def _fill(self, now_s: float) -> None:
        gained = max(0.0, now_s - self._filled_s) * self._per_s
        self._tokens = min(self._most, self._tokens + gained)
        self._filled_s = now_s


class Pause:
    """Stops sending events after the broker refused one that must not be given up.

    Denied (0x87): 1 min, doubling to 30 min: an ACL typo is repaired by a person. Busy (0x97
    and unspecified errors): 1 s, doubling to 1 min. Afterwards one message probes before the
    whole window opens again.
    """

    def __init__(
        self,
        denied_s: tuple[float, float] = DENIED_PAUSE_S,
        busy_s: tuple[float, float] = BUSY_PAUSE_S,
    ) -> None:
        self._bounds = {True: denied_s, False: busy_s}
        self._next_s = {True: denied_s[0], False: busy_s[0]}
        self._until_s = float("-inf")
        self._probing = False
        self._denied = False

    def refused(self, now_s: float, *, denied: bool) -> bool:
        """True when a pause begins; False when it had begun (the window's other messages)."""
        if now_s < self._until_s:
            return False
        wait_s = self._next_s[denied]
        self._until_s = now_s + wait_s
        self._next_s[denied] = min(wait_s * 2, self._bounds[denied][1])
        self._probing, self._denied = True, denied
        return True

    def accepted(self, now_s: float) -> bool:
        """A message went through; True when that ends the trouble."""
        if not self._probing or now_s < self._until_s:
            return False
        self._probing = self._denied = False
        self._next_s = {kind: bounds[0] for kind, bounds in self._bounds.items()}
        return True

    @property
    def denied(self) -> bool:
        """The broker's ACL keeps our events out, as far as we know."""
        return self._denied

    def active(self, now_s: float) -> bool:
        return now_s < self._until_s

    def window(self, limit: int) -> int:
        """How many may be in flight."""
        return 1 if self._probing else limit


class ResendTimer:
    """Resends what the server does not acknowledge: after 60 s without progress, then 120 ...
    600 s. A broker that dies after its PUBACK on a quiet night leaves no other trace.

    Runs only while an ackpos of this epoch is known and something above it was delivered.
    """

    def __init__(self, first_s: float = RESEND_AFTER_S, longest_s: float = 600.0) -> None:
        self._first_s, self._longest_s = first_s, longest_s
        self._wait_s = first_s
        self._since_s: float | None = None

    def progress(self) -> None:
        """The watermark rose."""
        self._wait_s, self._since_s = self._first_s, None

    def due(self, now_s: float, *, outstanding: bool) -> bool:
        """`outstanding`: the server lacks something that the broker acknowledged."""
        if not outstanding:
            self._since_s = None
            return False
        if self._since_s is None:
            self._since_s = now_s
        if now_s - self._since_s < self._wait_s:
            return False
        self._since_s = now_s
        self._wait_s = min(self._wait_s * 2, self._longest_s)
        return True
