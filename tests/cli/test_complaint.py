"""`edge-agent why`: a complaint of last night, answered from the ring."""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import shlex
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import flash
import msgspec
import pytest
import untold
from agent_inside import inside, wait_until
from agent_process import listening, write_config
from broker import Mosquitto

from edge_agent.agent.minute_reason import MinuteReason
from edge_agent.agent.untold_ring import (
    FOLDER,
    SCHEMA,
    Batch,
    MinuteRow,
    Settings,
    UntoldRing,
    WindowRow,
    ring_files,
)
from edge_agent.cli import main
from edge_agent.cli.complaint import moment_of
from edge_agent.cli.complaint_unwritten import Unwritten
from edge_agent.cli.main import build_parser
from edge_agent.clock import ClockQuality, ClockReading, ManualClock, SystemClock
from edge_agent.errors import ConfigError
from edge_agent.pipeline.untold_watch import UntoldWatch
from edge_agent.runtime import read_local_socket

DOC = Path(__file__).resolve().parent.parent.parent / "docs" / "tuning.md"
HANOI = ZoneInfo("Asia/Ho_Chi_Minh")
BERLIN = ZoneInfo("Europe/Berlin")
CAMERA = '[source]\nkind = "rtsp"\nurl = "rtsp://192.0.2.7/x"\n'


def box(folder: Path) -> Path:
    zone = f'timezone = "{HANOI.key}"\n'
    return write_config(
        folder, 1883, {"gate": CAMERA, "yard": CAMERA}, box_keys=zone, state_dir=str(folder)
    )


def reading(utc_s: float) -> ClockReading:
    return ClockReading(utc_s, 0.0, ClockQuality.SYNCED, 1, "b")


def minutes(begin_s: float, count: int, reason: str = "still", **values: object) -> list[MinuteRow]:
    row = MinuteRow("gate", 0, reason, 60, 0, 0, 0.0, 0.0, 0.2, 0.5, told=reason == "told")
    row = msgspec.structs.replace(row, **values)
    return [msgspec.structs.replace(row, utc_s=int(begin_s) + 60 * i) for i in range(count)]


def window(
    at_s: float, key: str = "person.confirm_threshold", seed: int = 1, camera: Any = None
) -> tuple[WindowRow, Settings]:
    """Somebody who came at this UTC and was not told, because of a key."""
    recording, planted = untold.planted((key,), Random(seed))
    if key == "person.min_height_frac":
        person = msgspec.structs.replace(planted.person, min_height_frac=0.9)
        planted = msgspec.structs.replace(planted, person=person)
    camera = camera or planted
    watch = UntoldWatch(camera, untold.OWN)
    for picture, analysis in zip(
        recording.pictures, untold.play(recording, camera).analyses, strict=True
    ):
        watch.add(picture.at_s, untold.WEEKMINUTE, analysis)
    watch.close()
    (kept,) = watch.take()[1]
    return (
        WindowRow(
            "gate",
            0,
            at_s,
            kept.first_s,
            kept.last_s,
            kept.best_score,
            kept.moments,
        ),
        Settings(camera, 0.2, 0.5),
    )


def test_the_example_of_the_document(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    at_s = dt.datetime(2026, 11, 26, 22, 14, tzinfo=HANOI).timestamp()
    morning = ManualClock(utc_s=at_s + 36_000)
    monkeypatch.setattr("edge_agent.cli.complaint.SystemClock", lambda: morning)
    row, settings = window(at_s + 3)
    looked = minutes(at_s, 1, "unsure", looks=9, best_score=0.83, confirm_threshold=0.98)
    rows = [
        *minutes(at_s - 600, 10, keyframes_only=True),
        *looked,
        *minutes(at_s + 300, 3, "told"),
    ]
    UntoldRing(tmp_path).append(Batch(SCHEMA, tuple(rows), (row,), (settings,)), reading(at_s))
    found = re.search(r"    edge-agent (why .+?)\n\n```text\n(.+?)```", DOC.read_text(), re.DOTALL)
    assert found is not None
    command, output = found.groups()
    assert main([*shlex.split(command), "--config", str(box(tmp_path))]) == 0
    assert capsys.readouterr().out == output


def test_one_value_for_all_and_what_is_not_written_are_there_for_programs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = SystemClock().read().utc_s
    rows = [window(now_s - 900 - 100 * seed, seed=seed) for seed in (1, 2)]
    same = rows[0][1].camera
    rows = [window(now_s - 900 - 100 * seed, seed=seed, camera=same) for seed in (1, 2)]
    for row, settings in rows:
        UntoldRing(tmp_path).append(Batch(SCHEMA, (), (row,), (settings,)), reading(now_s))
    waiting = Unwritten(now_s - 60, now_s + 240)
    monkeypatch.setattr("edge_agent.cli.complaint.unwritten", lambda *_: waiting)
    assert main(["why", "--config", str(box(tmp_path)), "--camera", "gate", "--json"]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    changes = [each["untold"]["changes"][0]["to"] for each in found if "untold" in each]
    (together,) = [each["together"] for each in found if "together" in each]
    assert together["key"] == "person.confirm_threshold"
    assert (together["to"], together["asked"], together["told"]) == (min(changes), 2, 2)
    (span,) = [each["not_written"] for each in found if "not_written" in each]
    begin, end, following = (dt.datetime.fromisoformat(span[k]) for k in ("from", "to", "next"))
    assert begin.timestamp() == pytest.approx(waiting.from_s)
    assert begin < end < following
    assert begin.utcoffset() == dt.timedelta(hours=7)


def test_a_recorders_clip_is_answered_for_by_the_time_it_was_recorded(
    tmp_path: Path, mosquitto: Mosquitto, capsys: pytest.CaptureFixture[str]
) -> None:
    recorded = dt.datetime.now(dt.UTC).replace(microsecond=0) - dt.timedelta(hours=5)
    (tmp_path / "clips").mkdir()
    name = f"{recorded:%Y%m%d-%H%M%S}.avi"
    flash.clip(tmp_path / "clips" / name, bright_s=6, dark_s=4, dark_first=True)
    source = f'[source]\nkind = "folder"\npath = "{tmp_path / "clips"}"\n'
    source += 'template = "{start:%Y%m%d-%H%M%S}.avi"\n'
    extra = flash.settings(flash.model(tmp_path))
    strict = "[person]\nconfirm_threshold = 0.95\n"
    write_config(tmp_path, mosquitto.port, {"nvr": source + strict}, extra=extra)
    with listening(mosquitto) as (heard, _), inside(tmp_path):
        heard.wait(lambda: any(b["ingest"]["nvr"]["done"] for b in heard.bodies("/tm")), 60)
    asked = ["why", "--config", str(tmp_path), "--camera", "nvr"]
    assert main([*asked, "--at", recorded.isoformat()]) == 0
    out = capsys.readouterr().out
    seen = recorded + dt.timedelta(seconds=4)
    assert f"{seen:%H:%M:%S}-" in out
    assert "person.confirm_threshold" in out
    assert main([*asked, "--last", "1h"]) == 0
    assert "no record: no clip of it was analysed" in capsys.readouterr().out


def test_a_day_is_summed_and_damage_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    now_s = SystemClock().read().utc_s
    ring = UntoldRing(tmp_path)
    row, settings = window(now_s - 7200)
    ring.append(Batch(SCHEMA, (), (row,), (settings,)), reading(now_s - 7200))
    ring.append(Batch(SCHEMA, tuple(minutes(now_s - 3700, 30))), reading(now_s - 1900))
    lost = (*minutes(now_s - 1900, 20, "no camera"), *minutes(now_s - 700, 5))
    ring.append(Batch(SCHEMA, lost), reading(now_s))
    (path,) = ring_files(tmp_path / FOLDER)
    data = path.read_bytes()
    path.write_bytes(data[:40] + b"\0\0\0" + data[43:])
    asked = ["why", "--config", str(box(tmp_path)), "--camera", "gate"]
    assert main([*asked, "--last", "24h"]) == 0
    out = capsys.readouterr().out
    assert "  55 minutes of record:\n     35  nothing moved\n     20  no picture came\n" in out
    assert "no picture came" in out
    assert "  1 record was damaged and left out" in out
    assert main([*asked, "--json"]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert sum("minute" in each for each in found) == 55
    assert found[-1] == {"damaged": 1}
    assert main([*asked[:-1], "yard"]) == 0
    assert "no record" in capsys.readouterr().out


def several(folder: Path, key: str, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """What is said of three who were hidden by the settings of the first."""
    now_s = SystemClock().read().utc_s
    first, settings = window(now_s - 7000, key)
    others = [window(now_s - 1000 * seed, key, seed, settings.camera)[0] for seed in (2, 3)]
    UntoldRing(folder).append(Batch(SCHEMA, (), (first, *others), (settings,)), reading(now_s))
    assert main(["why", "--config", str(box(folder)), "--camera", "gate"]) == 0
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("key", ["person.min_height_frac", "person.confirm_threshold"])
def test_one_value_tells_all_who_need_different_ones(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], key: str
) -> None:
    lines = several(tmp_path, key, capsys)
    values = [float(line.rpartition(" = ")[2]) for line in lines if "untold" in line]
    assert len(values) == 3
    (joint,) = [line for line in lines if "one value" in line]
    assert joint == f"  one value that tells all 3: {key} = {min(values):g}"


def test_one_zone_for_all_who_walked_outside_is_drawn(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = several(tmp_path, "zones[0].polygon", capsys)
    assert 'outside zone "gate") -> ' in lines[1]
    assert any(line.startswith("  one value that tells all 3: zones[0].polygon") for line in lines)
    assert "  zones are easier drawn than typed: edge-agent zones gate" in lines


def test_a_schedule_grows_by_hours_of_a_named_time_zone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = several(tmp_path, "zones[0].schedule", capsys)
    assert re.search(r'-> zones\[0\].schedule = \[.*start = "14:00", end = "15:00"', lines[1])
    assert not any("one value" in line for line in lines)  # they are told by the same hours
    assert "  a schedule's times are of Asia/Ho_Chi_Minh (box.timezone)" in lines


def test_who_is_explained_by_nothing_is_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_agent.pipeline.why._smallest", lambda *_: ())
    lines = several(tmp_path, "person.min_height_frac", capsys)
    assert not any("untold" in line for line in lines)
    assert lines[1] == (
        "  3 more: no threshold, zone or time told them: part of somebody else, or too seldom seen"
    )


def test_a_running_agent_says_when_its_first_minutes_are_written(
    tmp_path: Path, mosquitto: Mosquitto, capsys: pytest.CaptureFixture[str]
) -> None:
    zone = f'timezone = "{HANOI.key}"\n'
    config = write_config(tmp_path, mosquitto.port, {"gate": CAMERA}, box_keys=zone)
    with inside(config) as running:
        wait_until(lambda: asked(config)["uptime_s"] > 0)
        known = asked(config)["why"]
        for options in ((), ("--at", f"{dt.datetime.now(HANOI):%H:%M}")):
            assert main(["why", "--config", str(config), "--camera", "gate", *options]) == 0
            out = capsys.readouterr().out
            next_utc = dt.datetime.fromisoformat(known["next_write_utc"])
            assert f"not written yet: the next at {next_utc.astimezone(HANOI):%H:%M}" in out
            assert "no record" not in out
        # Of what was before it the agent says nothing.
        earlier = f"{dt.datetime.now(HANOI) - dt.timedelta(hours=1):%Y-%m-%d %H:%M}"
        assert main(["why", "--config", str(config), "--camera", "gate", "--at", earlier]) == 0
        assert "  no record: the agent did not run" in capsys.readouterr().out
        running.stop()


@pytest.mark.parametrize("reason", list(MinuteReason))
def test_one_minute_is_counted_as_one_and_said_in_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], reason: MinuteReason
) -> None:
    now_s = SystemClock().read().utc_s
    rows = tuple(minutes(now_s - 9000, 1, str(reason)))
    UntoldRing(tmp_path).append(Batch(SCHEMA, rows), reading(now_s))
    assert main(["why", "--config", str(box(tmp_path)), "--camera", "gate"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "  1 minute of record:" in lines
    (said,) = [line for line in lines if line.startswith("      1  ")]
    assert len(said.split()) >= 3  # a sentence, not the ring's own word


def test_json_of_a_near_miss_has_keys_and_change(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    now_s = SystemClock().read().utc_s
    row, settings = window(now_s - 100)
    UntoldRing(tmp_path).append(Batch(SCHEMA, (), (row,), (settings,)), reading(now_s))
    assert main(["why", "--config", str(box(tmp_path)), "--camera", "gate", "--json"]) == 0
    (found,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert found["untold"]["held_back_by"] == ["person.confirm_threshold"]
    assert found["untold"]["changes"][0]["key"] == "person.confirm_threshold"
    assert dt.datetime.fromisoformat(found["untold"]["from"]).utcoffset() == dt.timedelta(hours=7)


@pytest.mark.parametrize(
    ("text", "now", "zone", "expected"),
    [
        ("22:14", "2026-11-26T23:00+07:00", HANOI, "2026-11-26T22:14+07:00"),
        ("22:14", "2026-11-26T08:00+07:00", HANOI, "2026-11-25T22:14+07:00"),
        ("8:05", "2026-11-26T08:05+07:00", HANOI, "2026-11-26T08:05+07:00"),
        ("2026-11-20 03:00", "2026-11-26T08:00+07:00", HANOI, "2026-11-20T03:00+07:00"),
        ("2026-11-20T03:00Z", "2026-11-26T08:00+07:00", HANOI, "2026-11-20T03:00+00:00"),
        # The night in which clocks are set back has that time twice.
        ("02:30", "2026-10-25T02:45+02:00", BERLIN, "2026-10-25T02:30+02:00"),
        ("02:30", "2026-10-25T04:00+01:00", BERLIN, "2026-10-25T02:30+01:00"),
        ("25:00", "2026-11-26T08:00+07:00", HANOI, None),
        ("2026-11-27 03:00", "2026-11-26T08:00+07:00", HANOI, None),
        ("2026-11-01", "2026-11-26T08:00+07:00", HANOI, None),
        ("yesterday", "2026-11-26T08:00+07:00", HANOI, None),
    ],
)
def test_which_moment_is_meant(text: str, now: str, zone: ZoneInfo, expected: str | None) -> None:
    now_s = dt.datetime.fromisoformat(now).timestamp()
    wanted = dt.datetime.fromisoformat(expected).timestamp() if expected else None
    assert moment_of(text, now_s, zone) == wanted


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--camera", "door"), "give one of: gate, yard"),
        (("--camera", "gate", "--at", "late"), "give a time of day"),
    ],
)
def test_what_cannot_be_asked(tmp_path: Path, options: tuple[str, ...], message: str) -> None:
    folder = box(tmp_path)
    arguments = build_parser().parse_args(["why", "--config", str(folder), *options])
    with pytest.raises(ConfigError, match=message):
        arguments.func(arguments)


@pytest.mark.parametrize("span", ["8d", "0h", "a day", "1"])
def test_spans_that_are_none(span: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["why", "--camera", "gate", "--last", span])
    assert ended.value.code == 2
    assert "up to 7d" in capsys.readouterr().err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_ring_that_may_not_be_read_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = box(tmp_path)
    (tmp_path / FOLDER).mkdir(mode=0)
    assert main(["why", "--config", str(folder), "--camera", "gate"]) == 1
    assert "sudo edge-agent why" in capsys.readouterr().err


def asked(config: Path) -> Any:
    return json.loads(read_local_socket(config / "state" / "status.sock", 5))


def test_a_real_agent_knows_whom_it_did_not_tell(
    tmp_path: Path, mosquitto: Mosquitto, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = flash.clip(tmp_path / "clip.mp4", bright_s=3, dark_s=2, dark_first=True)
    cameras = {"yard": flash.camera(clip) + "[person]\nconfirm_threshold = 0.95\n"}
    extra = flash.settings(flash.model(tmp_path))
    config = write_config(tmp_path, mosquitto.port, cameras, box="why", extra=extra)
    with inside(config) as running:
        wait_until(lambda: asked(config)["cameras"][0]["person"].get("best_score", 0) > 0.8, 30)
        seen_s = asked(config)["uptime_s"]
        wait_until(lambda: asked(config)["uptime_s"] > seen_s + 1.0)  # several looks
        running.stop()
    assert main(["why", "--config", str(config), "--camera", "yard", "--last", "1h"]) == 0
    out = capsys.readouterr().out
    assert "person.confirm_threshold (one look scored 0.90 of 0.95)" in out
    assert "-> person.confirm_threshold = 0.89" in out
    assert "best 0.90 of 0.95 (person.confirm_threshold)" in out
