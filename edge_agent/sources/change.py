"""What a person may mend while a source waits: the password's file, a recording."""

from __future__ import annotations

from edge_agent.config.schema import RtspSource, SourceConfig
from edge_agent.config.secrets import secret_version
from edge_agent.runtime.stop import StopToken
from edge_agent.sources.file import file_version

#: A corrected file is noticed within this: "at once" for whoever has just saved it.
_LOOK_EVERY_S = 2.0


def source_version(source: SourceConfig) -> tuple[int, ...] | None:
    """Changes when a file that the source depends on is written anew."""
    if isinstance(source, RtspSource):
        return secret_version(source.password_file)
    return file_version(source)


def wait_for_change(
    source: SourceConfig, version: tuple[int, ...] | None, delay_s: float, stop: StopToken
) -> bool:
    """Wait, but no longer than until the source is no more as it was at `version`; True then."""
    left_s = delay_s
    while left_s > 0 and not stop.stopped:
        if stop.wait(min(left_s, _LOOK_EVERY_S)):
            return False
        left_s -= _LOOK_EVERY_S
        if source_version(source) != version:
            return True
    return False
