"""CLIP ViT-B/32 of OpenAI (Radford et al., 2021), the paper's encoder of images and language: 512 features."""

from workflow_scripts.encoders import _open_clip
from workflow_scripts.encoders._images import NetworkEncoder
from workflow_scripts.encoders._weights import download
from workflow_scripts.study.options import PublishedWeights as Settings


def load(settings: Settings) -> NetworkEncoder:
    remedy = download("timm/vit_base_patch32_clip_224.openai from huggingface.co")
    # OpenAI trained with QuickGELU; a configuration that does not say so would silently change the features.
    return _open_clip.load(settings, remedy, quick_gelu=True)
