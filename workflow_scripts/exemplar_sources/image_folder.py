"""Your own images: a folder per class of object, or per style; or any images as distractors.

{source}/{class}/*      of a case of kind `object`: the first images by name, one model each, train, then val, test
{source}/{group}/*      of a case of kind `style`: all images of a group, one model
{source}/**/*           as distractors
"""

from collections.abc import Iterator, Set
from pathlib import Path

import pandas as pd

from workflow_scripts.exemplar_sources import _photographs, models_of, style_groups
from workflow_scripts.exemplar_sources._distractors import below_folder
from workflow_scripts.study.study import Case, Model

FOLDERS = True  # see `plugins.has_folders`


def select(source: Path, case: Case, seed: int) -> Iterator[pd.DataFrame]:
    """Takes the images of each class or group in the order of their names."""
    if case.kind == "style":
        return style_groups.select(source, case, seed)
    present = _photographs.list_folders(source)
    for model in models_of(case):
        if model.class_name not in present:
            raise ValueError(
                f"{source}: no folder {model.class_name!r}, a class of {case.name}; folders: "
                f"{', '.join(present[:10]) or 'none'}"
            )
    return _photographs.in_parts(_rows(source, case, models_of(case)))


def distract(source: Path, exemplars: Set[str], count: int, seed: int) -> Iterator[pd.DataFrame]:
    """Takes images anywhere in the folder, in the order of a hash of seed and path.

    The column `class` names the folder of an image, so that hard distractors can be told apart.
    """
    return _photographs.in_parts(below_folder(source, exemplars, count, seed))


def _rows(source: Path, case: Case, models: list[Model]) -> Iterator[dict]:
    usable = {}
    for model in models:
        name = model.class_name
        if name not in usable:
            usable[name] = _photographs.read_usable(_photographs.list_images(source / name))
        file, image = next(usable[name], (None, None))
        if file is None:
            needed = sum(other.class_name == name for other in models)
            raise ValueError(
                f"{source / name}: {case.name} needs {needed} usable images of this class; of "
                f"{len(_photographs.list_images(source / name))} images, none is left for {model.name!r}"
            )
        yield _photographs.exemplar(model, 0, source, file, image, f"a photo of a {model.class_word}")
