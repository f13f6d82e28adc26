"""Draws the clip of the proof of life, `proof/person.mp4`: nobody's picture.

python -m edge_agent.demo.proof_clip proof/person.mp4
"""

from __future__ import annotations

import sys
from pathlib import Path

from edge_agent.demo.scene import SceneSpec, render_clip

#: Somebody comes after 5 s and is at the door after 9: enough looks to be confirmed.
PROOF_SCENE = SceneSpec(fps=5, duration_s=12.0)


def draw(path: Path) -> None:
    """Some 140 kB. The same pictures each time; the bytes are libx264's."""
    render_clip(path, PROOF_SCENE, small=True)


if __name__ == "__main__":
    draw(Path(sys.argv[1]))
