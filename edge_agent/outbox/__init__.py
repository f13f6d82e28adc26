"""The durable queue of messages that the ward does not yet have.

    writer thread     Outbox         the only writer: append, mark_sent, acknowledge, maintain
    publisher thread  OutboxReader   its own read-only connection: head, undelivered, gaps
    command line      outbox_stat    read-only figures, also while the agent runs

A message is accepted when `append` returned its row: from then on it survives power cuts and
is deleted only by the server's watermark, or by shedding, which is announced as a gap.
"""

from edge_agent.outbox.database import Connect, Database, SqlConnection, connect_sqlite
from edge_agent.outbox.group_commit import GroupCommit, is_urgent
from edge_agent.outbox.guest import Guest
from edge_agent.outbox.outbox import Outbox
from edge_agent.outbox.ranges import RangeSet
from edge_agent.outbox.reader import OutboxReader
from edge_agent.outbox.row import (
    AckOutcome,
    Alarm,
    AlarmKind,
    Draft,
    GapReport,
    Head,
    OrphanedEvent,
    Row,
)
from edge_agent.outbox.stat import OutboxStat, outbox_stat
from edge_agent.outbox.store import Also
from edge_agent.outbox.together import commit_together

__all__ = [
    "AckOutcome",
    "Alarm",
    "AlarmKind",
    "Also",
    "Connect",
    "Database",
    "Draft",
    "GapReport",
    "GroupCommit",
    "Guest",
    "Head",
    "OrphanedEvent",
    "Outbox",
    "OutboxReader",
    "OutboxStat",
    "RangeSet",
    "Row",
    "SqlConnection",
    "commit_together",
    "connect_sqlite",
    "is_urgent",
    "outbox_stat",
]
