"""Checks that compare several keys, by table, and those of the whole configuration."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from edge_agent.config.camera import (
    CameraConfig,
    IgnoreZoneConfig,
    PersonConfig,
    PrivacyMaskConfig,
    Schedule,
    ZoneConfig,
)
from edge_agent.config.folder import FolderSource
from edge_agent.config.schema import BoxConfig, MqttConfig, TlsConfig
from edge_agent.config.secrets import CREDENTIAL_PREFIX
from edge_agent.config.sources import FileSource, RtspSource, UsbSource
from edge_agent.config.storage import ClipConfig, SnapshotConfig
from edge_agent.config.time_zones import BadZone, zone_called
from edge_agent.config.validate import Checks, ConfigFinding
from edge_agent.config.words import number, scrubbed, shown
from edge_agent.geometry import Polygon

_CREDENTIAL_NAME = re.compile(r"[A-Za-z0-9_.-]{1,255}")
#: A polygon smaller than this share of the frame is a line: 1 px wide and 1 px high in 1000x1000.
_LEAST_AREA_FRAC = 1e-6
_RAW_PIXEL_FORMATS = frozenset({"yuyv422", "uyvy422", "nv12", "yuv420p", "rgb24", "bgr24", "gray"})


def _time_zone(key: str, name: str) -> Iterator[ConfigFinding]:
    try:
        zone_called(name)
    except BadZone as error:
        yield ConfigFinding(key, scrubbed(str(error)), error.fix)


def _box(box: BoxConfig) -> Iterator[ConfigFinding]:
    yield from _time_zone("timezone", box.timezone)
    if not Path(box.state_dir).is_absolute():
        yield ConfigFinding("state_dir", f"is {shown(box.state_dir)}", "use an absolute path")


def _secret_file(key: str, reference: str | None) -> Iterator[ConfigFinding]:
    """Never shows the value: somebody may have written the secret itself there."""
    if reference is None:
        return
    if reference.startswith(CREDENTIAL_PREFIX):
        if not _CREDENTIAL_NAME.fullmatch(reference.removeprefix(CREDENTIAL_PREFIX)):
            yield ConfigFinding(
                key, "has no proper name after credential:", "use letters and digits"
            )
    elif not Path(reference).is_absolute():
        fix = "name a file by its absolute path, or credential:NAME; not the secret itself"
        yield ConfigFinding(key, "is no absolute path", fix)


def _tls(tls: TlsConfig) -> Iterator[ConfigFinding]:
    for key, path in (("ca_file", tls.ca_file), ("cert_file", tls.cert_file)):
        if path is not None and not Path(path).is_absolute():
            yield ConfigFinding(key, f"is {shown(path)}", "use an absolute path")
    yield from _secret_file("key_file", tls.key_file)
    if tls.cert_file and not tls.key_file:
        yield ConfigFinding("key_file", "is missing beside cert_file", "name the certificate's key")
    if tls.key_file and not tls.cert_file:
        yield ConfigFinding("cert_file", "is missing beside key_file", "name the key's certificate")


def _mqtt(mqtt: MqttConfig) -> Iterator[ConfigFinding]:
    found = f"is {shown(mqtt.host)}"
    if "://" in mqtt.host:
        yield ConfigFinding("host", found, "write only the name, without mqtt:// or mqtts://")
    elif re.search(r":\d+$", mqtt.host) and mqtt.host.count(":") == 1:
        yield ConfigFinding("host", found, "write only the name; the port has its own key")
    elif not mqtt.host or re.search(r"[\s/@?#]", mqtt.host):
        yield ConfigFinding("host", found, "write the broker's name or address, and nothing else")
    yield from _secret_file("password_file", mqtt.password_file)
    if mqtt.password_file and not mqtt.username:
        yield ConfigFinding("username", "is missing beside password_file", "add the login name")
    if mqtt.allow_insecure and mqtt.tls != TlsConfig():
        fix = "remove allow_insecure, or the tls keys"
        yield ConfigFinding(
            "allow_insecure", "is true although tls is set up", fix, is_warning=True
        )


def _upload(kept: SnapshotConfig | ClipConfig, kind: str) -> Iterator[ConfigFinding]:
    if kept.allow_upload and not kept.enabled:
        fix = "set enabled = true, or remove allow_upload"
        yield ConfigFinding("allow_upload", f"is true but no {kind} are kept", fix, is_warning=True)


def _person(person: PersonConfig) -> Iterator[ConfigFinding]:
    candidate, confirm = person.candidate_threshold, person.confirm_threshold
    if candidate != "auto" and confirm != "auto" and confirm < candidate:
        yield ConfigFinding(
            "confirm_threshold",
            f"is {number(confirm)}, below candidate_threshold {number(candidate)}",
            "a person is confirmed by candidates: raise it, or lower candidate_threshold",
            tells_nobody=True,
        )
    if person.min_height_frac >= person.max_height_frac:
        found = f"is {number(person.min_height_frac)}, not below max_height_frac "
        found += number(person.max_height_frac)
        fix = "nobody would be reported: lower it"
        yield ConfigFinding("min_height_frac", found, fix, tells_nobody=True)


def _schedule(schedule: Schedule) -> Iterator[ConfigFinding]:
    if schedule.start == schedule.end:
        fix = 'use "00:00" and "24:00" for the whole day'
        yield ConfigFinding("end", f"is {shown(schedule.end)}, the same as start", fix)


def _area(zone: ZoneConfig | IgnoreZoneConfig | PrivacyMaskConfig) -> Iterator[ConfigFinding]:
    if _crosses_itself(zone.polygon):
        fix = "list the corners in order around the area"
        yield ConfigFinding("polygon", "has edges that cross each other", fix)
    elif Polygon.of(zone.polygon).area_frac < _LEAST_AREA_FRAC:
        yield ConfigFinding("polygon", "encloses no area", "the corners must not lie on one line")


def _crosses_itself(points: Sequence[tuple[float, float]]) -> bool:
    edges = list(zip(points, [*points[1:], points[0]], strict=True))
    return any(
        _cross(first, second)
        for index, first in enumerate(edges)
        for second in edges[index + 2 :]
        if not (index == 0 and second is edges[-1])
    )


#: Shorter ones would fit another camera, too; longer ones nobody prints on a label.
_IDENTITY = re.compile(r"[\w.:/+ -]{4,128}")


def _cross(
    first: tuple[tuple[float, float], tuple[float, float]],
    second: tuple[tuple[float, float], tuple[float, float]],
) -> bool:
    """Whether two edges cross properly, not merely touch."""

    def side(edge: tuple[tuple[float, float], ...], point: tuple[float, float]) -> float:
        (ax, ay), (bx, by) = edge
        return (bx - ax) * (point[1] - ay) - (by - ay) * (point[0] - ax)

    return (
        side(first, second[0]) * side(first, second[1]) < 0
        and side(second, first[0]) * side(second, first[1]) < 0
    )


def _rtsp(source: RtspSource) -> Iterator[ConfigFinding]:
    yield from _rtsp_url("url", source.url)
    if source.main_url is not None:
        yield from _rtsp_url("main_url", source.main_url)
        if source.main_url == source.url:
            fix = "name the substream in url, or remove main_url"
            yield ConfigFinding("main_url", "is the same as url", fix)
        elif _host(source.main_url) != _host(source.url):
            # The login goes to both: a slip must not send it to a stranger.
            fix = "name the main stream of the camera that url names"
            yield ConfigFinding("main_url", "is on another host than url", fix)
    yield from _secret_file("password_file", source.password_file)
    if source.password_file and not source.username:
        yield ConfigFinding("username", "is missing beside password_file", "add the camera's user")
    yield from _rtsp_login(source)


def _rtsp_login(source: RtspSource) -> Iterator[ConfigFinding]:
    """What protects the password on its way."""
    secure = source.url.lower().startswith("rtsps:")
    if source.allow_basic and not secure:
        found = "lets the password go in clear over the household's network"
        yield ConfigFinding(
            "allow_basic", found, "set the camera's RTSP login to digest", is_warning=True
        )
    if source.identity is not None and not _IDENTITY.fullmatch(source.identity):
        found = f"is {shown(source.identity)}: no serial number and no hardware address"
        yield ConfigFinding("identity", found, "copy it from `edge-agent camera discover`")
    if source.identity is not None and source.allow_basic and not secure:
        found = "would let the password go in clear to whatever claims to be this camera"
        yield ConfigFinding("identity", found, "remove it, or allow_basic")
    if source.allow_insecure and secure:
        found = "accepts any certificate, also that of somebody in between"
        yield ConfigFinding(
            "allow_insecure", found, "name the camera's own as ca_file", is_warning=True
        )
    for key, wanted in (("ca_file", source.ca_file), ("allow_insecure", source.allow_insecure)):
        if wanted and not secure:
            yield ConfigFinding(key, "says nothing without rtsps://", "remove it, or use rtsps://")


def _rtsp_url(key: str, url: str) -> Iterator[ConfigFinding]:
    if "@" in url:
        # Also refuses an @ in the path, which would have to be written %40 anyway: a password
        # may hold / and ?, so that nobody can tell where it ends.
        yield ConfigFinding(
            key,
            f"is {shown(url)}, with a user or password inside",
            "take them out: set username, put the password into a file of mode 0600 and name it "
            "in password_file",
        )
        return
    try:
        parts = urlsplit(url)
        scheme, host, _port = parts.scheme, parts.hostname, parts.port
    except ValueError:
        yield ConfigFinding(key, f"is {shown(url)}", "use rtsp://host[:port]/path")
        return
    if scheme not in {"rtsp", "rtsps"} or not host or re.search(r"\s", url):
        yield ConfigFinding(key, f"is {shown(url)}", "use rtsp://host[:port]/path")
    elif scrubbed(url) != url:
        fix = "if the camera knows digest login, use username and password_file instead"
        yield ConfigFinding(key, "holds a password= parameter", fix, is_warning=True)


def _host(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _usb(source: UsbSource) -> Iterator[ConfigFinding]:
    if not source.device.startswith("/dev/"):
        fix = "use /dev/v4l/by-id/..., see: ls /dev/v4l/by-id"
        yield ConfigFinding("device", f"is {shown(source.device)}", fix)
    elif re.match(r"^/dev/video\d+$", source.device):
        fix = "it may change at each boot; use /dev/v4l/by-id/..."
        yield ConfigFinding("device", f"is {shown(source.device)}", fix, is_warning=True)


def _file(source: FileSource) -> Iterator[ConfigFinding]:
    if not source.path:
        yield ConfigFinding("path", "is empty", "name a recording")


def _folder(source: FolderSource) -> Iterator[ConfigFinding]:
    if not source.path:
        yield ConfigFinding("path", "is empty", "name the folder that the recorder uploads into")
    if re.match(r"^(\\\\|//[^/]|(?i:smb|cifs|nfs|ftp|ftps|sftp|http|https)://)", source.path):
        fix = "mount that share on this box, and name the folder where it is mounted"
        yield ConfigFinding("path", f"is {shown(source.path)}, an address on the network", fix)
    elif re.match(r"^[A-Za-z]:[\\/]", source.path):
        fix = "name the folder as this box sees it, as /srv/clips"
        yield ConfigFinding("path", f"is {shown(source.path)}, a path of Windows", fix)
    if not source.template:
        yield ConfigFinding("template", "is empty", "see what fits: edge-agent probe FOLDER")
    elif "%" in source.template and "{" not in source.template:
        fix = (
            f"put the time into braces, as {_braced(source.template)}; or: edge-agent probe FOLDER"
        )
        yield ConfigFinding("template", f"is {shown(source.template)}, without braces", fix)
    if source.time_zone is not None:
        yield from _time_zone("time_zone", source.time_zone)


def _braced(template: str) -> str:
    """`%Y-%m-%d/%H-%M-%S.mp4` -> `"{start:%Y-%m-%d/%H-%M-%S}.mp4"`."""
    codes = re.compile(r"%[A-Za-z](?:.*%[A-Za-z])?")
    return shown(codes.sub(lambda match: f"{{start:{match[0]}}}", template, count=1))


def folders_shared(cameras: Sequence[CameraConfig]) -> Iterator[tuple[int, ConfigFinding]]:
    """(index of the camera, what is wrong) of cameras whose clips lie in the same folder."""
    first: dict[str, int] = {}
    channels: dict[tuple[str, str], str] = {}
    for index, camera in enumerate(cameras):
        source = camera.source
        if not isinstance(source, FolderSource) or not camera.enabled:
            continue
        before = cameras[first.setdefault(source.path, index)]
        for key in ("template", "time_zone", "watch", "max_age_days"):
            own, other = getattr(source, key), getattr(before.source, key)
            if own != other:
                found = f"is {shown(own)}, but {shown(other)} for {before.id} of the same folder"
                yield index, ConfigFinding(f"source.{key}", found, "use the same for one folder")
        channel = source.channel or camera.id
        owner = channels.setdefault((source.path, channel), camera.id)
        if owner != camera.id:
            found = f"is {shown(channel)}, as of {owner}"
            yield index, ConfigFinding("source.channel", found, "give each camera its own channel")


def _camera(camera: CameraConfig) -> Iterator[ConfigFinding]:
    for key in ("zones", "ignore_zones", "privacy_masks"):
        names: list[str] = []
        for index, zone in enumerate(getattr(camera, key)):
            if zone.name in names:
                found = f"is {shown(zone.name)}, as {key}[{names.index(zone.name)}] already is"
                yield ConfigFinding(f"{key}[{index}].name", found, "give each its own name")
            names.append(zone.name)
    candidate = camera.person.candidate_threshold
    for index, zone in enumerate(camera.zones):
        confirm = zone.confirm_threshold
        if candidate != "auto" and confirm != "auto" and confirm < candidate:
            yield ConfigFinding(
                f"zones[{index}].confirm_threshold",
                f"is {number(confirm)}, below person.candidate_threshold {number(candidate)}",
                "a person is confirmed by candidates: raise it, or lower candidate_threshold",
                tells_nobody=True,
            )


def camera_with_clips(clips: ClipConfig, camera: CameraConfig) -> Iterator[ConfigFinding]:
    """What [clips] of agent.toml and one camera's file say together; paths are the camera's."""
    if not (clips.enabled and camera.enabled and camera.clips):
        return
    if isinstance(camera.source, FolderSource):
        return  # the recorder has them
    if camera.privacy_masks:
        yield ConfigFinding(
            "privacy_masks",
            "are set, but [clips] in agent.toml is enabled, and a clip is kept as the camera "
            "sends it: nothing can be blackened in it",
            "set clips = false for this camera, or draw the mask in the camera's own menu",
        )
    source, person = camera.source, camera.person
    if isinstance(source, UsbSource) and source.pixel_format in _RAW_PIXEL_FORMATS:
        found = f"is {shown(source.pixel_format)}, and raw pictures cannot be kept as clips"
        fix = 'use "mjpeg" or "h264", or set clips = false for this camera'
        yield ConfigFinding("source.pixel_format", found, fix, is_warning=True)
    told_after_s = max(person.lost_after_s, person.cooldown_s) + person.confirm_window_s
    if clips.post_s > told_after_s:
        yield ConfigFinding(
            "person.cooldown_s",
            f"lets an event end {number(told_after_s)} s after the person was last seen, before "
            f"clips.post_s {number(clips.post_s)} of agent.toml is over",
            "the clip ends there too; raise cooldown_s or lower post_s",
            is_warning=True,
        )


CHECKS: Checks = {
    BoxConfig: _box,
    TlsConfig: _tls,
    MqttConfig: _mqtt,
    SnapshotConfig: partial(_upload, kind="snapshots"),
    ClipConfig: partial(_upload, kind="clips"),
    PersonConfig: _person,
    Schedule: _schedule,
    ZoneConfig: _area,
    IgnoreZoneConfig: _area,
    PrivacyMaskConfig: _area,
    RtspSource: _rtsp,
    UsbSource: _usb,
    FileSource: _file,
    FolderSource: _folder,
    CameraConfig: _camera,
}
