"""What payloads say, without what differs from run to run."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

Payload = dict[str, Any]


def spans(payloads: list[Payload], label: str) -> list[tuple[float, float, float]]:
    """(start, end, moment of the first message) of each event, in seconds of the clip."""
    first = payloads[0]
    zero_s = utc_s(first["time"]) - first["data"]["media"]["offset_s"]
    events: dict[str, list[Payload]] = {}
    for payload in payloads:
        if payload["data"]["label"] == label:
            events.setdefault(payload["data"]["event_id"], []).append(payload)
    return [
        (
            utc_s(messages[0]["data"]["start_time"]) - zero_s,
            utc_s(messages[-1]["data"]["end_time"]) - zero_s,
            utc_s(messages[0]["time"]) - zero_s,
        )
        for messages in events.values()
    ]


def utc_s(text: str) -> float:
    return dt.datetime.fromisoformat(text).timestamp()


def without_ids(payloads: list[Payload]) -> list[Payload]:
    """What must be the same in every run: all but identities and the box's own clock."""
    kept = json.loads(json.dumps(payloads))
    numbers: dict[str, int] = {}
    for payload in kept:
        del payload["id"], payload["data"]["clock"]
        event_id = payload["data"]["event_id"]
        payload["data"]["event_id"] = numbers.setdefault(event_id, len(numbers))
    return kept
