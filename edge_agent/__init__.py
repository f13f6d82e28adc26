"""edge-agent: finds people beside residents' cameras and tells the ward, losing nothing.

Start reading at `edge_agent.pipeline`, then `edge_agent.domain`.
"""

import os

# onnxruntime's wheels report to their maker unless told not to before the first import, and
# leave an id in the home and temporary folders. A household's box talks to its ward only.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__version__ = "0.1.0"
