"""Threads and what they need: stop token, mailboxes, workers, supervisor, systemd."""

from edge_agent.runtime.attempts import Attempts
from edge_agent.runtime.heartbeat import Heartbeat
from edge_agent.runtime.local_socket import LocalSocket, read_local_socket
from edge_agent.runtime.mailbox import Mailbox
from edge_agent.runtime.sd_notify import SystemdNotifier
from edge_agent.runtime.stop import StopToken
from edge_agent.runtime.supervisor import Supervisor
from edge_agent.runtime.tcp import Patience, open_tcp, shake_hands
from edge_agent.runtime.worker import Worker

__all__ = [
    "Attempts",
    "Heartbeat",
    "LocalSocket",
    "Mailbox",
    "Patience",
    "StopToken",
    "Supervisor",
    "SystemdNotifier",
    "Worker",
    "open_tcp",
    "read_local_socket",
    "shake_hands",
]
