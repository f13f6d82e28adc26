"""The PETS protocol of the detectors' table: 80 frames, their labels, and a model's answers."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

import av
import cv2
import numpy as np

from edge_agent.detect import OnnxDetector
from edge_agent.detect.evaluation import LabelledFrame, Quality, evaluate
from edge_agent.domain import F32, Detection, Region
from edge_agent.geometry import FULL_FRAME, FrameSize
from edge_agent.tools.trial.pictures import StillPicture

CLIP, LABELS = "PETS09-S2L1_480x360.mp4", "PETS09-S2L1_gt.txt"
FRAMES = range(0, 791, 10)
#: The clip is 480x360; its labels are 1-based pixels of the original 768x576.
LABEL_SCALE = 0.625
SCORE_ABOVE = 0.02


@functools.cache
def pictures(clip: Path) -> tuple[StillPicture, ...]:
    """The frames of the protocol."""
    with av.open(str(clip)) as container:
        return tuple(
            # OpenCV's BT.601 conversion. How the table's frames were converted is not known;
            # of what was tried this brings all six models closest to it.
            StillPicture(cv2.cvtColor(frame.to_ndarray(format="yuv420p"), cv2.COLOR_YUV2BGR_I420))
            for number, frame in enumerate(container.decode(video=0))
            if number in FRAMES
        )


@functools.cache
def truths(labels: Path) -> tuple[F32, ...]:
    """Per frame of the protocol, float32 (m, 4) corners in pixels of 480x360."""
    rows = np.loadtxt(labels, delimiter=",")
    found = []
    for number in FRAMES:
        x, y, w, h = (rows[rows[:, 0] == number + 1][:, column] for column in (2, 3, 4, 5))
        corners = np.stack((x - 1, y - 1, x - 1 + w, y - 1 + h), axis=-1) * LABEL_SCALE
        found.append(corners.astype(np.float32))
    return tuple(found)


def labelled(truth: F32, detections: Sequence[Detection], size: FrameSize) -> LabelledFrame:
    corners = [(d.bbox.x, d.bbox.y, d.bbox.x2, d.bbox.y2) for d in detections]
    sides = np.array((size.width, size.height) * 2, np.float32)
    return LabelledFrame(
        truth,
        np.array(corners, np.float32).reshape(-1, 4) * sides,
        np.array([d.score for d in detections], np.float32),
    )


def full_frame_quality(detector: OnnxDetector, clip: Path, labels: Path) -> Quality:
    """One inference on each whole frame."""
    frames = []
    for picture, truth in zip(pictures(clip), truths(labels), strict=True):
        detections = detector.detect(picture, [Region(FULL_FRAME)], candidate_threshold=SCORE_ABOVE)
        frames.append(labelled(truth, detections, picture.size))
    return evaluate(frames)
