"""DINO ViT-B/16 (Caron et al., 2021), the paper's self-supervised encoder: the class token's 768 features."""

from workflow_scripts.encoders import _timm
from workflow_scripts.encoders._images import NetworkEncoder, Resize
from workflow_scripts.encoders._weights import download
from workflow_scripts.study.options import PublishedWeights as Settings

URL = "https://dl.fbaipublicfiles.com/dino/dino_vitbase16_pretrain/dino_vitbase16_pretrain.pth"


def load(settings: Settings) -> NetworkEncoder:
    return _timm.load_vit_b16(settings, download(URL), Resize(256))
