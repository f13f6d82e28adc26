"""Luma and BGR of every pixel layout: upright, whole, masked before anybody sees them."""

from __future__ import annotations

import av
import cv2
import numpy as np
import pytest

from edge_agent.geometry import FrameSize, Polygon
from edge_agent.sources import DecodedPixels, Orientation, blackened

LEFT_HALF = Polygon(((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0)))


def frame(width: int, height: int, layout: str) -> av.VideoFrame:
    ramp = np.linspace(30, 220, width, dtype=np.uint8)
    image = np.repeat(np.tile(ramp, (height, 1))[:, :, None], 3, axis=2)
    image[: height // 2, : width // 2] = 255
    return av.VideoFrame.from_ndarray(image, format="bgr24").reformat(format=layout)


LAYOUTS = (
    *("yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "nv12", "gray"),  # Y plane as it is
    *("yuyv422", "bgr24", "rgb24", "gbrp", "yuv420p10le", "p010le"),  # converted
)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("width", "height"), [(16, 16), (322, 178)])
def test_luma_and_bgr_show_the_picture(layout: str, width: int, height: int) -> None:
    pixels = DecodedPixels(frame(width, height, layout))
    luma, bgr = pixels.luma(), pixels.bgr()
    assert pixels.size == FrameSize(width, height)
    assert (luma.shape, luma.dtype) == ((height, width), np.uint8)
    assert (bgr.shape, bgr.dtype) == ((height, width, 3), np.uint8)
    grey = cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY).astype(int)
    # luma may be 16..235 or 0..255; either way it rises with the picture's brightness
    assert np.corrcoef(luma.ravel(), grey.ravel())[0, 1] > 0.99
    assert luma[0, 0] > luma[-1, -1] - 5 > luma[-1, 0]


def test_luma_of_planar_video_is_a_view_without_copy() -> None:
    source = frame(322, 178, "yuv420p")
    assert source.planes[0].line_size > 322, "no stride: the test shows nothing"
    luma = DecodedPixels(source).luma()
    assert np.shares_memory(luma, np.frombuffer(source.planes[0], np.uint8))
    grey = source.to_ndarray(format="gray")
    assert np.abs(luma[:, -1].astype(int) - (grey[:, -1] * 219.0 / 255 + 16)).max() < 3


def test_pixels_are_converted_once_and_cannot_be_written_to() -> None:
    pixels = DecodedPixels(frame(64, 32, "yuv420p"))
    assert pixels.luma() is pixels.luma()
    assert pixels.bgr() is pixels.bgr()
    for array in (pixels.luma(), pixels.bgr()):
        with pytest.raises(ValueError, match="read-only"):
            array[0, 0] = 0


@pytest.mark.parametrize("layout", ["yuv420p", "yuyv422"])
def test_masked_part_is_black_in_everything(layout: str) -> None:
    source = frame(320, 240, layout)
    pixels = DecodedPixels(source, (LEFT_HALF,))
    for array in (pixels.luma(), pixels.bgr()):
        assert not array[:, :160].any()
        assert array[:, 163:].all()
    # the decoder's own buffer stays whole: later frames are predicted from it
    assert DecodedPixels(source).luma()[:, :160].all()


def test_several_masks_of_any_shape_are_blackened() -> None:
    triangle = Polygon(((0.6, 0.1), (0.9, 0.1), (0.75, 0.6)))
    masked = blackened(np.full((100, 100), 200, np.uint8), (LEFT_HALF, triangle))
    assert masked[20, 75] == 0
    assert masked[70, 75] == 200
    assert not masked[:, :50].any()


def test_a_masks_edge_grows_by_a_pixel_on_each_side() -> None:
    """Privacy rounds up: 4:2:0 colour and a decoder's blur reach over the line."""
    box = Polygon(((0.3, 0.4), (0.6, 0.4), (0.6, 0.7), (0.3, 0.7)))
    masked = blackened(np.full((100, 100), 200, np.uint8), (box,))
    assert not masked[39:72, 29:62].any()
    assert masked[36, 45] == masked[74, 45] == masked[55, 26] == masked[55, 64] == 200


MATRICES = {  # how the stored picture is turned: numpy says what upright means
    "as stored": (1, 0, 0, 1, lambda a: a),
    "90 clockwise": (0, 1, -1, 0, lambda a: np.rot90(a, -1)),
    "180": (-1, 0, 0, -1, lambda a: np.rot90(a, 2)),
    "90 counterclockwise": (0, -1, 1, 0, lambda a: np.rot90(a, 1)),
    "mirrored": (-1, 0, 0, 1, np.fliplr),
    "upside down": (1, 0, 0, -1, np.flipud),
}


class _Matrix:
    """A frame's side data, as PyAV hands it out."""

    def __init__(self, a: int, b: int, c: int, d: int) -> None:
        one = 1 << 16
        matrix = np.array([a * one, b * one, 0, c * one, d * one, 0, 0, 0, 1 << 30], np.int32)
        self.side_data = {"DISPLAYMATRIX": matrix.tobytes()}


@pytest.mark.parametrize("name", MATRICES)
@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 3)])
def test_display_matrix_is_honoured(name: str, shape: tuple[int, ...]) -> None:
    a, b, c, d, upright = MATRICES[name]
    stored = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    shown = Orientation.of(_Matrix(a, b, c, d)).apply(stored)
    assert np.array_equal(shown, upright(stored))


@pytest.mark.parametrize("layout", ["yuv420p", "yuvj420p", "yuv422p", "nv12", "gray"])
@pytest.mark.parametrize(("width", "height"), [(96, 80), (322, 178)])
def test_a_sample_of_the_colour_is_about_what_all_of_it_is(
    layout: str, width: int, height: int
) -> None:
    image = np.zeros((height, width, 3), np.uint8)
    image[:] = (20, 200, 40)
    image[height // 2 :] = (120, 120, 120)
    shown = av.VideoFrame.from_ndarray(image, format="bgr24").reformat(format=layout)
    sample = DecodedPixels(shown).sample_bgr().astype(int)
    whole = DecodedPixels(shown).bgr()[::8, ::8].astype(int)
    assert abs(sample.mean((0, 1)) - whole.mean((0, 1))).max() < 25
    green = (sample[..., 1] - np.maximum(sample[..., 0], sample[..., 2]) > 60).mean()
    assert green == pytest.approx(0.0 if layout == "gray" else 0.5, abs=0.15)
    grey = sample[-1].max(1) - sample[-1].min(1)
    assert grey.max() < 5
