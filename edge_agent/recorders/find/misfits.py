"""Tells, once each, which files of a tree are nobody's, or doubtful."""

from __future__ import annotations

import logging
from pathlib import Path

from edge_agent.recorders.find.clip import shown_path
from edge_agent.recorders.find.intake import Intake

_LOG = logging.getLogger(__name__)

_SHOWN = 5


class Misfits:
    """What the newest full scan counted. One owner."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.unmatched = 0
        self.unknown_channels: tuple[str, ...] = ()
        self._assumed_channels: tuple[str, ...] = ()

    def note(self, intake: Intake) -> None:
        """A full scan has ended."""
        example = intake.unmatched_example
        if intake.unmatched and not self.unmatched and example is not None:
            shown = shown_path(Path(example))
            _LOG.warning("%d files do not fit the template, such as %s", intake.unmatched, shown)
        unknown = tuple(sorted(intake.unknown_channels))
        if unknown and unknown != self.unknown_channels:
            _LOG.warning("%s: no camera is configured for %s", self._shown_root, _list(unknown))
        assumed = tuple(sorted(intake.assumed_channels))
        if len(assumed) > 1 and assumed != self._assumed_channels:
            # One camera is one viewpoint: its background, tracks and zones would be two's.
            _LOG.warning(
                "%s: %d channels are taken for one camera (%s); give each a camera of its own",
                self._shown_root,
                len(assumed),
                _list(assumed),
            )
        self.unmatched, self.unknown_channels = intake.unmatched, unknown
        self._assumed_channels = assumed

    @property
    def _shown_root(self) -> str:
        return shown_path(self._root)


def _list(channels: tuple[str, ...]) -> str:
    shown = [shown_path(Path(channel)) for channel in channels[:_SHOWN]]
    more = len(channels) - len(shown)
    return ", ".join([*shown, *([f"{more} more"] if more else [])])
