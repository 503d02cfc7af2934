"""ImageNet's photographs, from small trees in the layouts of ILSVRC2012."""

import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.io import savemat

from tests.unit.pictures import encoded, picture, write
from workflow_scripts import artifacts
from workflow_scripts.exemplar_sources import EXEMPLAR_COLUMNS, imagenet
from workflow_scripts.study.study import Case

TENCH, SHARK = "n01440764", "n01484850"


def case(*classes: str, **per_class: int) -> Case:
    counts = {"train": 0, "val": 0, "test": 0, **per_class}
    members = dict.fromkeys(counts, dict.fromkeys(classes or (TENCH, SHARK), "fish"))
    return Case(
        "imagenet_seen",
        "object",
        "imagenet",
        members,
        counts,
        numbered_from={"train": 0, "test": counts["train"], "val": counts["train"] + counts["test"]},
    )


def chosen(source: Path, case: Case, seed: int = 0) -> pd.DataFrame:
    return pd.concat(imagenet.select(source, case, seed), ignore_index=True)


def grow(source: Path, order: slice = slice(None)) -> Path:
    """Five images of each class in train, four in val, with a folder per class."""
    for c, name in enumerate((TENCH, SHARK)):
        for k in range(5)[order]:
            write(source / f"train/{name}/{name}_{k}.JPEG", picture(100 * c + k))
        for k in range(4)[order]:
            write(source / f"val/{name}/ILSVRC2012_val_{4 * c + k + 1:08d}.JPEG", picture(100 * c + 50 + k))
    return source


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return grow(tmp_path / "imagenet")


def test_seen_test_exemplars_come_from_val_all_others_from_train(source: Path):
    table = chosen(source, case(train=2, val=1, test=1))
    assert list(table.columns) == list(EXEMPLAR_COLUMNS)
    assert list(table.model[:4]) == [f"{TENCH}_0000", f"{TENCH}_0001", f"{SHARK}_0000", f"{SHARK}_0001"]
    assert list(table.model[4:]) == [f"{TENCH}_0003", f"{SHARK}_0003", f"{TENCH}_0002", f"{SHARK}_0002"]
    assert list(table.split) == ["train"] * 4 + ["val"] * 2 + ["test"] * 2
    folders = [str(Path(name).parent) for name in table.source]
    assert folders[4:] == [f"imagenet/{split}/{name}" for split in ("train", "val") for name in (TENCH, SHARK)]
    assert set(folders[:4]) == {f"imagenet/train/{TENCH}", f"imagenet/train/{SHARK}"}
    assert table.source.is_unique
    assert [artifacts.file_hash(source.parent / name) for name in table.source] == list(table.sha256)
    assert table.iloc[0][["class", "class_word", "k", "caption", "licence", "author"]].tolist() == [
        TENCH, "fish", 0, "a photo of a fish", "ImageNet terms of access", "unknown",
    ]  # fmt: skip


def test_exemplars_of_a_case_without_train_split_come_from_train(source: Path):
    shutil.rmtree(source / "val")  # which need not be there
    table = chosen(source, case(test=5))
    assert all(name.startswith("imagenet/train/") for name in table.source)
    assert table.source.nunique() == 10


def test_a_split_or_class_more_changes_no_image(source: Path):
    few = chosen(source, case(TENCH, train=2, test=1))
    more = chosen(source, case(train=2, val=2, test=2))
    merged = few.merge(more, on="source", suffixes=("", "_more"))
    assert list(merged.split_more) == list(few.split)
    assert list(few.source[few.split == "train"]) == list(more.source[:2])


def test_the_order_on_the_disk_decides_nothing_but_the_seed_does(source: Path, tmp_path: Path):
    other = grow(tmp_path / "other/imagenet", slice(None, None, -1))
    wanted = case(train=2, test=1)
    assert list(chosen(source, wanted).source) == list(chosen(other, wanted).source)
    assert list(chosen(source, wanted).source) != list(chosen(source, wanted, seed=1).source)


def write_devkit(source: Path, labels: list[int]) -> None:
    """The devkit's files, with the fields and shapes of `meta.mat`; its numbers do not follow the names' order."""
    kinds = [("ILSVRC2012_ID", "O"), ("WNID", "O"), ("words", "O"), ("num_children", "O")]
    rows = [(2, TENCH, "tench", 0), (1, SHARK, "white shark", 0), (1001, "n00001740", "entity", 2)]
    synsets = np.array(rows, dtype=kinds).reshape(-1, 1)
    devkit = source / "ILSVRC2012_devkit_t12/data"
    devkit.mkdir(parents=True)
    savemat(devkit / "meta.mat", {"synsets": synsets})
    (devkit / "ILSVRC2012_validation_ground_truth.txt").write_text("".join(f"{label}\n" for label in labels))


def flatten(source: Path) -> list[int]:
    """Moves val's images beside each other; returns their labels."""
    labels = {}
    for file in sorted(source.glob("val/*/*")):
        labels[file.name] = {TENCH: 2, SHARK: 1}[file.parent.name]
        file.rename(source / "val" / file.name)
    for folder in (TENCH, SHARK):
        (source / "val" / folder).rmdir()
    return [labels[name] for name in sorted(labels)]


def test_the_devkit_tells_the_classes_of_a_flat_val(source: Path):
    in_folders = chosen(source, case(train=1, test=2))
    write_devkit(source, flatten(source))
    flat = chosen(source, case(train=1, test=2))
    assert list(flat.sha256) == list(in_folders.sha256)
    assert re.fullmatch(r"imagenet/val/ILSVRC2012_val_\d{8}\.JPEG", flat.source.iloc[-1])


def test_the_archive_of_kaggle_serves_as_it_is(source: Path, tmp_path: Path):
    in_folders = chosen(source, case(train=1, test=2))
    names = {1: SHARK, 2: TENCH}
    labels = enumerate(flatten(source), 1)
    lines = [f"ILSVRC2012_val_{i:08d},{names[label]} 85 1 499 272 {names[label]} 1 2 3 4 " for i, label in labels]
    packed = tmp_path / "kaggle"
    for split in ("train", "val"):
        shutil.copytree(source / split, packed / "ILSVRC/Data/CLS-LOC" / split)
    (packed / "LOC_val_solution.csv").write_text("\n".join(["ImageId,PredictionString", *reversed(lines)]))
    found = chosen(packed, case(train=1, test=2))
    assert list(found.sha256) == list(in_folders.sha256)
    assert found.source.iloc[0].startswith(f"kaggle/ILSVRC/Data/CLS-LOC/train/{TENCH}/")


FAULTS = {
    "cut off": (encoded(picture(7))[:2000], "unreadable"),
    "tiny": (encoded(picture(7, (400, 255))), "under 256 pixels"),
    "grey": (encoded(picture(7).convert("L")), "grey"),
    "grey as RGB": (encoded(picture(7).convert("L").convert("RGB")), "grey"),
    "a copy": (encoded(picture(0)), "like another"),
    "a copy of another size and quality": (encoded(picture(0).resize((420, 380)), quality=40), "like another"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_images_that_cannot_serve_are_passed_over(fault: str, tmp_path: Path):
    image, reason = FAULTS[fault]
    source = tmp_path / "imagenet"
    for k in range(3):
        write(source / f"train/{TENCH}/{TENCH}_{k}.JPEG", picture(k))
    write(source / f"train/{TENCH}/{TENCH}_9.JPEG", image)
    table = chosen(source, case(TENCH, test=3))
    assert table.source.nunique() == 3
    copied = "copy" in fault  # then either of the two serves
    assert {f"imagenet/train/{TENCH}/{TENCH}_{k}.JPEG" for k in ((1, 2) if copied else (0, 1, 2))} <= set(table.source)
    says = f"{source}/train: class '{TENCH}' of imagenet_seen needs 4 images, 3 of 4 can be used; skipped: 1 .jpeg"
    with pytest.raises(ValueError, match=f"^{re.escape(f'{says} ({reason})')}$"):
        chosen(source, case(TENCH, test=4))


def test_a_copy_in_val_of_an_image_of_train_is_passed_over(source: Path):
    for file in sorted(source.glob(f"val/{TENCH}/*"))[:3]:
        write(file, encoded(picture(0), quality=60))
    for k in range(1, 5):
        (source / f"train/{TENCH}/{TENCH}_{k}.JPEG").unlink()
    table = chosen(source, case(TENCH, train=1, test=1))
    assert table.source.iloc[-1] == f"imagenet/val/{TENCH}/ILSVRC2012_val_00000004.JPEG"


def test_a_colour_cast_is_no_grey(tmp_path: Path):
    """Sepia photographs serve: the mean spread of 4 levels is that of a grey image's JPEG, not of a tinted one."""
    grey = np.asarray(picture(0).convert("L"), np.float32)
    for k, tint in enumerate((6, 12)):
        image = Image.fromarray(np.stack([grey * (255 - tint) / 255 + tint, grey, grey], -1).astype(np.uint8))
        write(tmp_path / f"train/{TENCH}/{k}.JPEG", encoded(image, quality=95))
    assert list(chosen(tmp_path, case(TENCH, test=1)).source) == [f"{tmp_path.name}/train/{TENCH}/1.JPEG"]
    with pytest.raises(ValueError, match=r"needs 2 images, 1 of 2 can be used; skipped: 1 \.jpeg \(grey\)$"):
        chosen(tmp_path, case(TENCH, test=2))


def spoil(file: str, data: bytes):
    return lambda source: write(source / "ILSVRC2012_devkit_t12/data" / file, data)


REFUSED = {
    "class": (
        lambda source: shutil.rmtree(source / "train" / SHARK),
        "{source}/train: class 'n01484850' of imagenet_seen needs 1 images, it has 0",
    ),
    "val": (lambda source: shutil.rmtree(source / "val"), "{source}/val: no folder of images (No such file"),
    "devkit": (
        lambda source: shutil.rmtree(source / "ILSVRC2012_devkit_t12"),
        "{source}/ILSVRC2012_devkit_t12/data/meta.mat: cannot be read (No such file or directory); ILSVRC's val needs",
    ),
    "labels": (
        lambda source: (source / "ILSVRC2012_devkit_t12/data/ILSVRC2012_validation_ground_truth.txt").unlink(),
        "{source}/ILSVRC2012_devkit_t12/data/ILSVRC2012_validation_ground_truth.txt: cannot be read (No such file",
    ),
    "meta.mat": (
        spoil("meta.mat", b"no matrix" * 99), "{source}/ILSVRC2012_devkit_t12/data: not the devkit of ILSVRC2012 (",
    ),
    "a label": (
        spoil("ILSVRC2012_validation_ground_truth.txt", b"1\n7\n"),
        "{source}/ILSVRC2012_devkit_t12/data: not the devkit of ILSVRC2012 (KeyError(7))",
    ),
    "the images of a class": (
        spoil("ILSVRC2012_validation_ground_truth.txt", b"1\n" * 8),
        "{source}/val: class 'n01440764' of imagenet_seen needs 1 images, it has 0",
    ),
}  # fmt: skip


@pytest.mark.parametrize("missing", REFUSED)
def test_what_is_missing_of_imagenet_is_named(missing: str, source: Path):
    write_devkit(source, flatten(source))
    remove, says = REFUSED[missing]
    remove(source)
    with pytest.raises(ValueError, match=f"^{re.escape(says.format(source=source))}"):
        chosen(source, case(train=1, test=1))
