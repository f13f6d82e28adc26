"""A camera's file after drawing: what was asked for, and every comment, order and key besides."""

from __future__ import annotations

import random
import re
import tomllib

import msgspec
import pytest
from camera_forms import CameraForms

from edge_agent.errors import OperatorError
from edge_agent.tools.zones.draft import KINDS, Area, Hours, ZonesDraft, rounded
from edge_agent.tools.zones.rewriting import rewritten

SQUARE = ((0.1, 0.1), (0.4, 0.1), (0.4, 0.4), (0.1, 0.4))

TABLES = """\
# The gate.
id = "gate"

[person]
min_height_frac = 0.1  # the far street

# where they come in
[[zones]]
name = "path"     # as the owner says
polygon = [[0.2, 0.4], [0.8, 0.4], [0.9, 0.95]]  # measured
# only at night
[[zones.schedule]]
start = "22:00"

# the yard
[[zones]]
name = "yard"
polygon = [
  [0, 0],  # the tree
  [1, 0],
  [1, 1],
]
dwell_s = 2

# seen from the street
[[privacy_masks]]
name = "window"
polygon = [[0.7, 0], [1, 0], [1, 0.2]]
[health]  # all of it
ignore = ["dark"]
"""
INLINE = """\
id = "gate"
zones = [
  {name = "path", polygon = [[0, 0], [1, 0], [1, 1]]},
  {name = "yard", polygon = [[0, 0], [1, 0], [1, 1]], dwell_s = 2},  # at the back
]
person.confirm_looks = 2
# the end
"""
BARE = 'id = "gate"\n[source]\nkind = "file"\npath = "a.mp4"'


def draft_of(text: str) -> ZonesDraft:
    data = tomllib.loads(text)
    areas = {
        kind: tuple(
            Area(entry["name"], tuple((float(x), float(y)) for x, y in entry["polygon"]), number)
            for number, entry in enumerate(data.get(kind, []))
        )
        for kind in KINDS
    }
    person = data.get("person", {})
    return ZonesDraft(
        "",
        min_height_frac=person.get("min_height_frac", 0.0),
        max_height_frac=person.get("max_height_frac", 1.0),
        **areas,
    )


def changed(text: str, **more: object) -> str:
    before = draft_of(text)
    return rewritten(text, before, msgspec.structs.replace(before, **more))


def comments(text: str) -> list[str]:
    return [each.strip() for each in re.findall(r"#.*", text)]


@pytest.mark.parametrize("text", [TABLES, INLINE, BARE, TABLES.replace("\n", "\r\n")])
def test_nothing_drawn_changes_nothing(text: str) -> None:
    assert changed(text) == text


def test_a_moved_corner_changes_that_line_only() -> None:
    zones = draft_of(TABLES).zones
    moved = msgspec.structs.replace(zones[0], polygon=(*zones[0].polygon[:2], (0.51239, 0.9)))
    text = changed(TABLES, zones=(moved, zones[1]))
    line = "polygon = [[0.2, 0.4], [0.8, 0.4], [0.9, 0.95]]  # measured"
    new = "polygon = [[0.2, 0.4], [0.8, 0.4], [0.512, 0.9]]  # measured"
    assert text == TABLES.replace(line, new)


def test_the_comment_of_a_moved_corner_stays() -> None:
    zones = draft_of(TABLES).zones
    corners = ((0.2, 0.3), *zones[1].polygon[1:])
    text = changed(TABLES, zones=(zones[0], msgspec.structs.replace(zones[1], polygon=corners)))
    assert text == TABLES.replace("[0, 0],  # the tree", "[0.2, 0.3],  # the tree")


def test_a_new_name_keeps_what_else_the_zone_says() -> None:
    zones = draft_of(TABLES).zones
    text = changed(TABLES, zones=(msgspec.structs.replace(zones[0], name="drive"), zones[1]))
    assert text == TABLES.replace('"path"     #', '"drive"     #')


def test_a_deleted_zone_goes_with_its_schedule_and_the_comments_around_it_stay() -> None:
    text = changed(TABLES, zones=draft_of(TABLES).zones[1:])
    assert [zone["name"] for zone in tomllib.loads(text)["zones"]] == ["yard"]
    assert "22:00" not in text
    lost = set(comments(TABLES)) - set(comments(text))
    assert lost == {"# as the owner says", "# measured", "# only at night"}


def test_all_zones_deleted_leave_the_comments_between_them() -> None:
    text = changed(TABLES, zones=())
    assert "zones" not in tomllib.loads(text)
    assert {"# where they come in", "# the yard", "# seen from the street"} <= set(comments(text))


def test_a_new_zone_stands_behind_the_last_of_its_kind() -> None:
    before = draft_of(TABLES)
    text = changed(TABLES, zones=(*before.zones, Area("new", SQUARE)))
    block = '\n[[zones]]\nname = "new"\npolygon = [[0.1, 0.1], [0.4, 0.1], [0.4, 0.4], [0.1, 0.4]]'
    assert text == TABLES.replace("dwell_s = 2\n", f"dwell_s = 2\n{block}\n")


def test_the_first_of_its_kind_stands_at_the_end() -> None:
    text = changed(BARE, privacy_masks=(Area("w", SQUARE),), max_height_frac=0.7)
    assert text.startswith(BARE + "\n\n[[privacy_masks]]\n")
    assert tomllib.loads(text)["person"] == {"max_height_frac": 0.7}


def test_windows_line_ends_stay() -> None:
    text = changed(TABLES.replace("\n", "\r\n"), zones=(Area("n", SQUARE),), max_height_frac=0.8)
    assert "\n" not in text.replace("\r\n", "")


def test_lists_of_inline_tables_are_edited_in_place() -> None:
    zones = draft_of(INLINE).zones
    new = (zones[1], Area("new", SQUARE))
    text = changed(INLINE, zones=new, ignore_zones=(Area("i", SQUARE),), min_height_frac=0.25)
    data = tomllib.loads(text)
    assert [zone["name"] for zone in data["zones"]] == ["yard", "new"]
    assert data["zones"][0]["dwell_s"] == 2
    assert data["person"] == {"confirm_looks": 2, "min_height_frac": 0.25}
    assert comments(text) == comments(INLINE)


def test_heights_go_into_the_table_that_is_there() -> None:
    text = changed(TABLES, min_height_frac=0.2, max_height_frac=0.9)
    line = "min_height_frac = 0.1  # the far street\n"
    assert text == TABLES.replace(line, line.replace("0.1", "0.2") + "max_height_frac = 0.9\n")


def test_a_drawing_of_another_version_is_refused() -> None:
    with pytest.raises(OperatorError, match="changed meanwhile"):
        changed(BARE, zones=(Area("path", SQUARE, 3),))


@pytest.mark.parametrize("seed", range(120))
def test_any_drawing_is_written_and_no_comment_outside_a_deleted_area_is_lost(seed: int) -> None:
    chance = random.Random(seed)
    text = chance.choice([TABLES, INLINE, BARE]) if seed % 3 == 0 else CameraForms(seed).text()
    for _ in range(4):
        before = draft_of(text)
        drawn = {}
        deleted = False
        for kind in KINDS:
            areas = []
            for area in getattr(before, kind):
                if chance.random() < 0.2:
                    deleted = True
                    continue
                name = f"n{chance.randrange(9)}" if chance.random() < 0.3 else area.name
                moved = tuple((chance.random(), chance.random()) for _corner in area.polygon)
                areas.append(Area(name, moved if chance.random() < 0.3 else area.polygon, area.was))
            while chance.random() < 0.3:
                areas.append(Area(chance.choice(["new", 'a "b"', "c\\d"]), SQUARE))
            drawn[kind] = tuple(areas)
        least = round(chance.random(), 2) if chance.random() < 0.3 else before.min_height_frac
        draft = ZonesDraft(
            "", min_height_frac=least, max_height_frac=before.max_height_frac, **drawn
        )
        after = rewritten(text, before, draft)
        said = tomllib.loads(after)
        for kind in KINDS:
            wanted = [(area.name, rounded(area.polygon)) for area in drawn[kind]]
            found = [(e["name"], rounded(e["polygon"])) for e in said.get(kind, [])]
            assert found == wanted
        others = [key for key in tomllib.loads(text) if key not in (*KINDS, "person")]
        assert {key: said[key] for key in others} == {
            key: tomllib.loads(text)[key] for key in others
        }
        if not deleted:
            assert comments(after) == comments(text)
        text = after


# --- how long somebody must stay, and when a zone is watched ---------------------------------

LATE = Hours("22:00", "06:00", ("fri", "sat"))
NOON = Hours("12:00", "13:30")


def timed(text: str, number: int, **more: object) -> str:
    """With another stay, or other hours, of one zone."""
    zones = list(draft_of(text).zones)
    zones[number] = msgspec.structs.replace(zones[number], **more)
    return changed(text, zones=tuple(zones))


@pytest.mark.parametrize("text", [TABLES, INLINE, TABLES.replace("\n", "\r\n")])
@pytest.mark.parametrize("number", [0, 1])
def test_stay_and_hours_of_a_zone_are_written_and_nothing_else(text: str, number: int) -> None:
    after = timed(text, number, dwell_s=3.5, schedule=(LATE, NOON))
    wanted = tomllib.loads(text)
    wanted["zones"][number]["dwell_s"] = 3.5
    wanted["zones"][number]["schedule"] = [
        {"days": ["fri", "sat"], "start": "22:00", "end": "06:00"},
        {"start": "12:00", "end": "13:30"},
    ]
    assert tomllib.loads(after) == wanted
    assert ("\r\n" in after) is ("\r\n" in text)
    kept = comments(text)
    if number == 0 and text != INLINE:
        kept.remove("# only at night")  # stood before the hours that went
    assert [each for each in comments(after) if each in kept] == kept


def test_hours_that_are_as_before_stay_as_they_are_written() -> None:
    same = Hours("22:00", "24:00")  # the second is what the file leaves out
    assert timed(TABLES, 0, schedule=(same,)) == TABLES
    assert timed(TABLES, 1, dwell_s=2.0, schedule=()) == TABLES


@pytest.mark.parametrize("text", [TABLES, INLINE])
def test_hours_that_go_leave_the_zone_watched_always(text: str) -> None:
    after = timed(timed(text, 0, schedule=(NOON,)), 0, schedule=())
    assert "schedule" not in tomllib.loads(after)["zones"][0]


@pytest.mark.parametrize("text", [TABLES, INLINE, BARE])
def test_a_new_zone_comes_with_its_stay_and_hours(text: str) -> None:
    zones = (*draft_of(text).zones, Area("shed", SQUARE, None, 5.0, (LATE,)))
    zone = tomllib.loads(changed(text, zones=zones))["zones"][-1]
    assert (zone["name"], zone["dwell_s"], len(zone["schedule"])) == ("shed", 5.0, 1)


@pytest.mark.parametrize("seed", range(60))
def test_stay_and_hours_in_every_form_of_a_file(seed: int) -> None:
    forms = CameraForms(seed)
    text = forms.text()
    draft = draft_of(text)
    if not draft.zones:
        return
    number = forms.chance.randrange(len(draft.zones))
    hours = tuple(forms.chance.sample((LATE, NOON), forms.chance.randint(0, 2)))
    zones = list(draft.zones)
    zones[number] = msgspec.structs.replace(zones[number], dwell_s=7.0, schedule=hours)
    try:
        after = changed(text, zones=tuple(zones))
    except OperatorError:
        pytest.fail("this form is refused")
    zone = tomllib.loads(after)["zones"][number]
    assert (zone["dwell_s"], len(zone.get("schedule", []))) == (7.0, len(hours))
