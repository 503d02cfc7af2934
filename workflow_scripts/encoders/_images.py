"""What the encoders share: squares of pixels, and a frozen torch network with the interface `Encoder`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from workflow_scripts import devices

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SQUASH_BY_MODE = {"center": False, "shortest": False, "squash": True}  # by mode of timm and open_clip


def to_square(images: np.ndarray, size: int, mode: str) -> torch.Tensor:
    """Crops and resizes the central square: uint8 RGB [b, h, w, 3] to float32 [b, 3, size, size] in [0, 1].

    `mode` is `bicubic` (antialiased) or `area`, see `torch.nn.functional.interpolate`.
    """
    height, width = images.shape[1:3]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = torch.tensor(images[:, top : top + side, left : left + side])  # a copy: decoded images are read-only
    pixels = square.permute(0, 3, 1, 2).float() / 255  # [b, 3, side, side]
    if side == size:
        return pixels
    return F.interpolate(pixels, size=(size, size), mode=mode, antialias=mode == "bicubic").clamp(0, 1)


@dataclass(frozen=True)
class Resize:
    """How a published network's images are resized before the central square is cut out."""

    side: int  # pixels of the shorter side, or with `squash` of both sides
    squash: bool = False
    interpolation: str = "bicubic"  # or `bilinear`, both antialiased

    @classmethod
    def from_config(cls, file: Path, side: int, mode: str, interpolation: str) -> "Resize":
        """The one that a configuration file asks for; raises `ValueError` if it is none of those that we know."""
        for value, known in ((mode, tuple(SQUASH_BY_MODE)), (interpolation, ("bicubic", "bilinear"))):
            if value not in known:
                raise ValueError(f"{file}: resizes images by {value!r}; we know {', '.join(known)}")
        return cls(side, SQUASH_BY_MODE[mode], interpolation)

    def __call__(self, images: np.ndarray, size: int) -> torch.Tensor:
        """Resizes and crops as torchvision does: uint8 RGB [b, h, w, 3] to float32 [b, 3, size, size] in [0, 1]."""
        height, width = images.shape[1:3]
        shorter = min(height, width)
        if self.squash:
            height = width = self.side
        else:
            height, width = self.side * height // shorter, self.side * width // shorter
        # bytes: rounded, and clipped to 0..255, like the images that the network was trained on
        pixels = torch.tensor(images).permute(0, 3, 1, 2)
        pixels = F.interpolate(pixels, size=(height, width), mode=self.interpolation, antialias=True)
        top, left = round((height - size) / 2), round((width - size) / 2)
        return pixels[:, :, top : top + size, left : left + size].float() / 255


class NetworkEncoder:
    """A frozen torch network as an `Encoder`, on the best device.

    Args:
        network: maps images [b, 3, size, size], normalised by `mean` and `std` per colour, to features [b, dim].
        resize: how to resize before cropping; None crops first and resizes then, which is faster.
    """

    def __init__(
        self,
        network: torch.nn.Module,
        dim: int,
        size: int,
        precision: str,
        mean: Sequence[float] = IMAGENET_MEAN,
        std: Sequence[float] = IMAGENET_STD,
        resize: Resize | None = None,
    ) -> None:
        self.dim, self.size, self.precision, self.resize = dim, size, precision, resize
        self.device = devices.best()
        # channels_last: 1.3-1.7 times faster convolutions on the CPU, in both precisions
        self.network = network.eval().requires_grad_(False).to(self.device, memory_format=torch.channels_last)
        self.mean = torch.tensor(mean)[:, None, None]
        self.std = torch.tensor(std)[:, None, None]

    def preprocess(self, images: np.ndarray) -> torch.Tensor:
        """A square with normalised colours: uint8 [b, h, w, 3] to [b, 3, size, size]."""
        square = to_square(images, self.size, "bicubic") if self.resize is None else self.resize(images, self.size)
        return (square - self.mean) / self.std

    @torch.inference_mode()
    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """Encodes [b, 3, size, size] to float32 [b, dim]."""
        images = images.to(self.device, memory_format=torch.channels_last)
        with devices.autocast(self.precision, self.device):
            return self.network(images).float().cpu()


def feature_width(network: torch.nn.Module, size: int) -> int:
    """Width d of the features [b, d] that a network makes of images [b, 3, size, size]."""
    with torch.inference_mode():
        return network.eval()(torch.zeros(1, 3, size, size)).shape[1]
