"""A walk test: where before the camera somebody is told, and where not.

Feet count, as for zones. The looks that made somebody sure count as told, too: at the edge of the
picture nobody can be sure with the first look.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from edge_agent.analysis.live_view import LiveAnswer, LiveFrame
from edge_agent.config import CameraConfig
from edge_agent.config.profiles import fitting
from edge_agent.domain import Track
from edge_agent.language import _
from edge_agent.tools.zones.agent_view import state_words
from edge_agent.tools.zones.verdicts import Held, RecentLooks, WalkVerdict
from edge_agent.tools.zones.words import held_words, sentence

COLUMNS, ROWS = 40, 12
#: From the weakest word on a place to the strongest.
NOTHING, MOVED, SEEN, TOLD = ".", "~", "o", "#"
_STRENGTH = {NOTHING: 0, MOVED: 1, SEEN: 2, TOLD: 3}
_TICK = 1e-6


@dataclass(slots=True)
class Walker:
    """One track of the walk."""

    first_s: float
    last_s: float
    best_score: float = 0.0
    told: bool = False
    zones: set[str] = field(default_factory=set)
    held: Held = Held.OTHER  # the newest, while not told
    waiting: list[tuple[float, tuple[float, float]]] = field(default_factory=list)  # feet


class WalkTest:
    """Fed with the agent's looks. Not thread-safe."""

    def __init__(self, camera: CameraConfig) -> None:
        self._camera = camera
        self._recent = RecentLooks()
        self._cells = [[NOTHING] * COLUMNS for _row in range(ROWS)]
        self._walkers: dict[tuple[int, int], Walker] = {}
        self._life = 0  # of the stream: track ids begin anew with each
        self._said: dict[int, str] = {}
        self._said_state = ""
        self._begun_s: float | None = None
        self._last_s = 0.0

    def add(self, answer: LiveAnswer) -> list[str]:
        """What there is to say now: one line for each person whose state changed."""
        for look in answer.looks:
            self._look(look)
        state = answer.state if answer.state != "streaming" else ""
        if not answer.looks:
            lines = [state_words(answer)] if state and state != self._said_state else []
            self._said_state = state
            return lines
        camera = fitting(self._camera, answer.profile)
        verdicts = self._recent.verdicts(camera, answer.confirm_threshold)
        for verdict in verdicts:
            walker = self._walkers.get((self._life, verdict.track_id))
            if walker is not None:
                walker.held = verdict.held
        return list(self._lines(verdicts, answer.looks[-1]))

    def _lines(self, verdicts: Sequence[WalkVerdict], newest: LiveFrame) -> Iterator[str]:
        said = {}
        for verdict in verdicts:
            text = f"#{verdict.track_id} {_line(verdict)}"
            kind = f"{verdict.told} {verdict.held} {verdict.zones} {verdict.looks}"
            said[verdict.track_id] = kind
            if self._said.get(verdict.track_id) != kind:
                yield text
        if not verdicts:
            said[-1] = "moves" if newest.moving else "still"
            if newest.moving and self._said.get(-1) != "moves":
                yield _("something moves, nobody is seen")
        self._said = said

    def _look(self, look: LiveFrame) -> None:
        if look.at_s < self._last_s - _TICK:
            self._life += 1
        self._begun_s = look.at_s if self._begun_s is None else min(self._begun_s, look.at_s)
        self._last_s = look.at_s
        self._recent.add([look])
        for box in look.moving:
            self._mark(box.foot, MOVED)
        for track in look.tracks:
            self._follow(track, look)

    def _follow(self, track: Track, look: LiveFrame) -> None:
        key = (self._life, track.track_id)
        walker = self._walkers.setdefault(key, Walker(look.at_s, look.at_s))
        walker.last_s = look.at_s
        walker.best_score = max(walker.best_score, track.score)
        if not walker.waiting or walker.waiting[-1][0] != track.seen_s:
            walker.waiting.append((track.seen_s, track.bbox.foot))
            self._mark(track.bbox.foot, SEEN)
        if track.track_id in look.told:
            walker.told = True
            walker.zones |= set(look.told[track.track_id])
            begin_s = look.at_s - self._camera.person.confirm_window_s
            for at_s, foot in walker.waiting:
                if at_s >= begin_s:
                    self._mark(foot, TOLD)
        del walker.waiting[:-20]

    def _mark(self, foot: tuple[float, float], word: str) -> None:
        column = min(max(int(foot[0] * COLUMNS), 0), COLUMNS - 1)
        row = min(max(int(foot[1] * ROWS), 0), ROWS - 1)
        if _STRENGTH[word] > _STRENGTH[self._cells[row][column]]:
            self._cells[row][column] = word

    # --- the end ---

    @property
    def rows(self) -> list[str]:
        return ["".join(row) for row in self._cells]

    @property
    def walkers(self) -> list[Walker]:
        """Of at least two looks: one alone is often nothing."""
        return [w for w in self._walkers.values() if w.told or w.last_s > w.first_s]

    def report(self) -> str:
        """The map, and what it means."""
        told = sum(walker.told for walker in self.walkers)
        lines = ["+" + "-" * COLUMNS + "+", *(f"|{row}|" for row in self.rows)]
        lines += [lines[0], ""]
        lines.append(
            _(
                "{told} told  {seen} seen, not told  {moved} moved, nobody seen  {nothing} nothing"
            ).format(told=TOLD, seen=SEEN, moved=MOVED, nothing=NOTHING)
        )
        text = _("{count} people seen, {told} of them told")
        lines.append(text.format(count=len(self.walkers), told=told))
        reasons = [w.held for w in self.walkers if not w.told and w.held is not Held.NOTHING]
        for held in dict.fromkeys(reasons):
            text = _("not told: {why}").format(why=held_words(held))
            lines.append(f"  {reasons.count(held)} {text}")
        if not self.walkers and not any(MOVED in row for row in self.rows):
            lines.append(_("nothing moved: is this the right camera?"))
        return "\n".join(lines)

    def as_object(self) -> dict[str, object]:
        """For programs."""
        begun_s = self._begun_s or 0.0
        return {
            "camera": self._camera.id,
            "seconds": round(max(0.0, self._last_s - begun_s), 1),
            "people": [
                {
                    "from_s": round(walker.first_s - begun_s, 1),
                    "to_s": round(walker.last_s - begun_s, 1),
                    "best_score": round(walker.best_score, 3),
                    "told": walker.told,
                    "zones": sorted(walker.zones),
                    "held_back": None if walker.told else str(walker.held) or None,
                }
                for walker in self.walkers
            ],
            "map": {
                "columns": COLUMNS,
                "rows": ROWS,
                "told": TOLD,
                "seen": SEEN,
                "moved": MOVED,
                "cells": self.rows,
            },
        }


def _line(verdict: WalkVerdict) -> str:
    if verdict.told:
        return _("{seen}: TOLD").format(seen=sentence(verdict))
    why = held_words(verdict.held)
    return f"{sentence(verdict)}: {why}" if why else sentence(verdict)
