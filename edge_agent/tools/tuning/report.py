"""Writes the one page of `tune --report`: everything inside, nothing fetched, no picture sent."""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from importlib import resources
from itertools import groupby
from pathlib import Path
from typing import Any

from edge_agent.atomic_file import write_atomically
from edge_agent.config import CameraConfig
from edge_agent.config.profiles import in_profile
from edge_agent.pipeline.near_miss import FLOOR_FRAC
from edge_agent.pipeline.stages import Thresholds, thresholds
from edge_agent.pipeline.why import Why
from edge_agent.tools.tuning.comparison import Difference
from edge_agent.tools.tuning.decision import Decided, RecordedFrame, ToldEvent
from edge_agent.tools.tuning.experiment import Trial, TuningOutcome
from edge_agent.tools.tuning.people import dividing_gap, people_of
from edge_agent.tools.tuning.scenes import ClipScenes, Scenes
from edge_agent.tools.tuning.words import keys_of, reason_words

#: A page that a phone opens: some 30 kB each.
_MOST_PICTURES = 60
_DIGITS = 3


def write_report(path: Path, outcome: TuningOutcome, scenes: Scenes, own: Thresholds) -> None:
    """Raises StorageError."""
    write_atomically(path, page(data_of(outcome, scenes, own)).encode(), mode=0o600)


def page(data: dict[str, Any]) -> str:
    """The page with everything inside."""
    folder = resources.files("edge_agent.tools.tuning") / "page"

    def part(name: str) -> str:
        return (folder / name).read_text(encoding="utf-8")

    # Nothing in a script element may look like its end.
    plain = json.dumps(data, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    plain = plain.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    text = part("report.html")
    for mark, content in (
        ("/*UPLOT_CSS*/", part("uPlot.min.css")),
        ("/*PAGE_CSS*/", part("report.css")),
        ("/*UPLOT_LICENCE*/", part("uPlot-LICENSE")),
        ("/*UPLOT_JS*/", part("uPlot.iife.min.js")),
        ("/*PAGE_JS*/", part("report.js")),
        ("/*DATA*/", plain),
    ):
        before, found, after = text.partition(mark)
        assert found, mark
        text = before + content + after
    return text


def data_of(outcome: TuningOutcome, scenes: Scenes, own: Thresholds) -> dict[str, Any]:
    """What the page shows."""
    camera = _holding(outcome)
    candidate, confirm = thresholds(camera.person, own)
    person, advice = camera.person, outcome.advice
    chosen = advice.index if advice is not None else None
    b = _other_side(outcome)
    trials = [(-1, outcome.a), *enumerate(outcome.trials)]
    return {
        "labelled": outcome.labelled,
        "thresholds": {
            "motion": camera.motion.min_area_frac,
            "candidate": candidate,
            "confirm": confirm,
        },
        "rule": {"looks": person.confirm_looks, "window_s": person.confirm_window_s},
        "trials": [
            _trial(trial, index, chosen, labelled=outcome.labelled) for index, trial in trials
        ],
        "advice": None
        if advice is None
        else {
            "name": None if advice.index < 0 else outcome.trials[advice.index].candidate.name,
            "level": advice.level,
            "kind": advice.kind,
            "numbers": {key: _rounded(value) for key, value in advice.numbers.items()},
        },
        "clips": [
            _clip(outcome, i, b, scenes.clips[i], own) for i in range(len(outcome.recordings))
        ],
    }


def _holding(outcome: TuningOutcome) -> CameraConfig:
    """The settings of A with the profile that was in force in most pictures."""
    camera = outcome.a.candidate.camera
    seen = Counter(name for decided in outcome.a.decided for name in decided.profiles)
    return in_profile(camera, seen.most_common(1)[0][0]) if seen else camera


def _other_side(outcome: TuningOutcome) -> Trial | None:
    """B: the only trial, or of many the recommended one."""
    if len(outcome.trials) == 1:
        return outcome.trials[0]
    advice = outcome.advice
    return outcome.trials[advice.index] if advice is not None and advice.index >= 0 else None


def _trial(trial: Trial, index: int, chosen: int | None, *, labelled: bool) -> dict[str, Any]:
    name = trial.candidate.name
    found: dict[str, Any] = {
        "name": f"A {name}" if index < 0 else name,
        "events": trial.events,
        "gained": trial.gained,
        "lost": trial.lost,
        "chosen": index == chosen,
    }
    if labelled:
        score = trial.score
        delay = "-" if score.delay_s is None else f"{score.delay_s:.1f} s"
        found["score"] = [f"{score.precision:.2f}", f"{score.recall:.2f}", delay]
    return found


def _clip(
    outcome: TuningOutcome, index: int, b: Trial | None, scene: ClipScenes, own: Thresholds
) -> dict[str, Any]:
    recorded, a = outcome.recordings[index], outcome.a
    camera, decided = a.candidate.camera, a.decided[index]
    looks = recorded.looks_of(camera)
    written, camera = camera, _holding(outcome)
    people = people_of(looks, decided, camera, own)
    person, floor = camera.person, FLOOR_FRAC * thresholds(camera.person, own)[0]
    visits = outcome.visits[index]
    deciding = [
        (p.deciding_score(person.confirm_looks, person.confirm_window_s), p.told) for p in people
    ]
    wanted = [p.is_in(visits) if outcome.labelled else p.told for p in people]
    marked = [(score, want) for (score, _), want in zip(deciding, wanted, strict=True)]
    gap = dividing_gap([each for each in marked if each[0] >= floor], floor)
    best = [max((each.score for each in look.found), default=None) for look in looks]
    cost, result = recorded.cost, recorded.result
    differences = b.compared[index] if b is not None else None
    return {
        "name": recorded.clip.name,
        "duration_s": max(_rounded(result.duration_s), 0.1),
        "t": [_rounded(look.at_s) for look in looks],
        "motion": [round(look.motion.changed_frac, 5) for look in looks],
        "moved": [int(bool(look.motion.regions)) for look in looks],
        "best": [None if score is None else _rounded(score) for score in best],
        "people": [
            [[_rounded(at_s), _rounded(score), int(where)] for at_s, score, where in p.looks]
            for p in people
        ],
        "deciding": [[_rounded(score), int(told)] for score, told in deciding if score > 0],
        "suggested": None
        if gap is None
        else {
            "threshold": gap.threshold,
            "low": _rounded(gap.low),
            "high": _rounded(gap.high),
        },
        "a": list(map(_event, decided.told)),
        "b": None if b is None else list(map(_event, b.decided[index].told)),
        "lost": _cards(differences.lost, scene, b.candidate.camera) if differences and b else [],
        "gained": _cards(differences.gained, scene, written) if differences else [],
        "profiles": list(_spans(looks, decided)),
        "visits": [[_rounded(v.from_s), _rounded(v.to_s)] for v in visits],
        "scene": _data_uri(scene.scene),
        "heat": [[int(count) for count in row] for row in scene.heat.tolist()],
        "polygons": _polygons(camera),
        "cost": {
            "decode_s": round(max(0.0, cost.total_s - cost.detector_s - cost.deciding_s), 2),
            "detector_s": round(cost.detector_s, 2),
            "deciding_s": round(cost.deciding_s + outcome.deciding_s, 2),
            "decoded": result.decoded,
            "pictures": result.frames,
            "looks": sum(bool(look.searched) for look in looks),
        },
    }


def _cards(
    differences: Sequence[Difference], scene: ClipScenes, camera: CameraConfig
) -> list[dict[str, Any]]:
    """`camera`: of the side that does not tell them."""
    cards = []
    for number, each in enumerate(differences):
        card = _event(each.told) | {"reason": "", "keys": [], "change": "", "within": each.within}
        if each.why is not None:
            card |= _reason(each.why, camera)
        at_s = each.why.miss.best.at_s if each.why else each.told.told_s
        picture = scene.near(at_s) if number < _MOST_PICTURES else None
        card["picture"] = _data_uri(picture) if picture else ""
        cards.append(card)
    return cards


def _reason(why: Why, camera: CameraConfig) -> dict[str, Any]:
    reason, change = reason_words(why, camera)
    return {"reason": reason, "keys": keys_of(why, camera), "change": change}


def _spans(looks: Sequence[RecordedFrame], decided: Decided) -> Iterator[list[Any]]:
    """From, to and the name of each stretch with a profile in force."""
    frames = zip((look.at_s for look in looks), decided.profiles, strict=True)
    for name, of_it in groupby(frames, lambda each: each[1]):
        moments = [at_s for at_s, _ in of_it]
        if name:
            yield [_rounded(moments[0]), _rounded(moments[-1]), name]


def _event(told: ToldEvent) -> dict[str, Any]:
    return {
        "profile": told.profile,
        "from_s": _rounded(told.start_s),
        "to_s": _rounded(told.end_s),
        "top_score": _rounded(told.top_score),
    }


def _polygons(camera: CameraConfig) -> list[tuple[str, str, Any]]:
    found: list[tuple[str, str, Any]] = [("zone", zone.name, zone.polygon) for zone in camera.zones]
    found += [("ignored", zone.name, zone.polygon) for zone in camera.ignore_zones]
    return found + [("mask", "", mask.polygon) for mask in camera.privacy_masks]


def _data_uri(jpeg: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}" if jpeg else ""


def _rounded(value: float) -> float:
    return round(value, _DIGITS)
