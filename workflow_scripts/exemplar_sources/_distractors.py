"""What the sources of distractors share: images as rows, each once, without exemplars and their near-duplicates."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from workflow_scripts import cli
from workflow_scripts.exemplar_sources import Exemplars
from workflow_scripts.exemplar_sources._photographs import (
    SHOWN,
    Photographs,
    counted,
    log,
    name_of,
    read_bytes,
    sha256,
    spell,
)
from workflow_scripts.exemplar_sources._twins import Album, Mark
from workflow_scripts.seeds import derive_seed


@dataclass(frozen=True)
class Found:
    """An image in a folder or tar, with what img2dataset writes beside it."""

    name: str  # its id, unique among the distractors
    class_name: str
    source: str  # where it is, unless its record has an address
    kind: str  # extension of its file, such as ".jpg"
    data: bytes
    text: bytes | None  # the file `.txt`: a caption
    record: bytes | None  # the file `.json`: a caption, an address


class Sieve:
    """Turns images into rows if they can be distractors, and counts those that cannot."""

    def __init__(self, photographs: Photographs, exemplars: Exemplars) -> None:
        self.photographs, self.exemplars = photographs, exemplars
        self.album = _album_of(exemplars)
        self.seen = set()  # SHA-256 of the images that became rows
        self.notes = Counter()  # what is odd about the texts beside images

    def pass_on(self, found: Found) -> dict | None:
        """A row with DISTRACTOR_COLUMNS; None if the image cannot be a distractor."""
        photograph = self.photographs.read(found.data, f"{self.photographs.source}/{found.name}", found.kind)
        if photograph is None:
            return None
        caption, url = self.describe(found.text, found.record)
        stored = photograph.to_store()
        digest = sha256(stored)
        if digest in self.exemplars.sha256 or url in self.exemplars.sources:
            return self.photographs.skip(found.kind, "an exemplar")
        if self.album.twins(Mark.of(photograph.image)):
            return self.photographs.skip(found.kind, "like an exemplar")
        if bytes.fromhex(digest) in self.seen:
            return self.photographs.skip(found.kind, "a copy")
        self.seen.add(bytes.fromhex(digest))
        about = {"id": found.name, "class": found.class_name, "image": stored, "caption": caption, "sha256": digest}
        origin = {"source": url or found.source, "licence": "see url" if url else "unknown", "author": "unknown"}
        return about | origin

    def describe(self, text: bytes | None, record: bytes | None) -> tuple[str, str | None]:
        """Caption and address of an image, from the files beside it; a caption of its own is better than a record's."""
        try:
            about = cli.parse_json(self._decoded(record or b"{}"))
        except (ValueError, RecursionError):
            about = None
        if not isinstance(about, dict):
            self.notes["records are no JSON objects"] += 1
            about = {}
        caption = self._decoded(text) if text is not None else str(about.get("caption") or "")
        return _encodable(caption).strip(), _encodable(str(about["url"])) if about.get("url") else None

    def _decoded(self, text: bytes) -> str:
        """A text in UTF-8, with or without a byte-order mark, or else in Latin-1."""
        try:
            return text.decode("utf-8-sig")
        except UnicodeDecodeError:
            self.notes["texts are not in UTF-8, and were read as Latin-1"] += 1
            return text.decode("latin-1")

    def report(self) -> None:
        """Says once, at the end, what became of the images."""
        self.photographs.report(len(self.seen))
        if self.notes:
            log.warning("%s: %s", self.photographs.source, counted(self.notes))


def _album_of(exemplars: Exemplars) -> Album:
    """All exemplars. Names the twins in two cases of which a head may learn on one and be tested on the other."""
    album, shared = Album(), []
    for one, image in exemplars.images():
        mark = Mark.of(image)
        for other in album.twins(mark):
            if one.case != other.case and (one.split == "train") != (other.split == "train"):
                shared.append(f"{one.source} of {one.case} and {other.source} of {other.case}")
        album.add(one, mark)
    if shared:
        says = "%d pairs of exemplars of train and of val or test, in two cases, are nearly identical: %s"
        log.warning(says, len(shared), "; ".join(shared[:SHOWN]))
    return album


def _encodable(text: str) -> str:
    """A text that can be written; half of a pair of surrogates, which JSON may hold, becomes a question mark."""
    return text.encode(errors="replace").decode()


def below_folder(source: Path, exemplars: Exemplars, count: int, seed: int) -> Iterator[dict]:
    """Rows of `count` images anywhere in a folder, in the order of a hash of seed and path."""
    photographs = Photographs(source)
    files = {spell(file.relative_to(source).as_posix()): file for file in photographs.below()}
    says = f"{source}: distractors.count is {count}, the folder has {len(files)} images"
    if len(files) < count:
        raise ValueError(f"{says}; {photographs}")
    sieve = Sieve(photographs, exemplars)
    for name in sorted(files, key=lambda name: (derive_seed(seed, "distractor", name), name)):
        if row := sieve.pass_on(found(files[name], source)):
            yield row
        if len(sieve.seen) == count:
            sieve.report()
            return
    raise ValueError(f"{says}; {photographs}")


def found(file: Path, source: Path) -> Found:
    """An image file anywhere in the folder `source`, with what lies beside it."""
    name = spell(file.relative_to(source).as_posix())
    class_name = spell(file.parent.name) if file.parent != source else ""
    beside = (_beside(file, suffix) for suffix in (".txt", ".json"))
    return Found(name, class_name, name_of(file, source), file.suffix, read_bytes(file), *beside)


def _beside(file: Path, suffix: str) -> bytes | None:
    other = file.with_suffix(suffix)
    return read_bytes(other) if other.is_file() else None
