"""How recorders, cameras and programs name what they upload: layouts to build folders from.

Each layout says, for a moment and a camera, which files there are. The forms are as their makers'
manuals, published code and bug reports show them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

HANOI = "Asia/Ho_Chi_Minh"

#: (recorder's local time, camera, number of the recording) to the files of one recording.
Names = Callable[[dt.datetime, str, int], Sequence[str]]

#: Between the beginnings of two recordings: irregular, as visitors come.
STEP_S, DRIFT_S = 97, 53


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


FIRST = at("2026-11-26T14:05:06")


@dataclass(frozen=True, slots=True)
class NameLayout:
    """One way of naming. `zone` is that of the names; the installer gives `given`."""

    name: str
    cameras: tuple[str, ...]
    names: Names
    zone: str = HANOI
    given: str = HANOI
    begin: dt.datetime = FIRST
    whole_minutes: bool = False
    in_parallel: bool = True  # all cameras record the same moments
    unsure: bool = False  # nobody can be sure of it from three recordings


@dataclass(frozen=True, slots=True)
class NamedClip:
    """A file to build, and what is to be read from its path."""

    relative: str
    camera: str
    start: dt.datetime  # aware
    length_s: float = 2.0


def clips_of(layout: NameLayout, *, count: int = 3, step_s: int = STEP_S) -> Iterator[NamedClip]:
    """The recordings of all its cameras."""
    zone = ZoneInfo(layout.zone)
    for number in range(count):
        for place, camera in enumerate(layout.cameras):
            late_s = 0 if layout.in_parallel else 29 * place
            start = layout.begin + dt.timedelta(
                seconds=number * step_s + number**2 * DRIFT_S + late_s
            )
            if layout.whole_minutes:
                start = start.replace(second=0)
            for relative in layout.names(start, camera, number * len(layout.cameras) + place):
                yield NamedClip(relative, camera, start.replace(tzinfo=zone))


def one(form: str) -> Names:
    """strftime's directives, {cam}, {n}, {end:...}, {epoch}, {ms}, {h12}, {half}."""

    def names(start: dt.datetime, camera: str, number: int) -> list[str]:
        return [_filled(form, start, camera, number)]

    return names


def several(*forms: str) -> Names:
    def names(start: dt.datetime, camera: str, number: int) -> list[str]:
        return [_filled(form, start, camera, number) for form in forms]

    return names


def _filled(form: str, start: dt.datetime, camera: str, number: int) -> str:
    end = start + dt.timedelta(seconds=2)
    epoch = int(start.replace(tzinfo=ZoneInfo(HANOI)).timestamp())
    form = form.replace("{end}", end.strftime("%H%M%S")).replace("{end.}", f"{end:%H.%M.%S}")
    form = form.replace("{endall}", end.strftime("%Y%m%d%H%M%S"))
    form = form.replace("{end-}", end.strftime("%Y-%m-%d_%H-%M-%S"))
    form = form.replace("{epoch}", str(epoch)).replace("{ms}", f"{epoch}123")
    form = form.replace("{epochend}", str(epoch + 2))
    form = form.replace("{h12}", str(int(start.strftime("%I")))).replace("{mon}", str(start.month))
    form = form.replace("{day}", str(start.day)).replace("{half}", start.strftime("%p").lower())
    form = form.replace("{id}", f"{(number * 7919 + 104_729) % 1_000_003:06d}")
    form = form.replace("{hex}", f"{(number * 2_654_435_761 + 40_503) % 2**32:08x}")
    form = form.replace("{event}", ("PIR", "MD", "PERSON", "VEHICLE")[number % 4])
    form = form.replace("{vi}", ("chuyen dong", "nguoi", "xe")[number % 3])
    form = form.replace("{x}", "RM"[number % 2]).replace("{n}", str(number + 1))
    form = form.replace("{cam}", camera)
    return start.strftime(form)


L = NameLayout
ONE = ("gate",)
TWO = ("gate", "yard")

LAYOUTS: tuple[NameLayout, ...] = (
    # --- Dahua and who sells it -------------------------------------------------------------
    L(
        "dahua nvr, two devices",
        ("3H04ABC", "4K17XYZ"),
        one("{cam}/%Y-%m-%d/001/dav/%H/%H.%M.%S-{end.}[{x}][0@0][0].dav"),
    ),
    L(
        "dahua device and channel",
        ("A1/001", "A1/002", "B7/001"),
        one("{cam}/%Y-%m-%d/dav/%H/%H.%M.%S-{end.}[M][0@0][0].dav"),
    ),
    L(
        "dahua dav and jpg",
        ("001", "002"),
        several(
            "nvr/%Y-%m-%d/{cam}/dav/%H/%H.%M.%S-{end.}[M][0@0][0].dav",
            "nvr/%Y-%m-%d/{cam}/jpg/%H/%M/%S[M][0@0][0].jpg",
        ),
    ),
    L(
        "dahua dav beside mp4",
        ONE,
        several(
            "%Y-%m-%d/001/dav/%H/%H.%M.%S-{end.}[M][0@0][0].dav",
            "%Y-%m-%d/001/dav/%H/%H.%M.%S-{end.}[M][0@0][0].mp4",
        ),
    ),
    L("dahua jpg, minutes in the name", ONE, one("%Y-%m-%d/001/jpg/%H/%M.%S[M][0@0][0].jpg")),
    L("lorex jpg", ("pic_001", "pic_002"), one("%Y-%m-%d/{cam}/%H.%M.%S[R][0@0][0].jpg")),
    L("dahua web download", ("ch1", "ch2"), one("NVR_{cam}_main_%Y%m%d%H%M%S_{endall}.mp4")),
    L("dahua smartpss", ("1", "2"), one("XVR_ch{cam}_%Y%m%d%H%M%S_{endall}.dav")),
    L("dahua local camera", ONE, one("IPC_1_main_%Y%m%d%H%M%S_{endall}.dav")),
    L("imou app", ONE, one("Imou_%Y%m%d%H%M%S.mp4")),
    L("kbvision snapshots", ("01", "02"), one("KBVISION_ch{cam}_%Y%m%d%H%M%S.jpg")),
    L("amcrest cloud", ONE, one("AMC_%Y-%m-%d_%H-%M-%S.mp4")),
    # --- Hikvision and who sells it ---------------------------------------------------------
    L(
        "hikvision ip",
        ("192.168.1.64", "192.168.1.65"),
        one("{cam}_01_%Y%m%d%H%M%S345_MOTION_DETECTION.jpg"),
    ),
    L(
        "hikvision nvr channels",
        ("01", "02", "03"),
        one("NVR_{cam}_%Y%m%d%H%M%S345_{event}_DETECTION.jpg"),
    ),
    L(
        "hikvision folders",
        ("Cong chinh", "Bai xe"),
        one("{cam}/%Y%m%d/{cam}_01_%Y%m%d%H%M%S345_FACE_DETECTION.jpg"),
    ),
    L(
        "hikvision event folder",
        TWO,
        one("{cam}/%Y/%m/%d/192.168.1.64_01_%Y%m%d%H%M%S345_{event}.mp4"),
    ),
    L("hikvision ivms", ("Camera 01", "Camera 02"), one("{cam}_%Y%m%d%H%M%S_%Y%m%d{end}_{id}.mp4")),
    L(
        "hikvision plates",
        ("lane1", "lane2"),
        one("{cam}/%Y%m%d%H%M%S345_51F{id}_VEHICLE_DETECTION.jpg"),
    ),
    L("hilook export", ("ch01", "ch02"), one("{cam}_%Y%m%d%H%M%S.mp4")),
    L("ezviz", ONE, one("D12345678_%Y%m%d%H%M%S.mp4")),
    L("annke", ("CH1", "CH2"), one("{cam}/%Y-%m-%d/%H%M%S_{event}.jpg")),
    # --- Reolink ----------------------------------------------------------------------------
    L("reolink nvr", ("Front Door", "Back Yard"), one("%Y/%m/%d/{cam}_00_%Y%m%d%H%M%S.mp4")),
    L(
        "reolink hub",
        TWO,
        several("%Y/%m/%d/{cam}_00_Hub_%Y%m%d%H%M%S.mp4", "%Y/%m/%d/{cam}_00_Hub_%Y%m%d%H%M%S.jpg"),
    ),
    L(
        "reolink sd two channels",
        ("RecM01", "RecM02"),
        one("Mp4Record/%Y-%m-%d/{cam}_%Y%m%d_%H%M%S_{end}_6D28{n}_22A8.mp4"),
    ),
    L(
        "reolink newest firmware",
        ONE,
        one("Mp4Record/%Y-%m-%d/RecM09_%Y%m%d_%H%M%S_{end}_0_{hex}_{id}.mp4"),
    ),
    # --- household brands -------------------------------------------------------------------
    L("tapo sd", ONE, one("%Y%m%d_%H%M%S_tp0000{n}.mp4")),
    L("tapo home assistant", TWO, one("{cam}/%Y-%m-%d/{epoch}-{epochend}.mp4")),
    L("xiaomi mi", ONE, one("%Y%m%d%H/%MM%SS_{epoch}.mp4")),
    L(
        "xiaomi two cameras",
        ("607ea4000001", "607ea4000002"),
        one("xiaomi_camera_videos/{cam}/%Y%m%d%H/%MM%SS_{epoch}.mp4"),
    ),
    L(
        "xiaomi newest",
        ("94f8275a11ff",),
        one("xiaomi_camera_videos/{cam}/%Y%m%d%H/00_%Y%m%d%H%M%S_{endall}.mp4"),
    ),
    L("yi home", ONE, one("record/%YY%mM%dD%HH/E1%MM%SS60.mp4")),
    L("yi two", ("cam1", "cam2"), one("{cam}/%YY%mM%dD%HH/%MM%SS60.mp4")),
    L("wyze", ("Wyze Cam v3", "Garage"), one("{cam}/record/%Y%m%d/%H/%M.mp4"), whole_minutes=True),
    L("wyze bridge", ("front-door", "garage"), one("{cam}/%Y-%m-%d/%H-%M-%S.mp4")),
    L("eufy", ("T8410P1", "T8410P2"), one("{cam}/%Y%m%d%H%M%S.mp4")),
    L("eufy homebase", ("Camera00", "Camera01"), one("{cam}/%Y%m%d%H%M%S/%Y%m%d%H%M%S.mp4")),
    L("arlo", ("Front", "Back"), one("{cam}/%Y%m%d/{ms}.mp4")),
    L(
        "arlo base station",
        ("4R0ABC", "4R0DEF"),
        one("arlo/000000/{cam}/%Y%m%d/%H%M%S_1080p_{id}.mp4"),
    ),
    L(
        "blink sync module",
        ("FrontDoor", "Garage"),
        one("blink/%y-%m/%y-%m-%d/%H-%M-%S_{cam}_{id}.mp4"),
    ),
    L("blink local", TWO, one("{cam}-%Y-%m-%dt%H-%M-%S-00-00.mp4"), zone="UTC"),
    L(
        "ring",
        ("Front Door", "Driveway"),
        one("Ring_{cam}_%Y%m%d_%H%M%S.mp4"),
    ),
    L("ring export", ONE, one("%Y-%m-%dT%H_%M_%SZ_motion_{id}.mp4"), zone="UTC"),
    L(
        "nest takeout",
        ("Hallway", "Porch"),
        one("Takeout/Nest/{cam}/%Y-%m-%dT%H_%M_%SZ.mp4"),
        zone="UTC",
    ),
    L("unifi protect", ("G4 Bullet", "G3 Flex"), one("{cam}/%Y/%m/%d/{cam} %Y-%m-%d %H.%M.%S.mp4")),
    L("unifi backup", TWO, one("{cam}/%Y-%m-%d/%Y-%m-%dT%H-%M-%S {event}.mp4")),
    L("unifi epoch", ("FCECDA1", "FCECDA2"), one("%Y/%m/%d/{cam}_0_rotating_{ms}.mp4")),
    L("ubv export", TWO, one("{cam} {mon}-{day}-%Y, {h12}.%M.%S %p.mp4")),
    L(
        "foscam jpg",
        ("FI9900P_00626E1", "FI9900P_00626E2"),
        several("{cam}/snap/MDAlarm_%Y%m%d-%H%M%S.jpg", "{cam}/record/alarm_%Y%m%d_%H%M%S.mkv"),
    ),
    L("foscam schedule", ONE, one("Schedule_%Y%m%d-%H%M%S.jpg")),
    L("trendnet", TWO, one("{cam}%Y%m%d%H%M%S0{n}.jpg")),
    L("dlink", ONE, one("DCS-936L_%Y%m%d%H%M%S01.jpg")),
    L("dlink folders", TWO, one("{cam}/%Y%m%d/%H/%Y%m%d_%H%M%S.avi")),
    L("tplink nc", ONE, one("NC450 MD %Y-%m-%d %H-%M-%S.jpg")),
    L("ezviz sd", ("hiv00001",), one("%Y%m%d/%H%M%S-{end}.mp4")),
    L("tuya", ONE, one("DCIM/%Y/%m/%d/%Y%m%d%H%M%S.mp4")),
    L("sonoff", ONE, one("%Y%m%d/%H%M%S.mp4")),
    L("v380", ONE, one("recfile/%Y%m%d/rec000/A%Y%m%d%H%M%S.avi")),
    L("icsee", ("001", "002"), one("%Y-%m-%d/{cam}/%H.%M.%S-{end.}[M][@1ab][0].h264")),
    L("wansview", ONE, one("%Y%m%d/%H/alarm_%Y%m%d%H%M%S.mp4")),
    L("vstarcam", ("VSTB123456", "VSTB654321"), one("{cam}/%Y%m%d/%Y%m%d_%H%M%S_{n}.h264")),
    L("thingino", TWO, one("{cam}/%Y-%m-%d/%H-%M-%S.mp4")),
    L(
        "openipc",
        ONE,
        one("%Y/%m/%d/%H/%M.mp4"),
        whole_minutes=True,
    ),
    L("dafang", ONE, one("motion/stills/%d-%m-%Y_%H.%M.%S.jpg")),
    # --- professional brands ----------------------------------------------------------------
    L("axis ftp", TWO, one("{cam}/%Y-%m-%d/%Y-%m-%d_%H-%M-%S_{id}.jpg")),
    L("axis image", ONE, one("image%y-%m-%d_%H-%M-%S-12.jpg")),
    L(
        "axis sd",
        ONE,
        one("%Y%m%d/%H/%Y%m%d_%H%M%S_{hex}_ACCC8E012345/%Y%m%d_%H/%Y%m%d_%H%M%S_{hex}.mkv"),
    ),
    L("vivotek folders", TWO, one("{cam}/NCMF/%Y%m%d/%H/{cam}_%Y%m%d%H%M%S.mp4")),
    L("vivotek short", ONE, one("%Y%m%d/%H/medium_stream1_%Y%m%d_%H%M%S.3gp")),
    L("hanwha", ("CH01", "CH02"), one("Wisenet_{cam}_%Y%m%d%H%M%S.avi")),
    L("hanwha backup", ("01", "02"), one("%Y%m%d/{cam}/%Y%m%d%H%M%S_{cam}.avi")),
    L("uniview", ("D1", "D2"), one("{cam}_%Y%m%d%H%M%S_{endall}.mp4")),
    L("uniview snapshots", ("1", "2"), one("10.1.2.3_{cam}_%Y%m%d%H%M%S345_MOTION.jpg")),
    L("tiandy", ("CH01", "CH02"), one("{cam}_%Y_%m_%d_%H_%M_%S.mp4")),
    L("bosch", TWO, one("{cam}_%Y%m%dT%H%M%SZ.mp4"), zone="UTC"),
    L("mobotix", ONE, one("M%Y%m%d_%H%M%S.jpg")),
    L("panasonic", ONE, one("%Y%m%d/1M%H%M%S.mp4")),
    L("sony", ONE, one("SNC%y%m%d%H%M%S00.jpg")),
    L(
        "milestone",
        ("Gate Cam", "Yard Cam"),
        one("{cam}/%Y-%m-%d %H.%M.%S.mkv"),
    ),
    L("avigilon", ("Lobby", "Dock"), one("{cam}_%Y-%m-%d_%H_%M_%S_{n}.avi")),
    L("geovision", ("Cam01", "Cam02"), one("{cam}/%m%d/Event%Y%m%d%H%M%S001.avi")),
    L(
        "nuuo",
        ("C01", "C02"),
        one("%Y%m%d/{cam}/%H%M%S.avi"),
    ),
    # --- programs ---------------------------------------------------------------------------
    L("synology export", ("Gate", "Yard"), one("{cam}-%Y%m%d-%H%M%S.mp4")),
    L("synology archive", ("Gate", "Yard"), one("{cam}/%Y%m%d%p/{cam}-%Y%m%d-%H%M%S-{epoch}.mp4")),
    L(
        "qnap qvr",
        ("Gate", "Yard"),
        one("{cam}/rec/%Y%m%d/%Y%m%d_%H%M%S.avi"),
    ),
    L("blue iris", ("Gate", "Yard"), one("{cam}.%Y%m%d_%H%M%S.mp4")),
    L("blue iris numbers", ("Gate", "Yard"), one("New/{cam}.%Y%m%d_%H%M%S.{id}.3-1.mp4")),
    L("frigate recordings", TWO, one("recordings/%Y-%m-%d/%H/{cam}/%M.%S.mp4"), zone="UTC"),
    L("frigate clips", TWO, one("clips/{cam}-{epoch}.271-abc{n}.jpg")),
    L("frigate exports", TWO, one("exports/{cam}_%Y%m%d_%H%M%S-%Y%m%d_{end}_x{hex}.mp4")),
    L("shinobi", ("group/gate", "group/yard"), one("{cam}/%Y-%m-%dT%H-%M-%S.mp4")),
    L(
        "zoneminder",
        ("1", "2"),
        one("events/{cam}/%y/%m/%d/%H/%M/%S/capture.mp4"),
    ),
    L("ispy", TWO, one("video/{cam}/1_%Y-%m-%d_%H-%M-%S_345.mp4")),
    L("motion", ONE, one("{n}-%Y%m%d%H%M%S.mkv")),
    L("motion cameras", ("cam1", "cam2"), one("{cam}/0{n}-%Y%m%d%H%M%S-00.jpg")),
    L(
        "motioneye",
        ("Camera1", "Camera2"),
        several("{cam}/%Y-%m-%d/%H-%M-%S.mp4", "{cam}/%Y-%m-%d/%H-%M-%S.jpg"),
    ),
    L("kerberos", ONE, one("{epoch}_6-967003_gate_200-200-400-400_24_769.mp4")),
    L("mediamtx", TWO, one("{cam}/%Y-%m-%d_%H-%M-%S-123456.mp4")),
    L("moonfire export", ONE, one("export_%Y-%m-%dT%H:%M:%S+07:00.mp4")),
    L("go2rtc ffmpeg", ONE, one("out_%Y%m%dT%H%M%S.ts")),
    L("agent dvr", ("YKZQN", "FDXJU"), one("video/{cam}/3_%Y-%m-%d_%H-%M-%S_345.mp4")),
    L("scrypted", TWO, one("{cam}/%Y-%m-%d/{ms}.mp4")),
    L("viseron", TWO, one("recordings/%Y-%m-%d/{cam}/%H:%M:%S.mp4")),
    L("obs", ONE, one("%Y-%m-%d %H-%M-%S.mkv")),
    # --- dashcams ---------------------------------------------------------------------------
    L(
        "blackvue modes",
        ("F", "R"),
        lambda t, c, n: [f"BlackVue/Record/{t:%Y%m%d_%H%M%S}_{'NE'[n // 2 % 2]}{c}.mp4"],
    ),
    L("viofo", ("F", "R"), one("DCIM/Movie/%Y_%m%d_%H%M%S_00{n}{cam}.MP4")),
    L("70mai", ONE, one("Normal/NO%Y%m%d-%H%M%S-00000{n}F.MP4")),
    L(
        "70mai both",
        ("Front", "Back"),
        lambda t, c, n: [f"Normal/{c}/NO{t:%Y%m%d-%H%M%S}-0{n:05d}{c[0]}.MP4"],
    ),
    L(
        "tesla",
        ("front", "back", "left_repeater"),
        one("TeslaCam/SentryClips/%Y-%m-%d_%H-%M-%S-{cam}.mp4"),
    ),
    L("thinkware", ("F", "R"), one("cont_rec/REC_%Y_%m_%d_%H_%M_%S_{cam}.MP4")),
    L(
        "garmin",
        ONE,
        one("EVENT/%Y%m%d_%H%M%S_GRMN00{n}.MP4"),
    ),
    # --- languages and clocks ---------------------------------------------------------------
    L("vietnamese folders", ("Sân trước", "Sân sau"), one("{cam}/%Y-%m-%d/%H-%M-%S.mp4")),
    L("vietnamese words", ("Kênh 1", "Kênh 2"), one("{cam}/Năm %Y/Tháng %m/Ngày %d/%Hh%Mm%Ss.mp4")),
    L("vietnamese day first", ("Cổng", "Bếp"), one("{cam}_ngày %d-%m-%Y_%Hh%Mp%S.mp4")),
    L("vietnamese events", ("Cửa hàng",), one("{cam}/%d-%m-%Y/%H.%M.%S {vi}.mp4")),
    L("chinese marks", ("通道1", "通道2"), one("{cam}/%Y年%m月%d日%H时%M分%S秒.mp4")),
    L(
        "korean halves",
        ONE,
        lambda t, c, n: [f"{t:%Y-%m-%d} {'오전' if t.hour < 12 else '오후'} {t:%I.%M.%S}.mp4"],
    ),
    L("german day first", ("Haustür", "Garten"), one("{cam}_%d.%m.%Y_%H-%M-%S.mp4")),
    L("day first, no mark", ONE, one("%d%m%Y_%H%M%S.mp4")),
    L(
        "day first, day 12",
        TWO,
        one("{cam}/%d-%m-%Y/%H-%M-%S.mp4"),
        begin=at("2026-11-12T14:05:06"),
    ),
    L(
        "month first, day 12",
        TWO,
        one("{cam}/%m-%d-%Y/%H-%M-%S.mp4"),
        begin=at("2026-11-12T14:05:06"),
    ),
    L("month names", ("Front", "Back"), one("{cam} %b %d, %Y %H.%M.%S.mp4")),
    L("month names folders", TWO, one("{cam}/%Y/%b/%d/%H-%M-%S.mp4")),
    L("day, month name", TWO, one("{cam}_%d%b%Y_%H%M%S.avi")),
    L("weekdays", TWO, one("{cam}/%Y-%m-%d %a/%H%M%S.mp4")),
    L("twelve hours", TWO, one("{cam} %Y-%m-%d at %I.%M.%S %p.mp4")),
    L(
        "twelve hours, midnight",
        TWO,
        one("{cam}_%Y-%m-%d_%I-%M-%S_%p.mp4"),
        begin=at("2026-11-26T00:05:06"),
    ),
    L("utc mark", TWO, one("{cam}/%Y%m%dT%H%M%SZ.mp4"), zone="UTC"),
    L("utc word", ONE, one("%Y-%m-%d_%H-%M-%S_UTC.mp4"), zone="UTC"),
    L("offset", ONE, one("%Y-%m-%dT%H-%M-%S+0700.mp4")),
    L("years of two digits", TWO, one("{cam}_%y%m%d_%H%M%S.mp4")),
    L(
        "unpadded",
        TWO,
        one("{cam}/%Y-{mon}-{day}/%H-%M-%S.mp4"),
        begin=at("2026-09-08T14:05:06"),
    ),
    L("epoch ms", TWO, one("{cam}_{ms}.mp4")),
    L("epoch flat", ONE, one("{epoch}.mp4")),
    L("spaces and brackets", ("Gate (1)", "Gate (2)"), one("{cam}/[%Y-%m-%d] %H-%M-%S.mp4")),
    L("hour folders", TWO, one("%Y-%m-%d/%H/{cam}/%M-%S.mp4")),
    L("camera behind", TWO, one("%Y-%m-%d/%H-%M-%S_{cam}.mp4")),
    L("camera between", TWO, one("%Y%m%d_{cam}_%H%M%S.mp4")),
    L("cameras in turn", ("ch1", "ch2"), one("{cam}_%Y%m%d%H%M%S.mp4"), in_parallel=False),
    L("names in turn", TWO, one("{cam}_%Y%m%d%H%M%S.mp4"), in_parallel=False),
    L("main and sub", ONE, several("%Y%m%d/gate_main_%H%M%S.mp4", "%Y%m%d/gate_sub_%H%M%S.mp4")),
    L("hd and sd", TWO, several("{cam}/%Y%m%d_%H%M%S_HD.mp4", "{cam}/%Y%m%d_%H%M%S_SD.mp4")),
    # --- five zones; nights of a change, midnight, New Year ---------------------------------
    L(
        "berlin, summer time ends",
        TWO,
        one("{cam}/%Y%m%d/%H%M%S.mp4"),
        "Europe/Berlin",
        "Europe/Berlin",
        at("2026-10-25T02:30:05"),
    ),
    L(
        "berlin, summer time begins",
        TWO,
        one("{cam}_%Y-%m-%d_%H-%M-%S.mp4"),
        "Europe/Berlin",
        "Europe/Berlin",
        at("2026-03-29T01:58:00"),
    ),
    L(
        "new york, summer time ends",
        ONE,
        one("%Y%m%d_%H%M%S.mp4"),
        "America/New_York",
        "America/New_York",
        at("2026-11-01T01:30:05"),
    ),
    L(
        "lord howe",
        TWO,
        one("{cam}/%Y-%m-%d/%H.%M.%S.mp4"),
        "Australia/Lord_Howe",
        "Australia/Lord_Howe",
    ),
    L("kolkata", ONE, one("%Y-%m-%d/%H-%M-%S.mp4"), "Asia/Kolkata", "Asia/Kolkata"),
    L(
        "midnight",
        TWO,
        one("{cam}/%Y-%m-%d/%H.%M.%S-{end.}.mp4"),
        begin=at("2026-11-25T23:59:59"),
    ),
    L(
        "new year",
        TWO,
        one("{cam}/%Y%m%d/{cam}_%Y%m%d_%H%M%S.mp4"),
        begin=at("2025-12-31T23:58:40"),
    ),
    # --- more of what is seen, by their forms ---------------------------------------------
    L("form a1", ("Camera1", "Camera2"), one("{cam}_%Y%m%d_%H%M%S_%Y%m%d_{end}.mp4")),
    L("form a2", ("cam1", "cam2"), one("{cam}-%Y-%m-%d-%H-%M-%S.mp4")),
    L("form a3", ("cam1", "cam2"), one("%Y-%m-%d/{cam}/%H-%M-%S.mp4")),
    L("form a4", TWO, one("%Y%m%d-%Hh%Mm%Ss-{cam}.mp4")),
    L("form a5", TWO, one("{cam}/%Y/%m/%d/%H/%M/%S.mp4")),
    L("form a6", TWO, one("{cam}/%Y/%m/%d/%H-%M-%S-123.jpg")),
    L("form a7", ONE, one("P%y%m%d_%H%M%S_{end}.avi")),
    L("form a8", ONE, one("sd/record000/%Y%m%d/A%H%M%S_{end}.264")),
    L("form a9", ONE, one("%Y%m%d/%Hhour/E%y%m%d%H%M%S.mp4")),
    L(
        "form b1",
        ("G4 Doorbell", "G3 Flex"),
        one("{cam} %m-%d-%Y, %H.%M.%S GMT+7 - %m-%d-%Y, {end.} GMT+7.mp4"),
    ),
    L("form b2", ("Front Door", "Back"), one("{cam}-%Y-%m-%dT%H:%M:%S.123Z.mp4"), zone="UTC"),
    L("form b3", ONE, one("VID_%Y%m%d_%H%M%S.mp4")),
    L("form b4", ONE, one("WhatsApp Video %Y-%m-%d at %H.%M.%S.mp4")),
    L("form b5", ONE, one("PXL_%Y%m%d_%H%M%S123.mp4"), zone="UTC"),
    L("form b6", ("T8210A", "T8210B"), one("{cam}_%Y%m%d%H%M%S_snap.jpg")),
    L("form b7", ("front", "back"), one("blink_{cam}_%Y-%m-%dT%H-%M-%S.mp4"), zone="UTC"),
    L("form b8", ("Front Door", "Yard"), one("%Y-%m-%d/{cam}/%H-%M-%S ICT.mp4")),
    L(
        "form b9",
        ("Camera cổng trước", "Camera sân sau"),
        one("{cam}/Thứ năm %d-%m-%Y/%H giờ %M phút %S giây.mp4"),
    ),
    L("form c1", ("Nhà xe", "Nhà bếp"), one("{cam}_%d%m%Y_%H%M%S.mp4")),
    L("form c2", ("CAM 1", "CAM 2"), one("{cam} - %d.%m.%y %Hh%M.mp4"), whole_minutes=True),
    L("form c3", ("Kenh01", "Kenh02"), one("{cam}_%Y%m%d%H%M%S.mp4")),
    L("form c4", ONE, one("%Y.%m.%d/%H.%M.%S-{end.}[R].h264")),
    L("form c5", ("1", "2"), one("rec/%Y%m%d/%H%M%S_R_{cam}.avi")),
    L("form c6", ("ch1", "ch2"), one("%Y_%m_%d/%H_%M_%S_{cam}.avi")),
    L("form c7", ("Cam A", "Cam B"), one("{cam} %Y-%m-%d %H.%M.%S.mkv")),
    L("form c8", ONE, one("Event%Y%m%d%H%M%S001.avi")),
    L("form c9", ("ch1", "ch2"), one("{cam}_%Y-%m-%d_%H.%M.%S_%Y-%m-%d_{end.}.mp4")),
    L("form d1", ("ch1", "ch2"), one("AMC_%Y-%m-%d_%H-%M-%S_{cam}.mp4")),
    L("form d2", ONE, one("%Y%m%d%H%M%S_tp0000{n}.mp4")),
    L("form d3", ("01", "02"), one("DVR1/{cam}-%Y%m%d-%H%M%S-{end}.avi")),
    L("form d4", ("CH01", "CH02"), one("{cam}_%Y%m%d_%H%M%S_C1.avi")),
    L("form d5", ("ch01", "ch02"), one("{cam}-%Y%m%d-%H%M%S-{end}-001000.mp4")),
    L("form d6", ("01", "02"), one("Gate_{cam}_%Y%m%d%H%M%S.mp4")),
    L("form d7", ONE, one("%Y-%m-%d %H_%M_%S.mp4")),
    L("form d8", ("Porch", "Hall"), one("Nest-{cam}-%Y%m%dT%H%M%SZ.mp4"), zone="UTC"),
    L("form d9", ONE, one("event_{ms}.mp4")),
    L("form e1", TWO, one("clips/{cam}-{epoch}.123456-{hex}.jpg")),
    L("form e2", ("Front Door", "Yard"), one("{cam}/%Y-%m-%d/%Y-%m-%dT%H-%M-%S_motion.mp4")),
    L("form e3", ("F", "R"), one("%y%m%d_%H%M%S_00{n}_{cam}H.MP4")),
    L("form e4", ("A", "B"), one("%Y%m%d_%H%M%S_000{n}_N_{cam}.MP4")),
    L("form e5", ONE, one("%Y%m%d%H%M%S_0060.mp4")),
    L("form e6", ("001", "002"), one("{cam}_%Y%m%d%H%M%S_[M][0@0][0].jpg")),
    L(
        "form e7",
        ("192.168.1.108", "192.168.1.109"),
        one("{cam}/%Y-%m-%d/001/jpg/%H.%M.%S[M][0@0][0].jpg"),
    ),
    L("form e8", ("gate-1", "gate-2"), one("{cam}_%Y%m%d%H%M%S.mp4")),
    L("form e9", ("AA_BB_01", "AA_BB_02"), one("{cam}/%Y%m%d%H%M%S.jpg")),
    L(
        "form f1",
        ("ipcam-0", "ipcam-1"),
        several("{cam}/video/%Y-%m-%d/%H-%M-%S.mp4", "{cam}/photo/%Y-%m-%d/%H-%M-%S.jpg"),
    ),
    L("form f2", ONE, one("alarm/%Y%m%d/images/A%y%m%d%H%M%S1{n}.jpg")),
    L("form f3", TWO, one("{cam}/Alarm_%Y-%m-%d_%H-%M-%S_{event}.jpg")),
    L("form f4", ("Sân trước", "Cổng sau"), one("{cam}/Tháng %m-%Y/Ngày %d/%H-%M-%S.mp4")),
    L("form f5", TWO, one("{cam}/%d.%m.%Y/%Hh%M-%S.mp4")),
    L("form f6", TWO, one("%Y/%m/%d/%H/{cam}-%Y%m%d%H%M%S-{hex}.mp4")),
    L("form f7", ("Office", "Lab"), one("{cam}/%b-%d-%Y/%I-%M-%S-%p.mp4")),
    L("form f8", TWO, one("{cam}/%A %d %B %Y/%H.%M.%S.mp4")),
    L("form f9", ("cam01", "cam02"), one("%Y%m%d/%H/{cam}_%M_%S.mp4")),
    L("form g1", ("1", "2"), one("cam{cam}%Y%m%d%H%M%S.mp4")),
    L("form g2", ("01", "02"), one("Camera{cam}-%y%m%d-%H%M%S.avi")),
    L("form g3", ("3EE", "4FF"), one("{cam}_ch1_sub_%Y%m%d%H%M%S_{endall}.dav")),
    L(
        "form g4",
        ONE,
        several(
            "NVR_ch1_main_%Y%m%d%H%M%S_{endall}.dav", "NVR_ch1_extra1_%Y%m%d%H%M%S_{endall}.dav"
        ),
    ),
    L("form g5", TWO, one("{cam}@%Y-%m-%d@%H-%M-%S.mp4")),
    L("form g6", TWO, one("{cam}/%Y-W48/%Y-%m-%d/%H%M.mp4"), whole_minutes=True),
    L("form g7", TWO, one("{cam}/%Y%m%dT%H%M%S+0700.mp4")),
    L("form g8", TWO, one("{epoch}_{cam}.mp4")),
    L("form g9", TWO, one("{cam}/{epoch}.mp4")),
    L("form h1", ("Gate", "Yard"), one("{cam}/%Y/%j/%Y%m%d%H%M%S.mp4")),
    L("form h2", ("Gate", "Yard"), one("{cam}_S%Y%m%d%H%M%S_E{endall}.mp4")),
    L("form h3", ("Gate", "Yard"), one("{cam}_%Y-%m-%d_%H%M%S_to_{end}.mp4")),
    L("form h4", ("Gate", "Yard"), one("{cam}/[%H-%M-%S] %d.%m.%Y.mp4")),
    L("form h5", ("1", "2"), one("Kênh {cam}/%Y-%m-%d_%H-%M-%S.mp4")),
    L("form h6", ("Cửa", "Bếp"), one("%d tháng %m năm %Y/{cam}/%Hh%Mm%Ss.mp4")),
    L("form h7", ONE, one("%Y%m%d%H/%M%S.mp4")),
    L("form h8", ONE, one("%Y-%m-%d/%H/%M/%S.jpg")),
    L("form i1", ("C1", "C2"), one("{cam}_%H%M%S_%d%m%Y.mp4")),
    L(
        "form i3",
        ("Camera_01", "Camera_02"),
        several("{cam}/%Y%m%d/%H%M%S.jpg", "{cam}/%Y%m%d/%H%M%S.mp4", "{cam}/%Y%m%d/%H%M%S.h264"),
    ),
    L("form i4", TWO, one("{cam}/%Y-%m-%d/%p/%I-%M-%S.mp4")),
    L("form i5", TWO, one("{cam}/%Y-%m-%d/%I.%M.%S%p.mp4")),
    L("form i6", TWO, one("{cam} %Y年%m月%d日 %H时%M分%S秒.mp4")),
    L("form j1", ("Cổng", "Sân"), one("{cam} %Y-%m-%d %I.%M.%S.123 %p.mp4")),
    L("form j2", TWO, one("{cam}_%Y-%m-%d_%I-%M-%S_123_%p.mp4")),
    L("form j3", ("F", "R"), one("DCIM/{cam}_%Y%m%d%H%M%S_0060.mp4")),
    L("form j4", ("1", "2", "3", "4"), one("{cam}_%Y%m%d%H%M%S.mp4")),
    L(
        "form j5",
        TWO,
        one("{cam}_%d%m%y%H%M%S.mp4"),
        begin=at("2026-11-28T14:05:06"),
    ),
    L("form j6", TWO, one("{cam}_%H%M%S%d%m%Y.mp4")),
    L(
        "form j7",
        ONE,
        several("Luồng chính/%Y%m%d_%H%M%S.mp4", "Luồng phụ/%Y%m%d_%H%M%S.mp4"),
    ),
    L("form j8", ("Cong chinh", "Cong phu"), one("{cam}_%Y%m%d_%H%M%S.mp4")),
    L("form i7", ("Kamera 1", "Kamera 2"), one("{cam}_%d-%b-%Y_%H-%M-%S.mp4")),
)
