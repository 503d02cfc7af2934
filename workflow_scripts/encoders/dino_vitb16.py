"""DINO ViT-B/16 (Caron et al., 2021), the paper's self-supervised encoder: the class token's 768 features."""

from pathlib import Path

from workflow_scripts.encoders import _timm
from workflow_scripts.encoders._images import IMAGENET_MEAN, IMAGENET_STD, NetworkEncoder, Resize
from workflow_scripts.encoders._weights import WeightsFile
from workflow_scripts.study.options import PublishedWeights as Settings

REMEDY = (
    "download https://dl.fbaipublicfiles.com/dino/dino_vitbase16_pretrain/dino_vitbase16_pretrain.pth "
    "and set `path` and `sha256` to it"
)


def load(settings: Settings) -> NetworkEncoder:
    """See `EncoderModule.load`."""
    file = WeightsFile(Path(settings.path), settings.sha256, REMEDY)
    network = _timm.vit_b16()
    file.fill(network, file.read())
    return NetworkEncoder(network, 768, 224, IMAGENET_MEAN, IMAGENET_STD, settings.precision, Resize(256))
