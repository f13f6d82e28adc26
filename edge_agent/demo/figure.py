"""A walking person made of articulated capsules: where the limbs are, and how they look.

Angles of the gait follow the curves of a normal adult walk (D. Winter, Biomechanics and Motor
Control of Human Movement): hip +-25 degrees, knee up to 60 degrees in the swing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from edge_agent.demo.camera_view import F64, PinholeCamera
from edge_agent.domain import F32

#: Metres walked in one gait cycle (two steps) by somebody of 1.75 m.
CYCLE_M = 1.36

#: Where the sun is, seen from the courtyard: left, high, behind the camera.
TO_SUN = (-0.45, 0.75, -0.5)

_SKIN = (112, 150, 205)
_HAIR = (24, 34, 48)
_JACKET = (116, 74, 32)
_SCARF = (38, 62, 178)
_TROUSERS = (66, 58, 54)
_SHOES = (30, 40, 62)
_EYE = (30, 34, 50)


@dataclass(frozen=True, slots=True)
class Pose:
    """How the person stands at one moment.

    `phase_rad` of the gait cycle; `swing` 0 (stands) .. 1 (walks); `reach` 0..1: right hand
    raised to a door bell; `look_rad`: the head turned to the left.
    """

    x_m: float
    z_m: float
    heading_rad: float  # 0: away from the camera, pi/2: to the right
    phase_rad: float = 0.0
    swing: float = 0.0
    reach: float = 0.0
    look_rad: float = 0.0


@dataclass(frozen=True, slots=True)
class Capsule:
    """A limb: two ends (x, y, z) and the radius at each, in metres; colour BGR."""

    start: F64
    end: F64
    start_r_m: float
    end_r_m: float
    colour: tuple[int, int, int]


class _Body:
    """Builds the capsules of one pose in the body's own axes: right, up, forward."""

    def __init__(self, pose: Pose) -> None:
        self._pose = pose
        self._capsules: list[Capsule] = []

    def capsules(self) -> list[Capsule]:
        self._legs()
        self._trunk()
        self._arms()
        self._head()
        lowest_m = min(min(c.start[1] - c.start_r_m, c.end[1] - c.end_r_m) for c in self._capsules)
        return [self._placed(capsule, lowest_m) for capsule in self._capsules]

    def _placed(self, capsule: Capsule, lowest_m: float) -> Capsule:
        """Turned and moved to where the person stands; the lower foot is on the ground."""
        cos, sin = math.cos(self._pose.heading_rad), math.sin(self._pose.heading_rad)
        turn = np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]])
        foot = np.array([self._pose.x_m, -lowest_m, self._pose.z_m])
        ends = (turn @ capsule.start + foot, turn @ capsule.end + foot)
        return Capsule(*ends, capsule.start_r_m, capsule.end_r_m, capsule.colour)

    def _add(
        self, ends: tuple[F64, F64], radii: tuple[float, float], colour: tuple[int, int, int]
    ) -> None:
        self._capsules.append(Capsule(*ends, *radii, colour))

    def _legs(self) -> None:
        for side, phase in ((-1, self._pose.phase_rad), (1, self._pose.phase_rad + math.pi)):
            swing = self._pose.swing
            hip_rad = swing * math.radians(25 * math.sin(phase) + 4)
            # The knee bends while the leg comes forward, a quarter of a cycle ahead of the hip.
            bend = max(0.0, math.cos(phase + 0.35))
            knee_rad = math.radians(3) + swing * math.radians(6 + 52 * bend**2)
            twist = swing * math.radians(5) * math.sin(phase)
            hip = np.array([side * 0.095, 0.92, 0.09 * math.sin(twist)])
            knee = hip + _down(hip_rad, 0.43)
            ankle = knee + _down(hip_rad - knee_rad, 0.42)
            foot_rad = 0.9 * (hip_rad - knee_rad) + math.radians(6) * swing
            toe = ankle + np.array(
                [side * 0.025, 0.16 * math.sin(foot_rad) - 0.035, 0.16 * math.cos(foot_rad)]
            )
            heel = ankle + np.array([0, -0.03, -0.045])
            self._add((hip, knee), (0.088, 0.064), _TROUSERS)
            self._add((knee, ankle), (0.064, 0.05), _TROUSERS)
            self._add((heel, toe), (0.046, 0.036), _SHOES)

    def _trunk(self) -> None:
        turn = self._turn()
        for side in (-1.0, 0.0, 1.0):
            shoulder = turn @ np.array([side * 0.115, 0, 0.01]) + (0, 1.36, 0)
            waist = np.array([side * 0.085, 0.98, 0])
            hem = np.array([side * 0.085, 0.86, 0])
            self._add((shoulder, waist), (0.105, 0.1), _JACKET)
            self._add((waist, hem), (0.1, 0.108), _JACKET)
        ends = turn @ np.array([-0.16, 0, 0]), turn @ np.array([0.16, 0, 0])
        self._add((ends[0] + (0, 1.405, 0), ends[1] + (0, 1.405, 0)), (0.072, 0.072), _JACKET)

    def _turn(self) -> F64:
        """Shoulders turn against the hips."""
        angle = -self._pose.swing * math.radians(7) * math.sin(self._pose.phase_rad)
        cos, sin = math.cos(angle), math.sin(angle)
        return np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]])

    def _arms(self) -> None:
        pose = self._pose
        for side, phase in ((-1, pose.phase_rad + math.pi), (1, pose.phase_rad)):
            reach = pose.reach if side > 0 else 0.0
            swing_rad = pose.swing * math.radians(24) * math.sin(phase)
            upper_rad = swing_rad * (1 - reach) + reach * math.radians(60)
            elbow_rad = math.radians(12) + pose.swing * math.radians(12 + 8 * math.sin(phase))
            elbow_rad += reach * math.radians(35)
            shoulder = self._turn() @ np.array([side * 0.2, 0, 0]) + (0, 1.39, 0)
            elbow = shoulder + _down(upper_rad, 0.29) + (side * 0.03, 0, 0)
            wrist = elbow + _down(upper_rad + elbow_rad, 0.24)
            hand = wrist + _down(upper_rad + elbow_rad, 0.09)
            self._add((shoulder, elbow), (0.062, 0.052), _JACKET)
            self._add((elbow, wrist), (0.052, 0.042), _JACKET)
            self._add((wrist, hand), (0.033, 0.036), _SKIN)

    def _head(self) -> None:
        cos, sin = math.cos(self._pose.look_rad), math.sin(self._pose.look_rad)
        look = np.array([[cos, 0, -sin], [0, 1, 0], [sin, 0, cos]])

        def at(right: float, up: float, forward: float) -> F64:
            turned = look @ np.array([right, up - 1.6, forward])
            return np.asarray(turned + np.array([0, 1.6, 0.02]))

        self._add((at(0, 1.42, -0.01), at(0, 1.52, 0)), (0.062, 0.055), _SKIN)
        self._add((at(-0.045, 1.455, 0.02), at(0.045, 1.455, 0.02)), (0.07, 0.07), _SCARF)
        self._add((at(0, 1.585, 0.028), at(0, 1.66, 0.012)), (0.07, 0.085), _SKIN)
        self._add((at(0, 1.6, -0.035), at(0, 1.675, -0.022)), (0.075, 0.1), _HAIR)
        self._add((at(0, 1.7, 0.0), at(0, 1.705, 0.025)), (0.09, 0.07), _HAIR)
        self._add((at(0, 1.6, 0.09), at(0, 1.63, 0.09)), (0.016, 0.012), _SKIN)  # nose
        for side in (-1, 1):
            eye = at(side * 0.032, 1.645, 0.085)
            self._add((eye, eye), (0.013, 0.013), _EYE)


def _down(angle_rad: float, length_m: float) -> F64:
    """A limb that hangs, swung forward by an angle."""
    return np.array([0, -math.cos(angle_rad) * length_m, math.sin(angle_rad) * length_m])


def capsules(pose: Pose) -> list[Capsule]:
    """The person in the courtyard's metres."""
    return _Body(pose).capsules()


# --- drawing --------------------------------------------------------------------------

#: Pixels are drawn this many times finer and then averaged: smooth edges.
_FINER = 3


@dataclass(frozen=True, slots=True)
class Sprite:
    """The drawn person; may reach beyond the picture's edges."""

    left_px: int
    top_px: int
    colour: F32  # (height, width, 3) BGR 0..255, already multiplied by alpha
    alpha: F32  # (height, width) 0..1


def draw(limbs: list[Capsule], view: PinholeCamera, sunlight: float) -> Sprite:
    """Shaded capsules with a depth buffer. `sunlight`: 0 in the shade .. 1 in the sun."""
    ends = np.array([(c.start, c.end) for c in limbs]).reshape(-1, 3)
    pixels, depths = view.project(ends)
    radii_m = np.array([(c.start_r_m, c.end_r_m) for c in limbs]).reshape(-1)
    radii = radii_m * view.focal_px / depths
    left, top = np.floor((pixels - radii[:, None]).min(axis=0)).astype(int) - 1
    right, bottom = np.ceil((pixels + radii[:, None]).max(axis=0)).astype(int) + 1
    canvas = _Canvas((bottom - top) * _FINER, (right - left) * _FINER, view, sunlight)
    fine = (pixels - (left, top)) * _FINER
    for index, limb in enumerate(limbs):
        pair = slice(2 * index, 2 * index + 2)
        canvas.add(limb, fine[pair], radii[pair] * _FINER, depths[pair])
    colour, alpha = canvas.coarse(_FINER)
    return Sprite(int(left), int(top), colour, alpha)


class _Canvas:
    """Fine pixels with a depth each."""

    def __init__(self, height: int, width: int, view: PinholeCamera, sunlight: float) -> None:
        self._depth = np.full((height, width), np.inf, np.float32)
        self._colour = np.zeros((height, width, 3), np.float32)
        self._to_sun = view.facing(TO_SUN).astype(np.float32)
        self._up = view.facing((0, 1, 0)).astype(np.float32)
        self._sunlight = np.float32(sunlight)

    def add(self, limb: Capsule, ends: F64, radii: F64, depths: F64) -> None:
        """A capsule seen from the side; `ends` (2, 2) and `radii` (2,) in fine pixels."""
        height, width = self._depth.shape
        x1, y1 = np.maximum((ends - radii[:, None]).min(axis=0).astype(int), 0)
        x2, y2 = np.ceil((ends + radii[:, None]).max(axis=0)).astype(int) + 1
        window = (slice(y1, min(y2, height)), slice(x1, min(x2, width)))
        y, x = np.mgrid[window].astype(np.float32)
        start, axis = ends[0].astype(np.float32), (ends[1] - ends[0]).astype(np.float32)
        length2 = max(float(axis @ axis), 1e-6)
        along = ((x - start[0]) * axis[0] + (y - start[1]) * axis[1]) / np.float32(length2)
        np.clip(along, 0, 1, out=along)
        radius = np.float32(radii[0]) + along * np.float32(radii[1] - radii[0])
        across = (x - start[0] - along * axis[0]) / radius
        down = (y - start[1] - along * axis[1]) / radius
        towards2 = 1 - across * across - down * down  # of the unit normal; negative: outside
        towards = np.sqrt(np.maximum(towards2, 0))
        radius_m = limb.start_r_m + along * np.float32(limb.end_r_m - limb.start_r_m)
        middle = np.float32(depths[0]) + along * np.float32(depths[1] - depths[0])
        depth = middle - towards * radius_m
        nearer = (towards2 > 0) & (depth < self._depth[window])
        self._depth[window][nearer] = depth[nearer]
        # Edges see less of the sky: that parts an arm from the trunk behind it.
        light = self._light(across, down, -towards) * (0.72 + 0.28 * towards)
        # Cloth folds and hair: stripes along the limb that belong to it and move with it.
        light *= 1 + np.float32(0.05) * np.sin(along * 23 + across * 5)
        colour = light[..., None] * np.array(limb.colour, np.float32)
        self._colour[window][nearer] = colour[nearer]

    def _light(self, right: F32, down: F32, forward: F32) -> F32:
        """Sky light from above, sun from its side, for normals in the camera's axes."""
        sun = right * self._to_sun[0] + down * self._to_sun[1] + forward * self._to_sun[2]
        sky = right * self._up[0] + down * self._up[1] + forward * self._up[2]
        lit: F32 = np.float32(0.52) + 0.2 * sky + self._sunlight * 0.75 * np.maximum(sun, 0)
        return lit

    def coarse(self, factor: int) -> tuple[F32, F32]:
        """Averaged over blocks of factor x factor pixels."""
        height, width = (side // factor for side in self._depth.shape)
        seen = np.isfinite(self._depth).astype(np.float32)
        blocks = (height, factor, width, factor)
        alpha = seen.reshape(blocks).mean(axis=(1, 3))
        colour = self._colour.reshape(*blocks, 3).mean(axis=(1, 3))
        return np.minimum(colour, 255), alpha


def shadow_lines(limbs: list[Capsule], view: PinholeCamera) -> Iterator[tuple[F64, float]]:
    """What the sun draws on the ground: line ends (2, 2) in pixels, and thickness."""
    sun = np.array(TO_SUN)
    for limb in limbs:
        ends = np.stack([limb.start, limb.end])
        ground = ends - ends[:, 1:2] / sun[1] * sun
        pixels, depths = view.project(ground)
        radius_m = (limb.start_r_m + limb.end_r_m) / 2
        yield pixels, 2 * radius_m * view.focal_px / float(depths.mean())
