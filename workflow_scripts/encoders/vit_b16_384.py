"""ViT-B/16 that learned ImageNet's labels (Steiner et al., 2021), the paper's supervised encoder: 768 features.

Images are resized as the folder says (bicubic); the paper's code resized them bilinearly.
"""

from workflow_scripts.encoders import _timm
from workflow_scripts.encoders._images import NetworkEncoder
from workflow_scripts.study.options import PublishedWeights as Settings

REMEDY = "download timm/vit_base_patch16_384.augreg_in21k_ft_in1k from huggingface.co and set `path` and `sha256` to it"


def load(settings: Settings) -> NetworkEncoder:
    """See `EncoderModule.load`."""
    return _timm.load(settings, REMEDY)
