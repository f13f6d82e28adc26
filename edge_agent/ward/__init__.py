"""The other end: a reference subscriber, from which a ward server's author starts.

subscriber   receive, commit, acknowledge, tell the boxes how far, ask for what is missing
intake       one message into the database
database     events once, gaps, watermarks
presence     what to believe of a box
cameras      what to believe of a camera, and which is worst
camera_book  their rows in the database
vigil        whose state is news, whose silence an alarm
overview     the cameras' table
holes        when to ask again
alarms       the same complaint, counted instead of repeated
listen       the command, and what it prints
"""

from edge_agent.ward.alarms import WardAlarm
from edge_agent.ward.database import WardDatabase
from edge_agent.ward.intake import BoxChanged, CameraChanged, NewEvent, NewGap, News
from edge_agent.ward.listen import Printer, WardListenOptions, run_listen
from edge_agent.ward.overview import Overview, overview_json, overview_lines, read_overview
from edge_agent.ward.presence import BoxRecord
from edge_agent.ward.subscriber import WardSetup, WardSubscriber

__all__ = [
    "BoxChanged",
    "BoxRecord",
    "CameraChanged",
    "NewEvent",
    "NewGap",
    "News",
    "Overview",
    "Printer",
    "WardAlarm",
    "WardDatabase",
    "WardListenOptions",
    "WardSetup",
    "WardSubscriber",
    "overview_json",
    "overview_lines",
    "read_overview",
    "run_listen",
]
