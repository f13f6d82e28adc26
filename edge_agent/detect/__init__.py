"""Person detection: manifests, decoders, one ONNX session, crops packed into its input."""

from edge_agent.detect.catalog import (
    ResolvedModel,
    default_model_dirs,
    find_model,
    installed_models,
)
from edge_agent.detect.manifest import ModelInput, ModelManifest, read_manifest
from edge_agent.detect.onnx_detector import OnnxDetector
from edge_agent.detect.session import Session

__all__ = [
    "ModelInput",
    "ModelManifest",
    "OnnxDetector",
    "ResolvedModel",
    "Session",
    "default_model_dirs",
    "find_model",
    "installed_models",
    "read_manifest",
]
