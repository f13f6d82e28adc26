from __future__ import annotations

from edge_agent.mqtt.rivals import RivalWatch


def test_short_connections_in_a_row_raise_the_suspicion_of_a_rival() -> None:
    watch = RivalWatch()
    assert [watch.lost(lived_s) for lived_s in (2.0, 0.5, 9.0, 31.0)] == [False, False, True, True]
    assert watch.lasted()
    assert not watch.lasted()


def test_a_connection_that_lasted_ends_the_suspicion() -> None:
    watch = RivalWatch()
    assert not any(watch.lost(lived_s) for lived_s in (1.0, 1.0, 3600.0, 1.0, 1.0))
