"""What the doctor can find: each with a code that can be read over the phone.

Codes are for ever: one that is no longer found is not given to something else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from edge_agent.errors import AgentError
from edge_agent.language import _, spoken
from edge_agent.tools.sentences import of_error


class Grade(StrEnum):
    """How bad it is."""

    GREEN = "green"
    YELLOW = "yellow"  # works, and may not for long
    RED = "red"  # does not work


@dataclass(frozen=True, slots=True)
class Code:
    """One kind of finding: what it means and the one thing to do."""

    grade: Grade
    means: str
    fix: str


@dataclass(frozen=True, slots=True)
class DoctorFinding:
    """What was found. `subject` is a camera, a path or a part of the box."""

    code: str
    subject: str
    found: str

    @property
    def grade(self) -> Grade:
        return CODES[self.code].grade if self.code in CODES else Grade.GREEN

    @property
    def fix(self) -> str:
        return CODES[self.code].fix if self.code in CODES else ""


def fine(subject: str, found: str) -> DoctorFinding:
    """Nothing to do."""
    return DoctorFinding("", subject, found)


def failed(code: str, subject: str, error: AgentError) -> DoctorFinding:
    """From what a part of the agent raised; where its words are English only, with ours."""
    said = of_error(error)
    if spoken() != "en" and said == str(error):
        said = f"{_(CODES[code].means)} ({said})"
    return DoctorFinding(code, subject, said)


_Y, _R = Grade.YELLOW, Grade.RED
_MADE = "<!-- Made by `make docs` from edge_agent/tools/doctor/findings.py. -->"

CODES: Mapping[str, Code] = {
    # --- the machine
    "EA-PWR-001": Code(
        _R,
        "The Raspberry Pi gets too little voltage now; cameras drop and the card may break.",
        "use the maker's power supply and a short cable",
    ),
    "EA-PWR-002": Code(
        _Y,
        "The Raspberry Pi had too little voltage since it started.",
        "use the maker's power supply; then restart the box and look again",
    ),
    "EA-HEAT-001": Code(
        _Y,
        "The processor is or was slowed down by heat.",
        "give the box air: out of the closed cupboard, or a heat sink",
    ),
    "EA-CLK-001": Code(
        _R,
        "The clock is not set: events would carry a wrong time.",
        "connect the box to the internet or name a time server: timedatectl set-ntp true",
    ),
    "EA-CLK-002": Code(
        _Y,
        "The clock is plausible, but no time server keeps it right.",
        "timedatectl set-ntp true",
    ),
    "EA-CARD-001": Code(
        _R,
        "The disk of the state directory is nearly full.",
        "free some space, or lower outbox.max_mb and clips.max_mb",
    ),
    "EA-CARD-002": Code(
        _Y,
        "A small durable write takes very long: the card is slow or worn out.",
        "replace the card by one of class A1 or A2",
    ),
    "EA-CARD-003": Code(
        _R,
        "The state directory cannot be written.",
        "give it to the service's user: chown -R edge-agent: FOLDER; see whether the card is "
        "read-only: dmesg | grep -i remount",
    ),
    "EA-MEM-001": Code(
        _Y,
        "Little memory is free.",
        "watch fewer cameras, or use their smaller streams",
    ),
    "EA-MEM-002": Code(
        _Y,
        "The kernel's memory cgroup is off: the unit's MemoryMax has no effect.",
        "add cgroup_enable=memory to the line in /boot/firmware/cmdline.txt and restart the box "
        "(box.max_rss_mb guards memory meanwhile)",
    ),
    "EA-PY-001": Code(
        _R,
        "A library of the agent is missing or does not load.",
        "install the package anew: apt install --reinstall edge-agent",
    ),
    "EA-SVC-001": Code(
        _R,
        "The service is installed but does not run.",
        "journalctl -u edge-agent -n 20 says why; then systemctl restart edge-agent",
    ),
    "EA-SVC-002": Code(
        _Y,
        "The service does not start by itself when the box starts.",
        "systemctl enable edge-agent",
    ),
    # --- the configuration
    "EA-CFG-001": Code(
        _R,
        "The configuration is wrong: the agent would not start with it.",
        "edge-agent config check names file, line and fix",
    ),
    "EA-CFG-002": Code(
        _Y,
        "The configuration has a warning.",
        "edge-agent config check names file, line and fix",
    ),
    "EA-CFG-003": Code(
        _Y,
        "No camera is configured.",
        "edge-agent camera discover finds them, edge-agent camera add NAME ADDRESS adds one",
    ),
    # --- the detector
    "EA-MOD-001": Code(
        _R,
        "The detector is missing or damaged.",
        "edge-agent models verify; edge-agent models pull NAME fetches it anew",
    ),
    "EA-MOD-002": Code(
        _Y,
        "One look of the detector takes long on this box.",
        "edge-agent models bench says which model suits so many cameras",
    ),
    # --- cameras
    "EA-CAM-001": Code(
        _R,
        "The camera does not answer.",
        "is it on, is the cable in, did its address change? edge-agent probe URL tries again",
    ),
    "EA-CAM-002": Code(
        _R,
        "The camera refuses user or password.",
        "correct username and the password file; after two tries the agent waits 30 minutes, "
        "so that the camera does not lock the user out",
    ),
    "EA-CAM-003": Code(
        _R,
        "The camera answers but sends no picture.",
        "restart the camera; lower its frame rate, or set source.transport to the other one",
    ),
    "EA-CAM-004": Code(
        _Y,
        "The camera's stream costs or hides more than it must.",
        "change the named setting in the camera's own menu",
    ),
    "EA-CAM-005": Code(
        _R,
        "The camera's stream cannot be used as it is configured.",
        "correct the source in the camera's file; edge-agent probe URL shows what there is",
    ),
    "EA-CAM-006": Code(
        _R,
        "The camera's picture shows nothing: black, covered or burnt out.",
        "look at the camera: its cap, its lamp, what hangs before it",
    ),
    "EA-CAM-007": Code(
        _Y,
        "The camera's picture is very dark.",
        "at night: is its infrared light on, is the lamp out? by day: look at its exposure",
    ),
    # --- the ward
    "EA-BRK-001": Code(
        _R,
        "The ward's broker cannot be reached.",
        "is the network up? is mqtt.host right, is its port open?",
    ),
    "EA-BRK-002": Code(
        _R,
        "The broker refuses this box.",
        "compare ward, id, login and certificate with what the ward gave out",
    ),
    "EA-BRK-003": Code(
        _Y,
        "This box's certificate ends soon.",
        "ask the ward for a new one",
    ),
    "EA-BRK-004": Code(
        _R,
        "This box's certificate has ended.",
        "ask the ward for a new one",
    ),
    "EA-BRK-005": Code(
        _Y,
        "The broker does not let this box read the commands that are sent to it.",
        "tell the ward: this box needs to read below its own cmd/ (docs/mqtt.md, access)",
    ),
    "EA-BRK-006": Code(
        _Y,
        "The broker's certificate ends soon.",
        "tell the ward: with an old certificate no box can connect",
    ),
    "EA-BRK-007": Code(
        _R,
        "The broker takes the connection and then answers nothing.",
        "tell the ward: its broker hangs, or a firewall between lets only the beginning through",
    ),
    # --- what waits
    "EA-OUT-001": Code(
        _Y,
        "Many messages wait for the ward.",
        "is the broker reachable, does the ward's server run?",
    ),
    "EA-OUT-002": Code(
        _R,
        "The store of messages cannot be read.",
        "restart the service: it puts a damaged store aside and begins a new one",
    ),
}


def codes_markdown() -> str:
    """docs/codes.md, or the same in the language that is spoken."""
    lines = ["# " + _("Codes of `edge-agent doctor`"), ""]
    lines += [_MADE, ""] if spoken() == "en" else []
    lines += [
        _("A code can be read over the phone. Red: it does not work. Yellow: it still works."),
        "",
        "| {} | {} | {} | {} |".format(_("code"), _("grade"), _("what it means"), _("what to do")),
        "|---|---|---|---|",
    ]
    lines += [
        f"| {name} | {grade_name(code.grade)} | {_(code.means)} | {_(code.fix)} |"
        for name, code in CODES.items()
    ]
    return "\n".join(lines) + "\n"


def grade_name(grade: Grade) -> str:
    """As a person reads it."""
    names = {Grade.GREEN: _("green"), Grade.YELLOW: _("yellow"), Grade.RED: _("red")}
    return names[grade]
