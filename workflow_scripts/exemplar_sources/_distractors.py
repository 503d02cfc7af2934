"""What the sources of distractors share: images as rows, each once, without exemplars."""

import json
import logging
import os
from collections import Counter
from collections.abc import Iterator, Set
from pathlib import Path

from workflow_scripts import artifacts
from workflow_scripts.exemplar_sources._photographs import is_image, name_of, read_bytes, sha256, to_store
from workflow_scripts.seeds import derive_seed

log = logging.getLogger("exemplar_sources")


class Sieve:
    """Turns images into rows if they can be distractors, and counts those that cannot."""

    def __init__(self, exemplars: Set[str]) -> None:
        self.exemplars = exemplars  # their `source` and `sha256`
        self.seen = set()  # SHA-256 of the images that became rows
        self.skipped = Counter()  # by reason

    def pass_on(self, name: str, class_name: str, data: bytes, caption: str, source: str, licence: str) -> dict | None:
        """A row with DISTRACTOR_COLUMNS; None if the image cannot be a distractor."""
        try:
            image = to_store(artifacts.open_image(data, name), data)
        except ValueError:
            return self._skip("unreadable")
        digest = sha256(image)
        if not self.exemplars.isdisjoint((source, digest)):
            return self._skip("exemplars")
        if bytes.fromhex(digest) in self.seen:
            return self._skip("copies")
        self.seen.add(bytes.fromhex(digest))
        about = {"id": name, "class": class_name, "image": image, "caption": caption, "sha256": digest}
        return {**about, "source": source, "licence": licence, "author": "unknown"}

    def _skip(self, reason: str) -> None:
        self.skipped[reason] += 1

    def __str__(self) -> str:
        reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(self.skipped.items()))
        return f"skipped: {reasons or 'none'}"


def describe(text: bytes | None, record: bytes | None) -> tuple[str, str | None]:
    """Caption and address of an image, from the `.txt` and `.json` that img2dataset writes beside it."""
    try:
        about = json.loads(record or b"{}")
    except ValueError:
        about = {}
    about = about if isinstance(about, dict) else {}
    caption = text.decode(errors="replace") if text is not None else about.get("caption")
    return str(caption or "").strip(), str(about["url"]) if about.get("url") else None


def below_folder(source: Path, exemplars: Set[str], count: int, seed: int) -> Iterator[dict]:
    """Rows of `count` images anywhere in a folder, in the order of a hash of seed and path."""
    files = {file.relative_to(source).as_posix(): file for file in _find_images(source)}
    if len(files) < count:
        raise ValueError(f"{source}: distractors.count is {count}, the folder has {len(files)} images")
    sieve = Sieve(exemplars)
    for name in sorted(files, key=lambda name: (derive_seed(seed, "distractor", name), name)):
        file = files[name]
        caption, url = describe(*(_beside(file, suffix) for suffix in (".txt", ".json")))
        class_name = file.parent.name if file.parent != source else ""
        licence = "see url" if url else "unknown"
        if row := sieve.pass_on(name, class_name, read_bytes(file), caption, url or name_of(file, source), licence):
            yield row
        if len(sieve.seen) == count:
            log.info("%d images, %s", count, sieve)
            return
    raise ValueError(f"{source}: distractors.count is {count}, the folder has {len(files)} images; {sieve}")


def _beside(file: Path, suffix: str) -> bytes | None:
    other = file.with_suffix(suffix)
    return read_bytes(other) if other.is_file() else None


def _find_images(source: Path) -> Iterator[Path]:
    """The image files in a folder and all folders below it, without hidden ones."""
    if not source.is_dir():
        raise ValueError(f"{source}: no folder of images")
    for folder, folders, names in os.walk(source):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(folder, name) for name in names if is_image(name))
