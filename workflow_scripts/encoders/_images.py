"""What the encoders share: squares of pixels, and a frozen torch network behind the `Encoder` interface."""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F

from workflow_scripts import devices


def to_square(images: np.ndarray, size: int, mode: str) -> torch.Tensor:
    """Crops the central square of images and resizes it.

    Args:
        images: uint8 RGB [b, h, w, 3].
        size: side of the result in pixels.
        mode: of `torch.nn.functional.interpolate`: `bicubic` (antialiased) or `area`.

    Returns:
        float32 [b, 3, size, size] between 0 and 1.
    """
    height, width = images.shape[1:3]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = torch.tensor(images[:, top : top + side, left : left + side])  # a copy: decoded images are read-only
    pixels = square.permute(0, 3, 1, 2).float() / 255  # [b, 3, side, side]
    if side == size:
        return pixels
    return F.interpolate(pixels, size=(size, size), mode=mode, antialias=mode == "bicubic").clamp(0, 1)


class NetworkEncoder:
    """A frozen torch network as an `Encoder`, on the best device.

    Args:
        network: maps normalised images [b, 3, size, size] to features [b, dim].
        size: side in pixels of the images it wants.
        mean: of each colour channel, in [0, 1].
        std: of each colour channel.
        precision: `auto`, `fp32` or `bf16`.
    """

    def __init__(
        self,
        network: torch.nn.Module,
        dim: int,
        size: int,
        mean: Sequence[float],
        std: Sequence[float],
        precision: str,
    ) -> None:
        self.dim, self.size, self.precision = dim, size, precision
        self.device = devices.best()
        # channels_last: 1.3-1.7 times faster convolutions on the CPU, in both precisions
        self.network = network.eval().requires_grad_(False).to(self.device, memory_format=torch.channels_last)
        self.mean = torch.tensor(mean)[:, None, None]
        self.std = torch.tensor(std)[:, None, None]

    def preprocess(self, images: np.ndarray) -> torch.Tensor:
        """Central square, bicubic resize, normalised colours: uint8 [b, h, w, 3] to [b, 3, size, size]."""
        return (to_square(images, self.size, "bicubic") - self.mean) / self.std

    @torch.inference_mode()
    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """Encodes [b, 3, size, size] to float32 [b, dim]."""
        images = images.to(self.device, memory_format=torch.channels_last)
        with devices.autocast(self.precision, self.device):
            return self.network(images).float().cpu()
