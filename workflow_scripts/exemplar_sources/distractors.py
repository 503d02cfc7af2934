"""Distractors by the million: the tars that img2dataset makes of LAION's addresses, or else a folder of images.

    {source}/00000.tar ...      with 000000012.jpg, 000000012.txt, 000000012.json: an image, its caption, its url
    {source}/**/*.jpg ...       if there are no tars; the same two files may be beside an image

The images with the smallest hashes of seed, tar and key are taken, whatever their order on the disk or in a tar. A
first pass over the tars reads only names, a second the images; further passes replace images that cannot be used.
Memory holds 8 bytes for each image in the tars, the SHA-256 of each image taken, and the names in one tar.
"""

import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd

from workflow_scripts.exemplar_sources import Exemplars
from workflow_scripts.exemplar_sources._distractors import Found, Sieve, below_folder
from workflow_scripts.exemplar_sources._photographs import BESIDE, EXTENSIONS, Photographs, in_parts, log, spell
from workflow_scripts.seeds import derive_seed

Sample = dict[str, tarfile.TarInfo]  # by the part of the name after the key, such as ".jpg"


def distract(source: Path, exemplars: Exemplars, count: int, seed: int) -> Iterator[pd.DataFrame]:
    """Takes images by their hash, each once. The column `class` is empty for images in tars."""
    tars = sorted(source.glob("*.tar"))
    if tars:
        return in_parts(_from_tars(source, tars, exemplars, count, seed))
    return in_parts(below_folder(source, exemplars, count, seed))


def _from_tars(source: Path, tars: list[Path], exemplars: Exemplars, count: int, seed: int) -> Iterator[dict]:
    log.info("reading the names in %d tars", len(tars))
    photographs = Photographs(source)
    hashes = np.sort(np.fromiter(chain.from_iterable(_hashes(tar, photographs, seed) for tar in tars), np.int64))
    sieve, tried = Sieve(photographs, exemplars), 0
    while missing := count - len(sieve.seen):
        tries = hashes[tried : tried + missing]
        if len(tries) < missing:
            raise ValueError(
                f"{source}: distractors.count is {count}, the {len(tars)} tars have {len(hashes)} images; {photographs}"
            )
        tried += missing
        for tar in tars:
            yield from _read(tar, sieve, tries[0], tries[-1], seed)
    sieve.report()


def _hash(tar: Path, key: str, seed: int) -> int:
    return derive_seed(seed, "distractor", spell(tar.stem), key)


def _hashes(tar: Path, photographs: Photographs, seed: int) -> Iterator[int]:
    """The hash of each image in a tar; counts the other files."""
    keys, described = set(), []
    with _open(tar) as opened:
        for key, kind in map(_split, _files(opened)):
            if kind in EXTENSIONS:
                keys.add(key)
            elif kind in BESIDE:
                described.append((key, kind))
            else:
                photographs.skip(kind, "no image")
    for key, kind in described:
        if key not in keys:
            photographs.skip(kind, "no image")
    return (_hash(tar, key, seed) for key in keys)


def _read(tar: Path, sieve: Sieve, first: int, last: int, seed: int) -> Iterator[dict]:
    """Rows of the images in a tar whose hash is from `first` to `last`, in the order of the tar."""
    samples: dict[str, Sample] = {}
    with _open(tar) as opened:
        for member in _files(opened):
            key, kind = _split(member)
            if kind in EXTENSIONS + BESIDE and first <= _hash(tar, key, seed) <= last:
                samples.setdefault(key, {}).setdefault(kind, member)  # of members with one name, the first
        for key, sample in samples.items():
            if kind := next((kind for kind in EXTENSIONS if kind in sample), None):
                name = f"{spell(tar.stem)}/{key}"
                data, text, record = (_bytes(opened, sample.get(part)) for part in (kind, *BESIDE))
                if row := sieve.pass_on(Found(name, "", name, kind, data, text, record)):
                    yield row


@contextmanager
def _open(tar: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(tar, "r:") as opened:
            yield opened
    except tarfile.TarError as error:
        raise ValueError(f"{tar}: truncated, or not a tar ({error}); make or fetch it again") from error
    except OSError as error:
        raise ValueError(f"{tar}: cannot be read ({error.strerror or error})") from error


def _files(opened: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """The regular files in a tar, without hidden ones.

    Raises:
        tarfile.ReadError: the tar is truncated, even where a member ends.
    """
    for member in iter(opened.next, None):
        opened.members.clear()  # or it would hold all members in memory
        if member.isreg() and not Path(member.name).name.startswith("."):
            yield member
    opened.fileobj.seek(opened.offset)
    if opened.fileobj.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
        raise tarfile.ReadError("it does not end as a tar does")


def _split(member: tarfile.TarInfo) -> tuple[str, str]:
    """Key and kind of a member: `00/12` and `.jpg` for `./00/12.JPG`."""
    folder, slash, name = spell(member.name).removeprefix("./").rpartition("/")
    stem, dot, kind = name.partition(".")
    return f"{folder}{slash}{stem}", f"{dot}{kind}".lower()


def _bytes(opened: tarfile.TarFile, member: tarfile.TarInfo | None) -> bytes | None:
    return None if member is None else opened.extractfile(member).read()
