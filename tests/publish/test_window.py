"""The send window and the meaning of PUBACK codes."""

from __future__ import annotations

import pytest

from edge_agent.publish.window import ControlParcel, PubackVerdict, SendWindow, verdict_of


@pytest.mark.parametrize(
    ("code", "verdict"),
    [
        (0x00, PubackVerdict.TAKEN),
        (0x10, PubackVerdict.TAKEN),
        (0x87, PubackVerdict.DENIED),
        (0x90, PubackVerdict.IMPOSSIBLE),
        (0x95, PubackVerdict.IMPOSSIBLE),
        (0x99, PubackVerdict.IMPOSSIBLE),
        (0x97, PubackVerdict.BUSY),
        (0x80, PubackVerdict.BUSY),
        (0x83, PubackVerdict.BUSY),
        (0x91, PubackVerdict.BUSY),
        (0xFE, PubackVerdict.BUSY),
    ],
)
def test_only_three_codes_give_an_event_up(code: int, verdict: PubackVerdict) -> None:
    assert verdict_of(code) is verdict


def test_the_window_holds_no_more_than_its_limit() -> None:
    window = SendWindow(2)
    window.add(1, ControlParcel("a"))
    assert window.room()
    assert not window.room(1)
    window.add(2, ControlParcel("b"))
    assert not window.room()
    with pytest.raises(ValueError, match="no room"):
        window.add(3, ControlParcel("c"))
    assert window.take(1) == ControlParcel("a")
    assert window.take(1) is None
    assert window.room()


def test_a_window_of_nothing_is_no_window() -> None:
    with pytest.raises(ValueError, match="room for 1"):
        SendWindow(0)
