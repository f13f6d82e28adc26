"""The command line: one module per group of commands; `main` brings them together."""

from edge_agent.cli.main import build_parser, main

__all__ = ["build_parser", "main"]
