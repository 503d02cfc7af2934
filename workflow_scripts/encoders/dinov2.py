"""DINOv2 ViT-B/14 (Oquab et al., 2023), newer than the paper: the class token's 768 features."""

from workflow_scripts.encoders import _timm
from workflow_scripts.encoders._images import NetworkEncoder
from workflow_scripts.encoders._weights import download
from workflow_scripts.study.options import PublishedWeights as Settings


def load(settings: Settings) -> NetworkEncoder:
    return _timm.load(settings, download("timm/vit_base_patch14_dinov2.lvd142m from huggingface.co"))
