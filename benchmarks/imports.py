"""What the daemon's modules weigh, and how soon `edge-agent run` is ready.

    python -m benchmarks.imports [--runs 5]

RSS of a fresh interpreter after importing what `run` imports, with and without onnxruntime
(imported when the detector opens). READY is the time from the process's start to READY=1 on
NOTIFY_SOCKET: with a detector and one camera, whose first picture it does not wait for. Wanted:
at most 120 MiB with everything imported, and READY within 10 s. Medians of several runs.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks._box import AgentProcess, config_folder
from benchmarks._replays import MODEL

MAX_RSS_MIB = 120
MAX_READY_S = 10
IMPORTS = {
    "command line (`edge_agent.cli`)": "import edge_agent.cli",
    "daemon (`edge_agent.agent`)": "import edge_agent.cli, edge_agent.agent",
    "daemon and onnxruntime": "import edge_agent.cli, edge_agent.agent, onnxruntime",
}
_SAY_RSS = """
import os
pages = int(open("/proc/self/statm").read().split()[1])
print(pages * os.sysconf("SC_PAGE_SIZE") / 2**20)
"""


def rss_mib(statement: str) -> float:
    result = subprocess.run(
        [sys.executable, "-c", statement + _SAY_RSS], capture_output=True, text=True, check=True
    )
    return float(result.stdout)


def import_cpu_s(statement: str) -> float:
    """User and system seconds of the import, the interpreter's own start left out."""
    say = "import time; before = time.process_time();"
    end = "; print(time.process_time() - before)"
    result = subprocess.run(
        [sys.executable, "-c", say + statement + end], capture_output=True, text=True, check=True
    )
    return float(result.stdout)


def ready_s(folder: Path) -> float:
    # Port 1 is nobody's: the broker is unreachable, as after a power cut.
    camera = 'kind = "rtsp"\nurl = "rtsp://127.0.0.1:1/none"'
    config = config_folder(folder, 1, MODEL, {"cam0": camera})
    began_s = time.monotonic()
    process = AgentProcess(config)
    try:
        process.ready()
        took_s = time.monotonic() - began_s
        if process.stop() != 0:
            raise RuntimeError(process.log)
    finally:
        process.close()
    return took_s


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    print("| imported | RSS | CPU |\n|---|---|---|")
    worst_mib = 0.0
    for name, statement in IMPORTS.items():
        memory = statistics.median(rss_mib(statement) for _ in range(runs))
        cpu = statistics.median(import_cpu_s(statement) for _ in range(runs))
        worst_mib = max(worst_mib, memory)
        print(f"| {name} | {memory:.0f} MiB | {cpu:.2f} s |", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        times = [ready_s(Path(folder) / str(run)) for run in range(runs)]
    load = os.getloadavg()[0]
    print(
        f"\nREADY after {statistics.median(times):.2f} s (median of {runs}; "
        f"{min(times):.2f} to {max(times):.2f} s at load {load:.1f})"
    )
    return 0 if worst_mib <= MAX_RSS_MIB and max(times) <= MAX_READY_S else 1


if __name__ == "__main__":
    sys.exit(main())
