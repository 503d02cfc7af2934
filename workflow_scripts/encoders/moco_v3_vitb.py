"""MoCo v3 ViT-B/16 after 300 epochs (Chen et al., 2021), of the paper too: the class token's 768 features."""

from pathlib import Path

from workflow_scripts.encoders import _timm
from workflow_scripts.encoders._images import IMAGENET_MEAN, IMAGENET_STD, NetworkEncoder, Resize
from workflow_scripts.encoders._weights import WeightsFile
from workflow_scripts.study.options import PublishedWeights as Settings

REMEDY = (
    "download https://dl.fbaipublicfiles.com/moco-v3/vit-b-300ep/vit-b-300ep.pth.tar and set `path` and `sha256` to it"
)
ENCODER = "module.base_encoder."  # beside it lie its moving average and the predictor


def load(settings: Settings) -> NetworkEncoder:
    """See `EncoderModule.load`."""
    file = WeightsFile(Path(settings.path), settings.sha256, REMEDY)
    network = _timm.vit_b16()
    file.fill(network, file.read("state_dict"), prefix=ENCODER, unused=(f"{ENCODER}head.",))
    resize = Resize(256, interpolation="bilinear")  # as MoCo's authors evaluate it
    return NetworkEncoder(network, 768, 224, IMAGENET_MEAN, IMAGENET_STD, settings.precision, resize)
