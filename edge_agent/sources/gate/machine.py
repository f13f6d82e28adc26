"""The gate's decisions: which packets are decoded. Pure: packets, sights and findings come in.

    ACTIVE ---- 1 s quiet -----> IDLE
       ^                          |
       +-- a keyframe has motion -+
       +-- something is there ----+
    ALWAYS: the stream's keyframes are too far apart (`policy`)

A stream begins ACTIVE, until its keyframes and their background are known.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from edge_agent.domain import Lighting
from edge_agent.geometry import BBox
from edge_agent.sources.gate.nuisance import WakeNuisances
from edge_agent.sources.gate.people import PeopleWatch
from edge_agent.sources.gate.policy import (
    MEASURING,
    PICTURELESS,
    SWITCHED_OFF,
    GatePlan,
    GopWatch,
    Policy,
)
from edge_agent.sources.gate.words import (
    DecodeMode,
    Finding,
    GateCounters,
    GateState,
    GateStep,
    PacketFact,
    Sight,
)

#: Nothing may move for so long before everything is no longer decoded. Coming back costs no more
#: than a GOP and loses nothing, so patience is dear: 4 s decoded a third more of a day, and found
#: nobody else (benchmarks/decode.md).
QUIET_S = 1.0
#: The analysis is behind when it is busy; its word on all of that second is waited for, but not
#: for longer than this.
_PATIENCE_S = 3.0
#: After a keyframe showed something, the analysis has this long to see it go on: a leaf that
#: the wind blew to a new place does not.
PROVE_S = 2.0
_MAX_RECENT = 64
_GOES_ON_S, _GOES_ON_REACH = 1.0, 0.25
#: A stream is decoded so long at least before its background of keyframes is trusted.
WARM_UP_S, WARM_UP_LOOKS = 5.0, 3
#: Idle keyframes closer together than this are not all looked at; of all-intra streams one a
#: second is, less what timestamps jitter.
_LOOK_EVERY_S, _LOOK_INTRA_EVERY_S = 0.45, 0.95
#: Where motion is nobody's as a rule, a weak detection wakes this often.
_CANDIDATE_EVERY_S = 20.0


@dataclass(slots=True)
class GateMemory:
    """What the gate knows of a camera; outlives connections. Owned by the source thread."""

    nuisance: WakeNuisances = field(default_factory=WakeNuisances)
    counters: GateCounters = field(default_factory=GateCounters)
    overlays: tuple[BBox, ...] = ()  # burnt-in clocks


class GateMachine:
    """One per opened stream. Every packet goes to `packet`, in the order of arrival."""

    def __init__(self, memory: GateMemory, *, enabled: bool = True) -> None:
        """Not `enabled`: everything is decoded."""
        self._memory = memory
        self._enabled = enabled
        self._counters = memory.counters
        self._gops = GopWatch()
        self._people = PeopleWatch()
        self._state = GateState.ACTIVE if enabled else GateState.ALWAYS
        self._wake_reason = MEASURING.reason
        self._begun_s: float | None = None
        self._at_s = 0.0
        self._looks = 0
        self._steady = False  # as the newest sight was
        self._last_look_s = float("-inf")
        self._active_until_s = self._heard_s = float("-inf")
        self._wake_wanted: str | None = None
        self._recall_wanted = False
        self._rested_s = float("-inf")
        self._wake_counts = self._wake_useful = False  # of the running wake, for false wakes
        self._wake_found_people = False
        self._key_pts_s = self._previous_key_pts_s = float("-inf")
        self._candidate_s = float("-inf")
        self._recent: deque[tuple[float, BBox]] = deque(maxlen=_MAX_RECENT)  # what moved when
        self.rewind_to_s = float("-inf")  # stream time, for `GateStep.WAKE`
        #: Of a rewind for somebody whom a keyframe showed: also before it, to see them come.
        self.recalls = False

    # --- what it is ---------------------------------------------------------------------

    @property
    def state(self) -> GateState:
        return self._state

    @property
    def plan(self) -> GatePlan:
        return self._gops.plan if self._enabled else SWITCHED_OFF

    @property
    def all_intra(self) -> bool:
        """No packet needs another: what is not analysed need not be decoded."""
        return self._enabled and self._gops.all_intra

    @property
    def lean(self) -> bool:
        """Nothing happened lately, but all is decoded: pictures for the motion stage only."""
        always = self._enabled and self._state is GateState.ALWAYS
        # A change of the filter begins at a keyframe, which has to stand alone.
        always = always and self.plan is not PICTURELESS
        return always and self._at_s > self._active_until_s

    @property
    def mode(self) -> DecodeMode:
        if self._state is GateState.ALWAYS:
            return DecodeMode("always", self.plan.reason)
        if self._state is GateState.IDLE:
            return DecodeMode("idle", f"nothing happens; {self.plan.reason}")
        return DecodeMode("active", self._wake_reason)

    # --- what comes in ------------------------------------------------------------------

    def packet(self, fact: PacketFact) -> GateStep:
        """What becomes of this packet."""
        if self._begun_s is None:
            self._begun_s = fact.at_s
        self._note(fact)
        return self._step(fact)

    def looked(self, sight: Sight) -> GateStep:
        """A picture was compared with the background; WAKE or SKIP (go on as you were)."""
        self._counters.looks += 1
        self._looks += 1
        self._steady = sight.lighting is Lighting.STEADY
        moved = self._moved(sight)
        if moved:
            # The analysis of everything sees the same, and may only be a little behind.
            known = self._state is GateState.ACTIVE and self._steady
            self._stay(sight.at_s + (QUIET_S if known else PROVE_S))
        if self._state is GateState.ACTIVE:
            self._rest_if_quiet()
        elif self._state is GateState.IDLE and moved:
            self._wake("a keyframe shows motion", self._previous_key_pts_s)
            return GateStep.WAKE
        return GateStep.SKIP

    def pictureless(self) -> None:
        """A keyframe alone gave no picture that can be believed: everything is decoded, beginning
        with what the ring has of the past. Streams with intra refresh have no other keyframes."""
        self._gops.pictureless(self._key_pts_s)
        self._key_pts_s = min(self._key_pts_s, self._previous_key_pts_s)

    def heed(self, finding: Finding) -> None:
        """What the analysis made of a frame; late, and of any state."""
        people, at_s = self._people, finding.at_s
        if at_s < self._heard_s:
            return  # of a recalled frame
        self._heard_s = at_s
        if finding.overlays:
            self._memory.overlays = finding.overlays
        people.update(finding.tracks, at_s)
        nuisance = self._memory.nuisance
        moving = [box for box in finding.moving if not people.explain(box)]
        relevant = [box for box in moving if not nuisance.covers(box)]
        # Somebody may be in the leaves without being a track yet, so near them nothing is learned.
        nobody = [
            box
            for box in moving
            if not any(box.intersection_frac(person) > 0 for person in people.boxes)
        ]
        nuisance.learn(nobody, people.boxes, at_s)
        if self._goes_on(relevant, at_s):
            self._stay(at_s + QUIET_S)
        if finding.suspects:
            self._stay(at_s + QUIET_S)
        self._stay(people.wanted_until_s)
        self._wake_found_people |= bool(people.boxes)
        self._wake_useful |= bool(relevant) or people.restless or people.missed
        if self._state is GateState.IDLE:
            self._look_closer(finding)

    def keep_active(self) -> None:
        """Frames still wait for the analysis: its findings are not known yet."""
        self._stay(self._at_s + PROVE_S)

    def refilter(self) -> None:
        """The GOP is to be decoded anew, this time with the loop filter."""
        self.rewind_to_s = self._key_pts_s

    def count_decoded(self, packets: int) -> None:
        self._counters.decoded_packets += packets

    # --- decisions ----------------------------------------------------------------------

    def _note(self, fact: PacketFact) -> None:
        """Book-keeping that is the same in every state."""
        self._counters.packets += 1
        step_s = fact.at_s - self._at_s
        if self._state is GateState.IDLE and 0 < step_s < QUIET_S:
            self._counters.idle_s += step_s
        self._at_s = fact.at_s
        self._gops.add(fact)

    def _step(self, fact: PacketFact) -> GateStep:
        policy = self.plan.policy
        if policy is Policy.FULL and self._state is not GateState.ALWAYS:
            return self._give_up()
        if self._state is GateState.ALWAYS:
            if policy is Policy.FULL:
                return self._all(fact)
            self._start_active(self.plan.reason)
        if self._state is GateState.ACTIVE and (fact.is_key or not self._rest_if_quiet()):
            return self._all(fact)
        if self._wake_wanted is not None:
            recalls = self._recall_wanted
            self._wake(self._wake_wanted, self._previous_key_pts_s if recalls else self._key_pts_s)
            self.recalls = recalls
            return GateStep.WAKE
        return self._look_at(fact) if fact.is_key else GateStep.SKIP

    def _all(self, fact: PacketFact) -> GateStep:
        """Everything is decoded; keyframes still are looked at, to know their background."""
        if self._enabled and fact.is_key and self._look_at(fact) is GateStep.LOOK:
            return GateStep.LOOK
        return GateStep.DECODE

    def _look_at(self, fact: PacketFact) -> GateStep:
        every_s = _LOOK_INTRA_EVERY_S if self._gops.all_intra else _LOOK_EVERY_S
        if 0 <= fact.at_s - self._last_look_s < every_s:
            return GateStep.SKIP
        self._previous_key_pts_s, self._key_pts_s = self._key_pts_s, fact.pts_s
        self._last_look_s = fact.at_s
        return GateStep.LOOK

    def _rest_if_quiet(self) -> bool:
        """Go to rest, also in the middle of a GOP: the ring has all of it."""
        if not self._may_rest():
            return False
        self._end_wake()
        self._state, self._rested_s = GateState.IDLE, self._at_s
        return True

    def _may_rest(self) -> bool:
        if self.plan.policy is Policy.MEASURING or self._begun_s is None:
            return False
        warm = self._looks >= WARM_UP_LOOKS and self._at_s - self._begun_s >= WARM_UP_S
        quiet_s = self._at_s - self._active_until_s
        heard = self._heard_s >= self._active_until_s or quiet_s > _PATIENCE_S
        return warm and self._steady and quiet_s > 0 and heard

    def _moved(self, sight: Sight) -> bool:
        if sight.lighting is Lighting.CHANGED:
            return True
        nuisance = self._memory.nuisance
        return any(
            not nuisance.covers(box)
            and not self._people.explain(box)
            and not any(line.contains(box.center) for line in self._memory.overlays)
            for box in sight.moving
        )

    def _goes_on(self, relevant: Sequence[BBox], at_s: float) -> bool:
        """Did something move nearby a moment ago, too?"""
        while self._recent and not 0 <= at_s - self._recent[0][0] <= _GOES_ON_S:
            self._recent.popleft()
        goes_on = any(
            max(abs(a - b) for a, b in zip(box.center, before.center, strict=True))
            <= _GOES_ON_REACH
            for box in relevant
            for _, before in self._recent
        )
        self._recent.extend((at_s, box) for box in relevant)
        return goes_on

    def _stay(self, until_s: float) -> None:
        self._active_until_s = max(self._active_until_s, until_s)

    def _wake(self, reason: str, from_pts_s: float) -> None:
        self._counters.wakes += 1
        self._start_active(reason)
        self._wake_counts, self._wake_useful, self._wake_found_people = True, False, False
        self._memory.nuisance.wake_begins()
        self.rewind_to_s = from_pts_s

    def _start_active(self, reason: str) -> None:
        self._state, self._wake_reason, self._wake_wanted = GateState.ACTIVE, reason, None
        self._recall_wanted = self.recalls = False
        self._stay(self._at_s + PROVE_S)
        self._wake_counts = False

    def _end_wake(self) -> None:
        if self._wake_counts and not self._wake_useful:
            self._counters.false_wakes += 1
        if self._wake_counts and not self._wake_found_people:
            self._memory.nuisance.wake_was_for_nobody()
        self._wake_counts = False

    def _give_up(self) -> GateStep:
        """The stream cannot be gated (any more)."""
        asleep = self._state is GateState.IDLE
        self._end_wake()
        self._state = GateState.ALWAYS
        if not asleep:
            return GateStep.DECODE
        self.rewind_to_s = self._key_pts_s
        return GateStep.WAKE

    def _look_closer(self, finding: Finding) -> None:
        """Does a keyframe's finding ask for more pictures?"""
        if self._people.restless or self._people.missed:
            self._wake_wanted = "a person moves or is missed"
            # Who appeared in the last picture before the rest came while all was decoded.
            self._recall_wanted = self._people.appeared and finding.at_s > self._rested_s
        elif finding.at_s - self._candidate_s >= _CANDIDATE_EVERY_S and any(
            not self._people.explain(box) for box in finding.candidates
        ):
            self._candidate_s = finding.at_s
            self._wake_wanted = "perhaps a person"
