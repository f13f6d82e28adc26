"""What the page asks for: the camera's areas, a picture, who would be told, and saving."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from edge_agent.clock import Clock
from edge_agent.config import (
    Config,
    PersonConfig,
    short_sha,
)
from edge_agent.config.profiles import fitting
from edge_agent.errors import AgentError, ConfigError
from edge_agent.language import _
from edge_agent.media import encode_jpeg
from edge_agent.runtime import StopToken, read_local_socket
from edge_agent.sources import FeedState
from edge_agent.tools.sentences import of_error, of_problem
from edge_agent.tools.zones.agent_view import AgentView, state_words
from edge_agent.tools.zones.camera_file import CameraFile
from edge_agent.tools.zones.draft import ZonesDraft, as_if_saved
from edge_agent.tools.zones.fresh import FreshPictures
from edge_agent.tools.zones.verdicts import RecentLooks
from edge_agent.tools.zones.words import live_sentence, page_words

_MOST_JPEG_BYTES = 600_000
#: The agent waits for files to come to rest, and reads them again every two seconds.
_APPLY_WAIT_S = 15.0
_ASK_EVERY_S = 0.2
_STATUS_SOCKET = "status.sock"


@dataclass(frozen=True, slots=True)
class DrawingPlace:
    """Whose zones are drawn."""

    config: Path
    camera: str
    folders: tuple[Path, ...]  # where its agent's sockets may be
    clip: Path | None = None


class Desk:
    """One page's. Every method may be called by any thread; of one kind one works at a time."""

    def __init__(self, place: DrawingPlace, clock: Clock) -> None:
        """Raises ConfigError, and OperatorError for a camera that is not there."""
        self._place = place
        self._clock = clock
        self._file = CameraFile(place.config, place.camera)
        self._agent = AgentView(place.folders, place.camera)
        self._recent = RecentLooks()
        self._watching, self._saving, self._looking = (threading.Lock() for _ in range(3))
        self._stop = StopToken()
        self.title = self._file.open().camera.name or place.camera

    def stop(self) -> None:
        """Whoever waits for the agent waits no more."""
        self._stop.stop()

    def state(self, left_s: float) -> dict[str, Any]:
        """Raises AgentError."""
        with self._watching:
            opened = self._file.open()
            return {
                "words": page_words(),
                "camera": opened.camera.id,
                "base": opened.draft.base,
                "draft": msgspec.to_builtins(opened.draft),
                "limits": {
                    key: getattr(PersonConfig(), key)
                    for key in ("min_height_frac", "max_height_frac")
                },
                "left_s": round(left_s),
                "agent": self._has_agent(),
            }

    def picture(self) -> bytes:
        """A fresh one, as JPEG. Raises AgentError."""
        with self._looking:
            opened, place = self._file.open(), self._place
            pictures = FreshPictures(
                opened.config, opened.camera, place.folders, self._clock, place.clip, self._stop
            )
            return encode_jpeg(pictures.take(), _MOST_JPEG_BYTES)[0]

    def live(self, draft: ZonesDraft) -> dict[str, Any]:
        """Who is there, and whether they would be told."""
        with self._watching:
            try:
                answer = self._agent.news()
                camera = fitting(as_if_saved(self._file.open().camera, draft), answer.profile)
            except AgentError as error:
                return {"agent": False, "people": [], "text": of_error(error)}
            self._recent.add(answer.looks)
            verdicts = self._recent.verdicts(camera, answer.confirm_threshold)
            people = [
                {
                    "box": [each.bbox.x, each.bbox.y, each.bbox.w, each.bbox.h],
                    "tells": each.tells,
                    "text": live_sentence(each),
                }
                for each in verdicts
            ]
            newest = self._recent.newest
            moving = newest is not None and bool(newest.moving)
            text = _("something moves, nobody is seen") if moving else _("nobody is seen")
            if answer.state != FeedState.STREAMING:
                people, text = [], state_words(answer)
            return {"agent": True, "people": people, "text": text}

    def save(self, draft: ZonesDraft) -> dict[str, Any]:
        """Whether it was saved, and what became of it, for a person."""
        with self._saving:
            try:
                config = self._file.save(draft)
            except ConfigError as error:
                return {"saved": False, "text": "\n".join(map(of_problem, error.problems))}
            except AgentError as error:
                return {"saved": False, "text": of_error(error)}
            if config is None:
                return {"saved": True, "text": _("nothing was changed")}
            return {"saved": True, "text": self._taken_up(config)}

    def _has_agent(self) -> bool:
        try:
            self._agent.news()
        except AgentError:
            return False
        return True

    def _taken_up(self, config: Config) -> str:
        """Wait for the running agent to apply it."""
        wanted = short_sha(config)
        deadline_s = time.monotonic() + _APPLY_WAIT_S
        while True:
            status = _status(self._place.folders)
            if status is None:
                return _("saved; no agent runs now, it will read this when it starts")
            if status["config"]["cfg"] == wanted:
                return _("saved, and applied by the running agent")
            if time.monotonic() >= deadline_s or self._stop.wait(_ASK_EVERY_S):
                break
        if status["config"]["errors"]:
            why = "\n".join(status["config"]["errors"])
            return _("saved, but the running agent refuses it: {why}").format(why=why)
        return _("saved; the running agent has not applied it yet: edge-agent status")


def _status(folders: Sequence[Path]) -> dict[str, Any] | None:
    for folder in folders:
        try:
            found = json.loads(read_local_socket(folder / _STATUS_SOCKET, 5.0))
        except (OSError, ValueError):
            continue
        if isinstance(found, dict):
            return found
    return None
