from __future__ import annotations

from edge_agent.analysis.live_view import LiveAnswer, LiveFrame
from edge_agent.config import CameraConfig, FileSource
from edge_agent.domain import Track
from edge_agent.geometry import BBox
from edge_agent.tools.zones.walk import COLUMNS, MOVED, NOTHING, SEEN, TOLD, WalkTest

CAMERA = CameraConfig(id="gate", source=FileSource(path=""))


def box(x: float, y: float) -> BBox:
    """With the feet there."""
    return BBox(x - 0.05, y - 0.2, 0.1, 0.2)


def look(
    number: int,
    feet: tuple[float, float] | None,
    *,
    told: bool = False,
    moving: tuple[float, float] | None = None,
    track: int = 1,
    at_s: float | None = None,
) -> LiveFrame:
    at_s = number * 0.2 if at_s is None else at_s
    tracks = () if feet is None else (Track(track, box(*feet), 0.7, 0.7, 0.0, 0.2, at_s, number),)
    moves = () if moving is None else (box(*moving),)
    return LiveFrame(
        number, at_s, 0.0, 0, moves, True, (), tracks, {track: ("door",)} if told else {}
    )


def walked(*looks: LiveFrame) -> tuple[WalkTest, list[str]]:
    test, lines = WalkTest(CAMERA), []
    for each in looks:
        lines += test.add(LiveAnswer(state="streaming", confirm_threshold=0.5, looks=(each,)))
    return test, lines


def cell(test: WalkTest, x: float, y: float) -> str:
    return test.rows[int(y * len(test.rows))][int(x * COLUMNS)]


def test_feet_draw_the_map_and_the_looks_that_made_sure_count_as_told() -> None:
    path = [look(n, (0.1 + n * 0.02, 0.5)) for n in range(1, 20)]
    path += [look(n, (0.1 + n * 0.02, 0.5), told=True) for n in range(20, 30)]
    test, _ = walked(*path, look(40, None, moving=(0.9, 0.9)))
    assert cell(test, 0.14, 0.5) == SEEN, "long before"
    assert cell(test, 0.48, 0.5) == TOLD, "within the confirm window"
    assert cell(test, 0.68, 0.5) == TOLD
    assert cell(test, 0.9, 0.9) == MOVED
    assert cell(test, 0.1, 0.1) == NOTHING


def test_a_line_for_each_change_and_none_for_the_rest() -> None:
    _, lines = walked(
        look(1, None),
        look(2, None, moving=(0.5, 0.5)),
        look(3, None, moving=(0.5, 0.5)),
        look(4, (0.5, 0.5)),
        look(5, (0.5, 0.5)),
        look(6, (0.5, 0.5), told=True),
        look(7, (0.5, 0.5), told=True),
    )
    assert lines == [
        "something moves, nobody is seen",
        "#1 seen 0.70, 1 of 3 looks: not seen often enough yet",
        "#1 seen 0.70, 2 of 3 looks: not seen often enough yet",
        "#1 seen 0.70, 3 of 3 looks: TOLD",
    ]


def test_the_end_counts_people_and_says_why() -> None:
    test, _ = walked(
        *(look(n, (0.5, 0.5), told=True) for n in range(1, 4)),
        *(look(n, (0.2, 0.5), track=2) for n in range(4, 6)),
        look(7, (0.8, 0.5), track=3),
    )
    found = test.as_object()
    people = found["people"]
    assert isinstance(people, list)
    assert [(each["told"], each["held_back"]) for each in people] == [
        (True, None),
        (False, "looks"),
    ]
    assert people[0]["zones"] == ["door"]
    assert "2 people seen, 1 of them told" in test.report()
    assert "1 not told: not seen often enough yet" in test.report()


def test_a_stream_that_begins_anew_has_other_people_with_the_same_numbers() -> None:
    test, _ = walked(
        look(1, (0.5, 0.5), at_s=9.0),
        look(2, (0.5, 0.5), at_s=9.2),
        look(3, (0.5, 0.5), at_s=0.2),
        look(4, (0.5, 0.5), at_s=0.4),
    )
    assert len(test.walkers) == 2


def test_a_camera_that_shows_nothing_is_said_once() -> None:
    test = WalkTest(CAMERA)
    away = LiveAnswer(state="unreachable", reason="it is gone")
    assert test.add(away) == ["unreachable: it is gone"]
    assert test.add(away) == []
    assert "is this the right camera?" in test.report()
