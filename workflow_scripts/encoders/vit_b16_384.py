"""ViT-B/16 that learned ImageNet's labels (Steiner et al., 2021), the paper's supervised encoder: 768 features.

Images are resized as the folder says (bicubic); the paper's code resized them bilinearly.
"""

from collections.abc import Mapping
from typing import Any

from workflow_scripts.encoders import _timm
from workflow_scripts.encoders._images import NetworkEncoder

SETTINGS = {
    "path": {"description": "Folder with config.json and model.safetensors.", "type": "string"},
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
REMEDY = "download timm/vit_base_patch16_384.augreg_in21k_ft_in1k from huggingface.co and set `path` and `sha256` to it"


def load(settings: Mapping[str, Any]) -> NetworkEncoder:
    """See `EncoderModule.load`; settings: `path`, `sha256`, `precision`."""
    return _timm.load(settings, REMEDY)
