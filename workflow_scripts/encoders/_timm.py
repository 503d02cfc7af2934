"""Networks of timm: from a folder as on timm's hub, or ViT-B/16 from a bare state dict."""

from pathlib import Path
from typing import Any

import timm
from timm.data import resolve_data_config

from workflow_scripts import artifacts
from workflow_scripts.encoders._images import NetworkEncoder, Resize
from workflow_scripts.encoders._weights import WeightsFile, require
from workflow_scripts.study.options import Weights

CONFIG, WEIGHTS = "config.json", "model.safetensors"


def load_vit_b16(
    settings: Weights, remedy: str, resize: Resize, entry: str | None = None, **keys: Any
) -> NetworkEncoder:
    """ViT-B/16 for images of 224 pixels; `entry` and `keys` are arguments of `WeightsFile.read` and `.fill`."""
    network = timm.create_model("vit_base_patch16_224", num_classes=0)
    file = WeightsFile(settings, remedy)
    file.fill(network, file.read(entry), **keys)
    return NetworkEncoder(network, network.num_features, 224, settings.precision, resize=resize)


def load(settings: Weights, remedy: str, **changes: Any) -> NetworkEncoder:
    """The network of a folder without its classifier, with the preprocessing of the folder's configuration.

    timm could load the weights as well, but ignores missing ones once the classifier is left out. `changes` replace
    arguments of the network in the folder.
    """
    config = require(Path(settings.path), CONFIG, remedy)
    artifacts.read_json(config)
    file = WeightsFile(settings, remedy, WEIGHTS)
    try:
        network = timm.create_model(f"local-dir:{config.parent}", pretrained=False, num_classes=0, **changes)
    except (KeyError, TypeError, RuntimeError, ValueError) as error:
        reason = artifacts.first_sentence(error)
        raise ValueError(f"{config}: timm makes no network of it ({reason}); {remedy}") from error
    trained = network.pretrained_cfg
    classifier = trained.get("classifier") if trained["num_classes"] else None
    file.fill(network, file.read(), unused=(f"{classifier}.",) if classifier else ())
    image = resolve_data_config(pretrained_cfg=trained)
    size = image["input_size"][-1]
    resize = Resize.from_config(config, int(size / image["crop_pct"]), image["crop_mode"], image["interpolation"])
    return NetworkEncoder(network, network.num_features, size, settings.precision, image["mean"], image["std"], resize)
