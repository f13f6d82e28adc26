"""One camera in the journal: online, and failures when they begin and change, not each try."""

from __future__ import annotations

import logging

from edge_agent.clock import Clock
from edge_agent.domain import CameraId
from edge_agent.errors import AgentError, CredentialRefused, OperatorError
from edge_agent.sources.gate import GatePlan
from edge_agent.sources.packets import StreamInfo

log = logging.getLogger(__name__)

#: A lasting failure is logged when it begins and then this often.
REMIND_S = 600.0


class FailureLog:
    """For one thread."""

    def __init__(self, camera: CameraId, clock: Clock) -> None:
        self._camera = camera
        self._clock = clock
        self._logged: tuple[str, float] | None = None
        self._online = False

    def failed(self, error: AgentError, delay_s: float) -> None:
        """`delay_s`: when it is looked at again."""
        self._online = False
        now_s, kind = self._clock.mono_s(), _kind(error)
        if self._logged and self._logged[0] == kind and now_s - self._logged[1] < REMIND_S:
            return
        self._logged = (kind, now_s)
        level = logging.ERROR if isinstance(error, OperatorError) else logging.WARNING
        log.log(level, "%s (next look in %.0f s)", error, delay_s)

    def online(self, info: StreamInfo, plan: GatePlan) -> None:
        """A picture came. What a recording shows when it begins again is no news."""
        if self._online:
            return
        self._online, self._logged = True, None
        size = f" {info.size}" if info.size else ""
        fps = f", {info.fps:.3g} fps" if info.fps else ""
        log.info("%s: online: %s%s%s, gate %s", self._camera, info.codec, size, fps, plan.policy)


def _kind(error: AgentError) -> str:
    """What makes two failures the same one."""
    if isinstance(error, CredentialRefused):
        return f"{type(error).__name__} {error.stage}"
    return f"{type(error).__name__} {getattr(error, 'told', '')}"
