"""Every number of a training run, read from one TOML file and stored with each checkpoint."""

from __future__ import annotations

from pathlib import Path

import msgspec

from models.training.augment import Augmentation
from models.training.teacher import Agreement


class LossSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """See loss.py."""

    score_power: float = 0.5  # of the alignment metric
    iou_power: float = 6.0
    cells_per_person: int = 9
    giou_weight: float = 2.0
    score_weight: float = 1.0
    #: The teacher's box is learnt from where it is this sure.
    boxes_from: float = 0.1
    rare: float = 0.4


class Network(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Channels after strides 2, 4, 8, 16, 32; extra blocks at 4, 8, 16, 32; neck's channels."""

    widths: tuple[int, int, int, int, int]
    depths: tuple[int, int, int, int]
    neck: int


class Phase(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From this share of the run on, batches have one of these sizes (width, height)."""

    start: float
    sizes: tuple[tuple[int, int], ...]
    batch: int
    mosaic: float


class Schedule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Length in minutes of computing (a run that was stopped goes on where it was)."""

    minutes: float
    phases: tuple[Phase, ...]
    learning_rate: float = 2e-3
    weight_decay: float = 0.02
    warm_up_steps: int = 400
    final_share: float = 0.02  # of the learning rate, at the end of the cosine
    ema: float = 0.9995
    muon: bool = True  # for what mixes channels, see muon.py
    seed: int = 20261124


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file, one model."""

    name: str
    looks: tuple[str, ...]  # teachers' looks at each image: `MODEL` or `MODEL flipped`
    dense: str  # the model that answers in every cell
    network: Network
    schedule: Schedule
    agreement: Agreement = msgspec.field(default_factory=Agreement)
    augmentation: Augmentation = msgspec.field(default_factory=Augmentation)
    loss: LossSettings = msgspec.field(default_factory=LossSettings)


def read_settings(path: Path) -> Settings:
    """Raises msgspec.ValidationError naming the key."""
    return msgspec.toml.decode(path.read_bytes(), type=Settings)
