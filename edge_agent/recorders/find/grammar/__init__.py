"""How a recorder names its files, learned from the names: where the time stands, and the camera.

runs      digits, words and marks of one path
moments   what they may mean as a date, a time, both
readings  the ways to read one path as start and end
layout    the reading that fits the files of a folder together
parts     what is left of the names: constants, counters, events, cameras
spelling  the template that reads all this
"""

from edge_agent.recorders.find.grammar.layout import NamedFile
from edge_agent.recorders.find.grammar.learn import Learned, learn

__all__ = ["Learned", "NamedFile", "learn"]
