"""Full jitter."""

import pytest

from edge_agent.mqtt import FullJitter


@pytest.mark.parametrize(
    ("failures", "max_s", "bound_s"),
    [
        (0, 300, 1),
        (1, 300, 2),
        (3, 300, 8),
        (8, 300, 256),
        (9, 300, 300),
        (80, 300, 300),
        (5, 3, 3),
    ],
)
def test_the_bound_doubles_up_to_the_maximum(failures: int, max_s: float, bound_s: float) -> None:
    jitter = FullJitter(max_s, uniform=lambda low, high: high)
    for _ in range(failures):
        jitter.next_s()
    assert jitter.next_s() == bound_s


def test_the_wait_is_a_random_part_of_the_bound_from_zero_on() -> None:
    asked = []
    jitter = FullJitter(300, uniform=lambda low, high: asked.append((low, high)) or 0.25)
    assert jitter.next_s() == 0.25
    assert asked == [(0.0, 1.0)]


def test_a_success_starts_small_again() -> None:
    jitter = FullJitter(300, uniform=lambda low, high: high)
    waits = [jitter.next_s() for _ in range(4)]
    jitter.reset()
    assert [*waits, jitter.next_s()] == [1, 2, 4, 8, 1]
