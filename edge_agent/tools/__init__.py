"""What people run beside the daemon: models fetched, tried and compared; clips drawn over.

Above the agent, so that a tool may run a replay. Of this `edge-agent run` loads `preflight` alone.
"""
