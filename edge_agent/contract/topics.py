"""Every rule about MQTT topics, in one place.

    ea/v1/{ward}/{box}/ev/{camera}/{motion|person|health}
    ea/v1/{ward}/{box}/ev/_gap
    ea/v1/{ward}/{box}/st/box, st/cam/{camera}, st/config
    ea/v1/{ward}/{box}/tm
    ea/v1/{ward}/{box}/img/{camera}/{event_id}
    ea/v1/{ward}/{box}/clip/{camera}/{event_id}/{number}/{from_byte}
    ea/v1/{ward}/{box}/cmd/{verb}, cmd/ackpos
    ea/v1/{ward}/{box}/ack/{cmd_id}

Each branch has one writer, so that a broker's ACL needs no exceptions.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from edge_agent.contract.ulid import check_ulid
from edge_agent.domain import Label, is_id
from edge_agent.errors import ContractError

PREFIX = "ea/v1"

_CMD_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_PIECE = re.compile(r"[^/]+/[1-9]\d{0,3}/(0|[1-9]\d{0,14})")
_VERB = re.compile(r"[a-z][a-z0-9_]{0,31}")


def check_id(kind: str, text: str) -> str:
    """`text` itself. Raises ContractError when it cannot be the id of a ward, box or camera."""
    if not is_id(text):
        raise ContractError(
            f"{kind} id {text[:40]!r}: needs 1 to 32 of a-z, 0-9, _ and -, first a-z or 0-9"
        )
    return text


def check_cmd_id(text: str) -> str:
    """`text` itself. Raises ContractError when it cannot name a command."""
    if not _CMD_ID.fullmatch(text):
        raise ContractError(f"cmd_id {text[:40]!r}: needs 1 to 64 of A-Z, a-z, 0-9, _ and -")
    return text


class Branch(StrEnum):
    """What a topic is for."""

    EVENT = "ev"
    GAP = "gap"
    BOX_STATUS = "st/box"
    CAMERA_STATUS = "st/cam"
    CONFIG_STATUS = "st/config"
    TELEMETRY = "tm"
    IMAGE = "img"
    CLIP = "clip"
    COMMAND = "cmd"
    ACK = "ack"


@dataclass(frozen=True, slots=True)
class Topic:
    """One concrete topic. `str()` gives what goes on the wire.

    `camera` is set for events, camera status, images and clips. `leaf` is the label of an event,
    the event id of an image; event id, number and first byte of a piece of a clip; the verb of a
    command (`ackpos` is one) or the cmd_id of an answer.
    """

    ward: str
    box: str
    branch: Branch
    camera: str = ""
    leaf: str = ""

    def __post_init__(self) -> None:
        check_id("ward", self.ward)
        check_id("box", self.box)
        if self.branch in (Branch.EVENT, Branch.CAMERA_STATUS, Branch.IMAGE, Branch.CLIP):
            check_id("camera", self.camera)
        elif self.camera:
            raise ContractError(f"a {self.branch} topic names no camera")
        self._check_leaf()

    def _check_leaf(self) -> None:
        if self.branch is Branch.EVENT:
            if self.leaf not in set(Label):
                raise ContractError(f"unknown event label {self.leaf[:40]!r}")
        elif self.branch is Branch.IMAGE:
            check_ulid(self.leaf)
        elif self.branch is Branch.CLIP:
            if not _PIECE.fullmatch(self.leaf):
                raise ContractError(f"no piece of a clip: {self.leaf[:60]!r}")
            check_ulid(self.leaf.partition("/")[0])
        elif self.branch is Branch.COMMAND:
            if not _VERB.fullmatch(self.leaf):
                raise ContractError(f"not a command verb: {self.leaf[:40]!r}")
        elif self.branch is Branch.ACK:
            check_cmd_id(self.leaf)
        elif self.leaf:
            raise ContractError(f"a {self.branch} topic has no last part")

    def __str__(self) -> str:
        head = f"{PREFIX}/{self.ward}/{self.box}"
        if self.branch is Branch.GAP:
            return f"{head}/ev/_gap"
        return "/".join(part for part in (head, self.branch, self.camera, self.leaf) if part)

    @classmethod
    def parse(cls, text: str) -> Topic:
        """Read a topic from the wire. Raises ContractError when there is no such."""
        parts = text.split("/")
        if len(parts) < 5 or parts[:2] != ["ea", "v1"]:
            raise ContractError(f"no topic of {PREFIX}: {text[:120]!r}")
        ward, box = parts[2:4]
        match parts[4:]:
            case ["ev", "_gap"]:
                topic = cls(ward, box, Branch.GAP)
            case ["ev" | "img" as branch, camera, leaf]:
                topic = cls(ward, box, Branch(branch), camera, leaf)
            case ["clip", camera, event_id, number, from_byte]:
                leaf = f"{event_id}/{number}/{from_byte}"
                topic = cls(ward, box, Branch.CLIP, camera, leaf)
            case ["st", "cam", camera]:
                topic = cls(ward, box, Branch.CAMERA_STATUS, camera)
            case ["st", "box" | "config" as leaf]:
                topic = cls(ward, box, Branch(f"st/{leaf}"))
            case ["tm"]:
                topic = cls(ward, box, Branch.TELEMETRY)
            case ["cmd" | "ack" as branch, leaf]:
                topic = cls(ward, box, Branch(branch), leaf=leaf)
            case _:
                raise ContractError(f"no topic of {PREFIX}: {text[:120]!r}")
        return topic


@dataclass(frozen=True, slots=True)
class BoxTopics:
    """The topics of one box, as text."""

    ward: str
    box: str

    def __post_init__(self) -> None:
        check_id("ward", self.ward)
        check_id("box", self.box)

    @property
    def source(self) -> str:
        """`/ward/box`: the CloudEvents source of everything this box says."""
        return f"/{self.ward}/{self.box}"

    def event(self, camera: str, label: Label) -> str:
        return str(Topic(self.ward, self.box, Branch.EVENT, camera, label))

    @property
    def gap(self) -> str:
        return str(Topic(self.ward, self.box, Branch.GAP))

    @property
    def box_status(self) -> str:
        """Retained, and the will's topic."""
        return str(Topic(self.ward, self.box, Branch.BOX_STATUS))

    def camera_status(self, camera: str) -> str:
        return str(Topic(self.ward, self.box, Branch.CAMERA_STATUS, camera))

    @property
    def config_status(self) -> str:
        return str(Topic(self.ward, self.box, Branch.CONFIG_STATUS))

    @property
    def telemetry(self) -> str:
        return str(Topic(self.ward, self.box, Branch.TELEMETRY))

    def image(self, camera: str, event_id: str) -> str:
        return str(Topic(self.ward, self.box, Branch.IMAGE, camera, event_id))

    def clip(self, camera: str, event_id: str, number: int, from_byte: int) -> str:
        """A piece of an event's n-th clip (counted from 1), from this byte on."""
        leaf = f"{event_id}/{number}/{from_byte}"
        return str(Topic(self.ward, self.box, Branch.CLIP, camera, leaf))

    def command(self, verb: str) -> str:
        return str(Topic(self.ward, self.box, Branch.COMMAND, leaf=verb))

    @property
    def ackpos(self) -> str:
        """Retained; the ward's server writes its watermark here."""
        return self.command("ackpos")

    @property
    def commands_filter(self) -> str:
        """What the box subscribes to: every command, ackpos included."""
        return f"{PREFIX}/{self.ward}/{self.box}/cmd/+"

    def ack(self, cmd_id: str) -> str:
        return str(Topic(self.ward, self.box, Branch.ACK, leaf=cmd_id))


@dataclass(frozen=True, slots=True)
class WardTopics:
    """What a ward's server subscribes to. Who fetches clips subscribes to `clip/#` meanwhile."""

    ward: str

    def __post_init__(self) -> None:
        check_id("ward", self.ward)

    @property
    def filters(self) -> tuple[str, ...]:
        """Events and gaps, status, telemetry, images, answers of every box of the ward."""
        head = f"{PREFIX}/{self.ward}/+"
        return (f"{head}/ev/#", f"{head}/st/#", f"{head}/tm", f"{head}/img/#", f"{head}/ack/+")

    def of(self, box: str) -> BoxTopics:
        return BoxTopics(self.ward, box)
