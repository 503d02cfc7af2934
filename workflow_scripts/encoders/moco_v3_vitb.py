"""MoCo v3 ViT-B/16 after 300 epochs (Chen et al., 2021), an encoder of the paper: the class token's 768 features."""

from workflow_scripts.encoders import _timm
from workflow_scripts.encoders._images import NetworkEncoder, Resize
from workflow_scripts.encoders._weights import download
from workflow_scripts.study.options import PublishedWeights as Settings

URL = "https://dl.fbaipublicfiles.com/moco-v3/vit-b-300ep/vit-b-300ep.pth.tar"
ENCODER = "module.base_encoder."  # the file also holds its moving average and the predictor


def load(settings: Settings) -> NetworkEncoder:
    resize = Resize(256, interpolation="bilinear")  # as the authors of MoCo evaluate it
    keys = {"prefix": ENCODER, "unused": (f"{ENCODER}head.",)}
    return _timm.load_vit_b16(settings, download(URL), resize, "state_dict", **keys)
