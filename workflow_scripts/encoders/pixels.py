"""The image itself, scaled down: the baseline of all encoders."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from msgspec import Meta

from workflow_scripts.encoders._images import to_square
from workflow_scripts.study.options import Count


@dataclass(frozen=True)
class Settings:
    """The section `encoders.pixels` of a study."""

    size: Annotated[Count, Meta(description="Side in pixels of the image scaled down.")]


class Pixels:
    """`size` x `size` RGB values between -1 and 1 as features."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.dim = 3 * size * size

    def preprocess(self, images: np.ndarray) -> torch.Tensor:
        """Mean colours of a grid: uint8 [b, h, w, 3] to [b, 3, size, size]."""
        return 2 * to_square(images, self.size, "area") - 1

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """Flattens [b, 3, size, size] to [b, dim]."""
        return images.flatten(1)


def load(settings: Settings) -> Pixels:
    return Pixels(settings.size)
