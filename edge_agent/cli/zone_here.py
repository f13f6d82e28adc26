"""The time zone of recorders that name none: for every command the one that `run` takes."""

from __future__ import annotations

from edge_agent.config import DEFAULT_CONFIG_DIR, load_config
from edge_agent.config.time_zones import machine_zone
from edge_agent.errors import ConfigError


def zone_here() -> str:
    """`box.timezone` of the configuration of this box; this machine's zone where there is none
    yet."""
    try:
        return load_config(DEFAULT_CONFIG_DIR).config.box.timezone
    except ConfigError:
        return machine_zone()
