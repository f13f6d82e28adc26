"""A camera's main stream beside its substream: received and remembered, hardly ever decoded.

The substream is what the analysis sees. The main stream costs its reception (some 0.6 % of a
core at 1080p) and the memory of its ring, and gives clips and snapshots their quality. Its
pictures are decoded while people are about who are too small on the substream (`view`).
"""

from __future__ import annotations

import logging
from contextlib import closing

import msgspec

from edge_agent.clock import Clock
from edge_agent.config.schema import RtspSource
from edge_agent.domain import CameraId
from edge_agent.errors import AgentError, OperatorError, RetryableError
from edge_agent.runtime.stop import StopToken
from edge_agent.sources.backoff import LONGEST_S, Backoff
from edge_agent.sources.capture_time import LiveCaptureTime
from edge_agent.sources.change import source_version, wait_for_change
from edge_agent.sources.closer_view import CloserView
from edge_agent.sources.credentials import CredentialGuard
from edge_agent.sources.opening import Opener, open_source
from edge_agent.sources.picture_rules import ANY_CAMERA, PictureRules
from edge_agent.sources.ring import REWIND_SPAN_S, SPAN_S, GopRing
from edge_agent.sources.tap import PacketTap

log = logging.getLogger(__name__)

#: A stream that was silent for so long is not to be counted on. Slow cameras send 5 fps.
SILENT_S = 2.0


class MainStream:
    """`run` belongs to a thread of its own; `tap`, `view.near` and `flowing` to any."""

    def __init__(  # noqa: PLR0913 - what one stream is made of, each by its name
        self,
        camera: CameraId,
        source: RtspSource,
        *,
        credentials: CredentialGuard,
        clock: Clock,
        opener: Opener = open_source,
        backoff: Backoff | None = None,
        clips: bool = True,
        rules: PictureRules = ANY_CAMERA,
    ) -> None:
        """`source` must name a `main_url`. `clips`: they are taken from it."""
        assert source.main_url is not None
        self.tap = PacketTap()
        self.view = CloserView(rules)
        self.rules = rules
        self._camera = camera
        self._source = msgspec.structs.replace(source, url=source.main_url, main_url=None)
        self._credentials = credentials
        self._clock = clock
        self._opener = opener
        self._backoff = backoff or Backoff()
        self._ring_span_s = SPAN_S if clips else REWIND_SPAN_S
        self._first_packet_s: float | None = None  # of this connection
        self._keyed_s: float | None = None  # newest packet, once a keyframe came
        self._failing: type[AgentError] | None = None

    @property
    def flowing(self) -> bool:
        """Whether clips and pictures can be taken from it now."""
        newest_s = self._keyed_s
        return newest_s is not None and self._clock.mono_s() - newest_s <= SILENT_S

    def run(self, stop: StopToken) -> None:
        """Until the stop token is set, whatever happens to the camera."""
        while not stop.stopped:
            version = source_version(self._source)
            try:
                self._play(stop)
            except RetryableError as error:
                delay_s = self._backoff.delay_s(self._streamed_s())
                self._log_failure(error)
            except OperatorError as error:
                delay_s = LONGEST_S  # a person must act
                self._log_failure(error)
            else:
                return
            wait_for_change(self._source, version, delay_s, stop)

    def _play(self, stop: StopToken) -> None:
        self._first_packet_s = self._keyed_s = None
        self.view.stop()
        opened = self._opener(
            self._source,
            camera=self._camera,
            credentials=self._credentials,
            stop=stop,
            clock=self._clock,
            rules=self.rules,
        )
        ring, timeline = GopRing(self._ring_span_s), LiveCaptureTime()
        with closing(opened) as source:
            for packet in source.packets():
                if self._first_packet_s is None:
                    self._first_packet_s = packet.received_s
                    self._log_recovery()
                ring.add(packet)
                timeline.received(packet)
                if packet.is_key or self._keyed_s is not None:
                    self._keyed_s = packet.received_s
                self.tap.flows(packet, ring, timeline.offset_s)
                self.view.flows(packet, ring, timeline.offset_s, source)

    def _streamed_s(self) -> float:
        first_s, newest_s = self._first_packet_s, self._keyed_s
        return newest_s - first_s if first_s is not None and newest_s is not None else 0.0

    def _log_failure(self, error: AgentError) -> None:
        if self._failing is not type(error):
            self._failing = type(error)
            log.warning("main stream: %s; the substream stands in", error)

    def _log_recovery(self) -> None:
        if self._failing is not None:
            self._failing = None
            log.info("%s: main stream: flows again", self._camera)
