"""OpenAI's CLIP ViT-B/32 (Radford et al., 2021), the paper's encoder of images and language: 512 features."""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from workflow_scripts.encoders import _open_clip
from workflow_scripts.encoders._images import NetworkEncoder
from workflow_scripts.study.options import PublishedWeights

REMEDY = "download timm/vit_base_patch32_clip_224.openai from huggingface.co and set `path` and `sha256` to it"


@dataclass(frozen=True)
class Settings(PublishedWeights):
    """The section `encoders.clip_vit_b32` of a study."""

    path: Annotated[str, Meta(description="Folder with open_clip_config.json and open_clip_model.safetensors.")]


def load(settings: Settings) -> NetworkEncoder:
    """See `EncoderModule.load`."""
    # OpenAI trained with this activation; a configuration that does not say so would change features unnoticed.
    return _open_clip.load(settings, REMEDY, quick_gelu=True)
