"""More ways of naming, each the example of a kind that was once read wrongly."""

from __future__ import annotations

import datetime as dt
import unicodedata

from recorder_names import ONE, TWO, NameLayout, at, one, several

L = NameLayout


def _decomposed(*names: str) -> tuple[str, ...]:
    return tuple(unicodedata.normalize("NFD", name) for name in names)


def _spoken(t: dt.datetime) -> str:
    """As people say the hour: `2 giờ 05 phút chiều`."""
    begins = ((22, "đêm"), (18, "tối"), (13, "chiều"), (11, "trưa"), (4, "sáng"), (0, "đêm"))
    part = next(word for hour, word in begins if t.hour >= hour)
    return f"{t.hour % 12 or 12} giờ {t:%M} phút {part}"


KINDS: tuple[NameLayout, ...] = (
    # --- what splits stills from videos is no camera ----------------------------------------
    L(
        "small pictures have a mark before the name",
        TWO,
        several("{cam}_%Y%m%d_%H%M%S.mp4", "snap_{cam}_%Y%m%d_%H%M%S.jpg"),
    ),
    L(
        "small pictures have a folder behind the camera's",
        TWO,
        several(
            "v/{cam}/%Y-%m-%dT%H-%M-%S.mp4",
            "v/{cam}_timelapse/%Y-%m-%d/%Y-%m-%dT%H-%M-%S.jpg",
        ),
    ),
    L(
        "small pictures have both suffixes",
        TWO,
        several("{cam}/%Y%m%d_%H%M%S.mp4", "{cam}/%Y%m%d_%H%M%S.mp4.jpg"),
    ),
    L(
        "numbered pictures of one event, and its video",
        ONE,
        several("{n}-%Y%m%d%H%M%S.mp4", "{n}-%Y%m%d%H%M%S-00.jpg", "{n}-%Y%m%d%H%M%S-01.jpg"),
        unsure=True,
    ),
    L(
        "numbered pictures of one moment",
        ONE,
        several(*(f"%Y%m%d_%H%M%S_{number:02}.jpg" for number in range(5))),
        unsure=True,
    ),
    L(
        "three kinds of one moment",
        ONE,
        several(
            "Mp4Record/%Y-%m-%d/RecM04_%Y%m%d_%H%M%S_{end}_0_7A1A28_{hex}.mp4",
            "Mp4Record/%Y-%m-%d/RecS04_%Y%m%d_%H%M%S_{end}_0_3D1A28_{hex}.mp4",
            "JpgRecord/%Y-%m-%d/RecS04_%Y%m%d_%H%M%S_{end}_0_{hex}.jpg",
        ),
    ),
    # --- what reads as time and is none -----------------------------------------------------
    L("cameras called as dates", ("20180101", "20180102"), one("{cam}/%Y%m%d/%H%M%S.mp4")),
    L("cameras called as hours", ("14", "15"), one("{cam}/%Y-%m-%d/%H-%M-%S.mp4")),
    L("cameras called as hours, below", ("14", "15"), one("%Y-%m-%d/{cam}/%H-%M-%S.mp4")),
    L("cameras called as epochs", ("1600000001", "1600000002"), one("{cam}/%Y%m%d%H%M%S.mp4")),
    L(
        "start and end with different marks",
        ("Camera 1", "Camera 2"),
        one("{cam}_%Y-%m-%d %H-%M-%S_%Y-%m-%d_{end}.mp4"),
    ),
    L(
        "hours as folders above epochs",
        TWO,
        one("hi_quality/{cam}/%Y/%m/%d/%H/{ms}_2000.mkv"),
    ),
    L("dates and hours above epochs", TWO, one("{cam}/%Y-%m-%d/%H/{ms}.mp4")),
    L("channels that read as streams", ("101", "102"), one("{cam}/%Y%m%d/%H%M%S.mp4"), unsure=True),
    # --- what stands behind the time --------------------------------------------------------
    L(
        "camera and event behind the time",
        ("front", "front_door"),
        one("%Y%m%d_%H%M%S_{cam}_{event}.mp4"),
    ),
    L(
        "event and camera behind the time",
        ("Front Yard", "Gate"),
        one("{cam}/%Y-%m-%d/%Y-%m-%d %H-%M-%S {x} {cam}.m4v"),
    ),
    L(
        "one event's letter and the camera behind the time",
        ("Front Yard", "Gate"),
        one("%y-%m-%d %H-%M-%S M {cam}.m4v"),
    ),
    L(
        "an address behind the time",
        ("192.168.1.64", "192.168.1.65"),
        one("vlc-record-%Y-%m-%d-%Hh%Mm%Ss-rtsp___{cam}_554_Streaming-.mp4"),
        in_parallel=False,
    ),
    L(
        "number plates that come again",
        TWO,
        lambda t, c, n: [
            f"{c}/{t:%Y%m%d%H%M%S}_{('51F12345', '30A99999', '29B24680', '43C11111')[n % 4]}.jpg"
        ],
    ),
    L(
        "lengths behind the time",
        TWO,
        lambda t, c, n: [f"{c}_{t:%Y%m%d_%H%M%S}_{(60, 45, 30, 59)[n % 4]}s.mp4"],
    ),
    # --- streams ----------------------------------------------------------------------------
    L(
        "streams by their size",
        TWO,
        several("{cam}_1920x1080_%Y%m%d%H%M%S.mp4", "{cam}_640x360_%Y%m%d%H%M%S.mp4"),
    ),
    L("streams by their codec", ONE, several("h264/%Y%m%d/%H%M%S.mp4", "h265/%Y%m%d/%H%M%S.mp4")),
    L(
        "number in the camera's name, twice",
        ("gate_0", "gate_1", "yard_0", "yard_1"),
        one("{cam}_%Y%m%d%H%M%S.mp4"),
    ),
    # --- hours, halves, orders --------------------------------------------------------------
    L(
        "part of the day in words",
        ("Cổng", "Sân"),
        lambda t, c, n: [f"{c}/{t:%d-%m-%Y}/{_spoken(t)}.mp4"],
        whole_minutes=True,
    ),
    L(
        "half of the day behind a second's mark",
        TWO,
        one("{cam}_{day}_%b_%Y_{h12}h%Mm%Ss%p_5m1s.mkv"),
    ),
    L("numbers without zeros", TWO, one("{cam}/{mon}-{day}-%Y {h12}-%M-%S %p.mkv")),
    L(
        "folder from hour to hour",
        TWO,
        lambda t, c, n: [f"{c}/{t:%Y-%m-%d/%H}-{(t.hour + 1) % 24:02}/{t:%M-%S}.mp4"],
    ),
    L(
        "folder from hour to hour, written out",
        TWO,
        lambda t, c, n: [f"{c}/{t:%Y-%m-%d/%H}_00_00-{(t.hour + 1) % 24:02}_00_00/{t:%H%M%S}.mp4"],
    ),
    L(
        "folder from hour to hour, spelt",
        TWO,
        lambda t, c, n: [f"{c}/{t:%Y-%m-%d/%H}h-{(t.hour + 1) % 24:02}h/{t:%Hh%Mm%Ss}.mp4"],
    ),
    L("time between day and year", TWO, one("{cam}/%a %b %d %H-%M-%S %Y.mp4")),
    L("year, day, month", TWO, one("{cam}/%Y-%d-%m/%H-%M-%S.mp4")),
    L(
        "year left out",
        TWO,
        one("{cam}_%m%d_%H%M%S.mp4"),
        begin=at("2026-11-26T14:41:07"),
        unsure=True,
    ),
    L(
        "year left out, day's folder",
        ("Cổng", "Sân"),
        one("{cam}/Ngày %d-%m/%H-%M-%S.mp4"),
        unsure=True,
    ),
    L("days of the month in a ring", TWO, one("{cam}/%d/%H-%M-%S.mp4"), unsure=True),
    # --- decomposed letters -----------------------------------------------------------------
    L("decomposed names", _decomposed("Cổng trước", "Sân sau"), one("{cam}_01_%Y%m%d%H%M%S.mp4")),
    L(
        "decomposed words",
        _decomposed("Cổng", "Bếp"),
        one(_decomposed("{cam}/Năm %Y/Tháng %m/Ngày %d/%H giờ %M phút %S giây.mp4")[0]),
    ),
)
