"""Power, heat, clock, card, memory, libraries, service: what the box itself is worth."""

from __future__ import annotations

import contextlib
import importlib
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_agent.clock import Clock, ClockQuality, SystemClock
from edge_agent.language import _, told, translatable
from edge_agent.tools.doctor.findings import DoctorFinding, fine

#: Bits of `vcgencmd get_throttled` (Raspberry Pi documentation, vcgencmd).
_UNDER_VOLTAGE_NOW, _UNDER_VOLTAGE_SINCE_BOOT = 1 << 0, 1 << 16
_SLOWED_NOW, _SLOWED_SINCE_BOOT = (1 << 1 | 1 << 2 | 1 << 3), (1 << 17 | 1 << 18 | 1 << 19)
#: A Raspberry Pi slows down at 80 degrees.
_HOT_C = 78.0
#: Cards of class A1 do 500 random writes a second; worn-out ones stall for a second.
_SLOW_WRITE_MS = 250.0
_WRITES = 8
_LEAST_FREE_FRAC, _LEAST_FREE_BYTES = 0.05, 200 << 20
_LEAST_MEMORY_MIB = 150
_QUALITIES = translatable("holdover", "estimated")
_LIBRARIES = ("av", "cv2", "numpy", "onnxruntime", "paho.mqtt.client", "watchdog", "msgspec")

#: Runs a command and gives (exit code, output); code 127 where there is no such command.
Run = Callable[[Sequence[str]], tuple[int, str]]


def run_command(command: Sequence[str]) -> tuple[int, str]:
    """At most five seconds."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)
    except FileNotFoundError:
        return 127, ""
    except (OSError, subprocess.TimeoutExpired) as error:
        return 126, str(error)
    return done.returncode, done.stdout.strip()


@dataclass(frozen=True, slots=True)
class Machine:
    """Where the facts are read: the running system, or a test's folder."""

    root: Path = Path("/")
    run: Run = run_command

    def text(self, path: str) -> str:
        """Of a file of /proc or /sys; empty where there is none."""
        try:
            return (self.root / path).read_text(errors="replace")
        except OSError:
            return ""


def power(machine: Machine) -> Iterator[DoctorFinding]:
    code, said = machine.run(["vcgencmd", "get_throttled"])
    if code == 0 and "=0x" in said:
        bits = int(said.rpartition("=")[2], 16)
        if bits & _UNDER_VOLTAGE_NOW:
            yield DoctorFinding(
                "EA-PWR-001", _("power"), _("too little voltage now ({bits})").format(bits=said)
            )
        elif bits & _UNDER_VOLTAGE_SINCE_BOOT:
            yield DoctorFinding(
                "EA-PWR-002",
                _("power"),
                _("too little voltage since the start ({bits})").format(bits=said),
            )
        else:
            yield fine(_("power"), _("enough voltage"))
        if bits & (_SLOWED_NOW | _SLOWED_SINCE_BOOT):
            yield DoctorFinding(
                "EA-HEAT-001",
                _("heat"),
                _("the processor was slowed down ({bits})").format(bits=said),
            )
            return
    milli = machine.text("sys/class/thermal/thermal_zone0/temp").strip()
    if milli.lstrip("-").isdigit():
        degrees = int(milli) / 1000
        if degrees >= _HOT_C:
            yield DoctorFinding("EA-HEAT-001", _("heat"), f"{degrees:.0f} °C")
        else:
            yield fine(_("heat"), f"{degrees:.0f} °C")


def clock_state(clock: Clock) -> DoctorFinding:
    if isinstance(clock, SystemClock):
        clock.refresh()
    reading = clock.read()
    if reading.quality is ClockQuality.UNSET:
        return DoctorFinding(
            "EA-CLK-001", _("clock"), time.strftime("%Y-%m-%d", time.gmtime(reading.utc_s))
        )
    if reading.quality is ClockQuality.SYNCED:
        return fine(
            _("clock"), _("kept by a time server, within {ms} ms").format(ms=reading.err_ms or 0)
        )
    return DoctorFinding(
        "EA-CLK-002",
        _("clock"),
        _("{quality}: no time server keeps it").format(quality=told(reading.quality, _QUALITIES)),
    )


def card(state_dir: Path) -> Iterator[DoctorFinding]:
    """Free space, and how long a small durable write takes."""
    folder = _nearest(state_dir)
    usage = shutil.disk_usage(folder)
    free = _("{free} MiB free of {total}").format(free=usage.free >> 20, total=usage.total >> 20)
    if usage.free < max(_LEAST_FREE_FRAC * usage.total, min(_LEAST_FREE_BYTES, usage.total / 2)):
        yield DoctorFinding("EA-CARD-001", _("disk"), free)
    else:
        yield fine(_("disk"), free)
    probe = state_dir / f".doctor-{os.getpid()}"
    try:
        slowest_ms = max(_durable_write_ms(probe) for _ in range(_WRITES))
    except OSError as error:
        yield DoctorFinding("EA-CARD-003", str(state_dir), error.strerror or str(error))
        return
    finally:
        with contextlib.suppress(OSError):
            probe.unlink()
    found = _("slowest of {count} small durable writes: {ms} ms").format(
        count=_WRITES, ms=round(slowest_ms)
    )
    yield DoctorFinding("EA-CARD-002" if slowest_ms > _SLOW_WRITE_MS else "", _("card"), found)


def memory(machine: Machine) -> Iterator[DoctorFinding]:
    for line in machine.text("proc/meminfo").splitlines():
        if line.startswith("MemAvailable:"):
            free_mib = int(line.split()[1]) >> 10
            found = _("{free} MiB available").format(free=free_mib)
            yield DoctorFinding(
                "EA-MEM-001" if free_mib < _LEAST_MEMORY_MIB else "", _("memory"), found
            )
    controllers = machine.text("sys/fs/cgroup/cgroup.controllers").split()
    if controllers and "memory" not in controllers:
        yield DoctorFinding("EA-MEM-002", _("memory"), _("the kernel's memory cgroup is off"))


def libraries() -> DoctorFinding:
    broken = []
    for name in _LIBRARIES:
        try:
            importlib.import_module(name)
        except Exception as error:  # noqa: BLE001 - whatever a broken library raises
            broken.append(f"{name}: {error}")
    if broken:
        return DoctorFinding("EA-PY-001", _("libraries"), "; ".join(broken))
    return fine(_("libraries"), _("{count} load").format(count=len(_LIBRARIES)))


def service(machine: Machine) -> Iterator[DoctorFinding]:
    """Only where the unit is installed and systemd runs."""
    code, state = machine.run(["systemctl", "is-active", "edge-agent"])
    if code in (126, 127) or not state or state == "unknown":
        return
    known, enabled = machine.run(["systemctl", "is-enabled", "edge-agent"])
    if not enabled or enabled == "not-found":
        return
    if state == "active":
        yield fine(_("service"), _("running"))
    else:
        yield DoctorFinding("EA-SVC-001", _("service"), state)
    if known != 0 and enabled == "disabled":
        yield DoctorFinding("EA-SVC-002", _("service"), _("not enabled"))


def _durable_write_ms(path: Path) -> float:
    begun_s = time.perf_counter()
    with path.open("wb") as file:
        file.write(bytes(4096))
        file.flush()
        os.fsync(file.fileno())
    return (time.perf_counter() - begun_s) * 1000


def _nearest(path: Path) -> Path:
    while not path.exists() and path != path.parent:
        path = path.parent
    return path
