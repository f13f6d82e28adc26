"""What is wrong with the box's storage, in words for its status."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from edge_agent.outbox import Alarm, AlarmKind, Outbox

#: A person has to look at it, however long ago it was.
_LASTING = (AlarmKind.CORRUPT, AlarmKind.REWOUND, AlarmKind.DAMAGED_ROWS)


def outbox_reasons(outbox: Outbox, alarms: Iterable[Alarm]) -> Iterator[str]:
    """Of these alarms, the newest of each kind, those that still hold."""
    holds = dict.fromkeys(_LASTING, True)
    holds |= {AlarmKind.STORAGE: outbox.failing, AlarmKind.SHEDDING: outbox.shedding}
    texts = {alarm.kind: alarm.text for alarm in alarms}
    for kind, still in holds.items():
        if still and kind in texts:
            yield f"{kind}: {texts[kind]}"
