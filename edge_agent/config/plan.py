"""What an edit asks of a running agent: two loaded configurations are compared. Pure.

nothing        a name for people, the defaults that no camera uses
swap           settings that only decide: zones, thresholds, schedules, motion, fps, masks
restart        another source: that camera alone begins anew
add, remove    a file came or went, or `enabled` changed
broker         a new connection to it
detector       another model for all cameras; their streams go on
anew           what all parts are built on (`outbox`, `snapshots`, `clips`, `tuning`): all of them
               begin anew, in the same process
needs_restart  who the box is and where it keeps its state: by name, until somebody restarts it
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import msgspec

from edge_agent.config.camera import CameraConfig
from edge_agent.config.canonical import redacted
from edge_agent.config.folder import FolderSource
from edge_agent.config.schema import Config
from edge_agent.config.words import shown

#: Keys of [box] that the running agent cannot follow.
_FIXED = ("ward", "id", "state_dir")
_BUILT_ON = ("outbox", "snapshots", "clips", "tuning")
#: Keys of [detector] that `run` does not use.
_PULLING = {"mirror": None, "proxy": None}


class CameraStep(StrEnum):
    """What becomes of one camera."""

    SWAP = "swap"
    RESTART = "restart"
    ADD = "add"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done. A camera that is not named goes on as it is."""

    cameras: Mapping[str, CameraStep] = field(default_factory=dict)
    broker: bool = False
    detector: bool = False
    anew: tuple[str, ...] = ()
    needs_restart: tuple[str, ...] = ()  # dotted keys
    changes: tuple[str, ...] = ()  # every key that changes, before and after, for people

    @property
    def removed(self) -> tuple[str, ...]:
        return tuple(name for name, step in self.cameras.items() if step is CameraStep.REMOVE)

    @property
    def left(self) -> tuple[str, ...]:
        """What is not in force, for people."""
        return tuple(
            f"{key}: holds after the next start of the agent" for key in self.needs_restart
        )


def plan(old: Config, new: Config) -> Plan:
    """How to come from the configuration in force to the one that was loaded."""
    return Plan(
        cameras=dict(_cameras(old, new)),
        broker=(old.mqtt, old.telemetry) != (new.mqtt, new.telemetry),
        detector=_of_detector(old) != _of_detector(new),
        anew=tuple(name for name in _BUILT_ON if getattr(old, name) != getattr(new, name)),
        needs_restart=tuple(
            f"box.{key}" for key in _FIXED if getattr(old.box, key) != getattr(new.box, key)
        ),
        changes=tuple(changes(old, in_force(old, new))),
    )


def in_force(old: Config, new: Config) -> Config:
    """`new`, but for what a running agent cannot follow."""
    kept = {key: getattr(old.box, key) for key in _FIXED}
    return msgspec.structs.replace(new, box=msgspec.structs.replace(new.box, **kept))


def changes(old: Config, new: Config) -> Iterator[str]:
    """Each key that differs, with its values; without secrets."""
    before, after = redacted(old), redacted(new)
    cameras = _by_id(before.pop("cameras")), _by_id(after.pop("cameras"))
    yield from _differences("", before, after)
    for name in sorted(cameras[0].keys() | cameras[1].keys()):
        if name not in cameras[1]:
            yield f"camera {name}: removed"
        elif name not in cameras[0]:
            yield f"camera {name}: added"
        else:
            for line in _differences("", cameras[0][name], cameras[1][name]):
                yield f"camera {name}: {line}"


def _cameras(old: Config, new: Config) -> Iterator[tuple[str, CameraStep]]:
    before = {camera.id: camera for camera in old.cameras if camera.enabled}
    after = {camera.id: camera for camera in new.cameras if camera.enabled}
    for name in before.keys() - after.keys():
        yield name, CameraStep.REMOVE
    for name, camera in after.items():
        if name not in before:
            yield name, CameraStep.ADD
        elif (step := _step(old, before[name], new, camera)) is not None:
            yield name, step


def _step(old: Config, before: CameraConfig, new: Config, after: CameraConfig) -> CameraStep | None:
    if before.source != after.source or _keeps_clips(old, before) != _keeps_clips(new, after):
        return CameraStep.RESTART
    shared = (old.box.timezone, old.ingest) != (new.box.timezone, new.ingest)
    if isinstance(after.source, FolderSource) and shared:
        return CameraStep.RESTART
    return CameraStep.SWAP if _deciding(old, before) != _deciding(new, after) else None


def _keeps_clips(config: Config, camera: CameraConfig) -> bool:
    return config.clips.enabled and camera.clips


def _deciding(config: Config, camera: CameraConfig) -> CameraConfig:
    """The camera without what decides nothing, its frame rate filled in."""
    fps = config.analysis.fps if camera.fps is None else camera.fps
    return msgspec.structs.replace(camera, name="", clips=True, fps=fps)


def _of_detector(config: Config) -> Any:
    return msgspec.structs.replace(config.detector, **_PULLING)


def _by_id(cameras: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {camera["id"]: camera for camera in cameras}


def _differences(path: str, before: Any, after: Any) -> Iterator[str]:
    if before == after:
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in [*before, *(key for key in after if key not in before)]:
            below = f"{path}.{key}" if path else key
            yield from _differences(below, before.get(key), after.get(key))
    else:
        yield f"{path}: {_said(before)} -> {_said(after)}"


def _said(value: Any) -> str:
    return "not set" if value is None else shown(value)
