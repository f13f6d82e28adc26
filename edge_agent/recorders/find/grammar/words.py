"""Words that stand in recorders' names and are no camera's name."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: What made the recording: alarms, detections, the mode of a dashcam.
EVENTS = _words(
    """
    motion md mdalarm hmdalarm pir alarm alert event evt trigger trg pre post vmd detection
    detect person people human pedestrian face vehicle car truck bike animal pet dog cat package
    parcel line crossing linedetection field intrusion fielddetection region entrance exiting
    regionentrance tripwire tamper shelter scene change sound audio voice cry smoke fire plate
    anpr lpr smart smd ivs normal parking park emergency emer emr urgent lock locked ro manual
    man timer time schedule sched continuous cont regular reg record rec recording clip clips
    video vid snapshot snap still image img photo picture pic capture cap thumb thumbnail alrm
    io input no pa ev sos gsensor start end stop begin timing chuyendong nguoi xe baodong sukien
    phathien chuyen dong chuyển động người phát hiện báo r m n e i f p a t s visitor
    doorbell ding ring press call vehicledetection motiondetection persondetection
    """
)

#: Which of two streams of one camera.
STREAMS = _words(
    """
    main sub extra1 extra2 extra3 sub1 sub2 main1 stream0 stream3 ext1
    mainstream substream stream1 stream2 hd sd high low hq lq hi lo ext extra
    main_stream sub_stream hauptstrom master slave 720p 1080p 480p 360p 4k 2k uhd fhd
    vga d1 cif h264 h265 hevc mjpeg
    """
)
_STREAM_PHRASES = frozenset(
    ("luồng chính", "luồng phụ", "luong chinh", "luong phu", "main stream", "sub stream")
)
#: Behind a camera's name: its small picture.
_SECOND = re.compile(r"[ ._-]*(?:sub|low|ext|extra|lq|sd|lores|substream)\Z|(?<=[0-9])s\Z")
_FIRST = re.compile(r"[ ._-]*(?:main|high|hq|hd|hires|mainstream|m)\Z")
#: Alone, they may as well be the main and the side gate.
_SIDE = {"phụ": "chính", "phu": "chinh"}
_SIZE = re.compile(r"[0-9]{3,4}[x×][0-9]{3,4}\Z")

#: Small pictures of what other files show: behind or before a camera's name.
SMALL = _words(
    "thumb thumbs thumbnail thumbnails preview previews snap snaps snapshot snapshots timelapse"
    " jpg jpgs jpeg still stills image images img pic pics cover poster"
)

#: Before a number that is a camera's.
CAMERA_MARKS = _words(
    """
    ch cam camera channel chan chn c kenh canal kanal dev device ipc ipcam cctv nvr dvr id no cl
    camara kamera telecamera mat cong d 通道 摄像头 채널
    """
)

#: Folders that every installation has.
PLACES = _words(
    """
    record records recording recordings recorded rec video videos dav jpg jpeg mp4 avi mkv snap
    snaps snapshot snapshots image images picture pictures pic pics photo photos mp4record
    jpgrecord
    normal event events alarm alarms export exports motion motioneye ftp upload uploads media
    dcim data sd mnt sdcard card clips clip files file storage backup live public home user
    archive archives hls nvr dvr camera cameras cam cams cctv surveillance security var lib tmp
    root www share samba smb usb usb1 disk hdd volume1 mijia_record_video mijia
    xiaomi_camera_videos front_end movie playback download downloads stream streams thumbnails
    new output out parking emergency continuous timelapse daily history incoming inbox web site
    xiaomi protect frigate shinobi zoneminder blueiris synology jpgs stills vid
    """
)

_WEEKDAYS = _words(
    """
    mon tue wed thu fri sat sun monday tuesday wednesday thursday friday saturday sunday mo di
    mi do fr sa so montag dienstag mittwoch donnerstag freitag samstag sonntag lundi mardi
    mercredi jeudi vendredi samedi dimanche lunes martes miercoles jueves viernes sabado domingo
    """
)
_WEEKDAYS_VI = _words("thứ hai ba tư năm sáu bảy chủ nhật thu tu nam sau bay chu nhat")
_TIME_WORDS = _words(
    "hour hours day month year week gio giờ ngay ngày thang tháng nam năm stunde tag"
)
_HALVES = frozenset(("am", "pm", "sang", "chieu", "toi", "dem"))

#: A date among other characters.
_DATE = re.compile(
    r"(?<![0-9])20[0-9]{2}(?P<gap>[-_. ]?)(?:0[1-9]|1[0-2])(?P=gap)(?:0[1-9]|[12][0-9]|3[01])"
    r"|(?<![0-9])(?:0[1-9]|[12][0-9]|3[01])(?P<gap2>[-_. ])(?:0[1-9]|1[0-2])(?P=gap2)20[0-9]{2}"
    r"|(?<![0-9])20[0-9]{2}[Yy年][0-9]{1,2}[Mm月]"
)


def bears_date(text: str) -> bool:
    return _DATE.search(text) is not None


def is_weekday_or_half(text: str) -> bool:
    return text.casefold() in _WEEKDAYS | _WEEKDAYS_VI | _HALVES


def is_time_word(text: str) -> bool:
    return is_weekday_or_half(text) or text.casefold() in _TIME_WORDS


def is_event(text: str) -> bool:
    """One word or several, as `MOTION_DETECTION`; digits and marks do not count."""
    words = re.findall(r"[^\W\d_]+", text.casefold())
    if not words or not all(word in EVENTS for word in words):
        return False
    alone = len(words) == 1 and text.isascii() and not re.search(r"[0-9]", text)
    return any(len(word) > 1 for word in words) or alone


def is_stream(text: str) -> bool:
    plain = text.casefold()
    return plain in STREAMS or plain in _STREAM_PHRASES or _SIZE.match(plain) is not None


def main_and_second(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """`gate` and `gate_sub`, `gate_high` and `gate_low`: by their names one camera's streams.
    `Cổng chính` and `Cổng phụ` are two gates."""
    by_stem: dict[str, set[str]] = defaultdict(set)
    for name in names:
        plain = name.casefold()
        for stem in {plain, _FIRST.sub("", plain)} - {""}:
            by_stem[stem].add(name)
    for second in sorted({name for found in by_stem.values() for name in found}):
        plain = second.casefold()
        stem = _SECOND.sub("", plain)
        mains = by_stem.get(stem if stem != plain else _SIDE.get(plain, ""), set())
        yield from ((main, second) for main in sorted(mains))


def is_small(text: str) -> bool:
    return text.casefold() in SMALL


def is_place(text: str) -> bool:
    """A folder that says nothing of the camera."""
    plain = text.casefold().strip("@#_- ")
    return plain in PLACES or is_event(plain) or not plain
