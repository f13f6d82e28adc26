"""What `edge-agent tune` prints: a table for people, one document for programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from edge_agent.cli.why import clip_time, why_object
from edge_agent.language import _
from edge_agent.tools.tuning.words import reason_text

if TYPE_CHECKING:
    from edge_agent.config import CameraConfig
    from edge_agent.tools.tuning.comparison import Difference
    from edge_agent.tools.tuning.decision import ToldEvent
    from edge_agent.tools.tuning.experiment import Trial, TuningOutcome
    from edge_agent.tools.tuning.score import VisitScore

_DIGITS = 3


def lines(outcome: TuningOutcome) -> Iterator[str]:
    """For a terminal."""
    single = len(outcome.trials) <= 1
    for i, recording in enumerate(outcome.recordings):
        result = recording.result
        yield (
            f"{recording.clip.name}: {clip_time(result.duration_s)} min, {result.frames} pictures "
            f"analysed, {result.looks} looked at by the detector"
        )
        for told in outcome.a.decided[i].told:
            yield "  A       " + _told_text(told)
        if single:
            for trial in outcome.trials:
                yield from _differences(outcome, trial, i)
    yield from _table(outcome)
    yield from _advice(outcome)
    yield _cost(outcome)


def _differences(outcome: TuningOutcome, trial: Trial, clip: int) -> Iterator[str]:
    compared = trial.compared[clip]
    a, b = outcome.a.candidate.camera, trial.candidate.camera
    for word, differences, camera in (
        ("lost", compared.lost, b),
        ("gained", compared.gained, a),
    ):
        for each in differences:
            yield f"  {word:<7} {_told_text(each.told)}  {_reason(each, camera)}"
    if not compared.lost and not compared.gained:
        yield "  nothing lost, nothing gained"


def _told_text(told: ToldEvent) -> str:
    zones = f"  {','.join(told.zones)}" if told.zones else ""
    profile = f"  {told.profile}" if told.profile else ""
    when = f"{clip_time(told.start_s)}-{clip_time(told.end_s)}"
    return f"{when}  {told.top_score:.2f}{zones}{profile}"


def _reason(difference: Difference, camera: CameraConfig) -> str:
    """Of the side that does not tell it."""
    if difference.why is None:
        return "part of another event there" if difference.within else "taken for somebody told"
    return reason_text(difference.why, camera)


def _table(outcome: TuningOutcome) -> Iterator[str]:
    header = [_("settings"), _("events"), _("gained"), _("lost")]
    header += [_("precision"), _("recall"), _("delay")] if outcome.labelled else []
    rows = [_row("A " + outcome.a.candidate.name, outcome.a, labelled=outcome.labelled)]
    rows += [_row(t.candidate.name, t, labelled=outcome.labelled) for t in outcome.trials]
    widths = [max(len(row[i]) for row in (header, *rows)) for i in range(len(header))]
    for row in (header, *rows):
        cells = [
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()


def _row(name: str, trial: Trial, *, labelled: bool) -> list[str]:
    row = [name, str(trial.events), str(trial.gained), str(trial.lost)]
    if labelled:
        score = trial.score
        delay = "-" if score.delay_s is None else f"{score.delay_s:.1f} s"
        row += [f"{score.precision:.2f}", f"{score.recall:.2f}", delay]
    return row


def _advice(outcome: TuningOutcome) -> Iterator[str]:
    from edge_agent.tools.tuning.score import wilson

    advice = outcome.advice
    if advice is None:
        return
    trial = outcome.a if advice.index < 0 else outcome.trials[advice.index]
    score = trial.score
    low, high = wilson(sum(score.seen), score.visits)
    kept = "keep what holds now" if advice.index < 0 else trial.candidate.name
    yield f"recommended: {kept}"
    yield f"  confidence {advice.level}: {advice.reason}"
    yield (
        f"  told {sum(score.seen)} of {score.visits} visits: between {low:.0%} and {high:.0%} "
        "of visits like these"
    )


def _cost(outcome: TuningOutcome) -> str:
    """Measured: of no part of the document for programs."""
    costs = [recording.cost for recording in outcome.recordings]
    total_s, detector_s = sum(c.total_s for c in costs), sum(c.detector_s for c in costs)
    deciding_s = sum(c.deciding_s for c in costs)
    rest_s = max(0.0, total_s - detector_s - deciding_s)
    return (
        f"CPU: {rest_s:.1f} s to decode and find motion, {detector_s:.1f} s in the detector, "
        f"{deciding_s + outcome.deciding_s:.1f} s to decide"
    )


# --- for programs -----------------------------------------------------------------------


def document(outcome: TuningOutcome) -> dict[str, Any]:
    """The same bytes for the same clips, settings and model."""
    found: dict[str, Any] = {
        "clips": [
            {
                "name": recording.clip.name,
                "duration_s": _rounded(recording.result.duration_s),
                "pictures": recording.result.frames,
                "looks": recording.result.looks,
                "visits": [[_rounded(v.from_s), _rounded(v.to_s)] for v in visits],
            }
            for recording, visits in zip(outcome.recordings, outcome.visits, strict=True)
        ],
        "a": _trial(outcome.a, outcome),
        "trials": [_trial(trial, outcome) for trial in outcome.trials],
    }
    advice = outcome.advice
    if advice is not None:
        chosen = outcome.a if advice.index < 0 else outcome.trials[advice.index]
        found["recommended"] = {
            "trial": advice.index if advice.index >= 0 else None,
            "settings": chosen.candidate.name,
            "confidence": advice.level,
            "reason": advice.reason,
        }
    return found


def _trial(trial: Trial, outcome: TuningOutcome) -> dict[str, Any]:
    found: dict[str, Any] = {
        "settings": trial.candidate.name,
        "events": trial.events,
        "gained": trial.gained,
        "lost": trial.lost,
        "clips": [
            {
                "events": [_event(told) for told in decided.told],
                "motion_events": decided.motions,
                "gained": _objects(compared.gained, outcome.a.candidate.camera),
                "lost": _objects(compared.lost, trial.candidate.camera),
            }
            for decided, compared in zip(trial.decided, trial.compared, strict=True)
        ],
    }
    if outcome.labelled:
        found["score"] = _score(trial.score)
    return found


def _objects(differences: Sequence[Difference], camera: CameraConfig) -> list[dict[str, Any]]:
    """`camera`: of the side that does not tell them."""
    return [
        _event(each.told)
        | {
            "why": why_object(each.why, camera) if each.why else None,
            "within_another": each.within,
        }
        for each in differences
    ]


def _event(told: ToldEvent) -> dict[str, Any]:
    return {
        "from_s": _rounded(told.start_s),
        "told_s": _rounded(told.told_s),
        "to_s": _rounded(told.end_s),
        "top_score": _rounded(told.top_score),
        "zones": list(told.zones),
    } | ({"profile": told.profile} if told.profile else {})


def _score(score: VisitScore) -> dict[str, Any]:
    return {
        "visits": score.visits,
        "told": sum(score.seen),
        "events": score.events,
        "right": score.right,
        "precision": _rounded(score.precision),
        "recall": _rounded(score.recall),
        "delay_s": None if score.delay_s is None else _rounded(score.delay_s),
    }


def _rounded(value: float) -> float:
    return round(value, _DIGITS)
