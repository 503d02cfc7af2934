"""Images that no step may take, each as a user's file would be."""

import io
import struct
import zlib

import numpy as np
from PIL import Image

NOISE = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)


def encode(image: Image.Image, kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def png(width: int, height: int, depth: int, colour: int, rows: bytes) -> bytes:
    """A PNG of raw rows, for what Pillow itself does not write."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    chunks = (b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")
    parts = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def animated(kind: str) -> bytes:
    frames = [Image.fromarray(np.roll(NOISE, shift, axis=1)) for shift in (0, 5, 9)]
    return encode(frames[0], kind, save_all=True, append_images=frames[1:])


RGB = Image.fromarray(NOISE)
DEEP = RGB.convert("L").convert("I")
MODE = "expected 8-bit RGB or grey: convert it first"
SIDES = "expected sides of 16 to 10000 pixels"

# By what is wrong: the file, and what the error says after naming file and row.
IMAGES: dict[str, tuple[bytes, str]] = {
    "no bytes": (b"", "not a readable image (cannot identify image file"),
    "a text": (b"not an image, but a text of some length", "not a readable image (cannot identify image file"),
    "truncated JPEG": (encode(RGB, "JPEG")[:600], "not a readable image ("),
    "truncated PNG": (encode(RGB, "PNG")[:600], "not a readable image ("),
    "16-bit grey": (encode(DEEP.convert("I;16"), "PNG"), f"mode is I;16 of 16 bits; {MODE}"),
    "16-bit RGB": (png(16, 16, 16, 2, bytes(16 * (1 + 16 * 6))), f"mode is RGB of 16 bits; {MODE}"),
    "32-bit grey": (encode(DEEP, "TIFF"), f"mode is I; {MODE}"),
    "float": (encode(RGB.convert("F"), "TIFF"), f"mode is F; {MODE}"),
    "1-bit": (encode(RGB.convert("1"), "PNG"), f"mode is 1; {MODE}"),
    "CMYK": (encode(RGB.convert("CMYK"), "JPEG"), f"mode is CMYK; {MODE}"),
    "palette": (encode(RGB.quantize(16), "PNG"), f"mode is P; {MODE}"),
    "animated GIF": (animated("GIF"), "has 3 frames; expected a still image: choose one of them"),
    "animated PNG": (animated("PNG"), "has 3 frames; expected a still image: choose one of them"),
    "animated WebP": (animated("WEBP"), "has 3 frames; expected a still image: choose one of them"),
    "1x1": (encode(RGB.resize((1, 1)), "PNG"), f"1 x 1 pixels; {SIDES}"),
    "20,000 pixels wide": (encode(Image.new("L", (20_000, 16)), "PNG"), f"20000 x 16 pixels; {SIDES}"),
    "20,000 pixels square": (png(20_000, 20_000, 8, 0, b""), "too many pixels (Image size (400000000 pixels) exceeds"),
}
