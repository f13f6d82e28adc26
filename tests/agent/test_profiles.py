"""Profiles of a running agent: by command, at the box, after a restart, and in what it tells."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import flash
import pytest
from agent_inside import AgentInside, inside, wait_until
from agent_process import Heard, listening, write_config
from broker import Mosquitto
from contract_schemas import validator
from paho.mqtt.client import Client

from edge_agent.cli import main
from edge_agent.cli.status import ask_agent

NIGHT = """
[profiles.night.person]
confirm_looks = 2
[[profiles.night.zones]]
name = "yard"
polygon = [[0, 0], [1, 0], [1, 1], [0, 1]]
"""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """The detector's tables, and a camera before which somebody stands all the time."""
    folder = tmp_path_factory.mktemp("shared")
    clip = flash.clip(folder / "standing.avi", bright_s=60, dark_s=0)
    return flash.settings(flash.model(folder)), flash.camera(clip)


class Box:
    def __init__(self, folder: Path, heard: Heard, client: Client, name: str) -> None:
        self.folder, self.heard, self.client, self.name = folder, heard, client, name

    def command(self, cmd_id: str, **args: str) -> None:
        topic = f"ea/v1/ward1/{self.name}/cmd/profile"
        body = {"cmd_id": cmd_id, "verb": "profile", "args": args}
        validator("command").validate(body)
        self.client.publish(topic, json.dumps(body), 1)

    def answers(self, cmd_id: str) -> list[dict[str, Any]]:
        return self.heard.bodies(f"/ack/{cmd_id}")

    def finished(self, cmd_id: str) -> dict[str, Any]:
        self.heard.wait(
            lambda: self.answers(cmd_id)[-1:] and self.answers(cmd_id)[-1]["status"] != "accepted"
        )
        return self.answers(cmd_id)[-1]

    def standing(self) -> str | None:
        """The profile of the newest `st/cam`."""
        return self.heard.bodies("/st/cam/gate")[-1].get("profile")

    def persons(self) -> list[dict[str, Any]]:
        return [body["data"] for body in self.heard.bodies("/ev/gate/person")]


@pytest.fixture
def box(tmp_path: Path, shared: tuple[str, str], mosquitto: Mosquitto) -> Iterator[Box]:
    name = tmp_path.name.replace("_", "-")[-20:].strip("-").lower()
    detector, camera = shared
    cameras = {"gate": camera + NIGHT}
    write_config(tmp_path, mosquitto.port, cameras, box=name, extra=detector)
    with listening(mosquitto, name) as (heard, client):
        yield Box(tmp_path, heard, client, name)


@pytest.fixture
def agent(box: Box) -> Iterator[AgentInside]:
    with inside(box.folder) as running:
        box.heard.wait(box.persons)
        yield running


def test_command_swaps_the_profile_and_the_event_lives_on(box: Box, agent: AgentInside) -> None:
    box.command("c1", camera="gate", profile="night")
    done = box.finished("c1")
    assert [answer["status"] for answer in box.answers("c1")] == ["accepted", "done"]
    assert done["result"] == {"camera": "gate", "asked": "night", "profile": "night"}
    box.heard.wait(lambda: box.persons()[-1].get("profile") == "night")
    box.heard.wait(lambda: box.standing() == "night")
    told = box.persons()
    assert len({event["event_id"] for event in told}) == 1
    assert {event["phase"] for event in told} == {"start", "update"}
    assert "profile" not in told[0]
    assert told[-1]["zones"]["entered"] == ["yard"]
    for body in box.heard.bodies("/ev/gate/person"):
        validator("event").validate(body)
    for body in box.heard.bodies("/st/cam/gate"):
        validator("status").validate(body)


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        ({"camera": "gate", "profile": "day"}, "must be one of night, none, auto"),
        ({"camera": "shed", "profile": "night"}, "watches no camera of this name"),
    ],
)
def test_what_is_not_there_is_rejected(
    box: Box, agent: AgentInside, args: dict[str, str], reason: str
) -> None:
    box.command("c1", **args)
    answer = box.finished("c1")
    assert answer["status"] == "rejected"
    assert reason in answer["reason"]


def test_profile_that_was_asked_for_outlives_a_restart_and_auto_ends_it(box: Box) -> None:
    with inside(box.folder):
        box.heard.wait(box.persons)  # it is connected: a command that came before would be lost
        box.command("c1", camera="gate", profile="night")
        box.finished("c1")
    before = len(box.persons())
    with inside(box.folder):
        box.heard.wait(lambda: len(box.persons()) > before)
        assert box.persons()[before]["profile"] == "night"
        box.command("c2", camera="gate", profile="auto")
        assert box.finished("c2")["status"] == "done"
        box.heard.wait(lambda: box.standing() is None)
        box.heard.wait(lambda: "profile" not in box.persons()[-1])


def test_the_box_asks_for_a_profile_and_its_status_says_so(
    box: Box, agent: AgentInside, capsys: pytest.CaptureFixture[str]
) -> None:
    def status() -> dict[str, Any]:
        (camera,) = ask_agent(box.folder)["cameras"]
        return camera

    assert status()["profile"] == {"asked": "auto"}
    assert main(["camera", "profile", "gate", "night", "--config", str(box.folder)]) == 0
    wait_until(lambda: status()["profile"].get("name") == "night")
    assert status()["profile"] == {"name": "night", "by": "command", "asked": "night"}
    validator("local-status").validate(ask_agent(box.folder))
    capsys.readouterr()
    assert main(["status", "gate", "--config", str(box.folder)]) == 0
    assert "profile  night (command)" in capsys.readouterr().out


def test_the_box_refuses_a_profile_that_is_not_there(
    box: Box, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["camera", "profile", "gate", "day", "--config", str(box.folder)]) == 1
    assert "no profile 'day'; it has: night, none, auto" in capsys.readouterr().err


def test_edit_of_the_profile_in_force_holds_at_once(
    box: Box, agent: AgentInside, shared: tuple[str, str]
) -> None:
    box.command("c1", camera="gate", profile="night")
    box.finished("c1")
    path = box.folder / "cameras.d" / "gate.toml"
    path.write_text(f'id = "gate"\n{shared[1]}{NIGHT.replace("yard", "garden")}')
    box.heard.wait(lambda: "garden" in json.dumps(box.persons()[-1]["zones"]))
    assert box.persons()[-1]["profile"] == "night"
    assert len({event["event_id"] for event in box.persons()}) == 1
