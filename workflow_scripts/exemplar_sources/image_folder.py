"""Your own images: a folder per class of object, or per style; or any images as distractors.

{source}/{class}/*      of a case of kind `object`: the first images by name, one model each, train, then val, test
{source}/{group}/*      of a case of kind `style`: all images of a group, one model
{source}/**/*           as distractors

An image of a class that is a twin of an earlier one, of any class, is passed over: it would be known before its test.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import pandas as pd

from workflow_scripts import cli
from workflow_scripts.exemplar_sources import Exemplars, _photographs, models_of, style_groups
from workflow_scripts.exemplar_sources._distractors import Sieve, below_folder, found
from workflow_scripts.exemplar_sources._photographs import Choice, Photographs
from workflow_scripts.exemplar_sources._twins import Album, Mark
from workflow_scripts.study.study import Case, Model

FOLDERS = True  # see `plugins.has_folders`


def select(source: Path, case: Case, seed: int) -> Iterator[pd.DataFrame]:
    """Takes the images of each class or group in the order of their names."""
    if case.kind == "style":
        return style_groups.select(source, case, seed)
    present = dict.fromkeys(_photographs.list_folders(source))
    for model in models_of(case):
        if model.class_name not in present:
            raise ValueError(
                f"{source}: no folder {model.class_name!r}, a class of {case.name}; folders: "
                f"{cli.printable(', '.join(list(present)[:10])) or 'none'}"
            )
    return _photographs.exemplars(source, _choices(source, case, models_of(case)))


def distract(source: Path, exemplars: Exemplars, count: int, seed: int) -> Iterator[pd.DataFrame]:
    """Takes images anywhere in the folder, in the order of a hash of seed and path.

    The column `class` names the folder of an image, so that hard distractors can be told apart.
    """
    return _photographs.in_parts(below_folder(source, exemplars, count, seed))


def usable(source: Path, kind: str) -> dict[str, list[Mark]]:
    """Marks of the images that a case of this kind can use, by folder; of objects, without twins of earlier ones."""
    folders, album = {name: Photographs(source / name) for name in _photographs.list_folders(source)}, Album()
    images = {name: _marked(own) if kind == "style" else _new_to(album, own) for name, own in folders.items()}
    return {name: [mark for _, mark in own] for name, own in images.items()}


def count_below(source: Path, exemplars: Iterable[Mark], most: int) -> int:
    """How many images anywhere in the folder can be distractors beside these exemplars; counts to `most`.

    Raises:
        ValueError: none can, or there is no such folder.
    """
    photographs = Photographs(source)
    sieve = Sieve(photographs, Exemplars())
    for mark in exemplars:
        sieve.album.add(None, mark)
    for file in photographs.below():
        sieve.pass_on(found(file, source))
        if len(sieve.seen) == most:
            break
    if not sieve.seen:
        raise ValueError(f"{source}: no usable image; {photographs}")
    sieve.report()
    return len(sieve.seen)


def _choices(source: Path, case: Case, models: list[Model]) -> Iterator[Choice]:
    album, chosen = Album(), {}  # class by class, as `usable` counts
    for name, needed in Counter(model.class_name for model in models).items():
        photographs = Photographs(source / name)
        images = list(islice(_new_to(album, photographs), needed))
        if len(images) < needed:
            lacking = [model.name for model in models if model.class_name == name][len(images)]
            raise ValueError(
                f"{source / name}: {case.name} needs {needed} usable images of this class, none is left for "
                f"{lacking!r}; {photographs}"
            )
        photographs.report(needed)
        chosen[name] = iter(images)
    for model in models:
        file, mark = next(chosen[model.class_name])
        yield Choice(model, 0, file, mark, {"caption": f"a photo of a {model.class_word}"})


def _new_to(album: Album, photographs: Photographs) -> Iterator[tuple[Path, Mark]]:
    """The usable images of a class that are no twin of one in the album, to which they are added."""
    for file, mark in _marked(photographs):
        if twins := album.twins(mark):
            _photographs.log.warning("skipped: %s: the same picture as %s", file, twins[0])
            photographs.skip(file.suffix, "the same picture as another")
            continue
        album.add(_photographs.spell(file), mark)
        yield file, mark


def _marked(photographs: Photographs) -> Iterator[tuple[Path, Mark]]:
    """The usable images of a folder."""
    for file, photograph in photographs.usable(photographs.inside()):
        yield file, Mark.of(photograph.image)
