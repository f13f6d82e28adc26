"""Analysed again, the same recording tells the same things under the same ids."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.clock import SystemClock
from edge_agent.contract import (
    MediaTimeSource,
    Position,
    RecordedEventIds,
    RecordedTimeline,
    Sender,
    check_ulid,
    decode_event,
    hashed_ulid,
    recorded_message_id,
)
from edge_agent.contract.wire import utc_text
from edge_agent.domain import CameraId, EndReason, Event, EventId, Label, Phase
from edge_agent.writer.drafting import EventDrafter

YARD, CLIP = CameraId("yard"), "2c" * 32
SENDER = Sender("ward12", "box-0001")


def test_the_same_parts_give_the_same_ulid_for_ever() -> None:
    """Pinned: another value after an update would tell everything twice."""
    assert hashed_ulid("event", "yard", 1) == "3J5V4CKNW9RHBBMEWCZKAPYDNB"
    assert RecordedEventIds(YARD, CLIP)(Label.PERSON, 14.2) == "1BF3K4PEY3G6EST6TT81105C5D"


def test_every_hash_is_a_ulid_and_no_two_parts_run_into_each_other() -> None:
    ids = {hashed_ulid(*parts) for parts in (("ab", "c"), ("a", "bc"), ("abc",), ("ab", "c", ""))}
    assert len(ids) == 4
    for number in range(2000):
        check_ulid(hashed_ulid(number))


@pytest.mark.parametrize(
    ("camera", "content", "label", "at_s"),
    [
        ("yard2", CLIP, Label.PERSON, 1.0),
        ("yard", "2d" * 32, Label.PERSON, 1.0),
        ("yard", CLIP, Label.MOTION, 1.0),
        ("yard", CLIP, Label.PERSON, 1.000001),
    ],
)
def test_camera_content_label_and_moment_tell_events_apart(
    camera: str, content: str, label: Label, at_s: float
) -> None:
    assert RecordedEventIds(CameraId(camera), content)(label, at_s) != RecordedEventIds(YARD, CLIP)(
        Label.PERSON, 1.0
    )


def test_two_people_in_one_frame_are_two_events_and_the_same_two_again() -> None:
    def told() -> list[EventId]:
        ids = RecordedEventIds(YARD, CLIP)
        return [
            ids(Label.PERSON, 1.0),
            ids(Label.PERSON, 1.0),
            ids(Label.MOTION, 1.0),
            ids(Label.PERSON, 1.2),
        ]

    assert told() == told()
    assert len(set(told())) == 4
    assert told()[0] == RecordedEventIds(YARD, CLIP)(Label.PERSON, 1.0)
    assert told()[3] == RecordedEventIds(YARD, CLIP)(Label.PERSON, 1.2)


def test_a_recordings_messages_have_the_same_ids_whenever_they_are_drafted(tmp_path: Path) -> None:
    event_id = RecordedEventIds(YARD, CLIP)(Label.PERSON, 14.2)
    start = Event(event_id, YARD, Label.PERSON, Phase.START, 0, 14.2, 13.0, None, 0.7, 0.7, None)
    end = Event(
        event_id,
        YARD,
        Label.PERSON,
        Phase.END,
        1,
        3.0,
        -47.0,  # it began in the clip before
        1.0,
        0.7,
        0.7,
        None,
        end_reason=EndReason.GONE,
    )
    first = RecordedTimeline(1e9, MediaTimeSource.TEMPLATE, 1.0, True, -3600.0, CLIP)
    second = RecordedTimeline(1e9 + 60, MediaTimeSource.TEMPLATE, 1.0, content="3d" * 32)

    def draft(event: Event, timeline: RecordedTimeline, seq: int) -> tuple[str, bytes]:
        drafter = EventDrafter(SENDER, SystemClock(), lambda camera: timeline)
        drafted = drafter.draft(event)
        return drafted.message_id, drafted.encode(Position("replay", seq))[1]

    for event, timeline in ((start, first), (end, second)):
        one, other = draft(event, timeline, 1), draft(event, timeline, 7)
        assert one[0] == other[0] == recorded_message_id(event_id, event.phase, event.rev)
        assert decode_event(one[1]).envelope.message_id == one[0]
    told = [decode_event(draft(e, t, 1)[1]).envelope for e, t in ((start, first), (end, second))]
    assert told[0].message_id != told[1].message_id
    assert told[0].start_utc_s == told[1].start_utc_s
    media = told[0].media
    assert media is not None
    assert (media.disputed, media.clock_offset_s, media.content) == (True, -3600.0, CLIP)
    assert media.offset_s == 14.2
    assert told[1].media is not None
    assert told[1].media.clock_offset_s is None


@pytest.mark.parametrize(
    ("start_s", "offset_s"), [(2.0675, 1337.29), (14.7285, 2475.92), (7.0975, 2213.1)]
)
def test_a_start_told_from_two_clips_is_one_moment(start_s: float, offset_s: float) -> None:
    """Also where its milliseconds end in a half, which is on either side after a subtraction."""
    first_s = 1_763_878_201.0
    assert utc_text(first_s + start_s) == utc_text((first_s + offset_s) + (start_s - offset_s))
