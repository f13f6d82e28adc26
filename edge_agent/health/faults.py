"""What can be wrong with a camera's picture, and how sure one look is of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from edge_agent.domain import Severity
from edge_agent.health.look import Glance
from edge_agent.health.reference import AgainstReference


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
    LOW_FRAME_RATE = "low_frame_rate"  # far fewer pictures than usual
    LOST = "lost"  # no picture comes


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
    Fault.LOW_FRAME_RATE: Severity.WARNING,
    Fault.LOST: Severity.CRITICAL,
}


class Aspect(StrEnum):
    """What is judged by itself. In one aspect a picture has one fault at a time."""

    LIGHT = "light"
    LIFE = "life"
    CODING = "coding"
    VIEW = "view"
    STREAM = "stream"  # how pictures come: `health.stream`, not seen in them


ASPECT_OF: Mapping[Fault, Aspect] = {
    Fault.BLACK: Aspect.LIGHT,
    Fault.DARK: Aspect.LIGHT,
    Fault.OVEREXPOSED: Aspect.LIGHT,
    Fault.FROZEN: Aspect.LIFE,
    Fault.GLITCHING: Aspect.CODING,
    Fault.BLOCKED: Aspect.VIEW,
    Fault.MOVED: Aspect.VIEW,
    Fault.BLURRED: Aspect.VIEW,
    Fault.LOW_FRAME_RATE: Aspect.STREAM,
    Fault.LOST: Aspect.STREAM,
}


@dataclass(frozen=True, slots=True)
class Suspicion:
    """One look's word on one aspect: the fault it holds for, or None."""

    fault: Fault | None
    score: float = 0.0  # 0..1
    threshold: float = 1.0
    sure: bool = False  # so plain that half of the time is enough


#: Levels. Without light a sensor gives 16 and some noise; a lamp far away is brighter than 45.
_BLACK_HIGH, _BLACK_CONTRAST = 40.0, 12.0
_DARK_HIGH = 55.0
#: Green where U and V are zero, as lost chroma decodes: shares of the picture.
_GREEN_FRAC, _SMEAR_FRAC = 0.25, 0.12
_BRIGHT_FRAC, _BRIGHT_MEDIAN = 0.5, 200.0
_STILL_FRAC = 0.93
#: The thresholds below were set on half of the scenes of benchmarks/eyes.py.
#: With fewer tiles that say something a scene has nothing to compare.
_LEAST_TILES = 6
#: The scene is elsewhere: moved by so much of the height, and alike again once that is undone...
_GONE_IF_MOVED, _MOVED_SHIFT, _ALIKE_AGAIN = 0.6, 0.015, 0.4
#: ...or nothing of it is left anywhere, and something as rich in contours came instead.
_ALL_GONE, _EVERYWHERE, _UNLIKE, _NEW_VIEW = 0.75, 0.5, 0.3, 0.28
#: Covered: contours are gone, and none came: what is close to the lens is out of focus, and what
#: is far from it (a lorry) has contours of its own.
_COVERED, _OF_GONE, _COVERED_GAIN, _NEW_OF_GONE = 0.25, 0.6, 0.22, 0.25
#: Threads before the lens: nowhere as ever, and what came is blurred. Beside how much comes and
#: goes where nothing is wrong: people, leaves.
_THREADS_GONE, _THREADS_GAIN, _THREADS_ALIKE = 0.06, 0.92, 0.78
_THREADS_NEW, _OF_USUAL_NEW, _BLUNT = 0.2, 1.3, 2.5
#: Soft: the scene is there, but not its finest detail, or fine contours less than coarse ones.
_STILL_THERE, _SOFT, _FINE_OF_COARSE, _LEAST_COARSE = 0.55, 0.2, 0.7, 0.2
#: A camera that sways: fewer tiles of the rich ones are found again; what is judged then.
#: Its sharpness is of other places at each look.
_SWAYING, _HUSHED, _FINE_LEFT, _SWAYING_SOFT = 0.2, 0.3, 0.6, 0.6
#: Bright and dark places lie elsewhere, and are about as different as before; if not: covered.
_ELSEWHERE, _AS_DIFFERENT = 0.3, 0.5
#: Beside the reference of another light.
_NOTHING_LEFT, _NOTHING_NEW = 0.85, 0.12
#: Total: nobody who passes by the lens covers all of it.
_TOTAL, _MOVED_TOTAL, _TOTAL_GAIN = 0.95, 0.9, 0.1


def seen_alone(
    look: Glance, still_frac: float, green_frac: float, smear_frac: float
) -> dict[Aspect, Suspicion]:
    """What needs no reference. Shares: tiles that did not change at all, green pixels, rows
    smeared beyond what is usual."""
    flat = look.contrast <= _BLACK_CONTRAST
    torn = max(smear_frac / _SMEAR_FRAC, green_frac / _GREEN_FRAC) * 0.5
    still = 0.0 if flat else still_frac
    return {
        Aspect.LIGHT: _light(look),
        Aspect.LIFE: _held(Fault.FROZEN, still, _STILL_FRAC),
        Aspect.CODING: _held(Fault.GLITCHING, min(1.0, torn), 0.5),
    }


def seen_beside(usual: AgainstReference) -> Suspicion:
    """What only a reference shows of the view: the likeliest fault."""
    if usual.tiles < max(_LEAST_TILES, _SWAYING * usual.rich_tiles):
        return _seen_swaying(usual)
    if _is_moved(usual):
        sure = usual.gone_frac >= _MOVED_TOTAL and usual.coarse_gain < _TOTAL_GAIN
        return Suspicion(Fault.MOVED, usual.gone_frac, _GONE_IF_MOVED, sure)
    if _is_all_gone(usual) and min(usual.coarse_gain, usual.coarse_alike) < _COVERED_GAIN:
        sure = usual.gone_frac >= _TOTAL and usual.coarse_gain < _TOTAL_GAIN
        return Suspicion(Fault.BLOCKED, usual.gone_frac, _ALL_GONE, sure)
    if _is_covered(usual):
        return Suspicion(Fault.BLOCKED, usual.smooth_frac, _COVERED)
    if _has_threads(usual):
        return Suspicion(Fault.BLOCKED, usual.gone_frac, _THREADS_GONE)
    blurred = _blurred(usual)
    # Few tiles say something, and perhaps not those that are covered now.
    return _seen_swaying(usual) if blurred.fault is None and usual.rich_tiles else blurred


def _seen_swaying(usual: AgainstReference) -> Suspicion:
    """Where contours are not found again usually: a camera on a pole, wind in the trees, a wall."""
    if usual.layout_alike is not None and usual.layout_alike < _ELSEWHERE:
        fault = Fault.MOVED if usual.layout_contrast >= _AS_DIFFERENT else Fault.BLOCKED
        return Suspicion(fault, min(1.0, 1 - usual.layout_alike), 1 - _ELSEWHERE)
    if usual.rich_tiles < _LEAST_TILES:
        return Suspicion(None)
    if usual.hushed_frac >= _HUSHED:
        return Suspicion(Fault.BLOCKED, usual.hushed_frac, _HUSHED)
    softness = max(0.0, usual.softness or 0.0)
    if softness >= _SWAYING_SOFT:
        return Suspicion(Fault.BLURRED, softness, _SWAYING_SOFT)
    fine = usual.energy_ratio
    found = Fault.BLURRED if fine < _FINE_LEFT else None
    return Suspicion(found, max(0.0, 1 - fine), 1 - _FINE_LEFT)


def covered_in_other_light(usual: AgainstReference) -> Suspicion:
    """Beside the reference of the other light only what leaves nothing of the scene is sure: cloth
    makes a picture grey, too, and infrared light shows some of what daylight shows."""
    covered = (
        usual.tiles >= _LEAST_TILES
        and usual.gone_frac >= _NOTHING_LEFT
        and usual.coarse_gain < _COVERED_GAIN
        and usual.fine_new < _NOTHING_NEW
    )
    return Suspicion(Fault.BLOCKED if covered else None, usual.gone_frac, _NOTHING_LEFT, covered)


def _held(fault: Fault, score: float, threshold: float) -> Suspicion:
    return Suspicion(fault if score >= threshold else None, score, threshold)


def _light(look: Glance) -> Suspicion:
    if look.high <= _BLACK_HIGH and look.contrast <= _BLACK_CONTRAST:
        return Suspicion(Fault.BLACK, 1.0, 1.0, sure=True)
    if look.high <= _DARK_HIGH:
        return Suspicion(Fault.DARK, 1.0, 1.0)
    bright = look.bright_frac if look.median >= _BRIGHT_MEDIAN else 0.0
    return _held(Fault.OVEREXPOSED, bright, _BRIGHT_FRAC)


def _is_all_gone(usual: AgainstReference) -> bool:
    return usual.gone_frac >= _ALL_GONE and usual.spread >= _EVERYWHERE


def _is_moved(usual: AgainstReference) -> bool:
    if usual.gone_frac < _GONE_IF_MOVED:
        return False
    if usual.shift_frac >= _MOVED_SHIFT and usual.shift_alike >= _ALIKE_AGAIN:
        return True
    elsewhere = _is_all_gone(usual) and usual.coarse_alike < _UNLIKE
    return elsewhere and usual.fine_new >= _NEW_VIEW


def _is_covered(usual: AgainstReference) -> bool:
    return (
        usual.smooth_frac >= _COVERED
        and usual.smooth_frac >= _OF_GONE * usual.gone_frac
        and usual.coarse_gone_gain < _COVERED_GAIN
        and usual.fine_new <= _NEW_OF_GONE * usual.gone_frac
    )


def _has_threads(usual: AgainstReference) -> bool:
    return (
        usual.gone_frac >= _THREADS_GONE
        and usual.gain < _THREADS_GAIN
        and usual.coarse_alike < _THREADS_ALIKE * usual.usual_coarse_alike
        and usual.coarse_new
        >= max(_THREADS_NEW + _OF_USUAL_NEW * usual.usual_coarse_new, _BLUNT * usual.fine_new)
    )


def _blurred(usual: AgainstReference) -> Suspicion:
    if usual.coarse_alike < _STILL_THERE:
        return Suspicion(None)
    softness = max(0.0, usual.softness or 0.0)
    limit = _SOFT + usual.usual_softness
    if softness >= limit:
        return Suspicion(Fault.BLURRED, softness, limit)
    fine = usual.fine_gain / max(usual.coarse_gain, _LEAST_COARSE)
    surely = not usual.rich_tiles and usual.coarse_gain >= _LEAST_COARSE
    if fine < _FINE_OF_COARSE and surely:
        return Suspicion(Fault.BLURRED, 1 - fine, 1 - _FINE_OF_COARSE)
    return Suspicion(None, softness, limit)
