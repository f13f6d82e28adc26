"""Asks a running agent what one of its cameras sees, over its local socket."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from edge_agent.analysis.live_view import LIVE_SOCKET, LiveAnswer
from edge_agent.errors import OperatorError
from edge_agent.language import _
from edge_agent.runtime import StopToken, read_local_socket
from edge_agent.tools.sentences import of_running, of_state

_TIMEOUT_S = 5.0
#: A gated camera shows a picture with each keyframe, which slow ones send every few seconds.
_PICTURE_WAIT_S = 12.0
_POLL_S = 0.1


def state_words(answer: LiveAnswer) -> str:
    """How the camera stands, for a person."""
    words = (of_state(answer.state), of_running(answer.reason))
    return ": ".join(each for each in words if each)


class AgentAway(OperatorError):
    """No agent answers that this user may ask."""


class AgentView:
    """One camera of the agent that answers in one of these folders."""

    def __init__(self, folders: Sequence[Path], camera: str) -> None:
        self._paths = tuple(dict.fromkeys(folder / LIVE_SOCKET for folder in folders))
        self._camera = camera
        self._after = 0

    def news(self) -> LiveAnswer:
        """The looks since the last call. Raises AgentAway."""
        answer = self._ask(picture=False)
        if answer.newest < self._after:  # the agent began anew, and counts anew
            self._after = 0
            answer = self._ask(picture=False)
        if answer.looks:
            self._after = answer.looks[-1].number
        return answer

    def picture(self, stop: StopToken | None = None) -> bytes:
        """A fresh one, as JPEG. Raises AgentAway, and OperatorError when none comes."""
        stop, deadline_s = stop or StopToken(), time.monotonic() + _PICTURE_WAIT_S
        while True:
            answer = self._ask(picture=True)
            if answer.jpeg is not None:
                return answer.jpeg
            if time.monotonic() >= deadline_s or stop.wait(_POLL_S):
                break
        text = _("{camera} shows the agent no picture now: {state}")
        raise OperatorError(text.format(camera=self._camera, state=state_words(answer)))

    def record(self, seconds: float) -> None:
        """Have the agent keep footage for so long; 0: no longer. Raises AgentAway."""
        self._ask(picture=False, record_s=seconds)

    def _ask(self, *, picture: bool, record_s: float | None = None) -> LiveAnswer:
        request: dict[str, object] = {
            "camera": self._camera,
            "after": self._after,
            "picture": picture,
        }
        request |= {} if record_s is None else {"record_s": record_s}
        line, refused = json.dumps(request).encode(), None
        for path in self._paths:
            try:
                data = read_local_socket(path, _TIMEOUT_S, line)
                answer = msgspec.msgpack.decode(data, type=LiveAnswer)
            except PermissionError:
                refused = path
                continue
            except (OSError, msgspec.MsgspecError):
                continue
            if answer.error:
                text = _("the running agent has no stream of {camera}: edge-agent status")
                raise OperatorError(text.format(camera=self._camera))
            return answer
        if refused is not None:
            text = _("{path} is the agent's and root's: use sudo")
            raise OperatorError(text.format(path=refused))
        raise AgentAway(_("no agent answers that runs with this configuration"))
