"""`edge-agent probe FOLDER` proposes what fits, shows ten files, and prints usable TOML."""

from __future__ import annotations

import datetime as dt
import os
import tomllib
from pathlib import Path
from zoneinfo import ZoneInfo

import clips
import dhav
import pytest
from watched_folder import at_mtime

from edge_agent.cli import main
from edge_agent.errors import MediaError
from edge_agent.recorders.find.proposal import format_folder_report, probe_folder, propose

HANOI = ZoneInfo("Asia/Ho_Chi_Minh")


@pytest.fixture
def recorder(tmp_path: Path) -> Path:
    """Two cameras of a Dahua recorder whose clock is ten minutes fast."""
    root = tmp_path / "ftp"
    for camera in ("Sân trước", "Sân trườc"):
        for minute in range(8):
            start = dt.datetime.fromisoformat(f"2026-11-24T14:{minute:02}:00")
            name = f"{start:%H.%M.%S}-{start + dt.timedelta(seconds=2):%H.%M.%S}[M][0@0][0].dav"
            path = root / camera / "2026-11-24/001/dav/14" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            dhav.write_dav(path, clips.Clip(frames=3, width=64, height=64), start=start)
            uploaded = start.replace(tzinfo=HANOI) + dt.timedelta(seconds=5, minutes=-10)
            at_mtime(path, uploaded.timestamp())
    (root / "index.mp4").write_text("no video")
    at_mtime(root / "index.mp4", 1.0)
    return root


def test_report_shows_template_channels_clock_and_ten_files(recorder: Path) -> None:
    report = probe_folder(recorder, zone_name="Asia/Ho_Chi_Minh", zone=HANOI)
    assert (report.template, report.files, report.fitting) == ("dahua", 17, 16)
    assert dict(report.channels) == {"Sân trước/001": 8, "Sân trườc/001": 8}
    assert len(report.shown) == 10
    assert len({file.facts.channel for file in report.shown}) == 2
    assert report.unfit == ("index.mp4",)
    assert report.clock is not None
    assert report.clock.offset_s == pytest.approx(597.0, abs=1.0)
    first = report.shown[0]
    assert first.span.start_utc_s == dt.datetime(2026, 11, 24, 7, 7, tzinfo=dt.UTC).timestamp()
    assert first.span.disputed
    text = format_folder_report(report)
    assert "by template, DISPUTED" in text
    assert "container says 2026-11-24T14:07:00Z" in text
    assert "597 s ahead of this box's" in text
    assert "is the time zone right" in text


def test_printed_toml_is_ready_to_paste(recorder: Path) -> None:
    report = probe_folder(recorder, zone_name="Asia/Ho_Chi_Minh", zone=HANOI)
    parts = format_folder_report(report).split("# cameras.d/")[1:]
    tables = [tomllib.loads(part.split("\n", 1)[1]) for part in parts]
    assert [table["id"] for table in tables] == ["san-truoc-001", "san-truoc-001-2"]
    assert tables[0]["source"] == {
        "kind": "folder",
        "path": str(recorder),
        "template": "dahua",
        "channel": "Sân trước/001",
        "time_zone": "Asia/Ho_Chi_Minh",
        "watch": "auto",
    }


@pytest.mark.parametrize(
    ("names", "template"),
    [
        (["192.168.1.64_01_20200730111229020_MOTION_DETECTION.jpg"], "hikvision"),
        (["2026/06/30/Front_00_20260630141500.mp4"], "reolink"),
        (["yard/2026-11-24/14-05-06.mp4"], "generic"),
        (["yard/holiday.mp4"], "generic"),
        (["holiday.mp4"], "generic-one"),
        (["x/2026-07-23/001/dav/19/19.00.00-20.00.00[R][0@0][0].dav", "a/b.mp4"], "dahua"),
    ],
)
def test_template_that_tells_most_is_proposed(names: list[str], template: str) -> None:
    assert propose(names).name == template


def test_file_that_does_not_open_is_shown_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "yard").mkdir()
    (tmp_path / "yard/a.mp4").write_text("no video")
    clips.render(tmp_path / "yard/b.mp4")
    text = format_folder_report(probe_folder(tmp_path, zone_name="UTC", zone=dt.UTC))
    assert "does not open: a.mp4: " in text
    assert "is no video" in text
    assert "by mtime" in text


def test_names_of_any_bytes_can_be_printed(tmp_path: Path) -> None:
    clips.render(tmp_path / "clip.mp4")
    folder = tmp_path / "in" / os.fsdecode(b"s\xe2n")
    folder.mkdir(parents=True)
    (tmp_path / "clip.mp4").rename(folder / "x\x1b[31m.mp4")
    text = format_folder_report(probe_folder(tmp_path / "in", zone_name="UTC", zone=dt.UTC))
    text.encode()
    assert "\x1b" not in text


def test_folder_without_clips_says_so(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="holds no clips and no JPEGs; is it the folder"):
        probe_folder(tmp_path, zone_name="UTC", zone=dt.UTC)


def test_command_line(recorder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["probe", str(recorder), "--time-zone", "Asia/Ho_Chi_Minh"]) == 0
    assert 'channel = "Sân trước/001"' in capsys.readouterr().out
    assert main(["probe", str(recorder), "--time-zone", "Mars/Base"]) == 78
    assert "no time zone 'Mars/Base'" in capsys.readouterr().err
    assert main(["probe", str(recorder), "--template", "{kamera}/*.dav"]) == 78
    assert "{kamera} is not known; allowed are" in capsys.readouterr().err
    assert main(["probe", str(recorder), "--template", "{camera}/*.avi"]) == 1
    assert "no path fits" in capsys.readouterr().err
