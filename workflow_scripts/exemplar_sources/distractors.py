"""Distractors by the million: the tars that img2dataset makes of LAION's addresses, or else a folder of images.

    {source}/00000.tar ...      with 000000012.jpg, 000000012.txt, 000000012.json: an image, its caption, its url
    {source}/**/*.jpg ...       if there are no tars; the same two files may be beside an image

The images with the smallest hashes of seed, tar and key are taken, whatever their order on the disk. A first pass over
the tars reads only names, a second the images; further passes replace images that cannot be used. Memory holds 8 bytes
for each image in the tars, and the SHA-256 of each image taken.
"""

import logging
import tarfile
from collections.abc import Iterator, Set
from contextlib import contextmanager
from itertools import chain, groupby
from pathlib import Path

import numpy as np
import pandas as pd

from workflow_scripts.exemplar_sources._distractors import Sieve, below_folder, describe
from workflow_scripts.exemplar_sources._photographs import EXTENSIONS, in_parts
from workflow_scripts.seeds import derive_seed

log = logging.getLogger("exemplar_sources")
Sample = dict[str, tarfile.TarInfo]  # by the part of the name after the key, such as ".jpg"


def distract(source: Path, exemplars: Set[str], count: int, seed: int) -> Iterator[pd.DataFrame]:
    """Takes images by their hash, each once. The column `class` is empty for images in tars."""
    tars = sorted(source.glob("*.tar"))
    if tars:
        return in_parts(_from_tars(source, tars, Sieve(exemplars), count, seed))
    return in_parts(below_folder(source, exemplars, count, seed))


def _from_tars(source: Path, tars: list[Path], sieve: Sieve, count: int, seed: int) -> Iterator[dict]:
    log.info("reading the names in %d tars", len(tars))
    hashes = np.sort(np.fromiter(chain.from_iterable(_hashes(tar, seed) for tar in tars), np.int64))
    tried = 0
    while missing := count - len(sieve.seen):
        tries = hashes[tried : tried + missing]
        if len(tries) < missing:
            raise ValueError(
                f"{source}: distractors.count is {count}, the {len(tars)} tars have {len(hashes)} images; {sieve}"
            )
        tried += missing
        for tar in tars:
            yield from _read(tar, sieve, tries[0], tries[-1], seed)
    log.info("%d images, %s", count, sieve)


def _hashes(tar: Path, seed: int) -> Iterator[int]:
    """The hash of each image in a tar."""
    with _open(tar) as opened:
        for key, _ in _samples(opened):
            yield derive_seed(seed, "distractor", tar.stem, key)


def _read(tar: Path, sieve: Sieve, first: int, last: int, seed: int) -> Iterator[dict]:
    """Rows of the images in a tar whose hash is from `first` to `last`."""
    with _open(tar) as opened:
        for key, sample in _samples(opened):
            if not first <= derive_seed(seed, "distractor", tar.stem, key) <= last:
                continue
            image, text, record = (_bytes(opened, sample, *kinds) for kinds in (EXTENSIONS, [".txt"], [".json"]))
            caption, url = describe(text, record)
            name = f"{tar.stem}/{key}"
            if row := sieve.pass_on(name, "", image, caption, url or name, "see url" if url else "unknown"):
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


def _samples(opened: tarfile.TarFile) -> Iterator[tuple[str, Sample]]:
    """Key and members of each sample that has an image; later samples with the same key are left out."""
    keys = set()
    for key, members in groupby(_files(opened), key=lambda member: _split(member)[0]):
        sample = {_split(member)[1]: member for member in members}
        if key not in keys and not sample.keys().isdisjoint(EXTENSIONS):
            keys.add(key)
            yield key, sample


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
    folder, slash, name = member.name.removeprefix("./").rpartition("/")
    stem, dot, kind = name.partition(".")
    return f"{folder}{slash}{stem}", f"{dot}{kind}".lower()


def _bytes(opened: tarfile.TarFile, sample: Sample, *kinds: str) -> bytes | None:
    """The bytes of a sample's first member of some kinds."""
    member = next((sample[kind] for kind in kinds if kind in sample), None)
    return None if member is None else opened.extractfile(member).read()
