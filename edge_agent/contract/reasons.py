"""Reasons in `st/cam/*` that cameras and recorders' folders share."""

CRASHED = "crashed: an error in the agent; it tries again, see its journal"
#: The last words of an orderly stop.
STOPPED = "stopped: the agent was stopped"
