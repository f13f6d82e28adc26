"""What can be wrong with a camera's picture, and how sure one look is of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from edge_agent.domain import Severity
from edge_agent.health.look import Look
from edge_agent.health.reference import Comparison


class Fault(StrEnum):
    """The `kind` of a health event. docs/mqtt.md names ONVIF's topic for each."""

    BLACK = "black"  # nothing at all: a cap, no video signal
    DARK = "dark"  # the lamp or the infrared light is out
    OVEREXPOSED = "overexposed"
    FROZEN = "frozen"  # one picture for ever, perhaps with a moving clock
    GLITCHING = "glitching"  # smeared, green, torn
    BLOCKED = "blocked"  # a hand, cloth, spray, a web
    MOVED = "moved"  # turned, or hanging down
    BLURRED = "blurred"  # defocused or dirty


#: What takes all sight, and what takes some.
SEVERITY: Mapping[Fault, Severity] = {
    Fault.BLACK: Severity.CRITICAL,
    Fault.DARK: Severity.WARNING,
    Fault.OVEREXPOSED: Severity.WARNING,
    Fault.FROZEN: Severity.CRITICAL,
    Fault.GLITCHING: Severity.WARNING,
    Fault.BLOCKED: Severity.CRITICAL,
    Fault.MOVED: Severity.CRITICAL,
    Fault.BLURRED: Severity.WARNING,
}


class Aspect(StrEnum):
    """What is judged by itself. In one aspect a picture has one fault at a time."""

    LIGHT = "light"
    LIFE = "life"
    CODING = "coding"
    VIEW = "view"


@dataclass(frozen=True, slots=True)
class Suspicion:
    """One look's word on one aspect: the fault it holds for, or None."""

    fault: Fault | None
    score: float = 0.0  # 0..1
    threshold: float = 1.0


#: Levels. Without light a sensor gives 16 and some noise; a lamp far away is brighter than 45.
_BLACK_HIGH, _BLACK_CONTRAST = 40.0, 12.0
_DARK_HIGH = 55.0
#: Green where U and V are zero, as lost chroma decodes: shares of the picture.
_GREEN_FRAC, _SMEAR_FRAC = 0.25, 0.12
_BRIGHT_FRAC, _BRIGHT_MEDIAN = 0.5, 200.0
_STILL_FRAC = 0.93
#: The thresholds below were set on half of the scenes of benchmarks/eyes.py.
_SMOOTH_FRAC, _SMOOTH_OF_LOST, _FRESH_AT_MOST, _ALL_SMOOTH = 0.26, 0.8, 0.6, 0.8
_MOVED_SHIFT, _MOVED_KEPT, _MOVED_LOST = 0.02, 0.5, 0.4
_TURNED_KEPT, _TURNED_LOST, _TURNED_SPREAD, _TURNED_FRESH = 0.2, 0.75, 0.55, 0.35
_SHARP, _SHARP_FRESH = 0.3, 0.15
_SOFT = 0.5
_VERY_SOFT = 0.9
#: With fewer textured tiles than this a scene has nothing to compare.
_LEAST_TILES = 8


def seen_alone(look: Look, still_frac: float, green_frac: float) -> dict[Aspect, Suspicion]:
    """What needs no reference. Shares: tiles that did not change at all, green pixels."""
    flat = look.contrast <= _BLACK_CONTRAST
    torn = max(look.smear_frac / _SMEAR_FRAC, green_frac / _GREEN_FRAC) * 0.5
    still = 0.0 if flat else still_frac
    return {
        Aspect.LIGHT: _light(look),
        Aspect.LIFE: _held(Fault.FROZEN, still, _STILL_FRAC),
        Aspect.CODING: _held(Fault.GLITCHING, min(1.0, torn), 0.5),
    }


def seen_beside(usual: Comparison) -> Suspicion:
    """What only a reference shows of the view: the likeliest fault."""
    if usual.tiles < _LEAST_TILES:
        return Suspicion(None)
    if _is_moved(usual):
        return Suspicion(Fault.MOVED, usual.lost_frac, _MOVED_LOST)
    if _is_covered(usual):
        return Suspicion(Fault.BLOCKED, usual.smooth_frac, _SMOOTH_FRAC)
    return _held(Fault.BLURRED, max(0.0, usual.softness or 0.0), _SOFT)


def covered_in_other_light(usual: Comparison) -> Suspicion:
    """Beside the reference of the other light only what leaves nothing of the scene is sure: cloth
    makes a picture grey, too, and infrared light shows some of what daylight shows."""
    covered = usual.tiles >= _LEAST_TILES and usual.smooth_frac >= _ALL_SMOOTH
    return Suspicion(Fault.BLOCKED if covered else None, usual.smooth_frac, _ALL_SMOOTH)


def _held(fault: Fault, score: float, threshold: float) -> Suspicion:
    return Suspicion(fault if score >= threshold else None, score, threshold)


def _light(look: Look) -> Suspicion:
    if look.high <= _BLACK_HIGH and look.contrast <= _BLACK_CONTRAST:
        return Suspicion(Fault.BLACK, 1.0, 1.0)
    if look.high <= _DARK_HIGH:
        return Suspicion(Fault.DARK, 1.0, 1.0)
    bright = look.bright_frac if look.median >= _BRIGHT_MEDIAN else 0.0
    return _held(Fault.OVEREXPOSED, bright, _BRIGHT_FRAC)


def _is_moved(usual: Comparison) -> bool:
    shifted = (
        usual.shift_frac >= _MOVED_SHIFT
        and usual.kept < _MOVED_KEPT
        and usual.lost_frac >= _MOVED_LOST
    )
    elsewhere = (
        usual.kept < _TURNED_KEPT
        and usual.lost_frac >= _TURNED_LOST
        and usual.spread >= _TURNED_SPREAD
    )
    # What covers a lens is out of focus: new edges, or detail as sharp as ever, are another view.
    other = usual.fresh >= _TURNED_FRESH and (usual.smooth_frac < _SMOOTH_OF_LOST * usual.lost_frac)
    sharp = usual.softness is not None and usual.softness < _SHARP and usual.fresh >= _SHARP_FRESH
    return shifted or (elsewhere and (other or sharp))


def _is_covered(usual: Comparison) -> bool:
    if usual.smooth_frac >= _ALL_SMOOTH:
        return True
    return (
        usual.smooth_frac >= _SMOOTH_FRAC
        and usual.smooth_frac >= _SMOOTH_OF_LOST * usual.lost_frac
        and usual.fresh <= _FRESH_AT_MOST
        and (usual.softness or 0.0) < _VERY_SOFT
    )
