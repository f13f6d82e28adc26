"""Tells, once each, which files of a tree are nobody's, or doubtful."""

from __future__ import annotations

import logging
from pathlib import Path

from edge_agent.recorders.find.clip import Stray, shown_path
from edge_agent.recorders.find.intake import ClipIntake

_LOG = logging.getLogger(__name__)

_SHOWN = 5


class Misfits:
    """What the newest full scan counted. One owner."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.strays: tuple[Stray, ...] = ()
        self._assumed_channels: tuple[str, ...] = ()

    def note(self, intake: ClipIntake) -> None:
        """A full scan has ended."""
        known = {stray.channel for stray in self.strays}
        self.strays, assumed_before = intake.strays, self._assumed_channels
        for stray in self.strays:
            if stray.channel is None and None not in known:
                _LOG.warning("%s: %s", self._shown_root, stray.reason)
        unknown = self.unknown_channels
        if unknown and set(unknown) - known:
            _LOG.warning("%s: no camera is configured for %s", self._shown_root, _list(unknown))
        assumed = tuple(sorted(intake.assumed_channels))
        if len(assumed) > 1 and assumed != assumed_before:
            # One camera is one viewpoint: its background, tracks and zones would be two's.
            _LOG.warning(
                "%s: %d channels are taken for one camera (%s); give each a camera of its own",
                self._shown_root,
                len(assumed),
                _list(assumed),
            )
        self._assumed_channels = assumed

    @property
    def unmatched(self) -> int:
        """Files that do not fit the template."""
        return sum(stray.files for stray in self.strays if stray.channel is None)

    @property
    def unknown_channels(self) -> tuple[str, ...]:
        return tuple(sorted(one.channel for one in self.strays if one.channel is not None))

    @property
    def _shown_root(self) -> str:
        return shown_path(self._root)


def _list(channels: tuple[str, ...]) -> str:
    shown = [shown_path(Path(channel)) for channel in channels[:_SHOWN]]
    more = len(channels) - len(shown)
    return ", ".join([*shown, *([f"{more} more"] if more else [])])
