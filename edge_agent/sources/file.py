"""A recording as a source: at its own pace like a camera, or as fast as it is analysed."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import av
import av.error
from av.container import InputContainer
from av.video.stream import VideoStream

from edge_agent.clock import Clock
from edge_agent.config.schema import FileSource, SourceConfig
from edge_agent.domain import Packet
from edge_agent.errors import AgentError, MediaError
from edge_agent.runtime.stop import StopToken
from edge_agent.sources.file_time import LOOK_AHEAD, FileTime
from edge_agent.sources.jpeg_head import HEAD_BYTES, jpeg_size
from edge_agent.sources.libav import Target, file_failure
from edge_agent.sources.packets import OpenedStream, rate_of, refuse_large, video_stream
from edge_agent.sources.picture_rules import ANY_CAMERA, PictureRules

#: A box too slow for the file, or asleep: the pace begins anew instead of racing to catch up.
MAX_BEHIND_S = 1.0

#: A container that promises this much more than it holds was cut off.
MISSING_S = 1.0
MISSING_FRAC = 0.05


class FilePackets(OpenedStream):
    """One opened file. `packets` ends with the file."""

    def __init__(
        self,
        container: InputContainer,
        stream: VideoStream,
        *,
        config: FileSource,
        target: Target,
        stop: StopToken,
        clock: Clock,
    ) -> None:
        super().__init__(container, stream, transport="file", clock=clock)
        self.live = config.pace == "realtime"
        self._time = FileTime(self._stamper.step_s)
        self._target = target
        self._stop = stop
        self._begin_s: float | None = None  # the clock's moment of pts 0
        self._first_s: float | None = None
        self._newest_s = 0.0

    def packets(self) -> Iterator[Packet]:
        ahead: deque[tuple[av.Packet[VideoStream], float]] = deque()
        units = self._units()
        failure: AgentError | None = None
        open_still = True
        while not self._stop.stopped:
            while open_still and len(ahead) <= LOOK_AHEAD:
                try:
                    unit = next(units, None)
                except AgentError as error:  # after what could be read
                    unit, failure = None, error
                open_still = unit is not None
                if unit is not None:
                    ahead.append((unit, self._stamper.own_s(unit)))
            if not ahead:
                if failure is not None:
                    raise failure
                self._check_complete()
                return
            unit, own_s = ahead.popleft()
            self._first_s = own_s if self._first_s is None else self._first_s
            self._newest_s = max(self._newest_s, own_s)
            placed_s = self._time.placed(own_s, [each_s for _, each_s in ahead])
            packet = self._stamper.placed(unit, own_s, placed_s)
            if self.live:
                self._wait_until_due(unit, packet)
                packet = replace(packet, received_s=self._clock.mono_s())
            yield packet

    @property
    def remarks(self) -> tuple[str, ...]:
        replaced = self._time.replaced
        told = f"{replaced} time stamps of this file cannot be true and were replaced"
        return (told,) if replaced else ()

    def _units(self) -> Iterator[av.Packet[VideoStream]]:
        units = self._container.demux(self._stream)
        while (unit := self._next(units)) is not None:
            yield unit

    def _next(self, units: Iterator[av.Packet[VideoStream]]) -> av.Packet[VideoStream] | None:
        """The next packet, None at the end."""
        try:
            unit = next(units, None)
        except av.error.FFmpegError as error:
            failure = file_failure(error, self._target)
            raise failure from None
        if unit is None or unit.size == 0:
            return None
        refuse_encrypted(unit, self._target)
        return unit

    def _wait_until_due(self, unit: av.Packet[VideoStream], packet: Packet) -> None:
        # Reordered pictures are due in the order of decoding.
        due_s = packet.pts_s if unit.dts is None else float(unit.dts * self.time_base)
        now_s = self._clock.mono_s()
        if self._begin_s is None or abs(self._begin_s + due_s - now_s) > MAX_BEHIND_S:
            self._begin_s = now_s - due_s
        self._stop.wait(self._begin_s + due_s - now_s)

    def _check_complete(self) -> None:
        """Raises MediaError when the file is shorter than it says."""
        promised_s = self.info.duration_s
        if promised_s is None:
            return
        seen_s = 0.0
        if self._first_s is not None:
            seen_s = self._newest_s - self._first_s + 1.0 / (rate_of(self._stream) or 1.0)
        if promised_s - seen_s > max(MISSING_S, MISSING_FRAC * promised_s):
            raise MediaError(
                f"{self._target} ends after {seen_s:.1f} s of {promised_s:.1f} s: it was cut off"
            )


def file_version(source: SourceConfig) -> tuple[int, int] | None:
    """Changes when the file is written anew; None when it is not there, or is no file."""
    if not isinstance(source, FileSource):
        return None
    try:
        found = Path(source.path).stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns


def open_file(
    config: FileSource,
    *,
    camera: str,
    stop: StopToken,
    clock: Clock,
    rules: PictureRules = ANY_CAMERA,
) -> FilePackets:
    """Raises MediaError: missing, empty, truncated, no video, pictures too large."""
    path = Path(config.path)
    target = Target(camera, str(path))
    _check_file(path, target)
    try:
        # The scheme keeps libav from taking `rtsp:...` or `concat:...` for more than a name.
        container = av.open(
            f"file:{path}", "r", options=dict(rules.codec_options), metadata_errors="replace"
        )
    except (av.error.FFmpegError, OSError) as error:
        failure = file_failure(error, target)
        raise failure from None
    stream = video_stream(container)
    if stream is not None:
        check_sizes(container, stream, _head(path), rules, target)
    if stream is None or stream.codec_context.width <= 0:
        found = "only audio" if container.streams.audio else "no video that can be decoded"
        container.close()
        raise MediaError(f"{target} holds {found}")
    return FilePackets(container, stream, config=config, target=target, stop=stop, clock=clock)


def refuse_encrypted(unit: av.Packet[VideoStream], source: object) -> None:
    """Raises MediaError: what is in it is noise without a key (Common Encryption, ISO 23001-7)."""
    if unit.has_sidedata("encryption_info"):
        raise MediaError(
            f"{source} is encrypted: nothing can be seen in it without its key; switch encryption "
            "off at the recorder, or export it unencrypted"
        )


def check_sizes(
    container: InputContainer,
    stream: VideoStream,
    head: bytes,
    rules: PictureRules,
    target: Target,
) -> None:
    """Raises MediaError for pictures that are not to be decoded, and closes the container."""
    refuse_large(container, stream, rules, target)
    if stream.codec_context.name == "mjpeg" and stream.codec_context.width <= 0:
        # Of a still libav says no size, where it was not to decode it.
        complaint = rules.complaint(jpeg_size(head))
        if complaint:
            container.close()
            raise MediaError(f"{target} {complaint}")


def _head(path: Path) -> bytes:
    with contextlib.suppress(OSError), path.open("rb") as file:
        return file.read(HEAD_BYTES)
    return b""


def _check_file(path: Path, target: Target) -> None:
    if not path.exists():
        raise MediaError(f"{target} is not there")
    if not path.is_file():
        raise MediaError(f"{target} is not a file")
    if path.stat().st_size == 0:
        raise MediaError(f"{target} is empty (0 bytes)")
