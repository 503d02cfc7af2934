"""CSD ViT-L/14 (Somepalli et al., 2024), CLIP's image tower tuned to tell styles: 768 features of length 1."""

import argparse

import numpy as np
import torch
import torch.nn.functional as F
from open_clip import OPENAI_DATASET_MEAN, OPENAI_DATASET_STD
from open_clip.transformer import QuickGELU, VisionTransformer

from workflow_scripts.encoders._images import NetworkEncoder, Resize
from workflow_scripts.encoders._weights import WeightsFile, download
from workflow_scripts.study.options import PublishedWeights as Settings

WIDTH, DIM, SIZE = 1024, 768, 224
# The file also holds the training's arguments and NumPy numbers, written by NumPy 1; all of them are plain data.
METADATA = [
    argparse.Namespace,
    np.dtype,
    np.dtypes.Float64DType,
    np.dtypes.Int64DType,
    np._core.multiarray.scalar,
    (np._core.multiarray.scalar, "numpy.core.multiarray.scalar"),
]


class StyleTower(torch.nn.Module):
    """OpenAI's image tower without its projection, and CSD's projection to style; names as in CSD's file."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = VisionTransformer(
            image_size=SIZE, patch_size=14, width=WIDTH, layers=24, heads=16, mlp_ratio=4.0, act_layer=QuickGELU
        )
        self.backbone.proj = None
        self.last_layer_style = torch.nn.Parameter(torch.empty(WIDTH, DIM))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """[b, 3, SIZE, SIZE] to [b, DIM]."""
        return F.normalize((self.backbone(images) @ self.last_layer_style).float(), dim=1)


def load(settings: Settings) -> NetworkEncoder:
    file = WeightsFile(settings, download("pytorch_model.bin of tomg-group-umd/CSD-ViT-L from huggingface.co"))
    with torch.serialization.safe_globals(METADATA):
        state = file.read("model_state_dict")
    network = StyleTower()
    plain = {key.removeprefix("module."): tensor for key, tensor in state.items()}
    file.fill(network, plain, unused=("last_layer_content",))
    normal = OPENAI_DATASET_MEAN, OPENAI_DATASET_STD
    return NetworkEncoder(network, DIM, SIZE, settings.precision, *normal, Resize(SIZE))
