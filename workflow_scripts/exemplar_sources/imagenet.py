"""Photographs of ImageNet's classes, one model per image (paper section 4.1), in the layout of ILSVRC2012.

    {source}/train/n01440764/*.JPEG
    {source}/val/n01440764/*.JPEG, or {source}/val/ILSVRC2012_val_00000001.JPEG ... with the devkit's
    {source}/ILSVRC2012_devkit_t12/data/{meta.mat,ILSVRC2012_validation_ground_truth.txt}

Kaggle's archive works as well: {source}/ILSVRC/Data/CLS-LOC/{train,val} and {source}/LOC_val_solution.csv.

The test exemplars of a case that has a train split come from ILSVRC's val, all others from its train. Each class takes
the images of its folder in the order of a hash of seed and name, so that adding a model changes no earlier one. It
skips images that

- `artifacts.open_photograph` cannot read,
- have fewer than SMALLEST pixels on the shorter side,
- are grey: the mean difference of the largest and the smallest channel is under COLOURFUL of 255 levels,
- are a twin of an earlier image of the class, see `_twins.py`.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from workflow_scripts import artifacts
from workflow_scripts.exemplar_sources import _photographs, models_of
from workflow_scripts.exemplar_sources._photographs import Choice, Photographs
from workflow_scripts.exemplar_sources._twins import Album, Mark
from workflow_scripts.seeds import derive_seed
from workflow_scripts.study.study import Case, Model

SMALLEST = 256  # pixels
COLOURFUL = 4  # levels
KAGGLE = Path("ILSVRC/Data/CLS-LOC")
SOLUTION = "LOC_val_solution.csv"
DEVKIT = Path("ILSVRC2012_devkit_t12/data")
LICENCE = "ImageNet terms of access"


class Pool:
    """The images of a class in one of ILSVRC's splits, in the order in which they are tried."""

    def __init__(self, photographs: Photographs, files: list[Path], seed: int) -> None:
        self.photographs = photographs
        self.files = sorted(files, key=lambda file: (derive_seed(seed, "imagenet", file.name), file.name))
        self.untried, self.taken = iter(self.files), 0

    def take(self, album: Album) -> tuple[Path, Mark] | None:
        """The next usable image, which is added to the album of its class; None if none is left."""
        for file in self.untried:
            photograph = self.photographs.read(_photographs.read_bytes(file), str(file), file.suffix)
            if photograph is None:
                continue
            mark = Mark.of(photograph.image)
            if fault := _fault(photograph.image, mark, album):
                self.photographs.skip(file.suffix, fault)
                continue
            album.add(file, mark)
            self.taken += 1
            return file, mark
        return None


def select(source: Path, case: Case, seed: int) -> Iterator[pd.DataFrame]:
    """Takes one image of its class for each model."""
    models = models_of(case)
    needed = Counter((_pool(case, model), model.class_name) for model in models)
    pools = {}
    for split in ("train", "val"):
        found = _find(source, split, [name for pool, name in needed if pool == split])
        pools |= {(split, name): Pool(*own, seed) for name, own in found.items()}
    for (split, name), count in needed.items():
        if len(pools[split, name].files) < count:
            raise ValueError(_too_few(source, case, split, name, count, pools[split, name]))
    return _photographs.exemplars(source, _choices(source, case, models, needed, pools))


def _pool(case: Case, model: Model) -> str:
    """The split of ILSVRC that a model's exemplar comes from."""
    return "val" if model.split == "test" and case.models["train"] else "train"


def _choices(source: Path, case: Case, models: list[Model], needed: Counter, pools: dict) -> Iterator[Choice]:
    albums = defaultdict(Album)  # of the images that each class has taken
    for model in models:
        key = _pool(case, model), model.class_name
        taken = pools[key].take(albums[model.class_name])
        if taken is None:
            raise ValueError(_too_few(source, case, *key, needed[key], pools[key]))
        yield Choice(model, 0, *taken, {"caption": f"a photo of a {model.class_word}", "licence": LICENCE})
    for pool in pools.values():
        pool.photographs.report(pool.taken)


def _fault(image: Image.Image, mark: Mark, album: Album) -> str | None:
    """Why an image cannot be used; None if it can."""
    if min(image.size) < SMALLEST:
        return f"under {SMALLEST} pixels"
    small = np.asarray(artifacts.on_white(image).resize((64, 64), Image.Resampling.BOX))
    if np.ptp(small, axis=2).mean() < COLOURFUL:
        return "grey"
    return "like another" if album.twins(mark) else None


def _too_few(source: Path, case: Case, split: str, name: str, count: int, pool: Pool) -> str:
    """The message about a class with too few images, before or after they were tried."""
    few = len(pool.files) < count
    has = f"it has {len(pool.files)}" if few else f"{pool.taken} of {len(pool.files)} can be used"
    return f"{_root(source) / split}: class {name!r} of {case.name} needs {count} images, {has}; {pool.photographs}"


def _root(source: Path) -> Path:
    return source / KAGGLE if (source / KAGGLE).is_dir() else source


def _find(source: Path, split: str, classes: Collection[str]) -> dict[str, tuple[Photographs, list[Path]]]:
    """The image files of each class in one of ILSVRC's splits."""
    if not classes:
        return {}
    folder = _root(source) / split
    if split == "train" or _photographs.list_folders(folder):
        return {name: _list(folder, name) for name in classes}
    found = {name: (Photographs(folder), []) for name in classes}
    labels = _read_solution(source / SOLUTION) if (source / SOLUTION).is_file() else _read_devkit(source / DEVKIT)
    for file in Photographs(folder).inside():
        if (name := labels.get(file.stem)) in found:
            found[name][1].append(file)
    return found


def _list(folder: Path, name: str) -> tuple[Photographs, list[Path]]:
    """The images of a class; if it has no folder, what lies beside the others is counted (the tars of all classes)."""
    if (folder / name).is_dir():
        photographs = Photographs(folder / name)
        return photographs, photographs.inside()
    others = Photographs(folder)
    others.inside()
    return others, []


def _read_solution(file: Path) -> dict[str, str]:
    """The class of each image of val, from lines such as `ILSVRC2012_val_00048981,n03995372 85 1 499 272`."""
    lines = (line.partition(",") for line in artifacts.read_text(file).splitlines()[1:])
    return {name: boxes.partition(" ")[0] for name, _, boxes in lines}


def _read_devkit(devkit: Path) -> dict[str, str]:
    """The class of each image of val, by the name of its file."""
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        with (devkit / "meta.mat").open("rb") as file:
            synsets = loadmat(file, squeeze_me=True)["synsets"]
        names = dict(zip(map(int, synsets["ILSVRC2012_ID"]), map(str, synsets["WNID"]), strict=True))
        numbers = map(int, (devkit / "ILSVRC2012_validation_ground_truth.txt").read_text("utf-8").split())
        return {f"ILSVRC2012_val_{i:08d}": names[number] for i, number in enumerate(numbers, 1)}
    except OSError as error:
        raise ValueError(f"{error.filename}: cannot be read ({error.strerror}); ILSVRC's val needs it") from error
    except (MatReadError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{devkit}: not the devkit of ILSVRC2012 ({error!r})") from error
