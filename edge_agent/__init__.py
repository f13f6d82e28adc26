"""edge-agent: finds people beside residents' cameras and tells the ward, losing nothing.

Start reading at `edge_agent.pipeline`, then `edge_agent.domain`.
"""

__version__ = "0.1.0"
