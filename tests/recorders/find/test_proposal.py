"""`edge-agent probe FOLDER` proposes what fits, shows its proof, and prints usable TOML."""

from __future__ import annotations

import datetime as dt
import json
import os
import tomllib
from pathlib import Path
from zoneinfo import ZoneInfo

import clips
import cv2
import dhav
import numpy as np
import pytest
from recorder_kinds import KINDS
from recorder_names import LAYOUTS, NameLayout, clips_of
from watched_folder import at_mtime

from edge_agent.cli import main
from edge_agent.errors import MediaError
from edge_agent.recorders.find.proposal import FolderReport, probe_folder
from edge_agent.recorders.find.report import format_folder_report

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


def probed(root: Path, zone: str = "Asia/Ho_Chi_Minh", **more: str) -> FolderReport:
    return probe_folder(root, zone_name=zone, zone=ZoneInfo(zone), **more)


def test_report_shows_template_channels_clock_and_three_files_of_each(recorder: Path) -> None:
    report = probed(recorder)
    assert report.template == (
        "{camera}/{date:%Y-%m-%d}/001/dav/*/{start:%H.%M.%S}-{end:%H.%M.%S}*.{video}"
    )
    assert (len(report.files), report.fitting) == (17, 16)
    assert dict(report.cameras) == {"Sân trước": "san-truoc", "Sân trườc": "san-truoc-2"}
    assert [file.camera for file in report.shown] == ["san-truoc"] * 3 + ["san-truoc-2"] * 3
    assert report.clock is not None
    assert report.clock.offset_s == pytest.approx(597.0, abs=1.0)
    first = report.shown[0]
    assert first.span is not None
    assert first.span.start_utc_s == dt.datetime(2026, 11, 24, 7, 7, tzinfo=dt.UTC).timestamp()
    assert first.disputed
    text = format_folder_report(report)
    assert "does not fit    index.mp4" in text
    assert "by template, DISPUTED" in text
    assert "container says 2026-11-24T14:07:00Z" in text
    assert "597 s ahead of this box's" in text
    assert "is the time zone right" in text


def test_printed_toml_is_ready_to_paste(recorder: Path) -> None:
    report = probed(recorder)
    parts = format_folder_report(report).split("# cameras.d/")[1:]
    tables = [tomllib.loads(part.split("\n", 1)[1]) for part in parts]
    assert [table["id"] for table in tables] == ["san-truoc", "san-truoc-2"]
    assert tables[0]["source"] == {
        "kind": "folder",
        "path": str(recorder),
        "template": report.template,
        "channel": "Sân trước",
        "time_zone": "Asia/Ho_Chi_Minh",
        "watch": "auto",
    }


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A tiny clip of each container."""
    folder, clip = tmp_path_factory.mktemp("shelf"), clips.Clip(frames=30, width=64, height=64)
    made = {}
    for suffix in ("mp4", "mkv", "avi", "ts"):
        made[suffix] = clips.render(folder / f"x.{suffix}", clip).read_bytes()
    made["h264"] = clips.elementary(folder / "x.h264", clip).read_bytes()
    picture = np.full((64, 64, 3), 90, np.uint8)
    made["jpg"] = cv2.imencode(".jpg", picture)[1].tobytes()
    return made


def build(root: Path, layout: NameLayout, shelf: dict[str, bytes], *, copied_s: float = 0) -> None:
    """Its recordings, each complete three seconds after its end."""
    for clip in clips_of(layout):
        path = root / clip.relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(shelf.get(path.suffix[1:].lower(), shelf["mp4"]))
        length_s = 0.0 if path.suffix == ".jpg" else clip.length_s
        at_mtime(path, clip.start.timestamp() + length_s + 3.0 + copied_s)


@pytest.mark.parametrize("layout", [*LAYOUTS, *KINDS], ids=lambda layout: layout.name)
def test_every_layout_is_right_without_a_hand(
    layout: NameLayout,
    shelf: dict[str, bytes],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    build(tmp_path, layout, shelf)
    assert main(["probe", str(tmp_path), "--json", "--time-zone", layout.given]) == 0
    told = json.loads(capsys.readouterr().out)
    files = {file["path"]: file for file in told["files"]}
    pairs = set()
    for clip in clips_of(layout):
        file = files.pop(clip.relative)
        pairs.add((clip.camera, file["camera"]))
        start = dt.datetime.fromisoformat(file["start"])
        assert abs((start - clip.start).total_seconds()) <= 1, (file, told["template"])
        assert file["source"] == "template"
        assert not file["disputed"] or layout.unsure, told["unsure"]
    assert not files
    assert len(pairs) == len(layout.cameras) == len(told["cameras"])
    assert told["confidence"] in (("unsure",) if layout.unsure else ("sure", "likely"))


def test_names_in_utc_are_known_by_the_uploads(shelf: dict[str, bytes], tmp_path: Path) -> None:
    layout = next(one for one in LAYOUTS if one.name == "frigate recordings")
    build(tmp_path, layout, shelf)
    report = probed(tmp_path)
    assert report.zone_name == "UTC"
    assert 'time_zone = "UTC"' in format_folder_report(report)
    assert "names and uploads agree in UTC, not in Asia/Ho_Chi_Minh" in report.zone.reason


def test_zone_that_the_uploads_speak_against_is_doubted(
    shelf: dict[str, bytes], tmp_path: Path
) -> None:
    layout = next(one for one in LAYOUTS if one.name == "hilook export")
    build(tmp_path, layout, shelf)
    report = probed(tmp_path, "Europe/Berlin")
    assert report.confidence == "unsure"
    assert "would agree in a zone of UTC+07:00" in report.zone.doubt
    assert all(file.disputed for file in report.files)


def test_files_copied_later_are_disputed(shelf: dict[str, bytes], tmp_path: Path) -> None:
    layout = next(one for one in LAYOUTS if one.name == "hilook export")
    build(tmp_path, layout, shelf, copied_s=5 * 86_400 + 4000)
    report = probed(tmp_path)
    assert report.confidence == "unsure"
    assert "were they copied here later" in report.zone.doubt
    assert "may be off by 5 days" in format_folder_report(report)


def test_links_are_not_proposed(shelf: dict[str, bytes], tmp_path: Path) -> None:
    (tmp_path / "a_20261126140506.mp4").write_bytes(shelf["mp4"])
    (tmp_path / "b_20261126140506.mp4").symlink_to(tmp_path / "a_20261126140506.mp4")
    report = probed(tmp_path)
    assert [file.relative for file in report.files] == ["a_20261126140506.mp4"]
    assert "links           1 are left alone" in format_folder_report(report)


def test_file_that_does_not_open_is_shown_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "yard").mkdir()
    (tmp_path / "yard/a.mp4").write_text("no video")
    clips.render(tmp_path / "yard/b.mp4")
    text = format_folder_report(probe_folder(tmp_path, zone_name="UTC", zone=dt.UTC))
    assert "does not open: a.mp4: " in text
    assert "is no video" in text
    assert "by mtime, DISPUTED" in text
    assert "2 files tell no time" in text


def test_names_of_any_bytes_can_be_printed(tmp_path: Path) -> None:
    clips.render(tmp_path / "clip.mp4")
    folder = tmp_path / "in" / os.fsdecode(b"s\xe2n")
    folder.mkdir(parents=True)
    (tmp_path / "in/yard").mkdir()
    (tmp_path / "in/yard/clip.mp4").write_bytes((tmp_path / "clip.mp4").read_bytes())
    (tmp_path / "clip.mp4").rename(folder / "x\x1b[31m.mp4")
    text = format_folder_report(probe_folder(tmp_path / "in", zone_name="UTC", zone=dt.UTC))
    text.encode()
    assert "is no UTF-8 and cannot stand in a configuration" in text
    assert "\x1b" not in text


def test_folder_without_clips_says_so(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="holds no clips and no JPEGs; is it the folder"):
        probe_folder(tmp_path, zone_name="UTC", zone=dt.UTC)


def test_command_line(recorder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["probe", str(recorder), "--time-zone", "Asia/Ho_Chi_Minh"]) == 0
    assert 'channel = "Sân trước"' in capsys.readouterr().out
    assert main(["probe", str(recorder), "--time-zone", "Mars/Base"]) == 78
    assert 'is "Mars/Base", which no time zone is called' in capsys.readouterr().err
    assert main(["probe", str(recorder), "--template", "{kamera}/*.dav"]) == 78
    assert "{kamera} is not known; allowed are" in capsys.readouterr().err
    assert main(["probe", str(recorder), "--template", "{camera}/*.avi"]) == 1
    assert "no path fits" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("form", "channels", "widths"),
    [
        ("gate/{}/%Y%m%d/%H%M%S.mp4", ("0", "1"), (64, 128)),
        ("{}/%Y%m%d/%H%M%S.mp4", ("101", "102"), (64, 128)),
        ("{}_%Y%m%d_%H%M%S.mp4", ("ch1", "ch2"), (256, 64)),
        ("%Y%m%d_%H%M%S_{}.mp4", ("1", "2"), (256, 64)),
    ],
)
def test_channels_numbered_like_streams_are_doubted_where_their_pictures_differ(
    form: str, channels: tuple[str, str], widths: tuple[int, int], tmp_path: Path
) -> None:
    report = _two_channels(form, channels, widths, tmp_path)
    assert report.confidence == "unsure"
    (reason,) = report.streams
    assert f"({widths[0]}x64) and" in reason
    assert "main and the sub stream of one camera" in reason


@pytest.mark.parametrize("widths", [(64, 64), (128, 64), (64, 256)])
def test_first_two_channels_are_cameras_unless_the_second_has_a_sub_streams_picture(
    widths: tuple[int, int], tmp_path: Path
) -> None:
    report = _two_channels("{}_%Y%m%d_%H%M%S.mp4", ("ch1", "ch2"), widths, tmp_path)
    assert not report.streams
    assert report.confidence == "sure"


def _two_channels(
    form: str, channels: tuple[str, str], widths: tuple[int, int], tmp_path: Path
) -> FolderReport:
    for n, width in enumerate(widths):
        clip = clips.render(tmp_path / f"{n}.mp4", clips.Clip(frames=3, width=width, height=64))
        for minute in range(3):
            start = dt.datetime(2026, 11, 26, 14, minute, tzinfo=HANOI)
            path = tmp_path / "in" / start.strftime(form.format(channels[n]))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(clip.read_bytes())
            at_mtime(path, start.timestamp() + 3)
    return probed(tmp_path / "in")


def test_names_that_the_uploads_contradict_are_never_sure(
    shelf: dict[str, bytes], tmp_path: Path
) -> None:
    """A camera that counts its local time as if it were UTC."""
    for n in range(4):
        local = dt.datetime(2026, 11, 26, 14, 5 + n, tzinfo=dt.UTC)
        path = tmp_path / f"gate/{local.timestamp():.0f}.mp4"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(shelf["mp4"])
        at_mtime(path, local.timestamp() - 7 * 3600 + 5)
    report = probed(tmp_path)
    assert report.confidence == "unsure"
    assert "written 7 h 0 min away from what their names say" in format_folder_report(report)
