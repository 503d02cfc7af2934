"""Self-contained HTML pages from the templates in `reporting/templates`, and the pictures inside them.

All text is escaped, images are data URIs, and a content security policy forbids the pages to load anything.
"""

import base64
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from workflow_scripts import artifacts

TEMPLATES = Path(__file__).parent / "templates"
THUMBNAIL = 64  # pixels
QUALITY = 85  # of WebP, of 100


def render(template: str, **values: Any) -> str:
    """Renders `{template}.html.j2`. A value that the template needs and does not get is an error."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(f"{template}.html.j2").render(**values)


def inline_svg(svg: str) -> Markup:
    """An SVG file that the workflow made, without its XML prolog, to stand inside a page."""
    return Markup(svg[svg.index("<svg") :])


def data_uri(image: bytes) -> str:
    """An encoded image as a data URI. Its first bytes tell PNG, JPEG and WebP apart."""
    kinds = {b"\x89PNG": "png", b"\xff\xd8\xff": "jpeg", b"RIFF": "webp"}
    kind = next((kind for start, kind in kinds.items() if image.startswith(start)), "png")
    return f"data:image/{kind};base64,{base64.b64encode(image).decode()}"


def shrunk_uri(image: bytes, size: int, name: str) -> str:
    """An encoded image as a data URI of WebP of at most `size` pixels; errors call the image `name`."""
    from PIL import Image

    picture = Image.fromarray(artifacts.decode_image(image, name))
    picture.thumbnail((size, size))
    return data_uri(artifacts.encode_image(picture, "WEBP", quality=QUALITY, method=4))


class Sheet:
    """Thumbnails by number. The page holds equal images once."""

    def __init__(self) -> None:
        self._numbers: dict[bytes, int] = {}

    def add(self, image: bytes) -> int:
        """The number of an encoded image."""
        return self._numbers.setdefault(image, len(self._numbers))

    @property
    def uris(self) -> list[str]:
        """The thumbnails as data URIs, in the order of their numbers."""
        return [shrunk_uri(image, THUMBNAIL, f"thumbnail {number}") for image, number in self._numbers.items()]
