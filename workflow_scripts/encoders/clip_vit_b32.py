"""OpenAI's CLIP ViT-B/32 (Radford et al., 2021), the paper's encoder of images and language: 512 features."""

from workflow_scripts.encoders import _open_clip
from workflow_scripts.encoders._images import NetworkEncoder
from workflow_scripts.study.options import PublishedWeights as Settings

REMEDY = "download timm/vit_base_patch32_clip_224.openai from huggingface.co and set `path` and `sha256` to it"


def load(settings: Settings) -> NetworkEncoder:
    """See `EncoderModule.load`."""
    # OpenAI trained with this activation; a configuration that does not say so would change features unnoticed.
    return _open_clip.load(settings, REMEDY, quick_gelu=True)
