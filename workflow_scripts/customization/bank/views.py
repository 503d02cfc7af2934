"""Augmented views of an exemplar, as Custom Diffusion draws them: flipped, shrunk and pasted, zoomed."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageOps

from workflow_scripts.study.options import CustomDiffusion


@dataclass(frozen=True)
class View:
    """One augmented view."""

    image: np.ndarray  # uint8 [size, size, 3]
    mask: np.ndarray  # fp32 [size, size]: 1 where the exemplar is, 0 where its edge was repeated to fill the square
    words: str  # put before the prompt; they describe the size


def draw_views(
    exemplars: Sequence[np.ndarray], size: int, kind: str, settings: CustomDiffusion, rng: random.Random
) -> list[View]:
    """Draws `view_pool` views of exemplars (uint8 [h, w, 3] each) in turn, at least one of each, of `size` pixels."""
    count = max(settings.view_pool, len(exemplars))
    return [_draw_view(exemplars[i % len(exemplars)], size, kind, settings, rng) for i in range(count)]


def _draw_view(exemplar: np.ndarray, size: int, kind: str, settings: CustomDiffusion, rng: random.Random) -> View:
    looks = settings.looks
    look = rng.choices(looks, [look.weight for look in looks])[0]
    side = max(1, round(size * rng.uniform(*look.scale)))
    picture = ImageOps.fit(Image.fromarray(exemplar), (side, side), Image.Resampling.LANCZOS)
    if rng.random() < settings.flip:
        picture = ImageOps.mirror(picture)
    top, left = (rng.randint(0, abs(size - side)) for _ in range(2))
    place = _crop if side > size else _paste
    image, mask = place(np.asarray(picture), top, left, size)
    return View(image, mask, rng.choice(getattr(look.words, kind)))


def _crop(pixels: np.ndarray, top: int, left: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    return pixels[top : top + size, left : left + size], np.ones((size, size), np.float32)


def _paste(pixels: np.ndarray, top: int, left: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    side = len(pixels)
    around = ((top, size - side - top), (left, size - side - left))
    # Repeat the edge: the loss ignores the border but the network sees it, and would learn a hard frame.
    return np.pad(pixels, (*around, (0, 0)), mode="edge"), np.pad(np.ones((side, side), np.float32), around)
