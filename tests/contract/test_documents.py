"""docs/mqtt.md, the schemas, the AsyncAPI document and the broker's ACL say the same."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from contract_schemas import FOLDER, NAMES, check, validator

from edge_agent.contract import (
    AckStatus,
    BoxTopics,
    Branch,
    MediaTimeSource,
    State,
    TimeBasis,
    Topic,
    Verb,
    WardTopics,
    decode_ack,
    decode_ackpos,
    decode_box_status,
    decode_camera_status,
    decode_config_status,
    decode_event,
    decode_gap,
    decode_telemetry,
    encode_event,
    parse_command,
)
from edge_agent.domain import ClipState, EndReason, Label, Severity, SnapshotState

MQTT = FOLDER.parent / "mqtt.md"
_BLOCK = re.compile(r"(?:<!-- schema: (\w+); topic: (\S+) -->\n)?```json\n(.*?)```", re.DOTALL)
BLOCKS = _BLOCK.findall(MQTT.read_text())


def test_every_json_block_names_its_schema_and_every_schema_has_an_example() -> None:
    assert len(BLOCKS) == MQTT.read_text().count("```json")
    assert {name for name, _, _ in BLOCKS} == set(NAMES)


@pytest.mark.parametrize(("name", "topic", "block"), BLOCKS, ids=range(len(BLOCKS)))
def test_json_block_validates_and_is_read_by_the_code(name: str, topic: str, block: str) -> None:
    check(name, block)
    parsed, payload = Topic.parse(topic), block.encode()
    decoders: dict[Branch, Any] = {
        Branch.EVENT: decode_event,
        Branch.GAP: decode_gap,
        Branch.BOX_STATUS: decode_box_status,
        Branch.CAMERA_STATUS: decode_camera_status,
        Branch.CONFIG_STATUS: decode_config_status,
        Branch.TELEMETRY: decode_telemetry,
        Branch.ACK: decode_ack,
        Branch.COMMAND: (
            decode_ackpos
            if parsed.leaf == "ackpos"
            else lambda payload: parse_command(parsed.leaf, payload)
        ),
    }
    message = decoders[parsed.branch](payload)
    if parsed.branch is Branch.EVENT:
        again = encode_event(message.event, message.envelope)
        assert json.loads(again) == json.loads(block), "the example is what the agent would send"
        event, ward, box = message.event, message.envelope.ward, message.envelope.box
        assert BoxTopics(ward, box).event(event.camera, event.label) == topic


def test_documents_and_code_know_the_same_words() -> None:
    data = validator("event").schema["properties"]["data"]["properties"]
    media = data["media"]["properties"]
    states = validator("status").schema["$defs"]["box"]["properties"]["state"]
    acks = validator("command").schema["$defs"]["ack"]["properties"]["status"]
    for words, enum in (
        (data["label"], Label),
        (data["end_reason"], EndReason),
        (data["severity"], Severity),
        (data["time_basis"], TimeBasis),
        (data["snapshot"]["properties"]["state"], SnapshotState),
        (data["clips"]["items"]["properties"]["state"], ClipState),
        (media["source"], MediaTimeSource),
        (states, State),
        (acks, AckStatus),
    ):
        assert words["enum"] == [str(member) for member in enum]


def asyncapi() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((FOLDER / "asyncapi.yaml").read_text())
    return document


def references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if "$ref" in node else []
        return own + [ref for value in node.values() for ref in references(value)]
    return [ref for value in node for ref in references(value)] if isinstance(node, list) else []


def resolve(reference: str) -> Any:
    file, _, pointer = reference.partition("#")
    node: Any = json.loads((FOLDER / file).read_text()) if file else asyncapi()
    for part in pointer.strip("/").split("/") if pointer else ():
        node = node[part]
    return node


def test_asyncapi_references_resolve() -> None:
    found = references(asyncapi())
    assert len(found) > 30
    for reference in found:
        assert resolve(reference)


def test_asyncapi_has_every_topic_and_only_those() -> None:
    document, branches = asyncapi(), set()
    examples = {
        "ward": "ward12",
        "box": "box-0001",
        "camera": "gate",
        "event_id": "01KAS3V8Q4ZZ5Y0T7M2N9R6XBC",
        "number": "1",
        "from_byte": "0",
        "cmd_id": "c-1",
        "label": "person",
        "verb": "replay",
    }
    for channel in document["channels"].values():
        names = re.findall(r"\{(\w+)\}", channel["address"])
        assert set(names) == set(channel["parameters"])
        branches.add(Topic.parse(channel["address"].format(**examples)).branch)
    assert branches == set(Branch)
    assert document["channels"]["command"]["parameters"]["verb"]["enum"] == [str(v) for v in Verb]
    used = {operation["channel"]["$ref"] for operation in document["operations"].values()}
    answered = {"#/channels/ack"}
    assert used | answered == {f"#/channels/{name}" for name in document["channels"]}


def _allowed(user: str, action: str, topic: str) -> bool:
    """mosquitto's ACL rules: lines of `user` sections, and patterns for everybody."""
    section = ""
    for line in (FOLDER / "acl").read_text().splitlines():
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if words[0] == "user":
            section = words[1]
            continue
        kind, right, pattern = words
        if kind == "topic" and section != user:
            continue
        wanted = pattern.replace("%u", user).split("/")
        parts = topic.split("/")
        head = wanted[:-1] if wanted[-1] == "#" else wanted
        same = all(a in ("+", b) for a, b in zip(head, parts, strict=False))
        long_enough = len(parts) >= len(head) if wanted[-1] == "#" else len(parts) == len(head)
        if right in (action, "readwrite") and same and long_enough:
            return True
    return False


def test_acl_lets_a_box_write_its_own_branches_and_no_command() -> None:
    mine, other = BoxTopics("ward12", "box-0001"), BoxTopics("ward12", "box-0002")
    own = [
        mine.event("gate", Label.HEALTH),
        mine.gap,
        mine.box_status,
        mine.camera_status("gate"),
        mine.config_status,
        mine.telemetry,
        mine.image("gate", "01KAS3V8Q4ZZ5Y0T7M2N9R6XBC"),
        mine.clip("gate", "01KAS3V8Q4ZZ5Y0T7M2N9R6XBC", 1, 0),
        mine.ack("c-1"),
    ]
    for topic in own:
        assert _allowed("box-0001", "write", topic)
        assert not _allowed("box-0002", "write", topic)
        assert _allowed("ward12-server", "read", topic)
        assert not _allowed("ward12-server", "write", topic)
    assert _allowed("box-0001", "read", mine.ackpos)
    for topic in (mine.ackpos, mine.command("replay")):
        assert not _allowed("box-0001", "write", topic)
        assert _allowed("ward12-server", "write", topic)
    assert not _allowed("box-0001", "read", other.command("replay"))
    assert not _allowed("box-0001", "read", other.gap)


def test_ward_filters_are_documented() -> None:
    text = MQTT.read_text()
    for one in WardTopics("ward12").filters:
        assert f"`{one.split('/+/', 1)[1]}`" in text or one.replace("ward12", "{ward}") in text


def test_sample_broker_configuration_names_the_acl() -> None:
    text = (FOLDER / "mosquitto.conf").read_text()
    assert "acl_file" in text
    assert "allow_anonymous false" in text
    assert isinstance(FOLDER, Path)
