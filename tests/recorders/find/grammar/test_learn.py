"""Names of many brands are learnt: cameras and times right, or said to be unsure."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from recorder_kinds import KINDS
from recorder_names import LAYOUTS, NamedClip, NameLayout, clips_of

from edge_agent.recorders.find.grammar import Learned, NamedFile, learn
from edge_agent.recorders.find.recorded_time import start_utc_s

LATEST_YEAR = 2027
#: Seconds after its end that a clip is complete.
UPLOAD_S = 3.0


def learnt(clips: list[NamedClip], zone: str, *, copied: bool = False) -> Learned:
    """`copied`: all files were written here on one day of next year."""
    later_s = dt.datetime(2027, 6, 1, tzinfo=dt.UTC).timestamp()
    files = [
        NamedFile(
            clip.relative,
            later_s if copied else clip.start.timestamp() + clip.length_s + UPLOAD_S,
        )
        for clip in clips
    ]
    return learn(files, ZoneInfo(zone), LATEST_YEAR)


def mistakes(learned: Learned, clips: list[NamedClip], zone: str) -> list[str]:
    """What is read otherwise than it was built, in the zone that the names are in."""
    found, pairs = [], set()
    for clip in clips:
        facts = learned.template.match(clip.relative)
        if facts is None or facts.start is None:
            found.append(f"no time in {clip.relative}")
            continue
        pairs.add((clip.camera, facts.channel))
        start_s = start_utc_s(facts, ZoneInfo(zone), near_s=clip.start.timestamp() + 1)
        if abs(start_s - clip.start.timestamp()) > 1:
            found.append(f"{start_s - clip.start.timestamp():+.0f} s in {clip.relative}")
    if not len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs}):
        found.append(f"cameras are mixed up: {sorted(pairs)}")
    return found


@pytest.mark.parametrize("layout", [*LAYOUTS, *KINDS], ids=lambda layout: layout.name)
@pytest.mark.parametrize(("count", "step_s"), [(1, 97), (2, 97), (7, 3600), (20, 14_000)])
def test_names_are_understood(layout: NameLayout, count: int, step_s: int) -> None:
    clips = list(clips_of(layout, count=count, step_s=step_s))
    learned = learnt(clips, layout.given)
    assert mistakes(learned, clips, layout.zone) == [], learned.template.name


@pytest.mark.parametrize("layout", [*LAYOUTS, *KINDS], ids=lambda layout: layout.name)
def test_files_that_were_copied_later_are_right_or_unsure(layout: NameLayout) -> None:
    """Nothing but the names tells then."""
    clips = list(clips_of(layout, count=2))
    learned = learnt(clips, layout.given, copied=True)
    wrong = mistakes(learned, clips, layout.zone)
    assert learned.unsure or all(each.startswith("no time in") for each in wrong)  # `probe` tells


@pytest.mark.parametrize("layout", [*LAYOUTS, *KINDS], ids=lambda layout: layout.name)
@pytest.mark.parametrize("count", [1, 2, 3])
def test_template_reads_the_next_days_too(layout: NameLayout, count: int) -> None:
    """What is pasted today must fit tomorrow: a folder of a day or an hour is no camera."""
    learned = learnt(list(clips_of(layout, count=count)), layout.given)
    later = list(clips_of(layout, count=30, step_s=40_000))[-len(layout.cameras) :]
    assert mistakes(learned, later, layout.zone) == [], learned.template.name


def test_day_and_month_that_nothing_tells_apart_are_both_shown() -> None:
    names = [f"gate_11-12-2026_14-05-{second:02}.mp4" for second in (6, 30)]
    learned = learn([NamedFile(name, 1.8e9) for name in names], dt.UTC, LATEST_YEAR)
    (reason,) = learned.unsure
    assert "'gate_{start:%m-%d-%Y_%H-%M-%S}.{video}'" in reason
    assert "a day after the 12th" in reason
    more = [*names, "gate_26-12-2026_14-05-06.mp4"]
    assert not learn([NamedFile(name, 1.8e9) for name in more], dt.UTC, LATEST_YEAR).unsure


@pytest.mark.parametrize("events", [7, 40])
def test_numbers_of_events_are_no_hours(events: int) -> None:
    """ZoneMinder's, which count from one."""
    names = [f"Front/2026-11-26/{n}/{n}-video.mp4" for n in range(1, events + 1)]
    learned = learn([NamedFile(name, 1.8e9) for name in names], dt.UTC, LATEST_YEAR)
    facts = [learned.template.match(name) for name in names]
    assert [(each.channel, each.start) for each in facts if each] == [("Front", None)] * events


def test_two_words_behind_the_time_may_be_cameras() -> None:
    names = ["26.11.2026 14.05.06 A.avi", "26.11.2026 14.05.35 B.avi"]
    learned = learn([NamedFile(name, 1.8e9) for name in names], dt.UTC, LATEST_YEAR)
    (reason,) = learned.unsure
    assert "{start:%d.%m.%Y %H.%M.%S} {camera}.{video}" in reason


def test_two_brands_in_one_folder_are_two_cameras() -> None:
    names = [
        *(f"gate/2026-11-26/001/dav/14/14.0{n}.06-14.0{n}.16[M][0@0][0].dav" for n in range(4)),
        *(f"shop/192.168.1.64_01_202611261405{n}0123_MOTION_DETECTION.jpg" for n in range(4)),
    ]
    learned = learn([NamedFile(name, 1.8e9) for name in names], dt.UTC, LATEST_YEAR)
    channels = {name: learned.template.match(name) for name in names}
    assert {facts.channel for facts in channels.values() if facts} == {"gate", "shop"}


def test_streams_and_containers_of_one_moment_are_told() -> None:
    names = [f"Rec{stream}01_20261126_1405{n}0_1405{n}8.mp4" for n in range(3) for stream in "MS"]
    learned = learn([NamedFile(name, 1.8e9) for name in names], dt.UTC, LATEST_YEAR)
    assert learned.twice == ("RecM and RecS",)
    assert {facts.channel for facts in map(learned.template.match, names) if facts} == {""}


def test_names_without_a_time_are_dated_by_what_is_in_the_files() -> None:
    learned = learn(
        [NamedFile("gate/holiday.mp4", 1.8e9), NamedFile("yard/party.mp4", 1.8e9)],
        dt.UTC,
        LATEST_YEAR,
    )
    facts = learned.template.match("gate/other.mp4")
    assert facts is not None
    assert (facts.channel, facts.start) == ("gate", None)


# --- a file each hour -------------------------------------------------------------------

HANOI = "Asia/Ho_Chi_Minh"
HOURLY = [
    "%Y-%m-%d_%H.mp4",
    "%Y%m%d%H.mp4",
    "%Y-%m-%d/%H.mp4",
    "%Y/%m/%d/%H.mkv",
    "{camera}/%Y%m%d/%Hh.avi",
    "{camera}/rec_%Y%m%d_%H.mp4",
    "%d-%m-%Y/{camera} %H.mp4",
]


def hourly(name: str, *, hours: int = 50) -> list[NamedClip]:
    first = dt.datetime(2026, 11, 24, 5, tzinfo=ZoneInfo(HANOI))
    starts = [first + dt.timedelta(hours=n) for n in range(hours)]
    cameras = ("yard", "gate") if "{camera}" in name else ("",)
    return [
        NamedClip(start.strftime(name.replace("{camera}", camera)), camera, start, 3600.0)
        for start in starts
        for camera in cameras
    ]


@pytest.mark.parametrize("name", HOURLY)
@pytest.mark.parametrize("hours", [3, 50])
def test_names_that_tell_only_the_hour_are_read(name: str, hours: int) -> None:
    clips = hourly(name, hours=hours)
    assert mistakes(learnt(clips, HANOI), clips, HANOI) == []


@pytest.mark.parametrize("name", HOURLY)
def test_hours_that_no_upload_confirms_are_not_believed(name: str) -> None:
    """They may be the numbers of a day's files."""
    learned = learnt(hourly(name), HANOI, copied=True)
    assert all(
        facts is None or facts.start is None
        for clip in hourly(name)
        for facts in [learned.template.match(clip.relative)]
    )


def test_numbers_of_a_days_files_are_no_hours() -> None:
    day = dt.datetime(2026, 11, 24, 8, tzinfo=ZoneInfo(HANOI))
    clips = [
        NamedClip(f"2026-11-24_{n:02}.mp4", "", day + dt.timedelta(minutes=10 * n), 30.0)
        for n in range(24)
    ]
    learned = learnt(clips, HANOI)
    facts = [learned.template.match(clip.relative) for clip in clips]
    assert [each for each in facts if each is not None and each.start is not None] == []


# --- what is no time ------------------------------------------------------------------------


def told_times(names: list[str], *, step_s: int = 97, zone: str = HANOI) -> list[object]:
    """The starts that are read of files that were complete one after the other."""
    first_s = dt.datetime(2026, 11, 26, 14, 5, 9, tzinfo=ZoneInfo(zone)).timestamp()
    files = [NamedFile(name, first_s + step_s * n) for n, name in enumerate(names)]
    learned = learn(files, ZoneInfo(zone), LATEST_YEAR)
    facts = [learned.template.match(name) for name in names]
    assert all(facts)
    return [each.start for each in facts if each and each.start is not None]


@pytest.mark.parametrize(
    "form", ["20261126/{:06}.mp4", "20261126/{:04}.mp4", "2026-11-26_{:04}.mp4", "NVT{:04}.mp4"]
)
def test_numbers_that_count_up_are_no_times_of_day(form: str) -> None:
    assert told_times([form.format(n) for n in range(1, 6)]) == []


def test_clock_that_nobody_set_tells_no_time_of_day() -> None:
    assert told_times([f"20000101_00{minute:02}12.mp4" for minute in range(3, 9)]) == []


def test_minutes_that_count_up_with_the_uploads_are_times() -> None:
    names = [f"2026-11-26/14{minute:02}.mp4" for minute in range(5, 12)]
    assert len(told_times(names, step_s=60)) == len(names)


@pytest.mark.parametrize(
    ("form", "cameras"),
    [
        ("{camera}_00000000{n:03}000500.mp4", ("ch01", "ch02")),
        ("events/{camera}/2026-11-26/{id}/{id}-video.mp4", ("1", "2")),
        ("{camera}/6B07DA{n:02X}.mp4", ("gate", "yard")),
    ],
)
def test_cameras_are_told_apart_where_names_tell_no_time(
    form: str, cameras: tuple[str, str]
) -> None:
    files = {
        form.format(camera=camera, n=n, id=1234 + 2 * n + at): (camera, 1.8e9 + 97 * n)
        for n in range(4)
        for at, camera in enumerate(cameras)
    }
    learned = learn([NamedFile(name, each[1]) for name, each in files.items()], dt.UTC, LATEST_YEAR)
    for name, (camera, _) in files.items():
        facts = learned.template.match(name)
        assert facts is not None
        assert (facts.channel, facts.start) == (camera, None), learned.template.name


def test_words_in_turn_behind_the_time_may_be_cameras_and_the_template_for_it_is_shown() -> None:
    names = [f"20261126_1405{n:02}_{('porch', 'shed')[n % 2]}.mp4" for n in range(0, 40, 5)]
    learned = learn([NamedFile(name, 1.8e9) for name in names], dt.UTC, LATEST_YEAR)
    (reason,) = learned.unsure
    assert "porch, shed are taken for events" in reason
    assert "use --template '{start:%Y%m%d_%H%M%S}_{camera}.{video}'" in reason


def test_day_of_an_export_is_not_the_day_of_the_recording() -> None:
    names = [f"exported_20261127_080000_gate_20261126_14{n:02}06.mp4" for n in range(5, 9)]
    expected = [dt.datetime.fromisoformat(f"2026-11-26T14:{n:02}:06") for n in range(5, 9)]
    assert told_times(names, step_s=60) == expected


# --- what is unsure, and says so --------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second"),
    [("gate", "gate_sub"), ("gate_main", "gate_sub"), ("ch01", "ch01s"), ("chinh", "phu")],
)
def test_camera_and_its_second_stream_by_name_are_doubted(first: str, second: str) -> None:
    names = [f"{name}/20261126_14{n}.mp4" for n in ("0506", "0931") for name in (first, second)]
    learned = learn([NamedFile(name, 1.8e9) for name in names], dt.UTC, LATEST_YEAR)
    (reason,) = learned.unsure
    assert f"{first} and {second} are taken for cameras" in reason


@pytest.mark.parametrize("form", ["{}_20261126_14{}.mp4", "{}/20261126_14{}.mp4"])
@pytest.mark.parametrize("gates", [("Cong chinh", "Cong phu"), ("Cổng chính", "Cổng phụ")])
def test_main_gate_and_side_gate_are_two_cameras(form: str, gates: tuple[str, str]) -> None:
    names = [form.format(gate, n) for n in ("0506", "0931", "4400") for gate in gates]
    learned = learn([NamedFile(name, 1.8e9) for name in names], dt.UTC, LATEST_YEAR)
    facts = [learned.template.match(name) for name in names]
    channels = [each.channel for each in facts if each]
    assert channels == channels[:2] * 3
    assert channels[0] != channels[1]
    assert (learned.twice, learned.unsure) == ((), ())


def test_alerts_that_are_named_after_their_clip_may_be_dated_early() -> None:
    names = [f"Alerts/Gate.20261126_140000.{4000 * n}.3-1.jpg" for n in range(1, 5)]
    learned = learn([NamedFile(name, 1.8e9) for name in names], dt.UTC, LATEST_YEAR)
    assert any("dated that much too early" in reason for reason in learned.unsure)
