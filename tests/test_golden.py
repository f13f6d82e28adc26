"""What a ward is told of six visits to a room, from detections to payloads.

The clip is recorded as numbers (`recorded`): what moved in each picture, and what a detector found
in it. Two detectors, whose scores have little in common, must lead to the same visits. What the
shipped detector finds in real footage is tested in test_golden_shipped.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import recorded
from payloads import spans, without_ids
from recorded import Played, Recording

from edge_agent.agent.clip_player import PayloadWriter, PlayedClip
from edge_agent.clock import SystemClock
from edge_agent.config import CameraConfig, FileSource
from edge_agent.contract import MediaTimeSource, RecordedTimeline, Sender, UlidGenerator
from edge_agent.domain import Detection, EventId, Label, Phase

DATA = Path(__file__).resolve().parent / "data"
SCHEMA = DATA.parent.parent / "docs" / "contract" / "event.schema.json"
ROOMS = ("room_yolox_nano", "room_edge_person")
#: (first, last) moment of each visit in which any part of a person is to be seen.
VISITS = ((6.1, 19.9), (22.8, 44.9), (50.2, 69.9), (74.5, 86.9), (92.1, 120.0), (123.5, 136.0))
CAMERA = CameraConfig(id="room", source=FileSource(path="room.mp4"))

Payload = dict[str, Any]


def play(recording: Recording, *, look_at_all: bool = False) -> Played:
    ids = UlidGenerator()
    return recorded.play(
        recording, CAMERA, lambda _, at_s: EventId(ids.next(at_s)), look_at_all=look_at_all
    )


def payloads_of(played: Played) -> list[Payload]:
    """As `edge-agent replay --json` prints them."""
    timeline = RecordedTimeline(1_800_000_000.0, MediaTimeSource.CONTAINER, 1.0)
    result = PlayedClip(
        len(played.analyses), played.looks, 139.2, 1394, tuple(played.events), timeline
    )
    sender = Sender("ward", "box", cfg_sha="0" * 12, model_name="recorded", replay=True)
    written = PayloadWriter(sender, SystemClock()).payloads(result)
    return [json.loads(payload) for payload in written]


@pytest.fixture(scope="module", params=ROOMS)
def recording(request: pytest.FixtureRequest) -> Recording:
    return recorded.read(DATA / f"{request.param}.jsonl")


@pytest.fixture(scope="module")
def room(recording: Recording) -> Played:
    return play(recording)


def are_six_visits(found: list[tuple[float, float, float]]) -> bool:
    """One event for each visit, at its time."""
    return len(found) == len(VISITS) and all(
        (min(end, last) - max(start, first)) / (max(end, last) - min(start, first)) >= 0.8
        for (first, last), (start, end, _) in zip(VISITS, found, strict=True)
    )


def test_six_visits_are_six_person_events_at_their_times(room: Played) -> None:
    found = spans(payloads_of(room), "person")
    assert are_six_visits(found)
    for (first, _), (_, _, told) in zip(VISITS, found, strict=True):
        assert told - first <= 2.0


def test_fewer_than_four_looks_in_ten_pictures_are_enough(room: Played) -> None:
    assert room.looks <= 0.4 * len(room.analyses)


def test_looking_at_all_that_moves_would_tell_the_same(recording: Recording, room: Played) -> None:
    everything = play(recording, look_at_all=True)
    assert everything.looks > 0.8 * len(everything.analyses)
    few, all_looks = (spans(payloads_of(each), "person") for each in (room, everything))
    for one, other in zip(few, all_looks, strict=True):
        assert one == pytest.approx(other, abs=0.61)  # a follower's time between two looks


def test_a_corner_that_looks_a_little_like_a_person_joins_no_visits(recording: Recording) -> None:
    """Where the first visitor was seen last, something scores half of what confirms, for ever."""
    last = next(p for p in reversed(recording.pictures) if p.at_s < 20 and p.found)
    weak = 0.5 * recording.confirm_threshold
    ghost = Detection(max(last.found, key=lambda each: each.score).bbox, weak)
    haunted = tuple(
        replace(p, found=(*p.found, ghost)) if p.at_s > last.at_s else p for p in recording.pictures
    )
    assert are_six_visits(spans(payloads_of(play(replace(recording, pictures=haunted))), "person"))


def test_every_payload_of_a_replay_keeps_the_contract(room: Played) -> None:
    validator = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text()))
    payloads = payloads_of(room)
    for payload in payloads:
        validator.validate(payload)
        assert payload["data"]["replay"] is True
        assert payload["data"]["epoch"] == "replay"
        assert payload["data"]["time_basis"] == "recorded"
    assert [payload["data"]["seq"] for payload in payloads] == list(range(1, len(payloads) + 1))


def test_every_event_has_one_start_and_one_end_and_counts_its_revisions(room: Played) -> None:
    events: dict[str, list[Payload]] = {}
    for payload in payloads_of(room):
        events.setdefault(payload["data"]["event_id"], []).append(payload["data"])
    for messages in events.values():
        phases = [message["phase"] for message in messages]
        assert phases == ["start", *["update"] * (len(phases) - 2), "end"]
        assert [message["rev"] for message in messages] == list(range(len(messages)))
        assert len({message["start_time"] for message in messages}) == 1


def test_motion_is_told_beside_people(room: Played) -> None:
    assert spans(payloads_of(room), "motion")


def test_a_recording_says_the_same_each_time(recording: Recording, room: Played) -> None:
    first, second = payloads_of(room), payloads_of(play(recording))
    assert without_ids(first) == without_ids(second)
    assert {payload["id"] for payload in first}.isdisjoint(payload["id"] for payload in second)


def test_no_visit_is_told_before_its_person_is_there(room: Played) -> None:
    starts = [e for e in room.events if (e.label, e.phase) == (Label.PERSON, Phase.START)]
    for event, (first, _) in zip(starts, VISITS, strict=True):
        assert first - 0.1 <= event.start_s <= event.at_s
