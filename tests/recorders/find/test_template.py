"""Paths as recorders write them are read right, and a wrong template says what is wrong."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from edge_agent.recorders.find.brands import BUILT_IN, template_set
from edge_agent.recorders.find.template import (
    BadTemplate,
    compile_set,
    compile_template,
    is_foreign_folder,
    is_media,
    is_still,
    is_temporary,
)

DAV = "{camera}/{date:%Y-%m-%d}/**/{start:%H.%M.%S}-{end:%H.%M.%S}*.dav"


def at(text: str | None) -> dt.datetime | None:
    return dt.datetime.fromisoformat(text) if text else None


@pytest.mark.parametrize(
    ("template", "path", "channel", "start", "end"),
    [
        (
            DAV,
            "Sân trước/2026-11-24/001/dav/14/14.05.06-14.06.00[M][0@0][0].dav",
            "Sân trước",
            "2026-11-24T14:05:06",
            "2026-11-24T14:06:00",
        ),
        # past midnight: the folder has the day of the start
        (DAV, "a/2026-12-31/23.59.00-00.01.00.dav", "a", "2026-12-31T23:59", "2027-01-01T00:01"),
        (DAV, "a/2026-12-31/23.59.00-24.00.00.DAV", "a", "2026-12-31T23:59", "2027-01-01T00:00"),
        ("{camera}_{start:%y%m%d%H%M}.ts", "k 1_2611240203.ts", "k 1", "2026-11-24T02:03", None),
        (
            "{start:%Y%m%d%H%M%S%f}*.mp4",
            "20261124020304050x.mp4",
            "",
            "2026-11-24T02:03:04.050",
            None,
        ),
        ("{date:%Y/%m/%d}/{start:%H/%M}.mp4", "2026/11/24/02/03.mp4", "", "2026-11-24T02:03", None),
        ("{camera}/{channel}/*.{video}", "nvr/2/x.mkv", "nvr/2", None, None),
        ("{camera}/{camera}_*.mp4", "a/a_1.mp4", "a", None, None),
        ("a?b{{*}}[x].{still}", "a-b{1}[X].JPEG", "", None, None),
        (
            "{start:%Y%m%d%H%M%S}_{end:%Y%m%d%H%M%S}.mp4",
            "20261124235900_20261125000100.mp4",
            "",
            "2026-11-24T23:59",
            "2026-11-25T00:01",
        ),
        ("{start:%s}.mp4", "1795676706.mp4", "", "2026-11-26T07:05:06+00:00", None),
        ("{start:%s%f}.mp4", "1795676706123.mp4", "", "2026-11-26T07:05:06.123+00:00", None),
        ("{start:%d %b %Y %I.%M %p}.mp4", "7 Nov 2026 12.05 am.mp4", "", None, None),
        ("{start:%-d %b %Y %I.%M %p}.mp4", "7 Nov 2026 12.05 am.mp4", "", "2026-11-07T00:05", None),
        ("{start:%-d.%b.%Y_%-I.%M%p}.mp4", "7.Dez.2026_2.05PM.mp4", "", "2026-12-07T14:05", None),
        ("{start:%Y%m%dT%H%M%z}.mp4", "20261107T0205Z.mp4", "", "2026-11-07T02:05+00:00", None),
        ("{start:%Y%m%dT%H%M%z}.ts", "20261107T0205+0700.ts", "", "2026-11-07T02:05+07:00", None),
        ("*{start:%Y%m%d%H%M}*.mp4", "c-202611070205.mp4", "", "2026-11-07T02:05", None),
        (
            "{date:%Y%m%d%H}/{start:%M%S}.mp4",
            "2026110702/0506.mp4",
            "",
            "2026-11-07T02:05:06",
            None,
        ),
        ("{camera}/a.mp4 | {camera}.mp4", "x.mp4", "x", None, None),
        # a name whose bytes are no UTF-8
        ("{camera}/*.mp4", "s\udce2n/\udcff.mp4", "s\udce2n", None, None),
        ("{camera}/*.mp4", "a/two\nlines.mp4", "a", None, None),
    ],
)
def test_path_is_read(
    template: str, path: str, channel: str, start: str | None, end: str | None
) -> None:
    facts = compile_set(template).match(path)
    if (start, channel) == (None, "") and "%d" in template:
        assert facts is None  # `%d` has two digits
        return
    assert facts is not None
    assert (facts.channel, facts.start, facts.end) == (channel, at(start), at(end))


@pytest.mark.parametrize(
    ("template", "path"),
    [
        (DAV, "a/2026-11-24/14.05.06.dav"),
        (DAV, "a/2026-02-30/14.05.06-14.06.00.dav"),
        (DAV, "a/2026-11-24/25.05.06-14.06.00.dav"),
        (DAV, "a/b/2026-11-24/14.05.06-14.06.00.dav"),
        ("{camera}/*.mp4", "a.mp4"),
        ("{camera}/*.mp4", "a/b/c.mp4"),
        ("{camera}/{camera}_*.mp4", "a/b_1.mp4"),
        ("a?b.mp4", "a/b.mp4"),
        ("{start:%Y%m%d%H%M%S}.mp4", "٢٠٢٦1124020304.mp4"),
    ],
)
def test_other_paths_do_not_fit(template: str, path: str) -> None:
    assert compile_template(template).match(path) is None


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("", "is empty"),
        ("/srv/{camera}/*.mp4", "without a leading /"),
        ("../{camera}/*.mp4", r"or \.\."),
        ("{kamera}/*.mp4", r"\{kamera\} is not known; allowed are \{camera\}"),
        ("{camera/*.mp4", r"single '\{'; write \{\{ for"),
        ("{date}/*.mp4", r"\{date\} is not known"),
        ("{camera:%Y}/*.mp4", r"\{camera:%Y\} is not known"),
        ("{date:%Y-%j}/{start:%H%M}.mp4", "uses %j; allowed are %Y %y %m"),
        ("{date:%Y-%m-%d}/*.mp4", r"no \{start:"),
        ("%Y-%m-%d/%H-%M-%S.mp4", r"write '\{start:%Y-%m-%d/%H-%M-%S\}.mp4'"),
        ("%Y-%m-%d/c_%H%M%S_x.mp4", r"'\{date:%Y-%m-%d\}/c_\{start:%H%M%S\}_x.mp4'"),
        ("{start:%Y%m%d}.mp4", "needs at least %H and %M"),
        ("{start:%H}.mp4", "or a date and %H"),
        ("{start:%m%d%H%M}.mp4", "needs all of %Y, %m and %d"),
        ("dahuaa", "built-in ones: dahua, kbvision, imou, hikvision, reolink, generic"),
    ],
)
def test_bad_template_says_which_part_and_what_is_allowed(template: str, words: str) -> None:
    with pytest.raises(BadTemplate, match=words):
        template_set(template)


@pytest.mark.parametrize(
    ("brand", "path", "channel", "start", "end"),
    [
        (
            "dahua",
            "FTP/cam-00/AMC0028V_795UUB/2021-03-06/001/dav/10/10.27.32-10.28.00[M][0@0][0].dav",
            "AMC0028V_795UUB/001",
            "2021-03-06T10:27:32",
            "2021-03-06T10:28:00",
        ),
        (
            "kbvision",
            "2026-05-02/0/dav/01/1/0/627506/01.30.00-02.00.00[R][0@0][0].dav",
            "0",
            "2026-05-02T01:30",
            "2026-05-02T02:00",
        ),
        (
            "imou",
            "cua/2026-07-23/001/dav/19/19.00.00-20.00.00[R][0@0][0].mp4",
            "cua/001",
            "2026-07-23T19:00",
            "2026-07-23T20:00",
        ),
        (
            "dahua",
            "cvc10_cam_1/2026-07-23/19.00.00-20.00.00[R][0@0][0].dav",
            "cvc10_cam_1",
            "2026-07-23T19:00",
            "2026-07-23T20:00",
        ),
        (
            "dahua",
            "6J0/2019-05-09/001/jpg/06/07/27[M][0@0][0].jpg",
            "6J0/001",
            "2019-05-09T06:07:27",
            None,
        ),
        ("dahua", "2023-09-04/001/jpg/13/28.47[M][0@0][0].jpg", "001", "2023-09-04T13:28:47", None),
        (
            "dahua",
            "9c8e/2024-01-15/pic_001/08.00.05[R][0@0][0].jpg",
            "9c8e/001",
            "2024-01-15T08:00:05",
            None,
        ),
        ("dahua", "001_20260802143005_[M][0@0][0].jpg", "001", "2026-08-02T14:30:05", None),
        (
            "hikvision",
            "192.168.1.64_01_20200730111229020_MOTION_DETECTION.jpg",
            "192.168.1.64_01",
            "2020-07-30T11:12:29.020",
            None,
        ),
        (
            "hikvision",
            "cam/192.168.1.64_01_20240905185931898.mp4",
            "192.168.1.64_01",
            "2024-09-05T18:59:31.898",
            None,
        ),
        (
            "hikvision",
            "192.168.1.64_01_20251114132542233_1.mp4",
            "192.168.1.64_01",
            "2025-11-14T13:25:42.233",
            None,
        ),
        (
            "reolink",
            "2026/06/30/Front Door_00_Hub_20260630141500.mp4",
            "Front Door_00_Hub",
            "2026-06-30T14:15",
            None,
        ),
        (
            "reolink",
            "2026/06/30/Front Door_00_20260630141500.jpg",
            "Front Door_00",
            "2026-06-30T14:15",
            None,
        ),
        (
            "reolink",
            "Mp4Record/2020-12-21/RecM01_20201221_121551_121553_6D28808_2240A8.mp4",
            "RecM01",
            "2020-12-21T12:15:51",
            "2020-12-21T12:15:53",
        ),
        (
            "reolink",
            "Mp4Record/2023-04-26/RecS02_DST20230426_145918_150032_2B14808_32F1DF.mp4",
            "RecS02",
            "2023-04-26T14:59:18",
            "2023-04-26T15:00:32",
        ),
        ("generic", "yard/2026-11-24/14-05-06.mp4", "yard", "2026-11-24T14:05:06", None),
        ("generic", "yard/x/rec_20261124-140506_7.mkv", "yard", "2026-11-24T14:05:06", None),
        ("generic", "yard/holiday.avi", "yard", None, None),
        ("generic", "yard/2026-11-24_14-05-06.jpg", "yard", "2026-11-24T14:05:06", None),
        ("generic-one", "holiday.avi", "", None, None),
        ("stills", "yard/2026-11-24/14.05.06.jpg", "yard", "2026-11-24T14:05:06", None),
    ],
)
def test_brand_layout_is_read(
    brand: str, path: str, channel: str, start: str | None, end: str | None
) -> None:
    facts = template_set(brand).match(path)
    assert facts is not None
    assert (facts.channel, facts.start, facts.end) == (channel, at(start), at(end))


@pytest.mark.parametrize("brand", BUILT_IN)
def test_hostile_name_is_judged_at_once(brand: str) -> None:
    """Backtracking over a long name must not stall the watcher."""
    for path in ("a_" * 120 + ".mp4", "/".join(["2026-11-24"] * 20) + "/x.mp4", "1" * 250 + ".jpg"):
        template_set(brand).match(path)


@pytest.mark.parametrize(
    ("name", "media", "still", "temporary"),
    [
        ("a.dav", True, False, False),
        ("a.MP4", True, False, False),
        ("a.JPG", True, True, False),
        ("a.dav_", False, False, True),
        ("a.mp4.filepart", False, False, True),
        ("a.mp4.part", False, False, True),
        ("a.tmp", False, False, True),
        ("a.mp4~", False, False, True),
        (".a.mp4", True, False, True),
        ("a.idx", False, False, False),
        ("mp4", True, False, False),
    ],
)
def test_names_tell_clips_from_the_rest(
    name: str, media: bool, still: bool, temporary: bool
) -> None:
    assert (is_media(name), is_still(name), is_temporary(name)) == (media, still, temporary)


@pytest.mark.parametrize("name", [".git", "@eaDir", "#recycle", "@__thumb", "lost+found"])
def test_folders_of_other_programs_are_left_alone(name: str) -> None:
    assert is_foreign_folder(name)
    assert not is_foreign_folder("2026-11-24")


def documented_paths() -> list[tuple[str, str, str, str]]:
    """The table of docs/recorders.md."""
    text = (Path(__file__).parents[3] / "docs/recorders.md").read_text()
    rows = [
        [cell.strip().strip("`") for cell in line.strip("|").split("|")]
        for line in text.split("| template | path |")[1].splitlines()[2:]
        if line.startswith("|")
    ]
    return [(row[0], row[1], row[2], row[3]) for row in rows]


@pytest.mark.parametrize(("template", "path", "channel", "start"), documented_paths())
def test_documented_path_is_read_as_documented(
    template: str, path: str, channel: str, start: str
) -> None:
    facts = template_set(template).match(path)
    assert facts is not None
    assert facts.channel == channel
    assert facts.start == at(f"2026-11-24T{start}")


def test_every_built_in_template_is_documented() -> None:
    text = (Path(__file__).parents[3] / "docs/recorders.md").read_text()
    assert all(f"`{name}`" in text for name in BUILT_IN)
