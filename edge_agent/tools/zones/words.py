"""What the page and the walk test say."""

from __future__ import annotations

from edge_agent.language import _
from edge_agent.tools.zones.verdicts import Held, WalkVerdict


def page_words() -> dict[str, str]:
    """By the names that zones.js uses; `{fields}` are filled there."""
    return {
        "left": _("{minutes} min left"),
        "over": _("The time is over. Start edge-agent zones again."),
        "view_label": _("The camera's picture with its zones"),
        "new_zones": _("New zone"),
        "new_ignore_zones": _("New ignore zone"),
        "new_privacy_masks": _("New privacy mask"),
        "kind_zones": _("Zone: people are told here"),
        "kind_ignore_zones": _("Ignore zone: nobody is told here"),
        "kind_privacy_masks": _("Privacy mask: black for everybody"),
        "named_zones": _("zone {name}"),
        "named_ignore_zones": _("ignore zone {name}"),
        "named_privacy_masks": _("privacy mask {name}"),
        "area_label": _("{name}, {count} corners; arrows move it, Delete removes it"),
        "corner_label": _("corner {number} of {name} at {x}, {y}; arrows move it"),
        "delete": _("Delete"),
        "delete_label": _("delete {name}"),
        "drawing": _(
            "Click the corners; click the first one again, or press Enter, to finish. Keys: arrows "
            "move the cross, space sets a corner, Enter alone makes a rectangle, Escape stops."
        ),
        "moving": _(
            "Drag areas and corners; the pale points add a corner. Keys: Tab, arrows, Shift for "
            "large steps, + adds a corner, Delete removes."
        ),
        "three": _("An area needs at least three corners."),
        "min_height_frac": _("Least height of a person"),
        "max_height_frac": _("Greatest height of a person"),
        "short_min_height_frac": _("least"),
        "short_max_height_frac": _("greatest"),
        "timing": _("stay {dwell} s; watched: {hours}"),
        "always": _("always "),
        "dwell": _("Told after a stay of so many seconds"),
        "hours": _("Hours {number}"),
        "add_hours": _("Add hours"),
        "from": _("from"),
        "until": _("until"),
        "days": _("Days; none ticked: every day"),
        "mon": _("Mon"),
        "tue": _("Tue"),
        "wed": _("Wed"),
        "thu": _("Thu"),
        "fri": _("Fri"),
        "sat": _("Sat"),
        "sun": _("Sun"),
        "not_sound": _("{text}: this cannot be used"),
        "undo": _("Undo"),
        "fresh": _("New picture"),
        "follow": _("Live: who would be told?"),
        "save": _("Save"),
        "saving": _("Saving ..."),
        "done": _("Finish"),
        "ended": _("Finished. This page can be closed."),
    }


def held_words(held: Held) -> str:
    return {
        Held.MASK: _("behind a privacy mask"),
        Held.IGNORED: _("in an ignore zone"),
        Held.SMALL: _("too small"),
        Held.TALL: _("too tall"),
        Held.SCORE: _("score too low"),
        Held.LOOKS: _("not seen often enough yet"),
        Held.OUTSIDE: _("outside all zones"),
        Held.SCHEDULE: _("not watched at this time"),
        Held.DWELL: _("not long enough in the zone yet"),
        Held.OTHER: _("not yet"),
        Held.NOTHING: "",
    }[held]


def sentence(verdict: WalkVerdict) -> str:
    """`seen 0.62, 2 of 3 looks, zone gate`."""
    text = _("seen {score}, {looks} of {needed} looks").format(
        score=f"{verdict.score:.2f}", looks=verdict.looks, needed=verdict.needed
    )
    if verdict.zones:
        text += _(", zone {zones}").format(zones=" ".join(verdict.zones))
    return text


def live_sentence(verdict: WalkVerdict) -> str:
    """With what the settings that are drawn would do."""
    if verdict.tells:
        end = _("would be told") if not verdict.told else _("told")
    else:
        end = _("not told: {why}").format(why=held_words(verdict.held))
    return f"{sentence(verdict)}: {end}"
