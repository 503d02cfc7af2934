"""DINOv3 ViT-B/16 (Siméoni et al., 2025), later than the paper: the class token's 768 features."""

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
REMEDY = "download timm/vit_base_patch16_dinov3.lvd1689m from huggingface.co and set `path` and `sha256` to it"


def load(settings: Mapping[str, Any]) -> NetworkEncoder:
    """See `EncoderModule.load`; settings: `path`, `sha256`, `precision`."""
    # timm would average the patches; the authors of DINOv3, as of the DINOs before, take the class token.
    return _timm.load(settings, REMEDY, global_pool="token")
