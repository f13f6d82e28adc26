from __future__ import annotations

import pytest

from edge_agent.contract import BoxTopics, Branch, Topic, WardTopics
from edge_agent.domain import Label
from edge_agent.errors import ContractError

ULID = "01KAS3V8Q4ZZ5Y0T7M2N9R6XBC"
BOX = BoxTopics("ward12", "box-0001")
HEAD = "ea/v1/ward12/box-0001"

TOPICS = [
    (BOX.event("gate", Label.PERSON), f"{HEAD}/ev/gate/person", Branch.EVENT),
    (BOX.event("gate", Label.HEALTH), f"{HEAD}/ev/gate/health", Branch.EVENT),
    (BOX.gap, f"{HEAD}/ev/_gap", Branch.GAP),
    (BOX.box_status, f"{HEAD}/st/box", Branch.BOX_STATUS),
    (BOX.camera_status("gate"), f"{HEAD}/st/cam/gate", Branch.CAMERA_STATUS),
    (BOX.config_status, f"{HEAD}/st/config", Branch.CONFIG_STATUS),
    (BOX.telemetry, f"{HEAD}/tm", Branch.TELEMETRY),
    (BOX.image("gate", ULID), f"{HEAD}/img/gate/{ULID}", Branch.IMAGE),
    (BOX.clip("gate", ULID, 2, 600_000), f"{HEAD}/clip/gate/{ULID}/2/600000", Branch.CLIP),
    (BOX.command("replay"), f"{HEAD}/cmd/replay", Branch.COMMAND),
    (BOX.ackpos, f"{HEAD}/cmd/ackpos", Branch.COMMAND),
    (BOX.ack("c-1"), f"{HEAD}/ack/c-1", Branch.ACK),
]


@pytest.mark.parametrize(("built", "text", "branch"), TOPICS)
def test_topics_are_built_and_read_alike(built: str, text: str, branch: Branch) -> None:
    assert built == text
    topic = Topic.parse(text)
    assert (topic.ward, topic.box, topic.branch) == ("ward12", "box-0001", branch)
    assert str(topic) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ea/v2/ward12/box-0001/tm",
        "ea/v1/ward12/box-0001",
        f"{HEAD}/ev/gate",
        f"{HEAD}/ev/gate/face",
        f"{HEAD}/ev/Gate/person",
        f"{HEAD}/ev/_gap/person",
        f"{HEAD}/ev/gate/person/more",
        f"{HEAD}/st/cam",
        f"{HEAD}/st/cam/gate/x",
        f"{HEAD}/tm/",
        f"{HEAD}/img/gate/short",
        f"{HEAD}/clip/gate/{ULID}",
        f"{HEAD}/clip/gate/{ULID}/0/0",
        f"{HEAD}/clip/gate/{ULID}/1/-1",
        f"{HEAD}/clip/gate/{ULID}/1/01",
        f"{HEAD}/clip/gate/{ULID}/1/0\n",
        f"{HEAD}/clip/gate/short/1/0",
        f"{HEAD}/cmd/",
        f"{HEAD}/cmd/Replay",
        f"{HEAD}/ack/a+b",
        "ea/v1/-ward/box-0001/tm",
        "ea/v1/ward12/#/tm",
        "ea/v1/ward12/+/tm",
        f"ea/v1/ward12/{'b' * 33}/tm",
        "ea/v1/ward12/box\n/tm",
    ],
)
def test_other_topics_are_refused(text: str) -> None:
    with pytest.raises(ContractError):
        Topic.parse(text)


@pytest.mark.parametrize("bad", ["", "A", "a b", "a/b", "a+", "#", "_a", "a" * 33, "a\n"])
def test_ids_that_would_break_topics_are_refused(bad: str) -> None:
    with pytest.raises(ContractError):
        BoxTopics(bad, "box")
    with pytest.raises(ContractError):
        BoxTopics("ward", bad)
    with pytest.raises(ContractError):
        BOX.event(bad, Label.PERSON)
    with pytest.raises(ContractError):
        WardTopics(bad)


def test_ward_subscribes_to_everything_that_boxes_say_and_to_no_command() -> None:
    filters = [one.split("/") for one in WardTopics("ward12").filters]

    def matches(topic: str) -> bool:
        parts = topic.split("/")
        for wanted in filters:
            head = wanted[:-1] if wanted[-1] == "#" else wanted
            same = all(a in ("+", b) for a, b in zip(head, parts, strict=False))
            if same and (wanted[-1] == "#" or len(head) == len(parts)):
                return True
        return False

    for _, text, branch in TOPICS:
        # Clips are for whoever fetches them, piece by piece.
        assert matches(text) == (branch not in (Branch.COMMAND, Branch.CLIP))


def test_boxes_subscribe_to_their_own_commands_only() -> None:
    assert BOX.commands_filter == f"{HEAD}/cmd/+"
    assert BOX.source == "/ward12/box-0001"
    assert WardTopics("ward12").of("box-0001") == BOX
