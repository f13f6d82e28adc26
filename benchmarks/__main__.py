"""Every figure of benchmarks/README.md, measured anew.

    python -m benchmarks              all of them
    python -m benchmarks events ...   only these
    python -m benchmarks --list       what there is

Each benchmark runs in a process of its own, so that none inherits another's memory; their
tables go to stdout. Exit code 1 when one fell short of what is wanted of it, or could
not run.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A module of benchmarks/ with a `main`, and what it answers."""

    module: str
    title: str
    arguments: tuple[str, ...] = ()


BENCHMARKS = {
    "events": Benchmark("events", "Six visits, six events"),
    "emptiness": Benchmark("emptiness", "Nobody there"),
    "latency": Benchmark("latency", "From the light to the ward"),
    "resources": Benchmark("resources", "Memory and CPU beside an ffmpeg pipe"),
    "relay": Benchmark("relay", "What the relay costs"),
    "imports": Benchmark("imports", "Imports and READY"),
    "motion": Benchmark("motion_recall", "Motion: recall and cost"),
    "detectors": Benchmark("detectors", "Person detectors"),
    "unmet": Benchmark("unmet", "Scenes that nobody tuned on"),
    "left-out": Benchmark("left_out", "Sources that the detector never learnt from"),
    "use": Benchmark("model_use", "How the detector is used"),
    "tracking": Benchmark("tracking", "Tracking on PETS"),
    "encounters": Benchmark("encounters", "People meet, hide, stand, come back", ("--long",)),
    "why": Benchmark("why_cost", "What keeping why costs"),
    "eyes": Benchmark("eyes", "A camera that does not see"),
    "unrest": Benchmark("unrest", "Reconnects, infrared switches, reloads"),
    "chaos": Benchmark("chaos", "Chaos"),
    "folder": Benchmark("folder_scan", "A recorder's folder with 100,000 clips", ("--dir", "out")),
    "recorders": Benchmark("recorders", "Recorder folders: kills, pieces, many files"),
    "writes": Benchmark("outbox_writes", "What the outbox writes in a day", ("--dir", "out")),
}


def run(name: str, benchmark: Benchmark) -> bool:
    """Whether it kept its promise."""
    print(f"\n## {benchmark.title} (`{name}`)\n", flush=True)
    began_s = time.monotonic()
    command = [sys.executable, "-m", f"benchmarks.{benchmark.module}", *benchmark.arguments]
    code = subprocess.run(command, check=False).returncode
    verdict = "kept" if code == 0 else f"fell short, exit code {code}"
    load = os.getloadavg()[0]
    print(f"\n({verdict}; {time.monotonic() - began_s:.0f} s, load {load:.1f})", flush=True)
    return code == 0


def machine() -> str:
    return f"{platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}"


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Measure the figures of benchmarks/README.md."
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="default: all")
    parser.add_argument("--list", action="store_true", help="say what there is")
    arguments = parser.parse_args()
    if arguments.list:
        for name, benchmark in BENCHMARKS.items():
            print(f"{name:12} {benchmark.title}")
        return 0
    unknown = sorted(set(arguments.names) - set(BENCHMARKS))
    if unknown:
        parser.error(f"no benchmark {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    Path("out").mkdir(exist_ok=True)
    print(f"{machine()}, load {os.getloadavg()[0]:.1f}")
    failed = [name for name in arguments.names or BENCHMARKS if not run(name, BENCHMARKS[name])]
    if failed:
        print(f"\nfell short: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
