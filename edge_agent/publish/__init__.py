"""The box's end of MQTT: delivers what the outbox holds, and hears what the ward asks.

publisher   the thread: connect, deliver, back off
delivery    one connection's work
lanes       which row goes next: live before backlog
window      what is in flight, and what the broker's answers mean
pacing      backlog rate, pauses, resends
commands    cmd/... and ack/...
"""

from edge_agent.publish.health import LinkState, PublisherHealth
from edge_agent.publish.ports import CommandFile, CommandHandler, CommandResult, OutboxMarks
from edge_agent.publish.publisher import Publisher, PublisherSetup

__all__ = [
    "CommandFile",
    "CommandHandler",
    "CommandResult",
    "LinkState",
    "OutboxMarks",
    "Publisher",
    "PublisherHealth",
    "PublisherSetup",
]
