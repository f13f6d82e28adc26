"""What [clips] and a camera's file say together."""

from __future__ import annotations

from pathlib import Path

import pytest
from config_files import AGENT, CAMERA, problems, write

from edge_agent.config import load_config, redacted

CLIPS = AGENT + "\n[clips]\nenabled = true\n"
MASK = '\n[[privacy_masks]]\nname = "window"\npolygon = [[0, 0], [1, 0], [1, 1]]\n'
USB = 'id = "hall"\n\n[source]\nkind = "usb"\ndevice = "/dev/v4l/by-id/x"\npixel_format = '


def test_clips_are_off_unless_asked_for(tmp_path: Path) -> None:
    config = load_config(write(tmp_path, front=CAMERA + MASK)).config
    assert not config.clips.enabled
    assert config.cameras[0].clips


def test_a_camera_with_privacy_masks_refuses_clips_and_says_why(tmp_path: Path) -> None:
    (said,) = problems(write(tmp_path, CLIPS, front=CAMERA + MASK))
    assert said.startswith("cameras.d/front.toml:7: privacy_masks: ")
    assert "nothing can be blackened" in said
    assert "clips = false" in said


@pytest.mark.parametrize("line", ["clips = false", "enabled = false"])
def test_the_fix_is_taken(tmp_path: Path, line: str) -> None:
    config = load_config(write(tmp_path, CLIPS, front=f"{line}\n{CAMERA}{MASK}")).config
    assert config.clips.enabled


@pytest.mark.parametrize(
    ("agent", "camera", "path"),
    [
        (CLIPS + "post_s = 10\n", CAMERA, "person.cooldown_s"),
        (CLIPS, USB + '"yuyv422"\n', "source.pixel_format"),
        (CLIPS + "post_s = 10\n", CAMERA + "\n[person]\ncooldown_s = 8\n", None),
        (CLIPS, USB + '"mjpeg"\n', None),
    ],
)
def test_what_shortens_clips_or_prevents_them_is_a_warning(
    tmp_path: Path, agent: str, camera: str, path: str | None
) -> None:
    warned = [problem.path for problem in load_config(write(tmp_path, agent, c=camera)).warnings]
    assert [one for one in warned if one in ("person.cooldown_s", "source.pixel_format")] == (
        [path] if path else []
    )


@pytest.mark.parametrize(
    ("main", "said"),
    [
        ("rtsp://192.168.1.20/stream2", "is the same as url"),
        ("rtsp://192.168.1.21/stream1", "is on another host than url"),
        ("http://192.168.1.20/stream1", "use rtsp://host"),
        ("rtsp://me:secret@192.168.1.20/stream1", "with a user or password inside"),
    ],
)
def test_a_main_stream_is_another_stream_of_the_same_camera(
    tmp_path: Path, main: str, said: str
) -> None:
    text = "\n".join(problems(write(tmp_path, front=f'{CAMERA}main_url = "{main}"\n')))
    assert "source.main_url" in text
    assert said in text
    assert "secret" not in text


def test_a_main_stream_is_taken_and_a_password_in_it_never_shown(tmp_path: Path) -> None:
    camera = f'{CAMERA}main_url = "rtsp://192.168.1.20/stream1?password=canary"\n'
    loaded = load_config(write(tmp_path, front=camera))
    assert [problem.path for problem in loaded.warnings] == ["source.main_url"]
    assert "canary" not in str(redacted(loaded.config)) + str(loaded.warnings)
