"""The ward's process of a chaos run:  python chaos_ward.py DATABASE PORT"""

from __future__ import annotations

import sys
from pathlib import Path

from edge_agent.runtime import StopToken
from edge_agent.ward import WardListenOptions, run_listen

if __name__ == "__main__":
    run_listen(
        WardListenOptions(
            database=Path(sys.argv[1]),
            ward="ward1",
            host="127.0.0.1",
            port=int(sys.argv[2]),
            insecure=True,
            reconnect_max_s=0.5,
        ),
        StopToken(),
        write=lambda line: None,
    )
