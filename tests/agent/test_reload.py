"""Edits of a running agent's files: what is applied, what is refused, and what goes on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import flash
import pytest
from agent_inside import AgentInside, inside, wait_until
from agent_process import Heard, listening, write_config
from broker import Mosquitto
from paho.mqtt.client import Client

from edge_agent.config import load_config, short_sha

#: Somebody stands there all the time.
STANDING_S = 60


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    return flash.clip(folder / "standing.avi", bright_s=STANDING_S, dark_s=0)


@pytest.fixture(scope="module")
def flashing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return flash.clip(tmp_path_factory.mktemp("clips") / "flashing.avi", rounds=60)


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> str:
    return flash.settings(flash.model(tmp_path_factory.mktemp("model")))


class Box:
    """An agent's folder, and what it said."""

    def __init__(self, folder: Path, heard: Heard, client: Client, agent: AgentInside) -> None:
        self.folder, self.heard, self.client, self.agent = folder, heard, client, agent
        self.name = agent.config.box.id

    def edit(self, camera: str, text: str) -> None:
        """As editors do it: a new file, renamed over the old one."""
        path = self.folder / "cameras.d" / f"{camera}.toml"
        new = path.with_name(f".{camera}.swp")
        new.write_text(f'id = "{camera}"\n{text}')
        new.rename(path)

    def edit_agent(self, change: Callable[[str], str]) -> None:
        path = self.folder / "agent.toml"
        new = self.folder / ".agent.swp"
        new.write_text(change(path.read_text()))
        new.rename(path)

    def command(self, verb: str, cmd_id: str) -> None:
        topic = f"ea/v1/ward1/{self.name}/cmd/{verb}"
        self.client.publish(topic, json.dumps({"cmd_id": cmd_id, "verb": verb, "args": {}}), 1)

    def told(self) -> dict[str, Any]:
        """The newest `st/config`."""
        return self.heard.bodies("/st/config")[-1]

    def applied(self) -> None:
        """Wait until what the files say is in force, and told so."""
        wanted = load_config(self.folder).config
        wait_until(lambda: self.agent.config == wanted)
        sha = short_sha(wanted)
        self.heard.wait(lambda: (self.told()["result"], self.told()["cfg_sha"]) == ("applied", sha))

    def refused(self) -> list[str]:
        self.heard.wait(lambda: self.told()["result"] == "rejected")
        return self.told()["errors"]

    def persons(self, camera: str) -> list[dict[str, Any]]:
        return [body["data"] for body in self.heard.bodies(f"/ev/{camera}/person")]

    def connections(self, camera: str) -> float:
        return self.heard.bodies("/tm")[-1]["cameras"][camera]["connections"]


@pytest.fixture
def box(tmp_path: Path, standing: Path, flashing: Path, detector: str, mosquitto: Mosquitto) -> Any:
    """Two cameras: one before which somebody stands, one that flashes."""
    name = tmp_path.name.replace("_", "-")[-20:].strip("-").lower()
    cameras = {"yard": flash.camera(standing), "gate": flash.camera(flashing)}
    write_config(tmp_path, mosquitto.port, cameras, box=name, extra=detector)
    with listening(mosquitto, name) as (heard, client), inside(tmp_path) as agent:
        made = Box(tmp_path, heard, client, agent)
        heard.wait(lambda: made.persons("yard"))
        heard.wait(lambda: heard.bodies("/tm"))
        yield made


def newest_phases(events: list[dict[str, Any]]) -> list[str]:
    """Of each event."""
    return list({event["event_id"]: event["phase"] for event in events}.values())


def test_edit_that_only_decides_goes_on_with_the_event_and_the_stream(
    box: Box, standing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_agent.events.lifecycle.UPDATE_EVERY_S", 1.0)
    zone = '[[zones]]\nname = "door"\npolygon = [[0, 0], [1, 0], [1, 1], [0, 1]]\n'
    box.edit("yard", flash.camera(standing) + "[person]\nmin_height_frac = 0.1\n" + zone)
    box.applied()
    box.heard.wait(lambda: "door" in json.dumps(box.persons("yard")[-1]))
    assert len({event["event_id"] for event in box.persons("yard")}) == 1
    assert {event["phase"] for event in box.persons("yard")} == {"start", "update"}
    seen = len(box.heard.bodies("/tm"))
    box.heard.wait(lambda: len(box.heard.bodies("/tm")) > seen)
    assert box.connections("yard") == 1


def test_bad_edit_changes_nothing_and_every_error_is_told(box: Box, standing: Path) -> None:
    before = box.agent.config
    box.edit("yard", flash.camera(standing) + "[person]\nconfirm_looks = 0\nmin_hight_frac = 1\n")
    errors = box.refused()
    assert [error.split(": ")[1] for error in errors] == [
        "person.min_hight_frac",
        "person.confirm_looks",
    ]
    assert all(error.startswith("cameras.d/yard.toml:") for error in errors)
    assert box.agent.config is before
    box.edit("yard", flash.camera(standing))
    box.applied()
    assert box.agent.config == before
    assert len({event["event_id"] for event in box.persons("yard")}) == 1


def test_camera_that_is_added_starts_and_one_that_is_removed_leaves_nothing(
    box: Box, flashing: Path
) -> None:
    box.edit("shed", flash.camera(flashing))
    box.applied()
    box.heard.wait(lambda: box.persons("shed"))
    (box.folder / "cameras.d" / "shed.toml").unlink()
    box.applied()
    topic = f"ea/v1/ward1/{box.name}/st/cam/shed"
    box.heard.wait(lambda: (topic, b"") in box.heard.messages)
    box.heard.wait(lambda: "shed" not in box.heard.bodies("/tm")[-1]["cameras"])
    box.heard.wait(lambda: set(newest_phases(box.persons("shed"))) == {"end"})


def test_another_source_restarts_that_camera_alone(box: Box, flashing: Path) -> None:
    box.edit("yard", flash.camera(flashing))
    box.applied()
    box.heard.wait(
        lambda: any(
            e["end_reason"] == "restart" for e in box.persons("yard") if e["phase"] == "end"
        )
    )
    seen = len(box.heard.bodies("/tm"))
    box.heard.wait(lambda: len(box.heard.bodies("/tm")) > seen + 1)
    assert box.connections("gate") == 1


def test_stop_says_offline_for_every_camera(box: Box) -> None:
    box.agent.stop()
    for camera in ("yard", "gate"):
        box.heard.wait(
            lambda camera=camera: box.heard.bodies(f"/st/cam/{camera}")[-1]["state"] == "offline"
        )


def test_ward_may_ask_for_it_and_hears_accepted_then_what_became_of_it(
    box: Box, standing: Path
) -> None:
    box.agent.stop_noticing()
    box.edit("yard", flash.camera(standing) + "[person]\nconfirm_looks = 2\n")
    box.command("reload", "good")
    box.heard.wait(lambda: len(box.heard.bodies("/ack/good")) == 2)
    first, second = box.heard.bodies("/ack/good")
    assert (first["status"], second["status"]) == ("accepted", "done")
    box.heard.wait(lambda: box.told()["cfg_sha"] == second["result"]["cfg_sha"])
    box.edit("yard", "[source]")
    box.command("reload", "bad")
    box.heard.wait(lambda: len(box.heard.bodies("/ack/bad")) == 2)
    answer = box.heard.bodies("/ack/bad")[-1]
    assert answer["status"] == "failed"
    assert answer["reason"].startswith("cameras.d/yard.toml:2: source.kind: is missing")


def test_hup_reads_the_files_without_a_notification(box: Box, standing: Path) -> None:
    box.agent.stop_noticing()
    box.edit("yard", flash.camera(standing) + "[person]\nconfirm_looks = 2\n")
    box.agent.reload()
    box.applied()


def test_broker_settings_connect_anew_and_the_rest_goes_on(box: Box) -> None:
    box.edit_agent(lambda text: text.replace("backlog_per_s = 500", "backlog_per_s = 400"))
    box.applied()
    box.heard.wait(lambda: len({body["conn_id"] for body in box.heard.bodies("/st/box")}) == 2)
    box.heard.wait(lambda: box.heard.bodies("/st/box")[-1]["state"] == "online")
    assert {event["phase"] for event in box.persons("yard")} <= {"start", "update"}


def test_who_the_box_is_waits_for_a_start_and_is_named(box: Box) -> None:
    box.edit_agent(lambda text: text.replace(f'id = "{box.name}"', 'id = "another"'))
    box.heard.wait(lambda: box.told()["errors"])
    assert box.told()["result"] == "applied"
    assert box.told()["errors"] == ["box.id: holds after the next start of the agent"]
    assert box.agent.config.box.id == box.name


def test_what_all_is_built_on_begins_anew_in_the_same_process(box: Box, flashing: Path) -> None:
    box.edit("shed", flash.camera(flashing))
    box.applied()
    box.heard.wait(lambda: box.heard.bodies("/st/cam/shed"))
    (box.folder / "cameras.d" / "shed.toml").unlink()
    box.edit_agent(lambda text: text + "[snapshots]\nenabled = true\n")
    box.applied()
    topic = f"ea/v1/ward1/{box.name}/st/cam/shed"
    box.heard.wait(lambda: [body for to, body in box.heard.messages if to == topic][-1] == b"")
    box.heard.wait(lambda: len({body["conn_id"] for body in box.heard.bodies("/st/box")}) == 2)
    box.heard.wait(lambda: any("snapshot" in event for event in box.persons("gate")))
    assert newest_phases(box.persons("yard"))[0] == "end"


def test_detector_that_cannot_be_opened_is_a_bad_edit(
    box: Box, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("other")
    (folder / "bad.onnx").write_bytes(b"nothing")
    old = box.agent.config.detector.model
    box.edit_agent(lambda text: text.replace(old, str(folder / "bad.onnx")))
    assert "no person detection" in box.refused()[0]
    assert box.agent.config.detector.model == old
    other = flash.model(folder, "other")
    box.edit_agent(lambda text: text.replace(str(folder / "bad.onnx"), str(other)))
    box.applied()
    box.heard.wait(lambda: box.persons("gate")[-1]["model"]["name"] == "other")
    assert len({event["event_id"] for event in box.persons("yard")}) == 1


def test_mask_is_black_at_once_and_what_is_known_of_the_background_is_forgotten(
    box: Box, standing: Path
) -> None:
    mask = '[[privacy_masks]]\nname = "all"\npolygon = [[0, 0], [1, 0], [1, 1], [0, 1]]\n'
    box.edit("yard", flash.camera(standing) + mask)
    box.applied()
    box.heard.wait(lambda: newest_phases(box.persons("yard")) == ["end"])
    assert box.persons("yard")[-1]["end_reason"] == "gone"


def test_camera_becomes_a_recorders_folder_and_back(box: Box, standing: Path) -> None:
    uploads = box.folder / "uploads"
    uploads.mkdir()
    box.edit("yard", f'[source]\nkind = "folder"\npath = "{uploads}"\n')
    box.applied()
    box.heard.wait(lambda: "yard" in box.heard.bodies("/tm")[-1].get("ingest", {}))
    box.heard.wait(lambda: newest_phases(box.persons("yard")) == ["end"])
    box.edit("yard", flash.camera(standing))
    box.applied()
    box.heard.wait(lambda: newest_phases(box.persons("yard")) == ["end", "start"])
    box.heard.wait(lambda: box.heard.bodies("/st/cam/yard")[-1]["state"] == "online")
    box.heard.wait(lambda: "yard" not in box.heard.bodies("/tm")[-1].get("ingest", {}))


def test_template_that_is_none_is_a_bad_edit(box: Box) -> None:
    box.edit("yard", '[source]\nkind = "folder"\npath = "/srv"\ntemplate = "{nothing}.mp4"\n')
    assert "template" in box.refused()[0]
    assert newest_phases(box.persons("yard")) == ["start"]


def test_address_of_a_camera_stays_in_the_journal(
    box: Box, caplog: pytest.LogCaptureFixture
) -> None:
    box.edit("yard", '[source]\nkind = "rtsp"\nurl = "http://192.168.7.9/x"\n')
    (error,) = box.refused()
    assert error.startswith('cameras.d/yard.toml:4: source.url: is "..."')
    assert "192.168.7.9" in caplog.text


def test_status_of_a_camera_that_was_removed_while_the_agent_was_away_is_cleared(
    box: Box,
) -> None:
    box.agent.stop()
    (box.folder / "cameras.d" / "gate.toml").unlink()
    with inside(box.folder):
        topic = f"ea/v1/ward1/{box.name}/st/cam/gate"
        box.heard.wait(lambda: (topic, b"") in box.heard.messages)


def test_it_starts_on_the_last_good_one_and_goes_over_to_the_files_when_they_are_mended(
    box: Box, standing: Path, caplog: pytest.LogCaptureFixture
) -> None:
    good = box.agent.config
    box.agent.stop()
    box.edit("yard", "[source]\n")
    seen = len(box.heard.bodies("/st/config"))
    with inside(box.folder) as again:
        assert again.config == good
        box.heard.wait(lambda: len(box.heard.bodies("/st/config")) > seen)
        box.heard.wait(lambda: box.told()["result"] == "rejected")
        assert box.told()["errors"][0].startswith("cameras.d/yard.toml:2: source.kind")
        box.agent = again
        box.edit("yard", flash.camera(standing) + "[person]\nconfirm_looks = 2\n")
        box.applied()
    assert len([r for r in caplog.records if "is not changed" in r.getMessage()]) == 1
