"""Near-duplicates among photographs: the same picture in another size, format, quality or brightness.

Two pictures are twins if a perceptual hash and a thumbnail agree. The hash alone takes plain surfaces and soft
gradients for one another, the thumbnail alone small drawings on white. Another crop, or another photograph of the same
thing, is no twin.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Self

import numpy as np
from PIL import Image

from workflow_scripts import artifacts

ALIKE = 10  # of the 64 bits of `imagehash.phash` may differ; of two photographs by chance, about 32 do
LEVELS = 8  # of 255, the mean difference of thumbnails; copies of poor quality have up to 7
SIDE = 16  # pixels of a thumbnail


@dataclass(frozen=True)
class Mark:
    """What an image is recognized by."""

    code: np.uint64
    thumbnail: np.ndarray  # int16 [SIDE, SIDE, 3]

    @classmethod
    def of(cls, image: Image.Image) -> Self:
        import imagehash

        plain = artifacts.on_white(image)
        code = np.packbits(imagehash.phash(plain).hash).view(">u8")[0].astype(np.uint64)
        return cls(code, np.asarray(plain.resize((SIDE, SIDE), Image.Resampling.BOX), np.int16))


class Album:
    """Images by name, to find those that another image is a twin of. Takes 2 KB for each."""

    def __init__(self) -> None:
        self.names: list[Hashable] = []
        self._codes, self._thumbnails = np.empty(64, np.uint64), []

    def add(self, name: Hashable, mark: Mark) -> None:
        if len(self.names) == len(self._codes):
            self._codes = np.resize(self._codes, 2 * len(self._codes))
        self._codes[len(self.names)] = mark.code
        self.names.append(name)
        self._thumbnails.append(mark.thumbnail)

    def twins(self, mark: Mark) -> list[Hashable]:
        """The names of the images that are twins of one, in the order in which they were added."""
        bits = np.bitwise_count(self._codes[: len(self.names)] ^ mark.code)
        near = np.flatnonzero(bits <= ALIKE)
        return [self.names[i] for i in near if np.abs(self._thumbnails[i] - mark.thumbnail).mean(dtype=float) <= LEVELS]


def find_twins(marks: Iterable[tuple[str, Mark]]) -> dict[str, list[str]]:
    """The names of the twins of each image that has some, sorted. An image may come several times."""
    album, twins = Album(), defaultdict(set)
    for name, mark in marks:
        for other in album.twins(mark):
            if other != name:
                twins[name].add(other)
                twins[other].add(name)
        album.add(name, mark)
    return {name: sorted(others) for name, others in twins.items()}
