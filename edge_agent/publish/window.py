"""What is in flight: our own send window, because paho's ignores the broker's. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from edge_agent.outbox import Row


class PubackVerdict(Enum):
    """What the code of a PUBACK means for a message. MQTT 5, section 3.4.2.1."""

    TAKEN = auto()
    DENIED = auto()  # the ACL says no: a person's mistake, the message stays
    IMPOSSIBLE = auto()  # no broker will ever take these bytes
    BUSY = auto()  # try again later


_TAKEN = {0x00, 0x10}  # success; success, but nobody listens
_DENIED = {0x87}  # not authorized
_IMPOSSIBLE = {
    0x90: "topic name invalid",
    0x95: "packet too large",
    0x99: "payload format invalid",
}
TOO_LARGE = 0x95


def verdict_of(code: int) -> PubackVerdict:
    """Unknown codes count as busy: nothing is given up for a code we do not understand."""
    if code in _TAKEN:
        return PubackVerdict.TAKEN
    if code in _DENIED:
        return PubackVerdict.DENIED
    return PubackVerdict.IMPOSSIBLE if code in _IMPOSSIBLE else PubackVerdict.BUSY


def impossible_reason(code: int) -> str:
    return f"broker: {_IMPOSSIBLE.get(code, 'refused')} (0x{code:02X})"


@dataclass(frozen=True, slots=True)
class RowParcel:
    """An event of the outbox."""

    row: Row


@dataclass(frozen=True, slots=True)
class GapParcel:
    """One of the `_gap` messages of a report; revision None: the answer to a replay."""

    revision: int | None


@dataclass(frozen=True, slots=True)
class ControlParcel:
    """Status, answer or file; `file_of` names the command that asked for it."""

    topic: str
    file_of: str = ""
    is_status: bool = False


Parcel = RowParcel | GapParcel | ControlParcel


class SendWindow:
    """Parcels by packet id, at most `limit` of them."""

    def __init__(self, limit: int) -> None:
        if limit < 1:
            raise ValueError(f"a window needs room for 1 message, got {limit}")
        self.limit = limit
        self._parcels: dict[int, Parcel] = {}

    def room(self, limit: int | None = None) -> bool:
        """Whether one more may be sent; `limit` narrows the window for now."""
        return len(self._parcels) < min(self.limit, limit or self.limit)

    def add(self, mid: int, parcel: Parcel) -> None:
        if not self.room() or mid in self._parcels:
            raise ValueError(f"no room in the window for packet {mid}")
        self._parcels[mid] = parcel

    def take(self, mid: int) -> Parcel | None:
        """The acknowledged parcel leaves the window; None for a packet that is not ours."""
        return self._parcels.pop(mid, None)

    def rows(self) -> list[Row]:
        """The events among them, in the order in which they were sent."""
        return [each.row for each in self._parcels.values() if isinstance(each, RowParcel)]

    def __len__(self) -> int:
        return len(self._parcels)
