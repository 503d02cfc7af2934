"""Encodes the images, or the captions, of parquet files in batches; other processes decode images at the same time.

Equal images have equal features, to the last bit, whichever files and batches they are in: else they would be no ties.
Kernels round differently for batches of other sizes, so all batches of images have one size.
"""

from collections.abc import Sequence
from itertools import accumulate, pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from workflow_scripts import artifacts

if TYPE_CHECKING:
    from workflow_scripts.encoders import Encoder

BATCH = 64  # images per forward pass


class Captions:
    """The captions of a parquet file, with the interface of `artifacts.Images`."""

    def __init__(self, path: Path) -> None:
        self.path, self.captions = path, artifacts.read_captions(path)

    def __len__(self) -> int:
        return len(self.captions)

    def decode(self, start: int, stop: int) -> list[str]:
        return self.captions[start:stop]


class Batches(Dataset):
    """Batches of preprocessed images [b, 3, s, s], or of captions, of all files together; images may have any sizes.

    If an image cannot be read, the item is the error itself; raised in a worker, it would come with a long traceback.
    """

    def __init__(self, files: Sequence[Path], encoder: "Encoder", reads: str) -> None:
        self.files, self.encoder = files, encoder
        self._read = {"image": artifacts.Images, "prompt": Captions}[reads]
        self.bounds = list(accumulate((len(self._read(file)) for file in files), initial=0))
        self._open: artifacts.Images | Captions | None = None  # one file at a time, because all may not fit in memory

    def __len__(self) -> int:
        return -(-self.bounds[-1] // BATCH)

    def __getitem__(self, index: int) -> torch.Tensor | list[str] | ValueError:
        start, stop = index * BATCH, (index + 1) * BATCH
        try:
            decoded = [
                image
                for file, (first, end) in zip(self.files, pairwise(self.bounds), strict=True)
                if first < stop and start < end
                for image in self._opened(file).decode(max(start, first) - first, min(stop, end) - first)
            ]
        except ValueError as error:
            return error
        if self._read is Captions:
            return self.encoder.preprocess(decoded)
        return torch.cat([self.encoder.preprocess(image[None]) for image in decoded])

    def _opened(self, file: Path) -> artifacts.Images | Captions:
        if self._open is None or self._open.path != file:
            self._open = self._read(file)
        return self._open


def encode_files(files: Sequence[Path], encoder: "Encoder", workers: int = 0, reads: str = "image") -> list[np.ndarray]:
    """Features float32 [n, d] of each file's images (or captions), in one pass over all files.

    `workers` other processes decode and preprocess. `reads` is `image` or `prompt`, see `plugins.reads`.

    Raises:
        ValueError: an image cannot be read, or its features are not finite; the message names file and row.
    """
    batches = Batches(files, encoder, reads)
    features = np.empty((batches.bounds[-1], encoder.dim), np.float32)
    loader = DataLoader(batches, batch_size=None, num_workers=workers)
    for i, inputs in enumerate(tqdm(loader, desc=files[0].stem, unit="batch", disable=None)):
        if isinstance(inputs, ValueError):
            raise inputs
        features[i * BATCH : i * BATCH + len(inputs)] = encoder(_filled(inputs))[: len(inputs)].numpy()
    parts = [features[start:stop] for start, stop in pairwise(batches.bounds)]
    for file, part in zip(files, parts, strict=True):
        bad = np.flatnonzero(~np.isfinite(part).all(1))
        if len(bad):
            raise ValueError(f"{file}: row {bad[0]}: the features of its image are not finite")
    return parts


def _filled(inputs: torch.Tensor | list[str]) -> torch.Tensor | list[str]:
    """A batch of images that is too small, filled up with copies of its first; captions are encoded one by one."""
    if isinstance(inputs, list) or len(inputs) == BATCH:
        return inputs
    return torch.cat([inputs, inputs[:1].expand(BATCH - len(inputs), *inputs.shape[1:])])
