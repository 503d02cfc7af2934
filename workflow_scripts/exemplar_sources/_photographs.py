"""What the sources of photographs and paintings share: image files in folders, as rows of a table.

An image whose longer side has more than LONGEST pixels is stored as a JPEG whose shorter side has SHORTER pixels, the
size of the base model's images, rotated as its EXIF says. All other images keep their bytes, so that their `sha256` is
that of the file.
"""

import hashlib
import itertools
import logging
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import pandas as pd
from PIL import Image, ImageOps

from workflow_scripts import artifacts
from workflow_scripts.exemplar_sources import columns_of
from workflow_scripts.study.study import Model

EXTENSIONS = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")
LONGEST, SHORTER = 1024, 512  # pixels
QUALITY = 95
PART = 256  # rows

log = logging.getLogger("exemplar_sources")


def is_image(name: str) -> bool:
    """Whether the name is that of an image file; hidden files do not count."""
    return name.lower().endswith(EXTENSIONS) and not name.startswith(".")


def list_folders(source: Path) -> list[str]:
    """The names of the folders in a folder, sorted; raises `ValueError` if it is no folder."""
    try:
        with os.scandir(source) as entries:
            return sorted(entry.name for entry in entries if entry.is_dir() and not entry.name.startswith("."))
    except OSError as error:
        raise ValueError(f"{source}: no folder of images ({error.strerror})") from error


def list_images(folder: Path) -> list[Path]:
    """The image files in a folder, sorted by name; none if there is no such folder."""
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        names = sorted(entry.name for entry in entries if is_image(entry.name) and entry.is_file())
    return [folder / name for name in names]


def read_bytes(file: Path) -> bytes:
    """Raises `ValueError` naming the file if it cannot be read at all."""
    try:
        return file.read_bytes()
    except OSError as error:
        raise ValueError(f"{file}: cannot be read ({error.strerror})") from error


def read_usable(files: Iterable[Path]) -> Iterator[tuple[Path, bytes]]:
    """The files that `artifacts.open_image` decodes, with the bytes to store; skips the others with a warning."""
    for file in files:
        data = read_bytes(file)
        try:
            image = artifacts.open_image(data, str(file))
        except ValueError as error:
            log.warning("skipped: %s", error)
            continue
        yield file, to_store(image, data)


def to_store(image: Image.Image, data: bytes) -> bytes:
    """The bytes to store of an image that `artifacts.open_image` decoded from `data`."""
    if max(image.size) <= LONGEST or min(image.size) <= SHORTER:
        return data
    upright = artifacts.on_white(ImageOps.exif_transpose(image))
    width, height = (round(side * SHORTER / min(upright.size)) for side in upright.size)
    return artifacts.encode_image(upright.resize((width, height), Image.Resampling.LANCZOS), "JPEG", quality=QUALITY)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def name_of(file: Path, source: Path) -> str:
    """The column `source`: the path in the folder `source`, after the folder's name, to be unique among folders."""
    return f"{source.absolute().name}/{file.relative_to(source).as_posix()}"


def exemplar(model: Model, k: int, source: Path, file: Path, image: bytes, caption: str, **origin: str) -> dict:
    """A row with EXEMPLAR_COLUMNS; `origin`: licence and author, where they are known.

    Near-duplicates, and what the base model has seen, are not known.
    """
    row = {**columns_of(model), "k": k, "image": image, "caption": caption, "sha256": sha256(image)}
    origin = {"source": name_of(file, source), "licence": "unknown", "author": "unknown", **origin}
    return {**row, **origin, "new_artist": False, "twins": [], "seen_twin": False}


def in_parts(rows: Iterable[dict]) -> Iterator[pd.DataFrame]:
    """Data frames of PART rows each."""
    rows = iter(rows)
    while part := list(itertools.islice(rows, PART)):
        yield pd.DataFrame(part)
