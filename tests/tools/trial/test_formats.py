"""Labelled pictures in every format, and every way in which labels go wrong."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from edge_agent.errors import LabelError
from edge_agent.geometry import FrameSize
from edge_agent.tools.trial.formats import open_labelled
from edge_agent.tools.trial.pictures import Choice, LabelledPicture

WIDTH, HEIGHT = 80, 40
ANY = Choice()


def jpeg(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((HEIGHT, WIDTH, 3), 90, np.uint8))
    return path


def read(path: Path, labels: Path | None = None, choice: Choice = ANY) -> list[LabelledPicture]:
    return list(open_labelled(path, labels, choice).pictures())


def truths(pictures: list[LabelledPicture]) -> list[list[list[float]]]:
    return [np.round(each.truth, 2).tolist() for each in pictures]


# --- YOLO -----------------------------------------------------------------------------


def test_yolo_boxes_with_and_without_a_class(tmp_path: Path) -> None:
    jpeg(tmp_path / "a.jpg").with_suffix(".txt").write_text("0.5 0.5 0.25 0.5\n\n")
    jpeg(tmp_path / "b.jpg").with_suffix(".txt").write_text("0 0.5 0.5 0.25 0.5\n7 0.1 0.1 0.1 0.1")
    jpeg(tmp_path / "c.jpg")
    data = open_labelled(tmp_path, None, ANY)
    person = [30, 10, 50, 30]
    assert truths(list(data.pictures())) == [[person], [person], []]
    assert data.remarks == ("1 pictures have no label file: nobody is in them",)


def test_yolo_labels_in_a_folder_of_their_own(tmp_path: Path) -> None:
    jpeg(tmp_path / "images" / "val" / "a.jpg")
    labels = tmp_path / "labels" / "val" / "a.txt"
    labels.parent.mkdir(parents=True)
    labels.write_text("3 0.5 0.5 0.25 0.5")
    for folder in (tmp_path, tmp_path / "images", tmp_path / "images" / "val"):
        assert truths(read(folder, choice=Choice(person_class=3))) == [[[30, 10, 50, 30]]]


def test_zip_shards_are_read_without_unpacking(tmp_path: Path) -> None:
    picture = jpeg(tmp_path / "x" / "a.jpg").read_bytes()
    for shard in ("one.zip", "two.zip"):
        with zipfile.ZipFile(tmp_path / shard, "w") as archive:
            archive.writestr("p/000.jpg", picture)
            archive.writestr("p/000.txt", "0.5 0.5 0.25 0.5")
    assert len(read(tmp_path / "one.zip")) == 1
    assert truths(read(tmp_path)) == [[[30, 10, 50, 30]]] * 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0.5 0.5 0.1 0.1\n0.5 0.5 0.1", r"a\.txt:2: has 3 numbers, expected `cx cy w h` or"),
        ("0 0.5 0.5 0.1 0.1 0.9", r"a\.txt:1: has 6 numbers"),
        ("0.5 0.5 wide 0.1", r"a\.txt:1: could not convert string to float: 'wide'"),
        ("0.5 0.5 40 20", r"a\.txt:1: 0\.5 0\.5 40 20 is no box in fractions"),
        ("0.5 0.5 0 0.1", r"a\.txt:1: .* is no box"),
        ("0.5 0.5 nan 0.1", r"a\.txt:1: .* is no box"),
        ("1.5 0.5 0.5 0.1 0.1", r"a\.txt:1: class is 1\.5, expected 0, 1, 2"),
        (b"\xff\xfe0", r"a\.txt: is not text: byte 0"),
    ],
)
def test_a_wrong_yolo_label_names_file_and_line(
    tmp_path: Path, text: str | bytes, words: str
) -> None:
    label = jpeg(tmp_path / "a.jpg").with_suffix(".txt")
    label.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(LabelError, match=words):
        read(tmp_path)


def test_what_is_no_picture_and_what_has_no_labels(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match="holds no picture"):
        read(tmp_path)
    jpeg(tmp_path / "a.jpg")
    with pytest.raises(LabelError, match=r"none of 1 pictures has labels; expected .*a\.txt"):
        read(tmp_path)
    (tmp_path / "a.txt").write_text("0.5 0.5 0.1 0.1")
    (tmp_path / "a.jpg").write_bytes(b"no jpeg")
    with pytest.raises(LabelError, match=r"a\.jpg: is not a picture"):
        read(tmp_path)
    (tmp_path / "bad.zip").write_bytes(b"no zip")
    with pytest.raises(LabelError, match=r"bad\.zip: is no zip file"):
        read(tmp_path / "bad.zip")
    with pytest.raises(LabelError, match="nowhere: no such file or folder; expected a folder"):
        read(tmp_path / "nowhere")


def test_some_of_many_are_spread_evenly() -> None:
    items = list(range(100))
    assert list(Choice(limit=4).of(items)) == [0, 25, 50, 75]
    assert list(Choice(every=30).of(items)) == [0, 30, 60, 90]
    assert list(Choice(every=30, limit=2).of(items)) == [0, 60]
    assert list(Choice(limit=1000).of(items)) == items


# --- COCO -----------------------------------------------------------------------------


def coco(folder: Path, **changes: object) -> Path:
    jpeg(folder / "a.jpg")
    document = {
        # Labelled at twice the size of the picture that is here.
        "images": [{"id": 7, "file_name": "a.jpg", "width": WIDTH * 2, "height": HEIGHT * 2}],
        "annotations": [
            {"image_id": 7, "category_id": 1, "bbox": [60, 20, 40, 40]},
            {"image_id": 7, "category_id": 1, "bbox": [0, 0, 20, 20], "iscrowd": 1},
            {"image_id": 7, "category_id": 2, "bbox": [0, 0, 10, 10]},
        ],
        "categories": [{"id": 1, "name": "person"}, {"id": 2, "name": "dog"}],
    }
    path = folder / "labels.json"
    path.write_text(json.dumps(document | changes))
    return path


def test_coco_people_and_crowds(tmp_path: Path) -> None:
    coco(tmp_path)
    (picture,) = read(tmp_path)
    assert truths([picture]) == [[[30, 10, 50, 30]]]
    assert picture.ignored.tolist() == [[0, 0, 10, 10]]
    (dog,) = read(tmp_path, choice=Choice(person_class=2))
    assert truths([dog]) == [[[0, 0, 5, 5]]]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"annotations": [{"image_id": 7, "category_id": 1, "bbox": [0, 0, -1, 5]}]},
            r"labels\.json: annotations\[0\]\.bbox\[2\]: Expected `float` >= 0",
        ),
        (
            {"annotations": [{"image_id": 8, "category_id": 1, "bbox": [0, 0, 1, 5]}]},
            r"annotations\[0\]\.image_id: 8 is no image",
        ),
        ({"categories": [{"id": 3, "name": "cat"}]}, r"no person among 3 cat; .*--person-class"),
        (
            {
                "images": [{"id": 7, "file_name": "b.jpg", "width": 1, "height": 1}],
                "annotations": [],
            },
            r"names b\.jpg, and none of its pictures is in",
        ),
        ({"images": 5}, r"images: Expected `array`, got `int`"),
    ],
)
def test_a_wrong_coco_file_names_the_place(
    tmp_path: Path, changes: dict[str, object], words: str
) -> None:
    coco(tmp_path, **changes)
    with pytest.raises(LabelError, match=words):
        read(tmp_path)


def test_coco_pictures_outside_the_folder_are_not_read(tmp_path: Path) -> None:
    jpeg(tmp_path / "secret.jpg")
    folder = tmp_path / "set"
    folder.mkdir()
    path = coco(folder)
    path.write_text(path.read_text().replace('"a.jpg"', '"../secret.jpg"'))
    with pytest.raises(LabelError, match="none of its pictures"):
        read(folder)


def test_broken_json_and_a_choice_between_two(tmp_path: Path) -> None:
    path = coco(tmp_path)
    (tmp_path / "other.json").write_text("{")
    with pytest.raises(LabelError, match=r"several JSON files \(labels\.json, other\.json\)"):
        read(tmp_path)
    assert len(read(tmp_path, path)) == 1
    with pytest.raises(LabelError, match=r"other\.json: is not JSON"):
        read(tmp_path, tmp_path / "other.json")


# --- MOT ------------------------------------------------------------------------------

ROWS = """\
1,1,31,11,20,20,1,-1,-1,-1
1,2,1,1,10,10,0,-1,-1,-1
3,1,31,11,20,20,1,-1,-1,-1
"""


def video(path: Path, frames: int = 4) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for i in range(frames):
            pixels = np.full((HEIGHT, WIDTH, 3), 20 * i, np.uint8)
            for packet in stream.encode(av.VideoFrame.from_ndarray(pixels, format="bgr24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path


def test_mot_counts_frames_and_pixels_from_one_and_ignores_flag_zero(tmp_path: Path) -> None:
    clip = video(tmp_path / "walk.mp4")
    (tmp_path / "walk_gt.txt").write_text(ROWS)
    pictures = read(clip)
    assert truths(pictures) == [[[30, 10, 50, 30]], [], [[30, 10, 50, 30]], []]
    assert pictures[0].ignored.tolist() == [[0, 0, 10, 10]]
    assert truths(read(clip, choice=Choice(every=2))) == [[[30, 10, 50, 30]]] * 2


def test_mot_labels_of_another_size_than_the_video(tmp_path: Path) -> None:
    clip = video(tmp_path / "walk.mp4")
    labels = tmp_path / "gt.txt"
    labels.write_text("1,1,121,41,40,40,1,-1,-1,-1\n")
    with pytest.raises(LabelError, match=r"somebody is at 140,60, .*--label-size WxH"):
        read(clip)
    choice = Choice(label_size=FrameSize(WIDTH * 2, HEIGHT * 2))
    assert truths(read(clip, choice=choice))[0] == [[60, 20, 80, 40]]


def test_a_mot_sequence_of_pictures_with_classes(tmp_path: Path) -> None:
    for i in (1, 2):
        jpeg(tmp_path / "img1" / f"{i:06}.jpg")
    (tmp_path / "gt").mkdir()
    (tmp_path / "gt" / "gt.txt").write_text(
        "1,1,61,21,40,40,1,1,0.9\n"  # a pedestrian
        "1,2,1,1,20,20,1,7,0.9\n"  # sits: neither right nor wrong
        "1,3,1,1,20,20,1,3,0.9\n"  # a car
    )
    (tmp_path / "seqinfo.ini").write_text(
        f"[Sequence]\nimWidth={WIDTH * 2}\nimHeight={HEIGHT * 2}\n"
    )
    pictures = read(tmp_path)
    assert truths(pictures) == [[[30, 10, 50, 30]], []]
    assert pictures[0].ignored.tolist() == [[0, 0, 10, 10]]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("1,1,31,11,20,20,1\n1,1,31", r"gt\.txt:2: .*expected frame,id,x,y,w,h,flag"),
        ("1,1,x,11,20,20,1", r"gt\.txt:1: could not convert string to float: 'x'"),
        ("0,1,31,11,20,20,1", r"gt\.txt:1: frame 0 with a box of 20 x 20"),
        ("1,1,31,11,0,20,1", r"gt\.txt:1: frame 1 with a box of 0 x 20"),
        ("", r"gt\.txt: labels nobody"),
    ],
)
def test_a_wrong_mot_row_names_file_and_line(tmp_path: Path, rows: str, words: str) -> None:
    clip = video(tmp_path / "walk.mp4", 1)
    (tmp_path / "gt.txt").write_text(rows)
    with pytest.raises(LabelError, match=words):
        read(clip)


def test_a_video_without_labels_or_without_video(tmp_path: Path) -> None:
    clip = video(tmp_path / "walk.mp4", 1)
    with pytest.raises(LabelError, match=r"has no gt\.txt beside it"):
        read(clip)
    (tmp_path / "gt.txt").write_text(ROWS)
    clip.write_bytes(b"no video")
    with pytest.raises(LabelError, match="is no video that can be read"):
        read(clip)
