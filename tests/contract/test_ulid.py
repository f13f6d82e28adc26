from __future__ import annotations

import pytest

from edge_agent.contract import UlidGenerator, check_ulid, new_ulid, ulid_utc_s
from edge_agent.errors import ContractError


@pytest.mark.parametrize(
    ("utc_s", "randomness", "ulid"),
    [
        (0.0, bytes(10), "0" * 26),
        (1469918176.385, bytes(10), "01ARYZ6S41" + "0" * 16),  # the specification's example time
        (2**48, b"\xff" * 10, "7" + "Z" * 25),
        (-5.0, bytes(9) + b"\x1f", "0" * 25 + "Z"),
    ],
)
def test_known_ulids(utc_s: float, randomness: bytes, ulid: str) -> None:
    assert new_ulid(utc_s, randomness) == ulid
    assert check_ulid(ulid) == ulid


def test_time_comes_back() -> None:
    assert ulid_utc_s(new_ulid(1469918176.385, bytes(10))) == 1469918176.385


@pytest.mark.parametrize("bad", ["", "0" * 25, "0" * 27, "8" + "0" * 25, "I" * 26, "0" * 26 + "\n"])
def test_what_is_no_ulid_is_refused(bad: str) -> None:
    with pytest.raises(ContractError):
        check_ulid(bad)


def test_generator_keeps_rising_within_a_millisecond_and_over_small_steps_back() -> None:
    ids = UlidGenerator()
    made = [ids.next(at_s) for at_s in (100.0, 100.0, 100.0, 99.5, 100.001, 101.0)]
    assert made == sorted(made)
    assert len(set(made)) == len(made)


def test_generator_survives_running_out_of_randomness() -> None:
    ids = UlidGenerator(lambda size: b"\xff" * size)
    first, second = ids.next(1.0), ids.next(1.0)
    assert first < second


def test_generator_follows_a_clock_that_was_far_ahead() -> None:
    ids = UlidGenerator()
    ids.next(4e9)
    assert ulid_utc_s(ids.next(1.8e9)) == 1.8e9
