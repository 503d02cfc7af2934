"""Photographs of ImageNet's classes, one model per image (paper section 4.1), in the layout of ILSVRC2012.

    {source}/train/n01440764/*.JPEG
    {source}/val/n01440764/*.JPEG, or {source}/val/ILSVRC2012_val_00000001.JPEG ... with the devkit's
    {source}/ILSVRC2012_devkit_t12/data/{meta.mat,ILSVRC2012_validation_ground_truth.txt}

Kaggle's archive works as well: {source}/ILSVRC/Data/CLS-LOC/{train,val} and {source}/LOC_val_solution.csv.

The test exemplars of a case that has a train split come from ILSVRC's val, all others from its train. Each class takes
the images of its folder in the order of a hash of seed and name, so that adding a model changes no earlier one. It
skips images that

- `artifacts.open_image` cannot read (a few are CMYK),
- have fewer than SMALLEST pixels on the shorter side,
- are grey: the mean difference of the largest and the smallest channel is under COLOURFUL of 255 levels,
- resemble an earlier image of the class: at most ALIKE of the 64 bits of `imagehash.phash` differ.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from workflow_scripts import artifacts
from workflow_scripts.exemplar_sources import _photographs, models_of
from workflow_scripts.seeds import derive_seed
from workflow_scripts.study.study import Case, Model

SMALLEST = 256  # pixels
COLOURFUL = 4  # levels
ALIKE = 10  # bits; of two photographs by chance, about 32 differ
KAGGLE = Path("ILSVRC/Data/CLS-LOC")
SOLUTION = "LOC_val_solution.csv"
DEVKIT = Path("ILSVRC2012_devkit_t12/data")
LICENCE = "ImageNet terms of access"


class Pool:
    """The images of a class in one of ILSVRC's splits, in the order in which they are tried."""

    def __init__(self, files: list[Path], seed: int) -> None:
        self.files = sorted(files, key=lambda file: (derive_seed(seed, "imagenet", file.name), file.name))
        self.untried, self.taken, self.skipped = iter(self.files), 0, Counter()  # skipped: by reason

    def take(self, hashes: list) -> tuple[Path, bytes] | None:
        """The next usable image, with the bytes to store; None if none is left. Adds its hash to the class's."""
        for file in self.untried:
            data = _photographs.read_bytes(file)
            try:
                image = artifacts.open_image(data, str(file))
            except ValueError:
                self.skipped["unreadable"] += 1
                continue
            if fault := _fault(image, hashes):
                self.skipped[fault] += 1
                continue
            self.taken += 1
            return file, _photographs.to_store(image, data)
        return None


def select(source: Path, case: Case, seed: int) -> Iterator[pd.DataFrame]:
    """Takes one image of its class for each model."""
    models = models_of(case)
    needed = Counter((_pool(case, model), model.class_name) for model in models)
    pools = {}
    for split in ("train", "val"):
        files_of = _find(source, split, [name for pool, name in needed if pool == split])
        pools |= {(split, name): Pool(files, seed) for name, files in files_of.items()}
    for (split, name), count in needed.items():
        if len(pools[split, name].files) < count:
            raise ValueError(_too_few(source, case, split, name, count, pools[split, name]))
    return _photographs.in_parts(_rows(source, case, models, needed, pools))


def _pool(case: Case, model: Model) -> str:
    """The split of ILSVRC that a model's exemplar comes from."""
    return "val" if model.split == "test" and case.models["train"] else "train"


def _rows(source: Path, case: Case, models: list[Model], needed: Counter, pools: dict) -> Iterator[dict]:
    hashes = defaultdict(list)  # of the images that each class has taken
    for model in models:
        key = _pool(case, model), model.class_name
        taken = pools[key].take(hashes[model.class_name])
        if taken is None:
            raise ValueError(_too_few(source, case, *key, needed[key], pools[key]))
        file, image = taken
        yield _photographs.exemplar(model, 0, source, file, image, f"a photo of a {model.class_word}", licence=LICENCE)


def _fault(image: Image.Image, hashes: list) -> str | None:
    """Why an image cannot be used; None if it can, and then its hash is added to those of its class."""
    import imagehash

    if min(image.size) < SMALLEST:
        return f"under {SMALLEST} pixels"
    small = np.asarray(artifacts.on_white(image).resize((64, 64), Image.Resampling.BOX))
    if np.ptp(small, axis=2).mean() < COLOURFUL:
        return "grey"
    code = imagehash.phash(image)
    if any(code - other <= ALIKE for other in hashes):
        return "like another"
    hashes.append(code)
    return None


def _too_few(source: Path, case: Case, split: str, name: str, count: int, pool: Pool) -> str:
    reasons = ", ".join(f"{times} {reason}" for reason, times in sorted(pool.skipped.items()))
    return (
        f"{_root(source) / split}: class {name!r} of {case.name} needs {count} images, "
        f"{f'{pool.taken} of {len(pool.files)} can be used: {reasons}' if reasons else f'it has {len(pool.files)}'}"
    )


def _root(source: Path) -> Path:
    return source / KAGGLE if (source / KAGGLE).is_dir() else source


def _find(source: Path, split: str, classes: Collection[str]) -> dict[str, list[Path]]:
    """The image files of each class in one of ILSVRC's splits."""
    if not classes:
        return {}
    folder = _root(source) / split
    if split == "train" or _photographs.list_folders(folder):
        return {name: _photographs.list_images(folder / name) for name in classes}
    files_of = {name: [] for name in classes}
    labels = _read_solution(source / SOLUTION) if (source / SOLUTION).is_file() else _read_devkit(source / DEVKIT)
    for file in _photographs.list_images(folder):
        files_of.get(labels.get(file.stem), []).append(file)
    return files_of


def _read_solution(file: Path) -> dict[str, str]:
    """The class of each image of val, from lines such as `ILSVRC2012_val_00048981,n03995372 85 1 499 272`."""
    lines = (line.partition(",") for line in file.read_text().splitlines()[1:])
    return {name: boxes.partition(" ")[0] for name, _, boxes in lines}


def _read_devkit(devkit: Path) -> dict[str, str]:
    """The class of each image of val, by the name of its file."""
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        with (devkit / "meta.mat").open("rb") as file:
            synsets = loadmat(file, squeeze_me=True)["synsets"]
        names = dict(zip(map(int, synsets["ILSVRC2012_ID"]), map(str, synsets["WNID"]), strict=True))
        numbers = map(int, (devkit / "ILSVRC2012_validation_ground_truth.txt").read_text().split())
        return {f"ILSVRC2012_val_{i:08d}": names[number] for i, number in enumerate(numbers, 1)}
    except OSError as error:
        raise ValueError(f"{error.filename}: cannot be read ({error.strerror}); ILSVRC's val needs it") from error
    except (MatReadError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{devkit}: not the devkit of ILSVRC2012 ({error!r})") from error
