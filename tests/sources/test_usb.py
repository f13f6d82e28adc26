"""USB cameras, with a fake device: a FIFO that is readable when the driver has a frame."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import av
import clips
import pytest
from av.container import InputContainer

from edge_agent.clock import Clock, SystemClock
from edge_agent.config.schema import UsbSource
from edge_agent.domain import CameraId, Frame
from edge_agent.errors import SourceStalled, SourceUnreachable
from edge_agent.runtime.stop import StopToken
from edge_agent.sources import (
    Backoff,
    CameraFeed,
    CredentialGuard,
    FeedSettings,
    FeedState,
    PacketSource,
    usb,
)
from edge_agent.sources.libav import Target

CLOCK = SystemClock()


class FakeDevice:
    """Stands for /dev/v4l/by-id/...: pictures come from a clip, readiness from a FIFO."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "usb-Cam-video-index0"
        self._clip = clips.render(
            folder / "cam.avi", clips.Clip(codec="mjpeg", pixel_format="yuvj420p", frames=20)
        )
        self._pipe: int | None = None
        self.opened: list[UsbSource] = []

    def plug(self, *, frames: bool = True) -> None:
        os.mkfifo(self.path)
        self._pipe = os.open(self.path, os.O_RDWR)
        if frames:
            os.write(self._pipe, b"x")

    def unplug(self) -> None:
        if self._pipe is not None:
            os.close(self._pipe)
        self._pipe = None
        self.path.unlink(missing_ok=True)

    def open(self, config: UsbSource, target: Target, clock: Clock) -> InputContainer:
        del target, clock
        self.opened.append(config)
        return av.open(str(self._clip))


@pytest.fixture
def device(tmp_path: Path) -> Iterator[FakeDevice]:
    fake = FakeDevice(tmp_path)
    yield fake
    fake.unplug()


def feed_of(device: FakeDevice, **source) -> CameraFeed:
    def opener(config, *, camera, credentials, stop, clock, rules) -> PacketSource:
        del credentials
        return usb.open_usb(config, camera=camera, stop=stop, clock=clock, opener=device.open)

    # Every picture, not one a second while nothing happens.
    config = UsbSource(device=str(device.path), gate="off", **source)
    return CameraFeed(
        FeedSettings(CameraId("room"), config, 30.0),
        credentials=CredentialGuard(None, CLOCK),
        clock=CLOCK,
        opener=opener,
        backoff=Backoff(draw=lambda _low, _high: 0.02),
    )


def test_frames_come_until_the_device_is_gone(device: FakeDevice) -> None:
    device.plug()
    feed, frames = feed_of(device, width=320, height=240), []
    with pytest.raises(SourceUnreachable, match="is gone; is it plugged in"):
        feed.run_once(StopToken(), frames.append)
    assert feed.status().decoded == 20
    assert frames[0].pixels.luma().shape == (240, 320)
    assert feed.status().info.transport == "v4l2"


def test_missing_device_names_those_that_are_plugged_in(
    device: FakeDevice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_id = tmp_path / "by-id"
    monkeypatch.setattr(usb, "BY_ID", by_id)
    feed = feed_of(device)
    with pytest.raises(SourceUnreachable, match="is not there; no USB camera is plugged in"):
        feed.run_once(StopToken(), lambda _frame: None)
    by_id.mkdir()
    (by_id / "usb-Logitech_C270-video-index0").touch()
    with pytest.raises(SourceUnreachable, match="plugged in: usb-Logitech_C270-video-index0"):
        feed.run_once(StopToken(), lambda _frame: None)


def test_camera_that_comes_back_is_found_again(device: FakeDevice) -> None:
    device.plug()
    feed, stop, states = feed_of(device), StopToken(), []
    frames: list[Frame] = []

    def lost() -> None:
        states.append(feed.status().state)
        if len(states) == 1:
            device.unplug()
        if len(states) == 3:
            device.plug()
        if len(states) == 4:
            stop.stop()

    feed.run(stop, frames.append, lost)
    assert set(states) == {FeedState.UNREACHABLE}
    assert len(device.opened) == 2
    assert feed.status().decoded == 40


def test_camera_that_hangs_is_noticed(device: FakeDevice, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usb, "_POLL_S", 0.05)
    device.plug(frames=False)
    begin_s = CLOCK.mono_s()
    with pytest.raises(SourceStalled, match="sent nothing for 1 s"):
        feed_of(device, stall_timeout_s=1.0).run_once(StopToken(), lambda _frame: None)
    assert 1.0 <= CLOCK.mono_s() - begin_s < 2.0


def test_hanging_camera_can_be_stopped(device: FakeDevice) -> None:
    device.plug(frames=False)
    stop = StopToken()
    stop.stop()
    feed_of(device, stall_timeout_s=60.0).run_once(stop, lambda _frame: None)


@pytest.mark.parametrize(
    ("source", "options"),
    [
        ({}, {"video_size": "640x480", "framerate": "15"}),
        (
            {"width": 1280, "height": 720, "fps": 7.5, "pixel_format": "mjpeg"},
            {"video_size": "1280x720", "framerate": "7.5", "input_format": "mjpeg"},
        ),
    ],
)
def test_the_driver_is_asked_for_what_is_configured(
    device: FakeDevice, monkeypatch: pytest.MonkeyPatch, source: dict, options: dict
) -> None:
    asked = {}
    monkeypatch.setattr(usb, "open_container", lambda address, **how: asked.update(how))
    usb._open_v4l2(UsbSource(device="/dev/video0", **source), Target("room", "x"), CLOCK)
    assert asked["options"] == {**options, "fflags": "+4"}
    assert asked["format_name"] == "v4l2"


#: What a source thread does, in a process of its own. Prints the frames' sizes, then the error.
PLAY = """
import sys
from edge_agent.clock import SystemClock
from edge_agent.config.schema import UsbSource
from edge_agent.errors import AgentError
from edge_agent.runtime.stop import StopToken
from edge_agent.sources.usb import open_usb

source = UsbSource(device=sys.argv[1], stall_timeout_s=1.0)
try:
    opened = open_usb(source, camera="room", stop=StopToken(), clock=SystemClock())
    for packet in opened.packets():
        print(packet.size_bytes)
except AgentError as error:
    print(error)
"""


@pytest.mark.parametrize("frames", [0, 4])
def test_real_v4l2_never_waits_inside_the_driver(tmp_path: Path, frames: int) -> None:
    """libav's own V4L2 on a made-up driver that hangs: at once, or after a damaged frame."""
    compiler = shutil.which("cc")
    if compiler is None or not Path("/usr/include/linux/videodev2.h").exists():
        pytest.skip("needs a C compiler and the kernel's headers")
    driver, device = tmp_path / "driver.so", tmp_path / "video0"
    code = Path(__file__).parents[1] / "helpers" / "fake_v4l2.c"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", driver, code, "-ldl"], check=True)
    os.mkfifo(device)
    fakes = {"LD_PRELOAD": str(driver), "FAKE_V4L2": str(device), "FAKE_FRAMES": str(frames)}
    played = subprocess.run(
        [sys.executable, "-c", PLAY, device],
        check=False,
        env={**os.environ, **fakes},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=20,
    )
    lines = played.stdout.splitlines()
    assert lines[:-1] == [str(640 * 480 * 2)] * max(0, frames - 1), played.stderr
    assert lines[-1] == f"room: {device} sent nothing for 1 s"


def test_file_that_is_no_device_is_refused_by_v4l2(tmp_path: Path) -> None:
    """The real opener: libav's v4l2 says no, in our words."""
    path = tmp_path / "video0"
    path.touch()
    with pytest.raises(SourceUnreachable, match=f"room: {path} cannot be opened"):
        usb.open_usb(UsbSource(device=str(path)), camera="room", stop=StopToken(), clock=CLOCK)
