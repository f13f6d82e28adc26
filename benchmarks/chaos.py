"""3,000 events while the box, the broker and the ward's server are killed 30 times.

    python benchmarks/chaos.py [--events 3000] [--kills 30] [--seed N] [--resend-after 60]

Prints the seed, what was killed and what was lost; exits 1 when anything was lost or doubled.
The harness is tests/helpers/chaos.py, which `make test` runs with 600 events and 10 kills.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "helpers"))

from chaos import Chaos, ChaosPlan


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=3000)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    parser.add_argument("--per-s", type=float, default=80.0, help="events made per second")
    parser.add_argument("--resend-after", type=float, default=60.0, help="the default of a box")
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    plan = ChaosPlan(
        events=arguments.events,
        kills=arguments.kills,
        seed=arguments.seed,
        per_s=arguments.per_s,
        resend_after_s=arguments.resend_after,
    )
    with tempfile.TemporaryDirectory() as folder:
        report = Chaos(Path(folder), plan).run()
    print(report)
    wrong = report.accepted < plan.events or report.lost or report.doubled or report.misnumbered
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
