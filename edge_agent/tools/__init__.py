"""What people run beside the daemon: models fetched, tried and compared; clips drawn over.

Above the agent, so that a tool may run a replay. Nothing here is loaded by `edge-agent run`.
"""
