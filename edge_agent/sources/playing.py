"""One connection of a camera, or one round of a file: the parts that live as long as it."""

from __future__ import annotations

from dataclasses import dataclass

from edge_agent.errors import MediaError, SourceStalled
from edge_agent.motion import MotionDetector
from edge_agent.sources.capture_time import CaptureTime, FrameSampler
from edge_agent.sources.decoder import Decoder, Picture
from edge_agent.sources.feed_state import FeedSettings
from edge_agent.sources.gate import GateMachine
from edge_agent.sources.packets import PacketSource
from edge_agent.sources.pixels import DecodedPixels
from edge_agent.sources.ring import GopRing

#: Longer than any GOP in use: a stream that shows no keyframe or picture for so long is broken.
PICTURELESS_S = 30.0

#: People are followed backwards from picture to picture, which needs some, however few are
#: analysed otherwise.
RECALLED_FPS = 3.0
#: More than a background of keyframes takes: it goes from one detector to the next in full.
_EYE_BYTES = 1 << 20


@dataclass(slots=True)
class Playing:
    """Owned by the source thread."""

    settings: FeedSettings
    decoder: Decoder
    machine: GateMachine
    eye: MotionDetector  # knows the background of keyframes
    sampler: FrameSampler
    recalled: FrameSampler  # of a past that is looked at after the fact
    timeline: CaptureTime
    ring: GopRing
    first_packet_s: float | None = None
    keyed: bool = False
    blind_since_s: float | None = None  # packets are decoded, but no frame comes out
    shown: tuple[Picture, DecodedPixels] | None = None  # the newest, for gate and analysis

    @classmethod
    def begin(
        cls,
        source: PacketSource,
        settings: FeedSettings,
        machine: GateMachine,
        timeline: CaptureTime,
    ) -> Playing:
        return cls(
            settings,
            Decoder(source.stream, source.time_base, settings.rules),
            machine,
            MotionDetector(settings.motion, settings.ignore_zones),
            FrameSampler(settings.fps),
            FrameSampler(max(settings.fps, RECALLED_FPS)),
            timeline,
            GopRing(settings.ring_span_s),
        )

    def go_on_with(self, settings: FeedSettings) -> None:
        """The stream goes on, perhaps with other settings. What the gate knows of its background
        stays, but where other parts of it are masked."""
        before, self.settings = self.settings, settings
        if settings is before:
            return
        self.sampler.set_fps(settings.fps)
        self.recalled.set_fps(max(settings.fps, RECALLED_FPS))
        eye = MotionDetector(settings.motion, settings.ignore_zones)
        if settings.privacy_masks == before.privacy_masks:
            eye.restore(self.eye.state(_EYE_BYTES), 0.0)
        self.eye = eye

    def pixels(self, picture: Picture) -> DecodedPixels:
        """Of one picture only one, so that masking and copying are done once."""
        if self.shown is None or self.shown[0] is not picture:
            masks = self.settings.privacy_masks
            self.shown = (picture, DecodedPixels(picture.unit, masks, picture.orientation))
        return self.shown[1]

    def check(self, now_s: float) -> None:
        """Raises SourceStalled or MediaError when packets come but nothing can be seen in them."""
        camera, since_s = self.settings.camera, self.blind_since_s
        if self.decoder.complaint:
            raise MediaError(f"{camera}: {self.decoder.complaint}")
        if since_s is not None and now_s - since_s > PICTURELESS_S:
            found = "no picture could be decoded" if self.keyed else "no keyframe came"
            raise SourceStalled(f"{camera}: packets arrive, but {found} for {PICTURELESS_S:g} s")
