"""Profiles of a camera: what may differ, what is wrong there, and what is in force."""

from __future__ import annotations

from pathlib import Path

import pytest
from config_files import AGENT, CAMERA, problems, write

from edge_agent.config import CameraConfig, load_config
from edge_agent.config.plan import CameraStep, plan
from edge_agent.config.profiles import OWN, in_profile, key_in_file

ZONES = """
[person]
confirm_threshold = 0.5
[[zones]]
name = "door"
polygon = [[0, 0], [1, 0], [1, 1]]
dwell_s = 2
[[zones]]
name = "path"
polygon = [[0, 0], [1, 0], [1, 1]]
"""
NIGHT = """
[profiles.night]
dark = true
[[profiles.night.schedule]]
start = "22:00"
end = "06:00"
[profiles.night.person]
confirm_threshold = 0.4
[[profiles.night.zones]]
name = "path"
dwell_s = 3
[[profiles.night.zones]]
name = "fence"
polygon = [[0, 0], [1, 0], [1, 1]]
"""


def camera(folder: Path, text: str = NIGHT, agent: str = AGENT) -> CameraConfig:
    return load_config(write(folder, agent, front=CAMERA + ZONES + text)).config.cameras[0]


def test_a_profile_changes_what_it_writes_and_nothing_else(tmp_path: Path) -> None:
    front = camera(tmp_path)
    night = in_profile(front, "night")
    assert night.person.confirm_threshold == 0.4
    assert night.person.confirm_looks == front.person.confirm_looks
    assert [(zone.name, zone.dwell_s) for zone in night.zones] == [
        ("door", 2),
        ("path", 3),
        ("fence", 0),
    ]
    assert night.zones[1].polygon == front.zones[1].polygon
    assert in_profile(front, OWN) is front


def test_defaults_of_the_box_reach_a_profile_that_does_not_write_them(tmp_path: Path) -> None:
    front = camera(tmp_path, agent=f"{AGENT}[defaults.person]\nconfirm_looks = 7\n")
    assert in_profile(front, "night").person.confirm_looks == 7


@pytest.mark.parametrize(
    ("key", "written"),
    [
        ("person.confirm_threshold", "profiles.night.person.confirm_threshold"),
        ("person.confirm_looks", "person.confirm_looks"),
        ("zones[0].dwell_s", "zones[0].dwell_s"),
        ("zones[1].dwell_s", "profiles.night.zones[0].dwell_s"),
        ("zones[1].polygon", "zones[1].polygon"),
        ("zones[2].schedule", "profiles.night.zones[1].schedule"),
        ("motion.sensitivity", "motion.sensitivity"),
    ],
)
def test_a_key_is_named_where_it_is_written(tmp_path: Path, key: str, written: str) -> None:
    assert key_in_file(camera(tmp_path), "night", key) == written


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "fps = 3",
            (
                "profiles.night.fps: unknown key; it is the same in every profile; "
                "a profile changes person, motion, zones, ignore_zones"
            ),
        ),
        (
            '[[profiles.night.privacy_masks]]\nname = "x"',
            (
                "profiles.night.privacy_masks: unknown key; it is the same in every profile; "
                "a profile changes person, motion, zones, ignore_zones"
            ),
        ),
        ("drak = true", "profiles.night.drak: unknown key; did you mean profiles.night.dark?"),
        (
            "[profiles.night.person]\nconfirm_threshold = 40",
            (
                "profiles.night.person.confirm_threshold: is 40; use "
                '"auto" or a number, 0.01 to 0.99: 40 % is 0.4'
            ),
        ),
        (
            "[profiles.night.person]\nconfrm_looks = 3",
            "profiles.night.person.confrm_looks: unknown key; did you mean person.confirm_looks?",
        ),
        (
            "[profiles.night.person]\ncandidate_threshold = 0.6",
            (
                "profiles.night.person.confirm_threshold: is 0.5, below candidate_threshold 0.6; "
                "a person is confirmed by candidates: raise it, or lower candidate_threshold"
            ),
        ),
        (
            '[[profiles.night.zones]]\nname = "shed"\ndwell_s = 3',
            "profiles.night.zones[0].polygon: is missing; add it: polygon = [...]",
        ),
        (
            "[[profiles.night.zones]]\ndwell_s = 3",
            "profiles.night.zones[0].name: is missing; name the zone that it changes",
        ),
        (
            '[[profiles.night.zones]]\nname = "path"\npolygon = [[0, 0], [1, 1], [1, 0], [0, 1]]',
            (
                "profiles.night.zones[0].polygon: has edges that cross each other; "
                "list the corners in order around the area"
            ),
        ),
        ("person = 3", "profiles.night.person: is 3; write a table: [profiles.night.person]"),
        (
            "[profiles.auto.person]\nconfirm_looks = 2",
            "profiles.auto: is called auto; that word asks for no profile: use another name",
        ),
    ],
)
def test_what_is_wrong_in_a_profile_is_said_once_with_its_place(
    tmp_path: Path, text: str, said: str
) -> None:
    write(tmp_path, front=CAMERA + ZONES + f"[profiles.night]\n{text}\n")
    (problem,) = problems(tmp_path)
    place, _, rest = problem.partition(": ")
    assert rest == said
    assert place.startswith("cameras.d/front.toml")


def test_a_mistake_of_the_camera_itself_is_not_said_again_for_each_profile(tmp_path: Path) -> None:
    text = ZONES.replace("dwell_s = 2", "dwell_s = -1") + NIGHT
    write(tmp_path, front=CAMERA + text)
    assert len(problems(tmp_path)) == 1


def test_a_profile_that_changes_nothing_is_a_warning(tmp_path: Path) -> None:
    loaded = load_config(write(tmp_path, front=CAMERA + "[profiles.night]\ndark = true\n"))
    assert [(each.path, each.found) for each in loaded.warnings] == [
        ("profiles.night", "changes nothing")
    ]


def test_an_edit_of_a_profile_is_a_swap(tmp_path: Path) -> None:
    before = load_config(write(tmp_path, front=CAMERA + ZONES + NIGHT)).config
    after = load_config(write(tmp_path, front=CAMERA + ZONES + NIGHT.replace("0.4", "0.3"))).config
    found = plan(before, after)
    assert found.cameras == {"front": CameraStep.SWAP}
    assert found.changes == ("camera front: profiles.night.person.confirm_threshold: 0.4 -> 0.3",)
