"""Pictures that look like photographs to a perceptual hash: soft patches of colour, other ones for each seed."""

import io
from pathlib import Path

import numpy as np
from PIL import Image


def picture(seed: int, size: tuple[int, int] = (300, 260)) -> Image.Image:
    """An RGB picture of `size`, width and height."""
    patches = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), np.uint8)
    return Image.fromarray(patches).resize(size, Image.Resampling.BICUBIC)


def encoded(image: Image.Image, kind: str = "JPEG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def write(file: Path, data: bytes | Image.Image) -> Path:
    """Writes bytes, or a picture as JPEG."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data if isinstance(data, bytes) else encoded(data))
    return file
