"""MoCo v3 ViT-B/16 after 300 epochs (Chen et al., 2021), of the paper too: the class token's 768 features."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workflow_scripts.encoders import _timm
from workflow_scripts.encoders._images import IMAGENET_MEAN, IMAGENET_STD, NetworkEncoder, Resize
from workflow_scripts.encoders._weights import WeightsFile

SETTINGS = {
    "path": {"description": "File vit-b-300ep.pth.tar.", "type": "string"},
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
    "download https://dl.fbaipublicfiles.com/moco-v3/vit-b-300ep/vit-b-300ep.pth.tar and set `path` and `sha256` to it"
)
ENCODER = "module.base_encoder."  # beside it lie its moving average and the predictor


def load(settings: Mapping[str, Any]) -> NetworkEncoder:
    """See `EncoderModule.load`; settings: `path`, `sha256`, `precision`."""
    file = WeightsFile(Path(settings["path"]), settings["sha256"], REMEDY)
    network = _timm.vit_b16()
    file.fill(network, file.read("state_dict"), prefix=ENCODER, unused=(f"{ENCODER}head.",))
    resize = Resize(256, interpolation="bilinear")  # as MoCo's authors evaluate it
    return NetworkEncoder(network, 768, 224, IMAGENET_MEAN, IMAGENET_STD, settings["precision"], resize)
