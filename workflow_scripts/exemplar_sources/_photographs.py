"""What the sources of photographs and paintings share: image files in folders, as rows of a table.

Images are learned from as a viewer shows them: upright, in 8-bit RGB or grey. An image whose longer side has more than
LONGEST pixels is stored as a JPEG whose shorter side has SHORTER pixels, the size of the base model's images. A smaller
one that has to be turned or converted is stored as a PNG. All other images keep their bytes, so that their `sha256` is
that of the file.
"""

import hashlib
import itertools
import logging
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any, Self

import pandas as pd
from PIL import Image

from workflow_scripts import artifacts
from workflow_scripts.exemplar_sources import EXEMPLAR_COLUMNS, columns_of
from workflow_scripts.exemplar_sources._twins import Mark, find_twins
from workflow_scripts.study import folders
from workflow_scripts.study.study import Model

EXTENSIONS = (
    ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".avif", ".heic",
    ".heif", ".hif", ".jp2",
)  # fmt: skip
BESIDE = (".txt", ".json")  # what describes an image whose name it has
LONGEST, SHORTER = 1024, 512  # pixels
QUALITY = 95
PART = 256  # rows
SHOWN = 5  # names in a message

log = logging.getLogger("exemplar_sources")


@dataclass(frozen=True)
class Photograph:
    """An image as a viewer shows it."""

    data: bytes  # of its file
    image: Image.Image  # upright, of 8 bits
    changes: list[str]  # what it was before, see `artifacts.open_photograph`

    @classmethod
    def open(cls, data: bytes, name: str) -> Self:
        """Raises `artifacts.ImageError`, a `ValueError`, if it cannot be taken."""
        return cls(data, *artifacts.open_photograph(data, name))

    def to_store(self) -> bytes:
        """The bytes to store, see above."""
        size = self.image.size
        if max(size) <= LONGEST or min(size) <= SHORTER:
            return artifacts.encode_image(self.image, "PNG") if self.changes else self.data
        width, height = (round(side * SHORTER / min(size)) for side in size)
        small = artifacts.on_white(self.image).resize((width, height), Image.Resampling.LANCZOS)
        return artifacts.encode_image(small, "JPEG", quality=QUALITY)


class Photographs:
    """Lists and reads the photographs of a folder; counts what it converts and what it passes over."""

    def __init__(self, source: Path) -> None:
        self.source = source
        self.converted = Counter()  # by what the images were
        self.skipped = Counter()  # by extension and reason
        self.misspelt: list[str] = []  # files whose names are no UTF-8

    def inside(self) -> list[Path]:
        """The image files in the folder itself, sorted by name; none if there is no such folder."""
        names = [file.name for file in self.source.iterdir()] if self.source.is_dir() else []
        return sorted(self._images_in(self.source, names))

    def below(self) -> Iterator[Path]:
        """The image files in the folder and all folders below it, each folder once, links to folders followed.

        Raises:
            ValueError: there is no such folder.
        """
        if not self.source.is_dir():
            raise ValueError(f"{self.source}: no folder of images")
        for folder, names in folders.walk(self.source, _refuse):
            yield from self._images_in(folder, names)

    def _images_in(self, folder: Path, names: list[str]) -> Iterator[Path]:
        """The image files among the entries of a folder, without hidden ones."""
        stems = {PurePath(name).stem for name in names if is_image(name)}
        for file in (folder / name for name in names if not name.startswith(".")):
            if file.is_dir() or (file.suffix in BESIDE and file.stem in stems):
                continue
            if not is_image(file.name):
                self.skip(file.suffix, "no image")
            elif not file.is_file():
                self.skip(file.suffix, "dangling link" if file.is_symlink() else "no file")
            else:
                if spell(file.name) != file.name:
                    self.misspelt.append(spell(file))
                yield file

    def read(self, data: bytes, name: str, kind: str, warn: bool = False) -> Photograph | None:
        """Opens an image; None if it cannot be taken, which is counted.

        Args:
            kind: extension of its file.
            warn: whether to name it in a warning, too.
        """
        try:
            photograph = Photograph.open(data, name)
        except artifacts.ImageError as error:
            if warn:
                log.warning("skipped: %s", error)
            return self.skip(kind, error.reason)
        self.converted.update(photograph.changes)
        return photograph

    def usable(self, files: Iterable[Path]) -> Iterator[tuple[Path, Photograph]]:
        """The files that can be taken; names the others in a warning."""
        for file in files:
            if photograph := self.read(read_bytes(file), spell(file), file.suffix, warn=True):
                yield file, photograph

    def skip(self, kind: str, reason: str) -> None:
        """Counts a file that is passed over."""
        self.skipped[f"{spell(kind).lower() or 'without extension'} ({reason})"] += 1

    def __str__(self) -> str:
        return f"skipped: {counted(self.skipped)}"

    def report(self, count: int) -> None:
        """Says once, at the end, what was passed over and converted or has a name to look at, if anything."""
        if self.skipped:
            log.info("%s: %d images, %s", self.source, count, self)
        if self.converted:
            log.warning("%s: images were converted: %s", self.source, counted(self.converted))
        if self.misspelt:
            says = "%s: names of %d images are no UTF-8, and stand in tables as in: %s"
            log.warning(says, self.source, len(self.misspelt), self.misspelt[0])


def counted(counter: Counter) -> str:
    return ", ".join(f"{count} {what}" for what, count in sorted(counter.items())) or "none"


def _refuse(error: OSError) -> None:
    raise ValueError(f"{spell(error.filename)}: cannot be read ({error.strerror})") from error


def is_image(name: str) -> bool:
    """Whether the name is that of an image file; hidden files do not count."""
    return name.lower().endswith(EXTENSIONS) and not name.startswith(".")


def list_folders(source: Path) -> list[str]:
    """The names of the folders in a folder, sorted; raises `ValueError` if it is no folder."""
    try:
        return folders.folders_in(source)
    except OSError as error:
        raise ValueError(f"{source}: no folder of images ({error.strerror})") from error


def read_bytes(file: Path) -> bytes:
    """Raises `ValueError` naming the file if it cannot be read at all."""
    try:
        return file.read_bytes()
    except OSError as error:
        raise ValueError(f"{spell(file)}: cannot be read ({error.strerror})") from error


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def spell(name: str | os.PathLike) -> str:
    r"""A path as text; bytes that are no UTF-8, as in names from another system, as `\xe9`."""
    return os.fsencode(name).decode(errors="backslashreplace")


def name_of(file: Path, source: Path) -> str:
    """The column `source`: the path in the folder `source`, after the folder's name."""
    return f"{spell(source.absolute().name)}/{spell(file.relative_to(source).as_posix())}"


@dataclass(frozen=True)
class Choice:
    """A photograph that became an exemplar."""

    model: Model
    k: int  # its number in its model
    file: Path
    mark: Mark
    about: dict[str, Any] = field(default_factory=dict)  # columns: its caption, and others where they are known


def exemplars(source: Path, choices: Iterable[Choice]) -> Iterator[pd.DataFrame]:
    """The rows of a case, with EXEMPLAR_COLUMNS. All are chosen and compared before the first is read to be stored.

    `seen_twin` is true for a twin of an exemplar of split train, or else null, as `new_artist` is: nobody knows what
    the base model has seen.
    """
    chosen = list(choices)
    names = [name_of(choice.file, source) for choice in chosen]
    twins = find_twins(zip(names, (choice.mark for choice in chosen), strict=True))
    trained = {name for name, choice in zip(names, chosen, strict=True) if choice.model.split == "train"}
    _warn_of(source, [f"{name} ({', '.join(twins[name][:SHOWN])})" for name in dict.fromkeys(names) if name in twins])
    for part in in_parts(_row(name, choice, twins.get(name, [])) for name, choice in zip(names, chosen, strict=True)):
        seen = [True if trained.intersection(row) else None for row in part["twins"]]
        known = {"new_artist": pd.array([None] * len(part), "boolean"), "seen_twin": pd.array(seen, "boolean")}
        yield part.assign(**known)[list(EXEMPLAR_COLUMNS)]


def _row(name: str, choice: Choice, twins: list[str]) -> dict[str, Any]:
    image = Photograph.open(read_bytes(choice.file), spell(choice.file)).to_store()
    origin = {"source": name, "licence": "unknown", "author": "unknown", "twins": twins, **choice.about}
    return {**columns_of(choice.model), "k": choice.k, "image": image, "sha256": sha256(image), **origin}


def _warn_of(source: Path, alike: list[str]) -> None:
    if alike:
        more = f" and {len(alike) - SHOWN} more" if len(alike) > SHOWN else ""
        says = "%s: %d exemplars are identical or nearly identical to others: %s%s"
        log.warning(says, source, len(alike), "; ".join(alike[:SHOWN]), more)


def in_parts(rows: Iterable[dict]) -> Iterator[pd.DataFrame]:
    """Data frames of PART rows each."""
    rows = iter(rows)
    while part := list(itertools.islice(rows, PART)):
        yield pd.DataFrame(part)
