"""What `doctor` says of a camera's picture: seen, in words, and what shows nothing."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from edge_agent.clock import SystemClock
from edge_agent.config import CameraConfig, FileSource, FolderSource
from edge_agent.config.camera import PrivacyMaskConfig
from edge_agent.detect import OnnxDetector, find_model
from edge_agent.domain import U8
from edge_agent.sources import CredentialGuard
from edge_agent.tools.doctor.cameras import CameraVisit, visit
from edge_agent.tools.sight import look_at

RNG = np.random.default_rng(7)


def noise(low: int, high: int) -> U8:
    coarse = RNG.integers(low, high, (23, 40, 3), np.uint8)
    return np.kron(coarse, np.ones((16, 16, 1), np.uint8))


def clip(path: Path, picture: U8) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=5)
        stream.width, stream.height, stream.pix_fmt = picture.shape[1], picture.shape[0], "yuvj420p"
        for number in range(10):
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def looked(folder: Path, picture: U8, **camera: object) -> CameraVisit:
    source = FileSource(path=str(clip(folder / "clip.avi", picture)), pace="fast")
    config = CameraConfig(id="gate", source=source, **camera)  # type: ignore[arg-type]
    clock = SystemClock()
    return visit(config, CredentialGuard(None, clock), clock, None)


@pytest.mark.parametrize(
    ("picture", "code", "words"),
    [
        (np.zeros((368, 640, 3), np.uint8), "EA-CAM-006", "black: nothing is to be seen"),
        (np.full((368, 640, 3), 255, np.uint8), "EA-CAM-006", "burnt out: nothing is to be seen"),
        (np.full((368, 640, 3), 120, np.uint8), "EA-CAM-006", "one grey area"),
        (noise(5, 45), "EA-CAM-007", "very dark"),
        (noise(20, 90), "", "dim light"),
        (noise(20, 230), "", "good light"),
        (noise(120, 255), "", "bright light"),
    ],
    ids=["black", "white", "grey", "dark", "dim", "good", "bright"],
)
def test_a_picture_in_words(picture: U8, code: str, words: str, tmp_path: Path) -> None:
    first, *_ = looked(tmp_path, picture).findings
    assert words in first.found
    assert first.code == code
    assert first.subject == "camera gate"


def test_a_privacy_mask_covers_what_is_looked_at_and_saved(tmp_path: Path) -> None:
    mask = PrivacyMaskConfig(
        name="street", polygon=((0.0, 0.0), (1.0, 0.0), (1.0, 0.5), (0.0, 0.5))
    )
    picture = looked(tmp_path, noise(100, 255), privacy_masks=(mask,)).picture
    assert picture is not None
    assert picture[:180].max() == 0
    assert picture[190:].max() > 90


def test_people_are_counted(person: U8) -> None:
    sight = look_at(person, OnnxDetector.open(find_model("edge-person")))
    assert sight.people == 1
    assert sight.in_words().endswith(", 1 person seen")
    nobody = look_at(noise(20, 230), OnnxDetector.open(find_model("edge-person")))
    assert nobody.in_words().endswith(", nobody seen")


@pytest.fixture(scope="module")
def person(tmp_path_factory: pytest.TempPathFactory) -> U8:
    """The clip of the proof of life: somebody is in it."""
    from edge_agent.assets import asset_dir

    best: U8 | None = None
    detector = OnnxDetector.open(find_model("edge-person"))
    with av.open(str(asset_dir("proof") / "person.mp4")) as container:
        for number, frame in enumerate(container.decode(video=0)):
            picture = np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)
            if number % 5 == 0 and look_at(picture, detector).people == 1:
                best = picture
                break
    assert best is not None
    return best


def test_a_folder_that_is_missing(tmp_path: Path) -> None:
    source = FolderSource(path=str(tmp_path / "nowhere"), template="{camera}/%Y%m%d%H%M%S.mp4")
    clock = SystemClock()
    camera = CameraConfig(id="yard", source=source)
    (finding,) = visit(camera, CredentialGuard(None, clock), clock, None).findings
    assert finding.code == "EA-CAM-005"
