"""A pipeline that changes its stages when another profile comes into force.

    carry_over -> the stages of the new profile -> resume

as with an edit of the configuration: people who are followed and events that are open go on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

import msgspec

from edge_agent.config import CameraConfig
from edge_agent.domain import Detection, EndReason, Event, Frame
from edge_agent.errors import CarryOverRefused
from edge_agent.geometry import FrameSize
from edge_agent.pipeline.analysis import Analysis, Search
from edge_agent.pipeline.carry_over import unpack
from edge_agent.pipeline.near_miss import Faint
from edge_agent.pipeline.pipeline import CameraPipeline, Stages
from edge_agent.pipeline.profiles import Profiles, ProfilesState

log = logging.getLogger(__name__)


class ProfiledPipeline(CameraPipeline):
    """One camera's. `build`: the stages, and the candidate threshold, of settings."""

    def __init__(
        self,
        profiles: Profiles,
        build: Callable[[CameraConfig], tuple[Stages, float]],
        *,
        carries: bool,
    ) -> None:
        """`carries`: the profile in force goes on in the next recording, too; else `profiles`
        outlives this pipeline."""
        stages, candidate = build(profiles.camera)
        super().__init__(stages, candidate_threshold=candidate)
        self._profiles, self._build, self._carries = profiles, build, carries
        self._profile = profiles.in_force
        self._ended: list[Event] = []  # that could not go on

    @property
    def profile(self) -> str:
        return self._profile

    def search(self, frame: Frame) -> Search:
        if not frame.recalled:
            self._profiles.update(frame)
            self.follow()
        return super().search(frame)

    def follow(self) -> None:
        """Go on with the profile that is in force now."""
        if self._profiles.in_force == self._profile:
            return
        before, carried, at_s = self._stages, super().carry_over(), self.seen_s
        self._stages, self.candidate_threshold = self._build(self._profiles.camera)
        try:
            super().resume(carried, offset_s=0.0)
        except CarryOverRefused as error:
            log.warning("events end with the profile %s: %s", self._profile, error)
            self._ended += before.events.close_all(EndReason.RESTART, max(at_s, 0.0))
        self._profile = self._profiles.in_force

    def carry_over(self) -> bytes:
        return self._carry_over(msgspec.msgpack.encode(self._profiles.state()))

    def resume(self, data: bytes, *, offset_s: float, size: FrameSize | None = None) -> None:
        state = unpack(data).profiles
        if self._carries and state:
            try:
                self._profiles.restore(msgspec.msgpack.decode(state, type=ProfilesState))
            except msgspec.MsgspecError as error:
                raise CarryOverRefused(f"carried over is no profile: {error}") from error
        if self._profiles.in_force != self._profile:
            self._stages, self.candidate_threshold = self._build(self._profiles.camera)
            self._profile = self._profiles.in_force
        super().resume(data, offset_s=offset_s, size=size)

    def conclude(
        self,
        frame: Frame,
        search: Search,
        detections: Sequence[Detection],
        faint: Faint | None = None,
    ) -> Analysis:
        analysis = super().conclude(frame, search, detections, faint)
        return replace(analysis, events=self._told(analysis.events), profile=self._profile)

    def close(self, reason: EndReason, at_s: float) -> tuple[Event, ...]:
        return self._told(super().close(reason, at_s))

    def _told(self, events: Sequence[Event]) -> tuple[Event, ...]:
        """First those that could not go on; each names the profile in force."""
        ended, self._ended = self._ended, []
        return tuple(replace(event, profile=self._profile) for event in (*ended, *events))
