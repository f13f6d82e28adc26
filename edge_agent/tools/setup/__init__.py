"""`edge-agent setup`: from a bare box to a configuration that works, asked or unattended."""

from edge_agent.tools.setup.answers import Answers, read_answers
from edge_agent.tools.setup.course import STEPS, Course, Manner
from edge_agent.tools.setup.dialogue import GivenAnswers, Terminal, ask_everything
from edge_agent.tools.setup.writing import Written, write

__all__ = [
    "STEPS",
    "Answers",
    "Course",
    "GivenAnswers",
    "Manner",
    "Terminal",
    "Written",
    "ask_everything",
    "read_answers",
    "write",
]
