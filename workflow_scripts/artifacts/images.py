"""Images: encoded ones in the column of a table, and pictures for people."""

import io
import os
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np

from workflow_scripts.artifacts.files import atomic, unreadable
from workflow_scripts.artifacts.provenance import read_schema

if TYPE_CHECKING:
    from PIL import Image

MODES = ("RGB", "L", "RGBA", "LA")  # of images, in Pillow's words
SMALLEST = 16  # pixels a side: a smaller image shows nothing to learn, and is most likely a placeholder
LARGEST = 10_000  # pixels a side: decoded, that is 300 MB, of which a worker holds several
KEPT = ("JPEG", "MPO", "PNG", "WEBP", "BMP", "TIFF")  # formats that every Pillow reads, in its words
MODE_NAMES = {"P": "palette", "PA": "palette", "1": "1 bit", "RGB": "transparent colour", "L": "transparent colour"}
HEIC = tuple(b"ftyp" + brand for brand in (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"))
NEEDS_HEIF = "needs pillow-heif"
ORIENTATION, SUBFILE_TYPE = 0x0112, 254  # tags of EXIF and TIFF
PREVIEW_OR_MASK = 0b101  # bits of a page's subfile type


class Images:
    """The column `image` of a parquet file, decoded slice by slice, with one row group in memory.

    Raises:
        ValueError: the file lacks the column or is corrupt.
    """

    def __init__(self, path: str | os.PathLike) -> None:
        import pyarrow.parquet as pq

        schema = read_schema(path)
        if "image" not in schema.names:
            raise ValueError(f"{path}: lacks column 'image'; it has {', '.join(schema.names)}")
        metadata = pq.read_metadata(path)
        self.path = path
        sizes = (metadata.row_group(i).num_rows for i in range(metadata.num_row_groups))
        self.bounds = list(accumulate(sizes, initial=0))  # of the row groups
        self._group, self._encoded = -1, []  # the one in memory

    def __len__(self) -> int:
        return self.bounds[-1]

    def decode(self, start: int, stop: int) -> list[np.ndarray]:
        """Rows `start` to `stop` as uint8 RGB [h, w, 3] each.

        Raises:
            ValueError: the file is corrupt, or an image is; the message names file and row.
        """
        return [decode_image(self._row(row), f"{self.path}: row {row}") for row in range(start, stop)]

    def _row(self, row: int) -> bytes:
        import pyarrow as pa
        import pyarrow.parquet as pq

        group = bisect_right(self.bounds, row) - 1
        if group != self._group:
            try:
                with pq.ParquetFile(self.path) as file:
                    column = file.read_row_group(group, columns=["image.bytes"]).column("image")
            except (pa.ArrowException, OSError) as error:
                raise unreadable(self.path, "corrupt parquet file", error) from error
            self._group, self._encoded = group, column.combine_chunks().field("bytes")
        return self._encoded[row - self.bounds[group]].as_py()


def decode_image(data: bytes, name: str) -> np.ndarray:
    """Decodes an encoded image to uint8 RGB [h, w, 3]; what is transparent shows white.

    Raises:
        ImageError: as `open_image`.
    """
    return np.asarray(on_white(open_image(data, name)))


def on_white(image: "Image.Image") -> "Image.Image":
    """An image as 8-bit RGB; what is transparent shows white."""
    from PIL import Image

    if "A" in image.getbands():
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
    return image.convert("RGB")


class ImageError(ValueError):
    """An image that cannot be taken; `reason` says why in few words, to be counted."""

    def __init__(self, message: str, reason: str = "") -> None:  # a process that sends it to another gives it later
        super().__init__(message)
        self.reason = reason


def open_image(data: bytes, name: str) -> "Image.Image":
    """Decodes an encoded image of 8-bit RGB or grey, with or without transparency, as its pixels lie in the file.

    Raises:
        ImageError: the bytes are truncated or no image, or it is of another kind (a palette, CMYK, 16 bits, several
            frames), too small or too large; the message starts with `name`.
    """
    with _opened(data, name) as image:
        mode = f"{image.mode} of 16 bits" if _is_deep(image) else image.mode
        if mode not in MODES:
            raise ImageError(f"{name}: mode is {mode}; expected 8-bit RGB or grey: convert it first", f"mode {mode}")
        image.load()
        return image


def open_photograph(data: bytes, name: str) -> tuple["Image.Image", list[str]]:
    """Decodes a still image of any kind as a viewer shows it.

    Returns:
        The image, upright, in one of MODES; and how it differs from what the bytes hold (`CMYK`, `turned`), which is
        nothing if `open_image` gives the same image.

    Raises:
        ImageError: as `open_image`, but only modes without a known range of values are of another kind.
    """
    _register_heif()
    with _opened(data, name) as image:
        changes = [] if image.format in KEPT else [str(image.format)]
        deep = _is_deep(image)
        image.load()
        image, turned = _upright(image)
        if deep or image.mode not in MODES or (image.has_transparency_data and "A" not in image.getbands()):
            changes.append("16 bits" if deep else MODE_NAMES.get(image.mode, image.mode))
            image = _to_8_bit(image)
        if image.mode not in MODES:
            raise ImageError(f"{name}: mode is {image.mode}; expected 8 or 16 bits: convert it first", image.mode)
        return image, changes + (["turned"] if turned else [])


@contextmanager
def _opened(data: bytes, name: str) -> "Iterator[Image.Image]":
    """A still image before it is decoded; raises `ImageError` for whatever goes wrong in the block."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data)) as image:
            _check_image(image, name)
            yield image
    except (ImageError, MemoryError):
        raise
    except Image.DecompressionBombError as error:
        sides = f"expected sides of {SMALLEST} to {LARGEST}"
        raise ImageError(f"{name}: too many pixels ({error}); {sides}", "too large") from error
    except Exception as error:  # on damaged bytes, Pillow and its decoders raise errors of any type
        if data[4:12] in HEIC:
            raise ImageError(f"{name}: HEIC, which the package pillow-heif reads; install it", NEEDS_HEIF) from error
        raise ImageError(f"{name}: not a readable image ({error})", "unreadable") from error


def _check_image(image: "Image.Image", name: str) -> None:
    if (frames := _count_frames(image)) > 1:
        says = f"{name}: has {frames} frames; expected a still image: choose one of them"
        raise ImageError(says, "several frames")
    if min(image.size) < SMALLEST or max(image.size) > LARGEST:
        width, height = image.size
        says = f"{name}: {width} x {height} pixels; expected sides of {SMALLEST} to {LARGEST} pixels"
        raise ImageError(says, "too small" if min(image.size) < SMALLEST else "too large")


def _count_frames(image: "Image.Image") -> int:
    """The pictures in a file, without the previews and second pictures that cameras and phones store in it."""
    if image.format in ("MPO", "HEIF"):
        return 1
    frames = getattr(image, "n_frames", 1)
    if image.format != "TIFF" or frames == 1:
        return frames
    pictures = 0
    for page in range(frames):
        image.seek(page)
        pictures += not image.tag_v2.get(SUBFILE_TYPE, 0) & PREVIEW_OR_MASK
    image.seek(0)
    return pictures


def _is_deep(image: "Image.Image") -> bool:
    """Whether colours have 16 bits. Pillow cuts them to 8; only the settings of its decoder show it, before it runs."""
    return ";16" in str(image.tile) or image.mode.startswith("I;16")


def _upright(image: "Image.Image") -> tuple["Image.Image", bool]:
    """The image turned as its EXIF says, and whether it had to be."""
    from PIL import Image

    turn = Image.Transpose  # `ImageOps.exif_transpose` writes the EXIF anew, and fails on odd values of other tags
    by_orientation = {
        2: turn.FLIP_LEFT_RIGHT, 3: turn.ROTATE_180, 4: turn.FLIP_TOP_BOTTOM, 5: turn.TRANSPOSE,
        6: turn.ROTATE_270, 7: turn.TRANSVERSE, 8: turn.ROTATE_90,
    }  # fmt: skip
    try:
        method = by_orientation.get(image.getexif().get(ORIENTATION))
    except Exception:  # damaged EXIF says nothing: viewers show the image as it lies
        method = None
    return (image, False) if method is None else (image.transpose(method), True)


def _to_8_bit(image: "Image.Image") -> "Image.Image":
    """An image of any mode in one of MODES; in its own mode if its range of values is not known."""
    from PIL import Image

    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.has_transparency_data:
        return image.convert("RGBA")
    if image.mode == "1":
        return image.convert("L")
    return image if image.mode in ("I", "F", "LAB", *MODES) else image.convert("RGB")


@cache
def _register_heif() -> None:
    """Lets Pillow read HEIC, where the package for it is installed."""
    with suppress(ImportError):
        import pillow_heif

        pillow_heif.register_heif_opener()


def encode_png(image: np.ndarray) -> bytes:
    """Encodes uint8 [h, w, 3] or [h, w, 4] as PNG, without time stamps, so that equal pixels give equal bytes."""
    from PIL import Image

    return encode_image(Image.fromarray(image), "PNG")


def encode_image(image: "Image.Image", kind: str, **options: Any) -> bytes:
    """Encodes an image; `kind` and `options` as for Pillow's `Image.save`."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def write_png(path: str | os.PathLike, image: np.ndarray, colours: int | None = None) -> None:
    """Writes a picture for people, uint8 [h, w, 3], without a sidecar.

    Args:
        colours: how many to keep, which halves the bytes; None keeps all.
    """
    from PIL import Image

    picture = Image.fromarray(image)
    with atomic(path, sidecar=False) as part:
        (picture.quantize(colours) if colours else picture).save(part, "PNG")
