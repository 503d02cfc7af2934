"""Trains the decoder of the miniature's autoencoder against the fixed linear encoder."""

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL

from workflow_scripts import devices
from workflow_scripts.miniature.pretraining.linear_encoder import PATCH, to_tensor

CROP = 32  # pixels; small crops first, whole pictures for the last fifth of the steps
WHOLE_FROM = 0.8


@torch.no_grad()
def encode(vae: AutoencoderKL, images: np.ndarray, batch: int = 1024) -> torch.Tensor:
    """Scaled latents [n, c, h / 8, w / 8] of uint8 images, a hundred times faster than through the encoder.

    The encoder is linear in each patch, so its answers to the unit patches are its matrix.
    """
    units = torch.cat([torch.zeros(1, 3 * PATCH * PATCH), torch.eye(3 * PATCH * PATCH)])
    answers = vae.encode(units.view(-1, 3, PATCH, PATCH)).latent_dist.mean.flatten(1)  # [193, c]
    weight = (answers[1:] - answers[0]).T.reshape(-1, 3, PATCH, PATCH)
    batches = (to_tensor(images[start : start + batch]) for start in range(0, len(images), batch))
    latents = [F.conv2d(pixels, weight, answers[0], stride=PATCH) for pixels in batches]
    return torch.cat(latents) * vae.config.scaling_factor


@torch.no_grad()
def decode(vae: AutoencoderKL, latents: torch.Tensor, precision: str = "auto", batch: int = 128) -> np.ndarray:
    """uint8 images [n, h, w, 3] of scaled latents."""
    parts = []
    with devices.autocast(precision, "cpu"):
        for part in latents.split(batch):
            pixels = vae.decode(part / vae.config.scaling_factor).sample.float()
            parts.append(((pixels.clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 1).numpy())
    return np.concatenate(parts)


class DecoderLoss:
    """Smooth L1 of pixels plus L1 of their gradients, which keeps edges sharp.

    Latents get a little noise, because those of a denoising network have some left.
    """

    def __init__(self, vae: AutoencoderKL, images: np.ndarray, latents: torch.Tensor, settings: dict) -> None:
        self.vae, self.images, self.latents, self.settings = vae, images, latents, settings

    def __call__(self, step: int, generator: torch.Generator) -> torch.Tensor:
        whole = step >= WHOLE_FROM * self.settings["steps"]
        count = self.settings["batch"] // (4 if whole else 1)
        rows = torch.randint(len(self.images), (count,), generator=generator)
        pixels, latents = to_tensor(self.images[rows.numpy()]), self.latents[rows]
        if not whole:
            size = CROP // PATCH
            y, x = torch.randint(pixels.shape[-1] // PATCH - size + 1, (2,), generator=generator).tolist()
            latents = latents[:, :, y : y + size, x : x + size]
            pixels = pixels[:, :, y * PATCH : y * PATCH + CROP, x * PATCH : x * PATCH + CROP]
        strength = torch.rand(count, 1, 1, 1, generator=generator) * self.settings["latent_noise"]
        noisy = latents + strength * torch.randn(latents.shape, generator=generator)
        with devices.autocast("auto", "cpu"):
            decoded = self.vae.decode(noisy / self.vae.config.scaling_factor).sample
        decoded = decoded.float()
        edges = sum((decoded.diff(dim=d) - pixels.diff(dim=d)).abs().mean() for d in (2, 3))
        return F.smooth_l1_loss(decoded, pixels, beta=0.2) + 0.5 * edges


def psnr(decoded: np.ndarray, images: np.ndarray) -> np.ndarray:
    """Peak signal-to-noise ratio in dB of each picture [n]; inputs uint8 [n, h, w, 3]."""
    error = ((decoded.astype(np.float64) - images) ** 2).mean((1, 2, 3))
    return 10 * np.log10(255**2 / np.maximum(error, 1e-10))
