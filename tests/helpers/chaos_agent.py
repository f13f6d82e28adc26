"""The box's process of a chaos run: real outbox, real publisher, made to be killed.

    python chaos_agent.py STATE_DIR PORT ORACLE EVENTS PER_S RESEND_AFTER_S

Appends events until the oracle holds EVENTS of them, then only delivers, until it is killed.
The oracle gets a line, fsynced, after the outbox said that an event is safe, never before.
"""

from __future__ import annotations

import os
import random
import sys
import time
from pathlib import Path

from mqtt_box import Box, draft, new_event_id

from edge_agent.config import MqttConfig
from edge_agent.domain import Label, Phase
from edge_agent.outbox import Draft


def group(box: Box) -> list[Draft]:
    """One event's life, or a few motion messages."""
    if random.random() < 0.5:
        event_id = new_event_id(box.clock)
        phases = (Phase.START, Phase.UPDATE, Phase.END)
        return [draft(box.topics, box.clock, phase=each, event_id=event_id) for each in phases]
    count = random.randint(1, 5)
    return [draft(box.topics, box.clock, label=Label.MOTION) for _ in range(count)]


def main() -> None:
    state_dir, port, oracle = Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    events, per_s, resend_after_s = int(sys.argv[4]), float(sys.argv[5]), float(sys.argv[6])
    config = MqttConfig(
        host="127.0.0.1",
        port=port,
        allow_insecure=True,
        backlog_jitter_s=0.0,
        backlog_per_s=500.0,
        reconnect_max_s=0.5,
    )
    made = len(oracle.read_bytes().splitlines()) if oracle.exists() else 0
    side = os.open(oracle, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    with Box(state_dir, config, resend_after_s=resend_after_s) as box:
        box.start()
        due_s = time.monotonic()
        while True:
            if made < events and time.monotonic() >= due_s:
                rows = box.append(*group(box))
                lines = [
                    f"{row.message_id} {row.position.epoch} {row.position.seq}" for row in rows
                ]
                os.write(side, "".join(f"{line}\n" for line in lines).encode())
                os.fsync(side)
                made += len(rows)
                due_s = time.monotonic() + len(rows) / per_s
            wait_s = max(0.0, due_s - time.monotonic()) if made < events else 0.1
            box.marks.apply(box.outbox, min(wait_s, 0.1))
            box.outbox.maintain()


if __name__ == "__main__":
    main()
