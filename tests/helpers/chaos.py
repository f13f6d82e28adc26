"""Kill the box, the broker and the ward's server at random; then count what is missing.

The oracle is a side file that the box's process fsyncs after the outbox said an event is safe.
The broker saves its state only every 30 s, so that a kill loses what it had acknowledged.
"""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from broker import Mosquitto

_HERE = Path(__file__).resolve().parent
_SOURCE = "/ward1/box-1"


@dataclass(frozen=True)
class ChaosPlan:
    """`per_s` is how fast events are made; `kills` rounds of one to three victims come every
    0.3 to `longest_s` seconds."""

    events: int
    kills: int
    seed: int
    per_s: float
    resend_after_s: float
    longest_s: float = 1.2
    settle_timeout_s: float = 300.0


@dataclass
class ChaosReport:
    accepted: int = 0
    stored: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: int = 0  # message ids that the ward's database has more than once
    misnumbered: int = 0  # events whose (epoch, seq) is not the oracle's
    kills: Counter[str] = field(default_factory=Counter)
    killing_s: float = 0.0
    settling_s: float = 0.0

    def __str__(self) -> str:
        kills = ", ".join(f"{name} {count}" for name, count in sorted(self.kills.items()))
        return (
            f"accepted {self.accepted}, stored {self.stored}, lost {len(self.lost)}, "
            f"doubled {self.doubled}, misnumbered {self.misnumbered}; killed {kills}; "
            f"{self.killing_s:.1f} s of killing, {self.settling_s:.1f} s until all was there"
        )


class Chaos:
    def __init__(self, folder: Path, plan: ChaosPlan) -> None:
        self._folder, self._plan = folder, plan
        self._random = random.Random(plan.seed)
        self._broker = Mosquitto(folder / "broker", durable=False)
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._oracle, self._database = folder / "oracle", folder / "ward.sqlite"

    def run(self) -> ChaosReport:
        report = ChaosReport()
        try:
            for start in (self._start_broker, self._start_ward, self._start_box):
                start()
            begun_s = time.monotonic()
            self._kill_at_random(report)
            report.killing_s = time.monotonic() - begun_s
            begun_s = time.monotonic()
            self._settle()
            report.settling_s = time.monotonic() - begun_s
        finally:
            for name in ("box", "ward"):
                self._kill(name)
            self._broker.kill()
        self._count(report)
        return report

    def _start_broker(self) -> None:
        self._broker.start()

    def _start_ward(self) -> None:
        self._spawn("ward", "chaos_ward.py", self._database, self._broker.port)

    def _start_box(self) -> None:
        plan = self._plan
        self._spawn(
            "box",
            "chaos_agent.py",
            self._folder / "state",
            self._broker.port,
            self._oracle,
            plan.events,
            plan.per_s,
            plan.resend_after_s,
        )

    def _spawn(self, name: str, script: str, *arguments: object) -> None:
        with (self._folder / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                [sys.executable, str(_HERE / script), *map(str, arguments)],
                stdout=log,
                stderr=log,
            )

    def _kill(self, name: str) -> None:
        process = self._processes.pop(name, None)
        if process is not None:
            process.kill()
            process.wait()

    def _kill_at_random(self, report: ChaosReport) -> None:
        starts: dict[str, Callable[[], None]] = {
            "box": self._start_box,
            "ward": self._start_ward,
            "broker": self._start_broker,
        }
        for _ in range(self._plan.kills):
            time.sleep(self._random.uniform(0.3, self._plan.longest_s))
            # Often two or three one after the other: a broker that dies while the server is
            # away takes with it what it had acknowledged.
            victims = self._random.sample(sorted(starts), self._random.choice((1, 1, 2, 2, 3)))
            for name in victims:
                if name == "broker":
                    self._broker.kill()
                else:
                    self._kill(name)
                report.kills[name] += 1
                time.sleep(self._random.uniform(0.0, 0.4))
            self._random.shuffle(victims)
            for name in victims:
                starts[name]()

    def _settle(self) -> None:
        """Wait until the box has made every event and the ward has them all."""
        deadline_s = time.monotonic() + self._plan.settle_timeout_s
        while time.monotonic() < deadline_s:
            for name, process in self._processes.items():
                assert process.poll() is None, (self._folder / f"{name}.log").read_text()[-3000:]
            accepted = self._accepted()
            if len(accepted) >= self._plan.events and not self._missing(accepted):
                return
            time.sleep(0.1)

    def _accepted(self) -> dict[str, tuple[str, int]]:
        lines = self._oracle.read_text().splitlines() if self._oracle.exists() else []
        parts = [line.split() for line in lines]
        return {message_id: (epoch, int(seq)) for message_id, epoch, seq in parts}

    def _stored(self) -> list[tuple[str, str, int]]:
        if not self._database.exists():
            return []
        uri = f"{self._database.as_uri()}?mode=ro"
        connection = sqlite3.connect(uri, uri=True)
        try:
            query = "SELECT id, epoch, seq FROM event WHERE source = ?"
            return list(connection.execute(query, (_SOURCE,)))
        except sqlite3.OperationalError:
            return []  # the ward's process has not made its tables yet
        finally:
            connection.close()

    def _missing(self, accepted: dict[str, tuple[str, int]]) -> set[str]:
        return accepted.keys() - {message_id for message_id, _, _ in self._stored()}

    def _count(self, report: ChaosReport) -> None:
        accepted, stored = self._accepted(), self._stored()
        times = Counter(message_id for message_id, _, _ in stored)
        report.accepted, report.stored = len(accepted), len(stored)
        report.lost = sorted(self._missing(accepted))
        report.doubled = sum(1 for count in times.values() if count > 1)
        report.misnumbered = sum(
            1 for name, epoch, seq in stored if name in accepted and accepted[name] != (epoch, seq)
        )
