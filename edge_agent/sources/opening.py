"""From a camera's configuration to its opened source."""

from __future__ import annotations

from collections.abc import Callable

from edge_agent.clock import Clock
from edge_agent.config.schema import FileSource, RtspSource, SourceConfig, UsbSource
from edge_agent.errors import InvariantBroken
from edge_agent.runtime.stop import StopToken
from edge_agent.sources.credentials import CredentialGuard
from edge_agent.sources.file import open_file
from edge_agent.sources.packets import PacketSource
from edge_agent.sources.picture_rules import ANY_CAMERA, PictureRules
from edge_agent.sources.rtsp import open_rtsp
from edge_agent.sources.usb import open_usb

Opener = Callable[..., PacketSource]


def open_source(
    config: SourceConfig,
    *,
    camera: str,
    credentials: CredentialGuard,
    stop: StopToken,
    clock: Clock,
    rules: PictureRules = ANY_CAMERA,
) -> PacketSource:
    """Open whatever the configuration names; blocks at most for the source's own timeouts.

    Raises SourceUnreachable, CredentialRefused, ConfigError (the password file), MediaError.
    """
    if isinstance(config, RtspSource):
        return open_rtsp(
            config, camera=camera, credentials=credentials, stop=stop, clock=clock, rules=rules
        )
    if isinstance(config, FileSource):
        return open_file(config, camera=camera, stop=stop, clock=clock, rules=rules)
    if isinstance(config, UsbSource):
        return open_usb(config, camera=camera, stop=stop, clock=clock, rules=rules)
    # A folder is no stream: its clips are opened one by one (sources/folder).
    raise InvariantBroken(f"{camera}: a folder was opened as if it were a stream")
