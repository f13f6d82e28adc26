"""USB cameras through Video4Linux 2."""

from __future__ import annotations

import contextlib
import select
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import av.error
from av.container import InputContainer
from av.video.stream import VideoStream

from edge_agent.clock import Clock
from edge_agent.config.schema import UsbSource
from edge_agent.domain import Packet
from edge_agent.errors import SourceStalled, SourceUnreachable
from edge_agent.runtime.stop import StopToken
from edge_agent.sources.libav import Target, open_container, read_failure
from edge_agent.sources.packets import OpenedStream, refuse_large, video_stream
from edge_agent.sources.picture_rules import ANY_CAMERA, PictureRules

BY_ID = Path("/dev/v4l/by-id")

#: How often a silent camera's thread looks at the stop token.
_POLL_S = 0.2

#: Opening reads a first frame to learn more of the stream, and turns in circles for it. Without
#: one it does not fail: the driver has told the size, and the decoder learns the rest.
FIRST_FRAME_S = 2.0

#: AVFMT_FLAG_NONBLOCK, which has no name among libav's options. Without it both opening and
#: reading wait inside the driver (VIDIOC_DQBUF) for as long as the camera sends nothing.
_NONBLOCK = "+4"

#: Before the next try where the descriptor says ready and the driver has nothing.
_AGAIN_S = 0.02

UsbOpener = Callable[[UsbSource, Target, Clock], InputContainer]


class UsbPackets(OpenedStream):
    """One opened USB camera.

    libav never waits for a frame inside the driver, where no timeout would reach it. Instead
    the device's file descriptor is polled: a camera that hangs, from its opening on, is noticed
    and the thread can be stopped. (A driver that hangs in setting the format cannot be helped;
    the kernel's own limit there is 5 s for each request to the camera.)
    """

    def __init__(
        self,
        container: InputContainer,
        stream: VideoStream,
        *,
        config: UsbSource,
        target: Target,
        stop: StopToken,
        clock: Clock,
    ) -> None:
        super().__init__(container, stream, transport="v4l2", clock=clock, follows_clock=True)
        self._stall_timeout_s = config.stall_timeout_s
        self._target = target
        self._stop = stop
        self._descriptor = _descriptor_of(Path(config.device))

    def packets(self) -> Iterator[Packet]:
        begin_s = self._clock.mono_s()
        while self._wait_for_frame(begin_s):
            unit = self._read()
            if unit is None:
                # Ready, and yet nothing: a damaged frame, of which V4L2 hands on only the time.
                self._stop.wait(_AGAIN_S)
                continue
            yield self._stamper.stamp(unit)
            begin_s = self._clock.mono_s()

    def _read(self) -> av.Packet[VideoStream] | None:
        """One packet; None when the driver has no frame after all, or a damaged one."""
        try:
            # Anew each time: a generator that has raised is at its end.
            unit = next(self._container.demux(self._stream))
        except av.error.BlockingIOError:
            return None
        except av.error.FFmpegError as error:
            failure = read_failure(error, self._target, self._stall_timeout_s)
            raise failure from None
        if unit.size == 0 and unit.pts is None:  # libav's mark of the end
            raise SourceUnreachable(f"{self._target} is gone; is it plugged in?")
        return unit if unit.size else None

    def _wait_for_frame(self, begin_s: float) -> bool:
        """True when there is something to read, False when it is time to stop.

        Raises SourceStalled when no frame came since `begin_s` for too long.
        """
        poll = select.poll()
        if self._descriptor is not None:
            poll.register(self._descriptor, select.POLLIN)
        while not self._stop.stopped:
            if self._clock.mono_s() - begin_s > self._stall_timeout_s:
                raise SourceStalled(f"{self._target} sent nothing for {self._stall_timeout_s:g} s")
            if self._descriptor is None or poll.poll(_POLL_S * 1000):
                return True  # a frame, or an error that reading will tell
        return False


def open_usb(
    config: UsbSource,
    *,
    camera: str,
    stop: StopToken,
    clock: Clock,
    rules: PictureRules = ANY_CAMERA,
    opener: UsbOpener | None = None,
) -> UsbPackets:
    """Open the device. Raises SourceUnreachable when it is gone, busy or no camera."""
    target = Target(camera, config.device)
    if not Path(config.device).exists():
        raise SourceUnreachable(f"{target} is not there; {_present()}")
    container = (opener or _open_v4l2)(config, target, clock)
    stream = video_stream(container)
    if stream is None:
        container.close()
        raise SourceUnreachable(f"{target} is no camera; {_present()}")
    refuse_large(container, stream, rules, target)
    return UsbPackets(container, stream, config=config, target=target, stop=stop, clock=clock)


def _open_v4l2(config: UsbSource, target: Target, clock: Clock) -> InputContainer:
    options = {
        "video_size": f"{config.width}x{config.height}",
        "framerate": f"{config.fps:g}",
        "fflags": _NONBLOCK,
    }
    if config.pixel_format != "auto":
        options["input_format"] = config.pixel_format
    return open_container(
        config.device,
        target=target,
        clock=clock,
        format_name="v4l2",
        options=options,
        timeouts_s=(FIRST_FRAME_S, config.stall_timeout_s),
    )


def _present() -> str:
    """The cameras that are plugged in, for the message about one that is not."""
    names = sorted(path.name for path in BY_ID.iterdir()) if BY_ID.is_dir() else []
    return f"plugged in: {', '.join(names)}" if names else "no USB camera is plugged in"


def _descriptor_of(device: Path) -> int | None:
    """The descriptor by which libav holds the device: it does not tell, /proc does."""
    wanted = device.resolve()
    found = None
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            if entry.readlink() == wanted:
                found = int(entry.name)
    return found
