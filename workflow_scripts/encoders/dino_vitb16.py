"""DINO ViT-B/16 (Caron et al., 2021), the paper's self-supervised encoder: the class token's 768 features."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workflow_scripts.encoders import _timm
from workflow_scripts.encoders._images import IMAGENET_MEAN, IMAGENET_STD, NetworkEncoder, Resize
from workflow_scripts.encoders._weights import WeightsFile

SETTINGS = {
    "path": {"description": "File dino_vitbase16_pretrain.pth.", "type": "string"},
    "sha256": {
        "description": "SHA-256 of the file, checked before it is opened; null only for weights of your own.",
        "type": ["string", "null"],
        "pattern": "^[0-9a-f]{64}$",
    },
    "precision": {
        "description": "Arithmetic of the network; auto is bf16 where the hardware has it, else fp32.",
        "enum": ["auto", "fp32", "bf16"],
    },
}
REMEDY = (
    "download https://dl.fbaipublicfiles.com/dino/dino_vitbase16_pretrain/dino_vitbase16_pretrain.pth "
    "and set `path` and `sha256` to it"
)


def load(settings: Mapping[str, Any]) -> NetworkEncoder:
    """See `EncoderModule.load`; settings: `path`, `sha256`, `precision`."""
    file = WeightsFile(Path(settings["path"]), settings["sha256"], REMEDY)
    network = _timm.vit_b16()
    file.fill(network, file.read())
    return NetworkEncoder(network, 768, 224, IMAGENET_MEAN, IMAGENET_STD, settings["precision"], Resize(256))
