"""Why a minute of one camera told nobody, in one word, and what is kept of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from edge_agent.agent.untold_ring import MinuteRow
from edge_agent.pipeline.untold_watch import UntoldTally

#: A change of less than this share of the least moving spot is noise.
_NOISE = 0.5


class MinuteReason(StrEnum):
    """The first that holds."""

    TOLD = "told"
    NO_CAMERA = "no camera"  # no pictures came
    GATE = "gate"  # pictures came, and none was decoded
    OVERLOADED = "overloaded"  # pictures were decoded, and the analysis had no time for them
    LIGHT = "light"  # lamp, infrared: nothing can be said of what moves
    VAIN = "vain"  # something moved where looks had found nobody before
    TOO_LITTLE = "too little"  # something changed, and less than motion.min_area_frac
    STILL = "still"
    UNWATCHED = "unwatched"  # by the zones' schedules
    NOBODY = "nobody"  # looked, and nothing looked like a person
    NO_CANDIDATE = "no candidate"  # best score below the candidate threshold
    UNSURE = "unsure"  # best score below the confirm threshold
    RULES = "rules"  # scored enough: too few looks, or not where or how it counts


@dataclass(frozen=True, slots=True)
class Supply:
    """What of the minute reached the analysis, as the camera's thread knows it."""

    streaming: bool
    decoded: int
    dropped: int


def reason_of(
    tally: UntoldTally, supply: Supply, holding: tuple[float, float], min_area_frac: float
) -> MinuteReason:
    """`holding`: the candidate and the confirm threshold."""
    if tally.told:
        return MinuteReason.TOLD
    if not tally.pictures:
        return _unseen(supply)
    return _looked(tally, holding) if tally.looks else _unlooked(tally, min_area_frac)


def _unseen(supply: Supply) -> MinuteReason:
    if supply.decoded and supply.dropped:
        return MinuteReason.OVERLOADED
    return MinuteReason.GATE if supply.streaming and not supply.decoded else MinuteReason.NO_CAMERA


def _looked(tally: UntoldTally, holding: tuple[float, float]) -> MinuteReason:
    if tally.unwatched >= tally.pictures:
        return MinuteReason.UNWATCHED
    if tally.best_score <= 0:
        return MinuteReason.NOBODY
    if tally.best_score < holding[0]:
        return MinuteReason.NO_CANDIDATE
    return MinuteReason.UNSURE if tally.best_score < holding[1] else MinuteReason.RULES


def _unlooked(tally: UntoldTally, min_area_frac: float) -> MinuteReason:
    if 2 * tally.unsteady > tally.pictures:
        return MinuteReason.LIGHT
    if tally.moved:
        return MinuteReason.VAIN
    changed = tally.changed_frac >= _NOISE * min_area_frac > 0
    return MinuteReason.TOO_LITTLE if changed else MinuteReason.STILL


#: Of many minutes at once.
_IN_SHORT = {
    MinuteReason.TOLD: "somebody was told",
    MinuteReason.NO_CAMERA: "no picture came",
    MinuteReason.GATE: "pictures came and none was decoded",
    MinuteReason.OVERLOADED: "the analysis had no time for any picture",
    MinuteReason.LIGHT: "the light changed",
    MinuteReason.VAIN: "something moved where looks found nobody before",
    MinuteReason.TOO_LITTLE: "less changed than motion.min_area_frac",
    MinuteReason.STILL: "nothing moved",
    MinuteReason.UNWATCHED: "no zone was watched (schedule)",
    MinuteReason.NOBODY: "looked, and nothing looked like a person",
    MinuteReason.NO_CANDIDATE: "scored less than person.candidate_threshold",
    MinuteReason.UNSURE: "scored less than person.confirm_threshold",
    MinuteReason.RULES: "scored enough, but in too few looks, or not where, as long or as large "
    "as asked",
}


def in_short(reason: str) -> str:
    """What such minutes have in common."""
    try:
        return _IN_SHORT[MinuteReason(reason)]
    except ValueError:  # of a newer agent
        return reason


def in_words(row: MinuteRow) -> str:
    """Why nobody was told in it, with what was measured; empty where somebody was."""
    looked = f"looked {row.looks} times" if row.looks != 1 else "looked once"
    best = f"{looked}, best {row.best_score:.2f}"
    words = {
        MinuteReason.TOLD: "",
        MinuteReason.NO_CAMERA: "no picture came",
        MinuteReason.GATE: "pictures came and none was decoded: no keyframe, no change of packet "
        "sizes",
        MinuteReason.OVERLOADED: "the analysis had no time for any picture",
        MinuteReason.LIGHT: "the light changed: then motion says nothing",
        MinuteReason.VAIN: f"something moved in {_pictures(row.moved)} where looks found nobody "
        "before",
        MinuteReason.TOO_LITTLE: f"at most {row.changed_frac:.5f} of the picture changed: less "
        "than motion.min_area_frac",
        MinuteReason.STILL: "nothing moved",
        MinuteReason.UNWATCHED: f"{best}, at a time when no zone is watched (schedule)",
        MinuteReason.NOBODY: f"{looked}, nothing looked like a person",
        MinuteReason.NO_CANDIDATE: f"{best} of {row.candidate_threshold:.2f} "
        "(person.candidate_threshold)",
        MinuteReason.UNSURE: f"{best} of {row.confirm_threshold:.2f} (person.confirm_threshold)",
        MinuteReason.RULES: f"{best} of {row.confirm_threshold:.2f}, but in too few looks, or not "
        "where, as long or as large as asked",
    }
    try:
        said = words[MinuteReason(row.reason)]
    except ValueError:  # of a newer agent
        said = row.reason
    return "; ".join((said, *_shortage(row))) if said else ""


def _shortage(row: MinuteRow) -> list[str]:
    """What was not analysed of what the camera sent."""
    short = []
    if row.keyframes_only and not row.looks and row.pictures:
        short.append(f"gate: only {row.pictures} keyframe{_s(row.pictures)} decoded")
    if row.dropped:
        short.append(f"{_pictures(row.dropped)} dropped: the box was too busy")
    return short


def _pictures(count: int) -> str:
    return f"{count} picture{_s(count)}"


def _s(count: int) -> str:
    return "" if count == 1 else "s"
