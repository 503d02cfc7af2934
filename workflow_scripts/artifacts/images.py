"""Images: encoded ones in the column of a table, and pictures for people."""

import io
import os
from bisect import bisect_right
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
        ValueError: as `open_image`.
    """
    return np.asarray(on_white(open_image(data, name)))


def on_white(image: "Image.Image") -> "Image.Image":
    """An image as 8-bit RGB; what is transparent shows white."""
    from PIL import Image

    if "A" in image.getbands():
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
    return image.convert("RGB")


def open_image(data: bytes, name: str) -> "Image.Image":
    """Decodes an encoded image of 8-bit RGB or grey, with or without transparency.

    Raises:
        ValueError: the bytes are truncated or no image, or it is of another kind (a palette, CMYK, 16 bits, several
            frames), too small or too large; the message starts with `name`.
    """
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data)) as image:
            _check_image(image, name)
            image.load()
            return image
    except Image.DecompressionBombError as error:
        raise ValueError(f"{name}: too many pixels ({error}); expected sides of {SMALLEST} to {LARGEST}") from error
    except (OSError, SyntaxError) as error:
        raise ValueError(f"{name}: not a readable image ({error})") from error


def _check_image(image: "Image.Image", name: str) -> None:
    frames = getattr(image, "n_frames", 1)
    if frames > 1:
        raise ValueError(f"{name}: has {frames} frames; expected a still image: choose one of them")
    # Pillow calls 16-bit colours RGB and cuts them to 8 bits; only the settings of its decoder show it.
    mode = f"{image.mode} of 16 bits" if ";16" in str(image.tile) else image.mode
    if mode not in MODES:
        raise ValueError(f"{name}: mode is {mode}; expected 8-bit RGB or grey: convert it first")
    if min(image.size) < SMALLEST or max(image.size) > LARGEST:
        width, height = image.size
        raise ValueError(f"{name}: {width} x {height} pixels; expected sides of {SMALLEST} to {LARGEST} pixels")


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
