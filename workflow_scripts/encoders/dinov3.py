"""DINOv3 ViT-B/16 (Siméoni et al., 2025), newer than the paper: the class token's 768 features."""

from workflow_scripts.encoders import _timm
from workflow_scripts.encoders._images import NetworkEncoder
from workflow_scripts.encoders._weights import download
from workflow_scripts.study.options import PublishedWeights as Settings


def load(settings: Settings) -> NetworkEncoder:
    remedy = download("timm/vit_base_patch16_dinov3.lvd1689m from huggingface.co")
    # timm would average the patches; the authors of DINOv3, as of the earlier DINOs, take the class token.
    return _timm.load(settings, remedy, global_pool="token")
