"""A real `edge-agent run` on a recorder's folders, killed again and again; and what it told.

The same recording is played to an agent that nobody disturbs and to one that is killed; what
both told is compared message by message.
"""

from __future__ import annotations

import contextlib
import json
import random
import sqlite3
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import agent_process
from agent_process import AgentProcess, Heard
from broker import Mosquitto
from recorder import Content, Recording, play

_CAMERAS = {
    "dahua": 'template = "dahua"\nchannel = "001"\n',
    "reolink": 'template = "reolink"\nchannel = "Yard_00"\n',
    "ring": 'template = "generic-one"\n',
}
#: What may differ between two runs: when it was analysed, in which order it was stored, and how
#: much was known of the recorder's clock by then.
_OF_THE_RUN = ("seq", "epoch", "clock", "cfg")
_OF_THE_CLOCK = ("err_s", "clock_offset_s", "disputed")


@dataclass(frozen=True)
class FolderPlan:
    """`kills` are indices of the recording's steps; each is followed by death within `delay_s`."""

    kills: tuple[int, ...] = ()
    model: str = ""
    fps: float = 5.0
    next_clip_s: float = 60.0
    ahead: int = 35
    delay_s: float = 3.0
    away_s: float = 1.5
    pace: float = 1.0
    settle_timeout_s: float = 900.0
    seed: int = 1

    @classmethod
    def killing(cls, recording: Recording, kills: int, seed: int, **more: Any) -> FolderPlan:
        steps = range(len(recording.steps) // 20, len(recording.steps))
        chosen = random.Random(seed).sample(steps, kills)
        return cls(kills=tuple(sorted(chosen)), seed=seed, **more)


@dataclass
class FolderOutcome:
    """`messages`: topic and payload by message id, without what may differ between two runs."""

    messages: dict[str, tuple[str, dict[str, Any]]] = field(default_factory=dict)
    rivals: int = 0  # one id, two different messages
    resent: int = 0
    kills: int = 0
    states: Mapping[tuple[str, str], int] = field(default_factory=dict)
    stored: int = 0
    took_s: float = 0.0
    cpu_s: float = 0.0

    def count(self, state: str) -> int:
        return sum(count for (_, name), count in self.states.items() if name == state)

    def events(self, label: str) -> dict[str, list[dict[str, Any]]]:
        """The messages of each event, in order."""
        found: dict[str, list[dict[str, Any]]] = {}
        for _, body in self.messages.values():
            if body["data"]["label"] == label:
                found.setdefault(body["data"]["event_id"], []).append(body["data"])
        return {key: sorted(each, key=lambda data: data["rev"]) for key, each in found.items()}

    def torn(self) -> list[str]:
        """Events that do not have one start, one end and every revision between."""
        wrong = []
        for label in ("motion", "person"):
            for event_id, told in self.events(label).items():
                phases = [data["phase"] for data in told]
                revs = [data["rev"] for data in told]
                good = phases == ["start", *["update"] * (len(phases) - 2), "end"]
                one_start = len({data["start_time"] for data in told}) == 1
                restarted = told[-1].get("end_reason") == "restart"
                if not good or revs != list(range(len(revs))) or not one_start or restarted:
                    wrong.append(f"{event_id} {phases} {revs}")
        return wrong


class FolderRun:
    """One play of a recording to one agent, on a broker of its own."""

    def __init__(
        self, folder: Path, plan: FolderPlan, cameras: Mapping[str, str] = _CAMERAS
    ) -> None:
        """`cameras`: what their tables `[source]` say besides the path."""
        self._folder, self._plan, self._cameras = folder, plan, cameras
        self.root = folder / "clips"
        self._random = random.Random(plan.seed)
        self._kills = list(plan.kills)
        self._die_s: float | None = None
        self._rise_s: float | None = None
        self._agent: AgentProcess | None = None
        self._config = folder / "config"
        self.outcome = FolderOutcome()

    def run(self, recording: Recording, shelf: Content) -> FolderOutcome:
        for name in self._cameras:
            (self.root / name).mkdir(parents=True)
        began_s = time.monotonic()
        broker = Mosquitto(self._folder / "broker")
        broker.start()
        try:
            self._write_config(broker.port)
            with agent_process.listening(broker) as (heard, _):
                self._start()
                play(
                    recording,
                    self.root,
                    shelf,
                    done=self._done,
                    ahead=self._plan.ahead,
                    between=self._between,
                    settled=self._settled,
                    pace=self._plan.pace,
                )
                self._settle(recording, heard)
                self._read(heard)
        finally:
            self._stop()
            broker.kill()
        self.outcome.took_s = time.monotonic() - began_s
        return self.outcome

    def _write_config(self, port: int) -> None:
        cameras = {
            name: (
                f'[source]\nkind = "folder"\npath = "{self.root / name}"\n'
                f'{table}time_zone = "UTC"\n'
                f"next_clip_s = {self._plan.next_clip_s}\n"
            )
            for name, table in self._cameras.items()
        }
        extra = f"[ingest]\ncpu_frac = 1.0\n[analysis]\nfps = {self._plan.fps}\n"
        if self._plan.model:
            extra += f"[detector]\nmodel = {json.dumps(self._plan.model)}\n"
        agent_process.write_config(self._config, port, cameras, extra=extra)

    # --- the agent ---

    def _start(self) -> None:
        self._agent = AgentProcess(self._config)
        self._agent.ready(timeout_s=180.0)

    def _stop(self) -> None:
        if self._agent is not None:
            self._count_cpu()
            self._agent.close()
            self._agent = None

    def _count_cpu(self) -> None:
        """What the process used so far, as the kernel counts it."""
        assert self._agent is not None
        with contextlib.suppress(OSError):
            text = Path(f"/proc/{self._agent.process.pid}/stat").read_text()
            fields = text.rpartition(")")[2].split()
            self.outcome.cpu_s += (int(fields[11]) + int(fields[12])) / 100

    def _between(self, step: int) -> None:
        now_s = time.monotonic()
        if self._agent is not None:
            code = self._agent.process.poll()
            assert code is None, f"ended by itself with {code}: {self._agent.log[-3000:]}"
            if self._die_s is None and self._kills and step >= self._kills[0]:
                self._kills.pop(0)
                self._die_s = now_s + self._random.uniform(0.0, self._plan.delay_s)
            if self._die_s is not None and now_s >= self._die_s:
                self._stop()  # SIGKILL
                self.outcome.kills += 1
                self._die_s = None
                self._rise_s = now_s + self._random.uniform(0.0, self._plan.away_s)
        elif self._rise_s is not None and now_s >= self._rise_s:
            self._rise_s = None
            self._start()

    # --- what it knows ---

    def _query(self, text: str) -> list[tuple[Any, ...]]:
        path = self._config / "state" / "outbox.db"
        if not path.exists():
            return []
        try:
            with contextlib.closing(
                sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=5)
            ) as database:
                return list(database.execute(text))
        except sqlite3.OperationalError:
            return []  # it is made just now

    def _done(self) -> int:
        rows = self._query("SELECT count(*) FROM clip WHERE state <> 'waiting'")
        return int(rows[0][0]) if rows else 0

    def _settled(self, path: Path, size: int) -> bool:
        """It was analysed, this long."""
        name = str(path).replace("'", "''")
        rows = self._query(
            f"SELECT 1 FROM clip WHERE state <> 'waiting' AND size = {size}"
            f" AND CAST(path AS TEXT) = '{name}'"
        )
        return bool(rows)

    def _settle(self, recording: Recording, heard: Heard) -> None:
        """Until every readable clip is analysed, every event has ended, and all was sent."""
        deadline_s = time.monotonic() + self._plan.settle_timeout_s
        while time.monotonic() < deadline_s:
            self._between(len(recording.steps))
            over = self._agent is not None and not self._kills and self._die_s is None
            if over and self._done() >= len(recording.readable) and not self._open_runs():
                ids = {body["id"] for body in heard.bodies("/ev/") if "id" in body}
                if len(ids) >= self._stored():
                    return
            time.sleep(0.25)
        log = self._agent.log[-3000:] if self._agent else ""
        raise AssertionError(
            f"{self._done()} of {len(recording.readable)} clips, {self._open_runs()} runs open: "
            f"{self._query('SELECT camera, state, reason, path FROM clip')[-30:]}\n{log}"
        )

    def _open_runs(self) -> int:
        return len(self._query("SELECT clip FROM run"))

    def _stored(self) -> int:
        rows = self._query("SELECT count(*) FROM row")
        return int(rows[0][0] or 0) if rows else 0

    def _read(self, heard: Heard) -> None:
        outcome = self.outcome
        bodies: Counter[str] = Counter()
        with heard.changed:
            messages = list(heard.messages)
        for topic, payload in messages:
            if "/ev/" not in topic or topic.endswith("_gap"):
                continue
            body = json.loads(payload)
            if "media" not in body["data"]:
                continue  # of the agent itself, as its self-test: not of a recording
            del body["sequence"]
            for name in _OF_THE_RUN:
                body["data"].pop(name, None)
            for name in _OF_THE_CLOCK:
                body["data"]["media"].pop(name, None)
            message_id = body["id"]
            bodies[message_id] += 1
            known = outcome.messages.setdefault(message_id, (topic, body))
            outcome.rivals += known != (topic, body)
        outcome.resent = sum(bodies.values()) - len(bodies)
        outcome.stored = self._stored()
        rows = self._query(
            "SELECT camera, state, count(*) FROM clip GROUP BY camera, state UNION ALL"
            " SELECT ifnull(camera, ''), state, count(*) FROM file WHERE state IS NOT NULL"
            " GROUP BY camera, state"
        )
        outcome.states = {(row[0], row[1]): row[2] for row in rows}


@dataclass(frozen=True)
class Difference:
    """Between an undisturbed run and a disturbed one, by message id."""

    missing: list[str]
    added: list[str]
    changed: list[str]

    def __bool__(self) -> bool:
        return bool(self.missing or self.added or self.changed)


def difference(undisturbed: FolderOutcome, disturbed: FolderOutcome) -> Difference:
    one, other = undisturbed.messages, disturbed.messages
    return Difference(
        sorted(one.keys() - other.keys()),
        sorted(other.keys() - one.keys()),
        sorted(key for key in one.keys() & other.keys() if one[key] != other[key]),
    )
