"""ViT-B/16 trained on ImageNet labels (Steiner et al., 2021), the paper's supervised encoder: 768 features.

Images are resized as the folder says (bicubic); the paper's code resized them bilinearly.
"""

from workflow_scripts.encoders import _timm
from workflow_scripts.encoders._images import NetworkEncoder
from workflow_scripts.encoders._weights import download
from workflow_scripts.study.options import PublishedWeights as Settings


def load(settings: Settings) -> NetworkEncoder:
    return _timm.load(settings, download("timm/vit_base_patch16_384.augreg_in21k_ft_in1k from huggingface.co"))
