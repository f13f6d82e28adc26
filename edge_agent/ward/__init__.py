"""The other end: a reference subscriber, from which a ward server's author starts.

subscriber   receive, commit, acknowledge, tell the boxes how far, ask for what is missing
intake       one message into the database
database     events once, gaps, watermarks
presence     what to believe of a box
holes        when to ask again
alarms       the same complaint, counted instead of repeated
listen       the command, and what it prints
"""

from edge_agent.ward.alarms import Alarm
from edge_agent.ward.database import WardDatabase
from edge_agent.ward.intake import BoxChanged, NewEvent, NewGap, News
from edge_agent.ward.listen import Printer, WardListenOptions, run_listen
from edge_agent.ward.presence import BoxRecord
from edge_agent.ward.subscriber import WardSetup, WardSubscriber

__all__ = [
    "Alarm",
    "BoxChanged",
    "BoxRecord",
    "NewEvent",
    "NewGap",
    "News",
    "Printer",
    "WardDatabase",
    "WardListenOptions",
    "WardSetup",
    "WardSubscriber",
    "run_listen",
]
