"""DINOv3 ViT-B/16 (Siméoni et al., 2025), later than the paper: the class token's 768 features."""

from workflow_scripts.encoders import _timm
from workflow_scripts.encoders._images import NetworkEncoder
from workflow_scripts.study.options import PublishedWeights as Settings

REMEDY = "download timm/vit_base_patch16_dinov3.lvd1689m from huggingface.co and set `path` and `sha256` to it"


def load(settings: Settings) -> NetworkEncoder:
    """See `EncoderModule.load`."""
    # timm would average the patches; the authors of DINOv3, as of the DINOs before, take the class token.
    return _timm.load(settings, REMEDY, global_pool="token")
