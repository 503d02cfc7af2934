"""SSCD (Pizzi et al., 2022), a ResNet-50 trained to find copies, of the paper: 512 features of length 1."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from workflow_scripts.encoders._images import IMAGENET_MEAN, IMAGENET_STD, NetworkEncoder, Resize, feature_width
from workflow_scripts.encoders._weights import WeightsFile, first_sentence

SETTINGS = {
    "path": {"description": "File sscd_disc_mixup.torchscript.pt.", "type": "string"},
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
    "download https://dl.fbaipublicfiles.com/sscd-copy-detection/sscd_disc_mixup.torchscript.pt "
    "and set `path` and `sha256` to it"
)
DIM, SIZE = 512, 288


def load(settings: Mapping[str, Any]) -> NetworkEncoder:
    """See `EncoderModule.load`; settings: `path`, `sha256`, `precision`."""
    file = WeightsFile(Path(settings["path"]), settings["sha256"], REMEDY)
    try:
        # in a module of ours, because those of TorchScript cannot be frozen
        network = torch.nn.Sequential(torch.jit.load(file.path, map_location="cpu"))
        width = feature_width(network, SIZE)
    except RuntimeError as error:
        raise file.refusal(f"is no TorchScript network of images ({first_sentence(error)})") from error
    if width != DIM:
        raise file.refusal(f"makes {width} features, expected {DIM}")
    resize = Resize(SIZE, interpolation="bilinear")  # as its authors recommend
    return NetworkEncoder(network, DIM, SIZE, IMAGENET_MEAN, IMAGENET_STD, settings["precision"], resize)
