"""Encoders: frozen functions from images to features, F_base in the paper. One module each.

A new encoder is one file with a function `load`, and one entry under `encoders:` in the study; `pixels.py` is the
shortest to copy.
"""

from typing import Any, Protocol

import numpy as np
import torch

from workflow_scripts.encoders._batches import encode_files

__all__ = ["Encoder", "EncoderModule", "encode_files", "encode_images"]


class Encoder(Protocol):
    """A frozen encoder. The images of one call of `preprocess` have one size; features may have any length.

    If its module says `READS = "prompt"`, it takes lists of captions in place of images; see `text.py`.
    """

    dim: int  # width d of the features

    def preprocess(self, images: np.ndarray) -> torch.Tensor:
        """Turns uint8 RGB images [b, h, w, 3] into the network's input [b, 3, s, s]."""

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """Encodes preprocessed images [b, 3, s, s] to features [b, d], float32 on the CPU."""


class EncoderModule(Protocol):
    """What a module of this folder offers, beside `Settings` and `READS` (see `plugins`)."""

    def load(self, settings: Any) -> Encoder:
        """Builds the encoder from the module's `Settings`.

        Raises:
            ValueError: weights are missing or do not fit; the message names the file and what to do.
        """


def encode_images(encoder: Encoder, images: np.ndarray, batch: int = 128) -> np.ndarray:
    """Features float32 [n, d] of uint8 RGB images [n, h, w, 3] of one size."""
    parts = [encoder(encoder.preprocess(images[i : i + batch])) for i in range(0, len(images), batch)]
    return torch.cat(parts).numpy()
