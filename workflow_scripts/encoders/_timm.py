"""Networks of timm: from a folder as timm's hub has them, or ViT-B/16 for weights that come as a bare state dict."""

from pathlib import Path
from typing import Any

import timm
import torch
from timm.data import resolve_data_config

from workflow_scripts import artifacts
from workflow_scripts.encoders._images import NetworkEncoder, Resize
from workflow_scripts.encoders._weights import WeightsFile, require
from workflow_scripts.study.options import PublishedWeights, Weights

CONFIG, WEIGHTS = "config.json", "model.safetensors"


def vit_b16() -> torch.nn.Module:
    """ViT-B/16 for images [b, 3, 224, 224] with random weights; its feature [b, 768] is the class token's."""
    return timm.create_model("vit_base_patch16_224", num_classes=0)


def load(settings: Weights, remedy: str, **changes: Any) -> NetworkEncoder:
    """The network of a folder without its classifier, with the preprocessing that the folder's configuration asks for.

    timm would load the weights as well, but forgives missing ones as soon as the classifier is left out.

    Args:
        remedy: where to get the folder.
        changes: arguments of the network that replace those of the folder.

    Raises:
        ValueError: a file is missing or does not fit; the message names file, key and remedy.
    """
    folder = Path(settings.path)
    sha256 = settings.sha256 if isinstance(settings, PublishedWeights) else None
    config = require(folder, CONFIG, remedy)
    artifacts.read_json(config)
    file = WeightsFile(folder / WEIGHTS, sha256, remedy)
    try:
        network = timm.create_model(f"local-dir:{folder}", pretrained=False, num_classes=0, **changes)
    except (KeyError, TypeError, RuntimeError, ValueError) as error:
        reason = artifacts.first_sentence(error)
        raise ValueError(f"{config}: timm makes no network of it ({reason}); {remedy}") from error
    trained = network.pretrained_cfg
    classifier = trained.get("classifier") if trained["num_classes"] else None
    file.fill(network, file.read(), unused=(f"{classifier}.",) if classifier else ())
    image = resolve_data_config(pretrained_cfg=trained)
    size = image["input_size"][-1]
    resize = Resize.from_config(config, int(size / image["crop_pct"]), image["crop_mode"], image["interpolation"])
    return NetworkEncoder(network, network.num_features, size, image["mean"], image["std"], settings.precision, resize)
