"""Self-contained HTML pages from the templates in `reporting/templates`.

All text is escaped, images are data URIs, and a content security policy forbids the pages to load anything.
"""

import base64
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

TEMPLATES = Path(__file__).parent / "templates"


def render(template: str, **values: Any) -> str:
    """Renders `{template}.html.j2`; a value that the template needs and does not get is an error."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(f"{template}.html.j2").render(**values)


def data_uri(image: bytes) -> str:
    """An encoded image as a data URI; its first bytes tell PNG, JPEG and WebP apart."""
    kinds = {b"\x89PNG": "png", b"\xff\xd8\xff": "jpeg", b"RIFF": "webp"}
    kind = next((kind for start, kind in kinds.items() if image.startswith(start)), "png")
    return f"data:image/{kind};base64,{base64.b64encode(image).decode()}"


def inline_svg(svg: str) -> Markup:
    """SVG text of our own making, without its XML prolog, to stand inside a page."""
    return Markup(svg[svg.index("<svg") :])
