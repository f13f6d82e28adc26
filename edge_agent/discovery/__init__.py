"""Finds cameras in the household's network, asks them what they are, and how to reach them.

wsd      WS-Discovery: who answers, over multicast and one by one
onvif    what a camera says of itself, and its streams' addresses
network  this box's networks, hardware addresses, open ports
brand    whose camera it is
search   all of it together
brands   the paths of their streams
"""

from edge_agent.discovery.onvif import Account, OnvifCamera
from edge_agent.discovery.search import FoundCamera, SearchPlan, find_again, meet, search
from edge_agent.discovery.wsd import Answer

__all__ = [
    "Account",
    "Answer",
    "FoundCamera",
    "OnvifCamera",
    "SearchPlan",
    "find_again",
    "meet",
    "search",
]
