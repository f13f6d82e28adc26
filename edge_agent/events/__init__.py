"""Events worth telling: their start, coalesced updates and end, and their best picture."""

from edge_agent.events.book import EventBook
from edge_agent.events.governor import Governor
from edge_agent.events.lifecycle import (
    FIRST_MINUTE_S,
    LATER_UPDATE_EVERY_S,
    SPLIT_AFTER_S,
    UPDATE_EVERY_S,
    NewEventId,
)

__all__ = [
    "FIRST_MINUTE_S",
    "LATER_UPDATE_EVERY_S",
    "SPLIT_AFTER_S",
    "UPDATE_EVERY_S",
    "EventBook",
    "Governor",
    "NewEventId",
]
