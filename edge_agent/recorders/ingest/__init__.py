"""Recorder folders in the agent: watchers, ledger, and the thread that analyses their clips."""
