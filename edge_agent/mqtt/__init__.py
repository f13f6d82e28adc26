"""One MQTT connection at a time, for the box and for the ward's server alike.

It knows nothing of topics, events or the outbox: only how to reach a broker, to tell why one
refuses, and to notice that a connection died.
"""

from edge_agent.mqtt.backoff import FullJitter
from edge_agent.mqtt.connection import Connection
from edge_agent.mqtt.dialer import Dialer
from edge_agent.mqtt.endpoint import Endpoint, endpoint_of
from edge_agent.mqtt.session import BrokerSession, Will
from edge_agent.mqtt.signals import Acked, Incoming, Signal

__all__ = [
    "Acked",
    "BrokerSession",
    "Connection",
    "Dialer",
    "Endpoint",
    "FullJitter",
    "Incoming",
    "Signal",
    "Will",
    "endpoint_of",
]
