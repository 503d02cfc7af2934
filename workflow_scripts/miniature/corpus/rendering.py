"""Renders drawings to small RGBA bitmaps and fingerprints them."""

import io

import numpy as np
from PIL import Image

from workflow_scripts import artifacts
from workflow_scripts.miniature.corpus.packages import Source
from workflow_scripts.miniature.corpus.scenes import SIZE

MARGIN = 1
RASTER = 128  # pixels at which vector drawings are rasterised before they are fitted


def render(source: Source) -> Image.Image:
    """Draws `source` at SIZE x SIZE, RGBA, cropped to its ink, centred, longest side SIZE - 2 MARGIN.

    Raises:
        ValueError: the drawing cannot be parsed or is empty.
    """
    import resvg_py

    name = f"{source.package}: drawing {source.name!r}"
    try:
        data = source.bitmap.read_bytes() if source.bitmap else bytes(resvg_py.svg_to_bytes(source.svg, width=RASTER))
        with Image.open(io.BytesIO(data)) as image:
            drawing = image.convert("RGBA")
    except (OSError, SyntaxError, ValueError) as error:
        raise ValueError(f"{name} cannot be read ({error})") from error
    ink = drawing.getchannel("A").point(lambda alpha: 255 if alpha > 8 else 0).getbbox()
    if ink is None:
        raise ValueError(f"{name} is empty")
    return _fit(drawing.crop(ink))


def _fit(drawing: Image.Image) -> Image.Image:
    scale = (SIZE - 2 * MARGIN) / max(drawing.size)
    size = tuple(max(1, round(side * scale)) for side in drawing.size)
    canvas = Image.new("RGBA", (SIZE, SIZE), (0, 0, 0, 0))
    canvas.paste(drawing.resize(size, Image.Resampling.LANCZOS), tuple((SIZE - side) // 2 for side in size))
    return canvas


def encode(drawing: Image.Image) -> bytes:
    """Lossless WebP: two thirds of PNG's bytes, in milliseconds; more effort hardly makes it smaller."""
    return artifacts.encode_image(drawing, "WEBP", lossless=True, quality=50, method=2)


def decode(data: bytes) -> Image.Image:
    return artifacts.open_image(data, "drawing").convert("RGBA")


def fingerprint(drawing: Image.Image) -> bytes:
    """A perceptual hash of 24 bytes: 64 bits each for luminance on white, for the silhouette and for saturation.

    Two renderings of one drawing differ in few bits; drawings of one concept by two artists in many.
    """
    import imagehash

    white = Image.new("RGBA", drawing.size, "white")
    white.alpha_composite(drawing)
    layers = (white.convert("L"), drawing.getchannel("A"), white.convert("HSV").getchannel("S"))
    return b"".join(np.packbits(imagehash.phash(layer).hash).tobytes() for layer in layers)
