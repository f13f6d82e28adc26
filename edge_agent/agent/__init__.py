"""The agent: composition root of `run` and `replay`."""

from edge_agent.agent.agent import Agent

__all__ = ["Agent"]
