"""OpenAI's CLIP ViT-B/32 (Radford et al., 2021), the paper's encoder of images and language: 512 features."""

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
REMEDY = "download timm/vit_base_patch32_clip_224.openai from huggingface.co and set `path` and `sha256` to it"


def load(settings: Mapping[str, Any]) -> NetworkEncoder:
    """See `EncoderModule.load`; settings: `path`, `sha256`, `precision`."""
    # OpenAI trained with this activation; a configuration that does not say so would change features unnoticed.
    return _open_clip.load(settings, REMEDY, quick_gelu=True)
