"""What an edit asks of a running agent."""

from __future__ import annotations

import msgspec
import pytest

from edge_agent.config import (
    AnalysisConfig,
    BoxConfig,
    CameraConfig,
    ClipConfig,
    Config,
    DetectorConfig,
    FileSource,
    FolderSource,
    IgnoreZoneConfig,
    MotionConfig,
    MqttConfig,
    PersonConfig,
    PrivacyMaskConfig,
    RtspSource,
    SnapshotConfig,
    TelemetryConfig,
    ZoneConfig,
)
from edge_agent.config.plan import CameraStep, Plan, in_force, plan

SQUARE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0))
YARD = CameraConfig(id="yard", source=RtspSource(url="rtsp://10.0.0.2/sub"))
TAPE = CameraConfig(id="tape", source=FolderSource(path="/srv/tape"))
BASE = Config(
    box=BoxConfig(ward="ward", id="box"), mqtt=MqttConfig(host="broker"), cameras=(YARD, TAPE)
)


def edited(camera: CameraConfig = YARD, **keys: object) -> Config:
    cameras = tuple(
        msgspec.structs.replace(one, **keys) if one is camera else one for one in BASE.cameras
    )
    return msgspec.structs.replace(BASE, cameras=cameras)


def with_(**keys: object) -> Config:
    return msgspec.structs.replace(BASE, **keys)


def test_nothing_is_done_for_the_same_configuration() -> None:
    assert plan(BASE, edited()) == Plan()


@pytest.mark.parametrize(
    "keys",
    [
        {"person": PersonConfig(confirm_looks=4)},
        {"motion": MotionConfig(sensitivity=2.0)},
        {"fps": 3.0},
        {"zones": (ZoneConfig(name="door", polygon=SQUARE),)},
        {"ignore_zones": (IgnoreZoneConfig(name="flag", polygon=SQUARE),)},
        {"privacy_masks": (PrivacyMaskConfig(name="window", polygon=SQUARE),)},
    ],
)
@pytest.mark.parametrize("camera", [YARD, TAPE])
def test_what_only_decides_is_swapped(camera: CameraConfig, keys: dict[str, object]) -> None:
    found = plan(BASE, edited(camera, **keys))
    assert found.cameras == {camera.id: CameraStep.SWAP}
    assert found.changes
    assert (found.broker, found.detector) == (False, False)
    assert (found.anew, found.needs_restart) == ((), ())


def test_a_name_for_people_changes_no_camera_but_is_a_change() -> None:
    found = plan(BASE, edited(name="The yard"))
    assert (found.cameras, found.changes) == ({}, ('camera yard: name: "" -> "The yard"',))


def test_another_source_restarts_the_camera_alone() -> None:
    found = plan(BASE, edited(source=RtspSource(url="rtsp://10.0.0.3/sub")))
    assert found.cameras == {"yard": CameraStep.RESTART}
    assert plan(BASE, edited(source=FileSource(path="/x"))).cameras == {"yard": CameraStep.RESTART}


def test_files_that_come_and_go_and_what_is_switched_off() -> None:
    shed = CameraConfig(id="shed", source=FileSource(path="/x"))
    more = with_(cameras=(*BASE.cameras, shed))
    assert plan(BASE, more).cameras == {"shed": CameraStep.ADD}
    assert plan(more, BASE).cameras == {"shed": CameraStep.REMOVE}
    assert plan(more, BASE).changes == ("camera shed: removed",)
    off = edited(enabled=False)
    assert plan(BASE, off).cameras == {"yard": CameraStep.REMOVE}
    assert plan(off, BASE).cameras == {"yard": CameraStep.ADD}
    assert plan(off, msgspec.structs.replace(off, cameras=off.cameras[1:])).cameras == {}


def test_frame_rate_of_all_swaps_those_without_their_own() -> None:
    own = edited(TAPE, fps=4.0)
    faster = msgspec.structs.replace(own, analysis=AnalysisConfig(fps=8.0))
    assert plan(own, faster).cameras == {"yard": CameraStep.SWAP}


def test_time_zone_is_asked_for_each_frame_but_dates_the_clips_of_folders() -> None:
    moved = with_(box=msgspec.structs.replace(BASE.box, timezone="Asia/Ho_Chi_Minh"))
    assert plan(BASE, moved).cameras == {"tape": CameraStep.RESTART}


def test_clips_of_a_camera_need_another_memory_of_its_stream() -> None:
    clips = with_(clips=ClipConfig(enabled=True))
    found = plan(BASE, clips)
    assert found.anew == ("clips",)
    without = msgspec.structs.replace(clips, cameras=edited(clips=False).cameras)
    assert plan(clips, without).cameras == {"yard": CameraStep.RESTART}
    assert plan(BASE, edited(clips=False)).cameras == {}


def test_what_concerns_the_box() -> None:
    assert plan(BASE, with_(mqtt=MqttConfig(host="other"))).broker
    assert plan(BASE, with_(telemetry=TelemetryConfig(interval_s=5))).broker
    assert plan(BASE, with_(detector=DetectorConfig(threads=2))).detector
    assert not plan(BASE, with_(detector=DetectorConfig(proxy="http://proxy:3128"))).detector
    assert plan(BASE, with_(snapshots=SnapshotConfig(enabled=True))).anew == ("snapshots",)


def test_what_needs_a_start_is_named_and_stays_as_it_was() -> None:
    other = BoxConfig(ward="ward2", id="box2", state_dir="/srv/state", timezone="UTC")
    found = plan(BASE, with_(box=other))
    assert found.needs_restart == ("box.ward", "box.id", "box.state_dir")
    assert (found.changes, found.cameras) == ((), {})
    assert in_force(BASE, with_(box=other)) == BASE


def test_changes_name_keys_and_values_without_secrets() -> None:
    new = edited(source=RtspSource(url="rtsp://10.0.0.2/sub?password=hunter2"))
    (line,) = plan(BASE, new).changes
    assert line.startswith('camera yard: source.url: "rtsp://10.0.0.2/sub" -> ')
    assert "hunter2" not in line
