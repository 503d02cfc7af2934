"""SigLIP 2 ViT-B/16 (Tschannen et al., 2025), later than the paper: 768 features.

Its folder asks for images squashed into the square instead of cropped.
"""

from collections.abc import Mapping
from typing import Any

from workflow_scripts.encoders import _open_clip
from workflow_scripts.encoders._images import NetworkEncoder

SETTINGS = {
    "path": {"description": "Folder with open_clip_config.json and open_clip_model.safetensors.", "type": "string"},
    "sha256": {
        "description": "SHA-256 of the weights, checked before they are opened; null only for weights of your own.",
        "type": ["string", "null"],
        "pattern": "^[0-9a-f]{64}$",
    },
    "precision": {
        "description": "Arithmetic of the network; auto is bf16 where the hardware has it, else fp32.",
        "enum": ["auto", "fp32", "bf16"],
    },
}
REMEDY = "download timm/ViT-B-16-SigLIP2 from huggingface.co and set `path` and `sha256` to it"


def load(settings: Mapping[str, Any]) -> NetworkEncoder:
    """See `EncoderModule.load`; settings: `path`, `sha256`, `precision`."""
    return _open_clip.load(settings, REMEDY)
