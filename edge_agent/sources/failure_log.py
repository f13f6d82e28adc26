"""One camera's failures in the journal: said when they begin and change, not at every try."""

from __future__ import annotations

import logging

from edge_agent.clock import Clock
from edge_agent.domain import CameraId
from edge_agent.errors import AgentError, CredentialRefused

log = logging.getLogger(__name__)

#: A lasting failure is logged when it begins and then this often.
REMIND_S = 600.0


class FailureLog:
    """For one thread."""

    def __init__(self, camera: CameraId, clock: Clock) -> None:
        self._camera = camera
        self._clock = clock
        self._logged: tuple[str, float] | None = None

    def failed(self, error: AgentError, delay_s: float) -> None:
        """`delay_s`: when it is looked at again."""
        now_s, kind = self._clock.mono_s(), _kind(error)
        if self._logged and self._logged[0] == kind and now_s - self._logged[1] < REMIND_S:
            return
        self._logged = (kind, now_s)
        log.warning("%s (next look in %.0f s)", error, delay_s)

    def recovered(self) -> None:
        if self._logged:
            self._logged = None
            log.info("%s: streaming again", self._camera)


def _kind(error: AgentError) -> str:
    """What makes two failures the same one."""
    if isinstance(error, CredentialRefused):
        return f"{type(error).__name__} {error.stage}"
    return f"{type(error).__name__} {getattr(error, 'told', '')}"
