"""Base models: the text-to-image models that are customized to make the ground truth. One plug-in per file.

A plug-in is a module with the two functions of `BaseModelModule`, named by `base_model.name` in the study.
Shapes in this package: n images of H x W pixels, c latent channels of h x w cells, l text positions, d text width.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np
    import torch


class BaseModel(Protocol):
    """A latent diffusion model, frozen and in evaluation mode on `device`; fp32, or with a bf16 `unet` if asked for."""

    tokenizer: Any  # of transformers; customization adds its `<new1>`
    text_encoder: Any  # token ids [n, l] -> `last_hidden_state` [n, l, d]
    unet: Any  # (latents, timestep, text states) -> `sample`; its `attn2.to_k`, `attn2.to_v` may be customized
    scheduler: Any  # the DDPM noise schedule of its training, with epsilon or v-prediction
    device: str

    @property
    def image_size(self) -> int:
        """H = W of the images it makes, in pixels."""

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """(c, h, w)."""

    def encode(self, images: "np.ndarray") -> "torch.Tensor":
        """Images uint8 [n, H, W, 3] to scaled latents fp32 [n, c, h, w]."""

    def decode(self, latents: "torch.Tensor") -> "torch.Tensor":
        """Scaled latents [n, c, h, w] to images fp32 [n, H, W, 3] in 0..255, not rounded, on the CPU."""

    def tokenize(self, prompts: Sequence[str]) -> "torch.Tensor":
        """Prompts to token ids [n, l], padded to the length that the text encoder takes.

        Raises:
            ValueError: a prompt has more tokens than that.
        """


class BaseModelModule(Protocol):
    """What a module of this folder offers; its keys are those of every base model (config/schemas/study.yaml)."""

    def check(self, folder: Path) -> None:
        """Raises `ValueError` naming the first part that a folder lacks, or a pickle. Fast: imports nothing heavy."""

    def load(self, folder: Path, device: str, precision: str = "fp32") -> BaseModel:
        """Loads a base model from a local folder, once `check` has passed.

        Args:
            precision: of the denoising network's weights: `fp32`, `bf16` or `auto` (see `devices.resolve_precision`).
                In bf16 they take half the memory, and autocast need not cast them in every call.

        Raises:
            ValueError: a file lacks weights.
        """


@contextmanager
def naming(folder: Path) -> Iterator[None]:
    """Turns the libraries' errors about truncated or wrong files into one line with the folder."""
    from safetensors import SafetensorError

    try:
        yield
    except (SafetensorError, OSError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"{folder}: cannot be loaded ({reason}); copy the folder again") from error
