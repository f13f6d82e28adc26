from __future__ import annotations

from edge_agent.ward.rivals import RivalWatch


def test_short_connections_in_a_row_raise_the_suspicion_of_a_rival() -> None:
    watch = RivalWatch("ward1-server")
    said = [watch.lost(lived_s) for lived_s in (2.0, 0.5, 9.0, 31.0)]
    asked = ": is another subscriber running as ward1-server?"
    assert said == ["", "", asked, asked]


def test_a_connection_that_lasted_ends_the_suspicion() -> None:
    watch = RivalWatch("ward1-server")
    assert not any(watch.lost(lived_s) for lived_s in (1.0, 1.0, 3600.0, 1.0, 1.0))
