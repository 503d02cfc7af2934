"""Your own images: a folder per class of object, or per style; or any images as distractors.

{source}/{class}/*      of a case of kind `object`: the first images by name, one model each, train, then val, test
{source}/{group}/*      of a case of kind `style`: all images of a group, one model
{source}/**/*           as distractors

An image of a class that is a twin of an earlier one, of any class, is passed over: it would be known before its test.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from workflow_scripts import cli
from workflow_scripts.exemplar_sources import Exemplars, _photographs, models_of, style_groups
from workflow_scripts.exemplar_sources._distractors import below_folder
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


def count(source: Path) -> dict[str, int]:
    """How many images of each folder can be used, without twins of earlier ones."""
    album = Album()
    return {
        name: sum(1 for _ in _new_to(album, Photographs(source / name))) for name in _photographs.list_folders(source)
    }


def count_below(source: Path, most: int) -> int:
    """How many images anywhere in the folder can be used, each once; counts to `most`."""
    photographs, seen = Photographs(source), set()
    for _, photograph in photographs.usable(photographs.below()):
        seen.add(_photographs.sha256(photograph.to_store()))
        if len(seen) == most:
            break
    return len(seen)


def _choices(source: Path, case: Case, models: list[Model]) -> Iterator[Choice]:
    needed = Counter(model.class_name for model in models)
    photographs, album, untried = {}, Album(), {}  # of each class, and of all
    for model in models:
        name = model.class_name
        if name not in untried:
            photographs[name] = Photographs(source / name)
            untried[name] = _new_to(album, photographs[name])
        file, mark = next(untried[name], (None, None))
        if file is None:
            raise ValueError(
                f"{source / name}: {case.name} needs {needed[name]} usable images of this class, none is left for "
                f"{model.name!r}; {photographs[name]}"
            )
        yield Choice(model, 0, file, mark, {"caption": f"a photo of a {model.class_word}"})
    for name, own in photographs.items():
        own.report(needed[name])


def _new_to(album: Album, photographs: Photographs) -> Iterator[tuple[Path, Mark]]:
    """The usable images of a class that are no twin of one in the album, to which they are added."""
    for file, photograph in photographs.usable(photographs.inside()):
        mark = Mark.of(photograph.image)
        if twins := album.twins(mark):
            _photographs.log.warning("skipped: %s: the same picture as %s", file, twins[0])
            photographs.skip(file.suffix, "the same picture as another")
            continue
        album.add(_photographs.spell(file), mark)
        yield file, mark
