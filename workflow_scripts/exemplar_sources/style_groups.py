"""Styles as folders of images, one model per folder: BAM-FG's groups, Artchive's artists.

{source}/101549_0/*.jpg     all images of a group, in the order of their names
{source}/train.txt          if the study gives only the number of groups of a split: their folders, one per line, in
                            the order of the models
"""

import itertools
from collections.abc import Collection, Iterator
from pathlib import Path

import pandas as pd

from workflow_scripts.exemplar_sources import _photographs, models_of, number_of
from workflow_scripts.exemplar_sources._photographs import Choice, Photographs
from workflow_scripts.exemplar_sources._twins import Mark
from workflow_scripts.study.study import Case, read_lines

FOLDERS = True  # see `plugins.has_folders`


def select(source: Path, case: Case, seed: int) -> Iterator[pd.DataFrame]:
    """Takes all images of each group, or as many of the first as the model's size says."""
    return _photographs.exemplars(source, _choices(source, case, _folders(source, case)))


def _choices(source: Path, case: Case, folders: dict[str, str]) -> Iterator[Choice]:
    for class_name, group in itertools.groupby(models_of(case), key=lambda model: model.class_name):
        folder = source / folders[class_name]
        photographs = Photographs(folder)
        files = photographs.usable(photographs.inside())
        most = max(case.set_sizes, default=None)
        usable = [(file, Mark.of(photograph.image)) for file, photograph in itertools.islice(files, most)]
        for model in group:
            size = number_of(model) if case.set_sizes else max(len(usable), 1)
            if len(usable) < size:
                raise ValueError(
                    f"{folder}: {model.name!r} of {case.name} needs {size} usable images, the folder has "
                    f"{len(usable)}; {photographs}"
                )
            style = _photographs.spell(folder.name)
            about = {"class": style, "author": style, "caption": f"a picture in the style of {style}"}
            for k, (file, mark) in enumerate(usable[:size]):
                yield Choice(model, k, file, mark, about)
        photographs.report(len(usable))


def _folders(source: Path, case: Case) -> dict[str, str]:
    """The folder of each group; all folders are checked before any image is read."""
    present = dict.fromkeys(_photographs.list_folders(source))
    folders, named_in = {}, {}
    for split in case.splits:
        groups = list(dict.fromkeys(model.class_name for model in case.models[split]))
        if case.group_counts:
            where = source / f"{split}.txt"
            names = _read_list(where, case, len(groups), present)
        else:
            where, names = f"cases.{case.name}.groups.{split}", groups
        for folder in names:
            if folder not in present:
                raise ValueError(f"{where}: {folder!r} is none of the {len(present)} folders of {source}")
            if folder in named_in:
                raise ValueError(
                    f"{where}: {folder!r} is already listed in {named_in[folder]}; a folder can be used only once"
                )
            named_in[folder] = where
        folders |= zip(groups, names, strict=True)
    return folders


def _read_list(file: Path, case: Case, count: int, present: Collection[str]) -> list[str]:
    if not file.is_file():
        raise ValueError(
            f"{file}: no such file; {case.name} has {count} groups in this split: list their folders, one per line, of "
            f"the {len(present)} in {file.parent}"
        )
    names = read_lines(file)
    if len(names) != count:
        raise ValueError(f"{file}: lists {len(names)} folders, {case.name} has {count} groups in this split")
    return names
