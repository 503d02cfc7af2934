"""SigLIP 2 ViT-B/16 (Tschannen et al., 2025), newer than the paper: 768 features.

Its folder asks for images squashed into a square instead of cropped.
"""

from workflow_scripts.encoders import _open_clip
from workflow_scripts.encoders._images import NetworkEncoder
from workflow_scripts.encoders._weights import download
from workflow_scripts.study.options import PublishedWeights as Settings


def load(settings: Settings) -> NetworkEncoder:
    return _open_clip.load(settings, download("timm/ViT-B-16-SigLIP2 from huggingface.co"))
