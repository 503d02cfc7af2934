"""Small pictures that a page holds once and shows as often as it likes."""

from workflow_scripts import artifacts
from workflow_scripts.reporting.pages import data_uri

SIZE = 64  # pixels of a thumbnail
QUALITY = 85  # of WebP, of 100


class Sheet:
    """Thumbnails by number. Equal images have the same number, whatever they are called."""

    def __init__(self) -> None:
        self._numbers: dict[bytes, int] = {}

    def add(self, image: bytes) -> int:
        """The number of an encoded image."""
        return self._numbers.setdefault(image, len(self._numbers))

    @property
    def uris(self) -> list[str]:
        """The thumbnails as data URIs, in the order of their numbers."""
        return [shrunk_uri(image, SIZE, f"thumbnail {number}") for image, number in self._numbers.items()]


def shrunk_uri(image: bytes, size: int, name: str) -> str:
    """An encoded image as WebP of at most `size` pixels, as a data URI; `name` is for the error of a broken one."""
    from PIL import Image

    picture = Image.fromarray(artifacts.decode_image(image, name))
    picture.thumbnail((size, size))
    return data_uri(artifacts.encode_image(picture, "WEBP", quality=QUALITY, method=4))
