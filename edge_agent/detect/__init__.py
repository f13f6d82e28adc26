"""Person detection: manifests, decoders, one ONNX session, crops packed into its input."""

from edge_agent.detect.catalog import (
    ResolvedModel,
    default_model_dirs,
    file_of,
    find_model,
    installed_models,
    manifests_in,
    pull_dir,
)
from edge_agent.detect.manifest import (
    ModelInput,
    ModelManifest,
    manifest_error,
    manifest_text,
    read_manifest,
    sha256_of,
)
from edge_agent.detect.mapping import Found
from edge_agent.detect.onnx_detector import OnnxDetector, Seen
from edge_agent.detect.session import NetworkSession

__all__ = [
    "Found",
    "ModelInput",
    "ModelManifest",
    "NetworkSession",
    "OnnxDetector",
    "ResolvedModel",
    "Seen",
    "default_model_dirs",
    "file_of",
    "find_model",
    "installed_models",
    "manifest_error",
    "manifest_text",
    "manifests_in",
    "pull_dir",
    "read_manifest",
    "sha256_of",
]
