"""The detector: is the model here and whole, and what do its own thresholds make of `auto`?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from edge_agent.config import CameraConfig, LoadedConfig
from edge_agent.config.profiles import OWN, in_profile, key_in_file
from edge_agent.config.words import number
from edge_agent.errors import ModelError
from edge_agent.tools.preflight.diagnosis import Diagnosis

if TYPE_CHECKING:
    from edge_agent.detect import ResolvedModel


def model_diagnoses(loaded: LoadedConfig) -> Iterator[Diagnosis]:
    """The agent runs without a detector, but tells of motion alone: an error all the same."""
    from edge_agent.detect import find_model, sha256_of

    detector = loaded.config.detector
    try:
        model = find_model(detector.model, cameras=len(loaded.config.cameras))
        model.at(detector.input_px)
    except ModelError as error:
        found = str(error).removeprefix(f"detector.model = {detector.model}: ")
        fix = _pull_fix(detector.model)
        yield Diagnosis(loaded.problem(0, "detector.model", found, fix))
        return
    if sha256_of(model.path) != model.manifest.sha256:
        found, fix = f"{model.path} is damaged: its sha256 is another", _pull_fix(detector.model)
        yield Diagnosis(loaded.problem(0, "detector.model", found, fix))
    for index, camera in enumerate(loaded.config.cameras, start=1):
        for key, found, fix in dict.fromkeys(_findings(camera, model)):
            yield Diagnosis(loaded.problem(index, key, found, fix), is_error=False)


def _pull_fix(name: str) -> str:
    """`models pull` where the registry knows the model, by its name or by its file."""
    from edge_agent.detect import ModelManifest, default_model_dirs, manifests_in
    from edge_agent.tools.registry import known_models, shipped_registry

    try:
        known = known_models(shipped_registry())
    except (ModelError, FileNotFoundError):
        return "no person is found without it"
    manifests = [m for m in manifests_in(default_model_dirs()) if isinstance(m, ModelManifest)]
    wanted = {m.sha256 for m in manifests if m.name == name}
    same = [other for other, model in known.items() if other == name or model.sha256 in wanted]
    if same:
        return f"pull it: edge-agent models pull {same[0]}"
    return f"no person is found without it; pull one: edge-agent models pull {next(iter(known))}"


def _findings(camera: CameraConfig, model: ResolvedModel) -> Iterator[tuple[str, str, str]]:
    """Of the camera's own settings and of each profile's, with the keys as they are written."""
    for profile in (OWN, *camera.profiles):
        holding = in_profile(camera, profile)
        for key, found, fix in (
            *_out_of_reach(holding, model),
            *_threshold_findings(holding, model),
        ):
            yield key_in_file(camera, profile, key), found, fix


def _threshold_findings(
    camera: CameraConfig, model: ResolvedModel
) -> Iterator[tuple[str, str, str]]:
    """Where a number moves the threshold that was left at `auto`, or never counts."""
    own_candidate = model.manifest.candidate_threshold
    own_confirm = model.manifest.confirm_threshold
    candidate, confirm = camera.person.candidate_threshold, camera.person.confirm_threshold
    if candidate != "auto" and confirm == "auto" and candidate > own_confirm:
        found = f"is {number(candidate)}, above the model's own confirm_threshold "
        found += f"{number(own_confirm)}, which moves up with it"
        fix = "set confirm_threshold, too, or lower candidate_threshold"
        yield "person.candidate_threshold", found, fix
    if candidate == "auto" and confirm != "auto" and confirm < own_candidate:
        found = f"is {number(confirm)}, below the model's own candidate_threshold "
        found += f"{number(own_candidate)}, which moves down with it"
        fix = "set candidate_threshold, too, or raise confirm_threshold"
        yield "person.confirm_threshold", found, fix
    if candidate != "auto":
        return  # the schema's own check compares numbers
    in_force = own_candidate if confirm == "auto" else min(own_candidate, confirm)
    for index, zone in enumerate(camera.zones):
        own = zone.confirm_threshold
        if own != "auto" and own < in_force:
            found = f"is {number(own)}, below the model's own candidate_threshold "
            found += f"{number(in_force)}: detections below that are thrown away"
            fix = f"set person.candidate_threshold = {number(own)}, or raise it"
            yield f"zones[{index}].confirm_threshold", found, fix


def _out_of_reach(camera: CameraConfig, model: ResolvedModel) -> Iterator[tuple[str, str, str]]:
    """Thresholds that no picture reaches: nobody would ever be told."""
    highest = model.manifest.highest_score
    own = [("person.confirm_threshold", camera.person.confirm_threshold)]
    own += [
        (f"zones[{index}].confirm_threshold", zone.confirm_threshold)
        for index, zone in enumerate(camera.zones)
    ]
    for key, threshold in own:
        if highest is not None and threshold != "auto" and threshold > highest:
            found = f"is {number(threshold)}, and {model.manifest.name} never scores more than "
            found += f"{number(highest)}: nobody would be told"
            yield key, found, f'use "auto" ({number(model.manifest.confirm_threshold)})'
