"""Folders of images as styles or classes, laid out as BAM-FG and Artchive are, or as a user's own."""

import logging
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tests.unit.pictures import encoded, picture, write
from workflow_scripts import artifacts
from workflow_scripts.exemplar_sources import EXEMPLAR_COLUMNS, image_folder, style_groups
from workflow_scripts.study.study import Case

ONCE = {"train": 1, "val": 1, "test": 1}


def table_of(choose: Callable[..., Iterable[pd.DataFrame]], *args, **names) -> pd.DataFrame:
    return pd.concat(choose(*args, **names), ignore_index=True)


def listed(*sizes: int, **groups: list[str]) -> Case:
    """A case whose groups the study lists, by split."""
    members = {split: dict.fromkeys(names, "art") for split, names in groups.items()}
    return Case("mine", "style", "style_groups", members, ONCE, set_sizes=sizes)


def counted(*sizes: int, **counts: int) -> Case:
    """A case whose groups the study counts, by split."""
    members = {split: {f"bamfg_{split}_{i:05d}": "art" for i in range(count)} for split, count in counts.items()}
    return Case("bamfg", "style", "style_groups", members, ONCE, set_sizes=sizes, group_counts=counts)


def objects(**per_class: int) -> Case:
    """A case of the classes cat and dog."""
    counts = {"train": 0, "val": 0, "test": 0, **per_class}
    members = {split: {"cat": "pet", "dog": "dog"} for split in counts}
    return Case("pets", "object", "image_folder", members, counts)


@pytest.fixture
def bamfg(tmp_path: Path) -> Path:
    """Groups of 1, 2 and 3 images."""
    source = tmp_path / "bamfg"
    for i, name in enumerate(["101549_0", "77_1", "african"]):
        for k in reversed(range(i + 1)):  # the order on the disk is none
            write(source / name / f"{k}.jpg", picture(10 * i + k))
    return source


def test_all_images_of_a_group_are_its_exemplars(bamfg: Path):
    write(bamfg / "african/notes.txt", b"no image")
    write(bamfg / "african/.hidden.jpg", picture(1))
    write(bamfg / "african/z.PNG", encoded(picture(2), "PNG"))
    table = table_of(style_groups.select, bamfg, listed(test=["african", "77_1"]), seed=0)
    assert list(table.columns) == list(EXEMPLAR_COLUMNS)
    assert list(table.model) == ["african"] * 4 + ["77_1"] * 2
    assert list(table.k) == [0, 1, 2, 3, 0, 1]
    assert list(table.source[:4]) == [f"bamfg/african/{name}" for name in ("0.jpg", "1.jpg", "2.jpg", "z.PNG")]
    assert list(table.image) == [(bamfg.parent / name).read_bytes() for name in table.source]
    assert [artifacts.file_hash(bamfg.parent / name) for name in table.source] == list(table.sha256)
    assert table.iloc[0].drop(["image", "sha256", "source", "twins"]).to_dict() == {
        **{"model": "african", "split": "test", "class": "african", "class_word": "art", "k": 0},
        **{"caption": "a picture in the style of african", "licence": "unknown", "author": "african"},
        **{"new_artist": None, "seen_twin": None},  # nobody knows what the base model has seen
    }
    assert all(twins == [] for twins in table.twins)


def test_the_groups_of_a_split_that_is_counted_are_listed_beside_them(bamfg: Path):
    (bamfg / "train.txt").write_text("# two groups\n77_1\n101549_0\n")
    (bamfg / "test.txt").write_text("african\n")
    table = table_of(style_groups.select, bamfg, counted(train=2, test=1), seed=0)
    models = table.groupby("model", sort=False)["class"].agg(list).to_dict()
    assert models == {
        "bamfg_train_00000": ["77_1"] * 2, "bamfg_train_00001": ["101549_0"], "bamfg_test_00000": ["african"] * 3,
    }  # fmt: skip
    assert list(table.split) == ["train"] * 3 + ["test"] * 3


def test_sets_are_the_first_images_of_a_group(bamfg: Path):
    (bamfg / "test.txt").write_text("african\n")
    table = table_of(style_groups.select, bamfg, counted(1, 3, test=1), seed=0)
    files = table.groupby("model", sort=False)["source"].agg(list).to_dict()
    names = [f"bamfg/african/{k}.jpg" for k in range(3)]
    assert files == {"bamfg_test_00000_0001": names[:1], "bamfg_test_00000_0003": names}


def test_images_that_no_step_takes_are_skipped_by_name(bamfg: Path, caplog: pytest.LogCaptureFixture):
    write(bamfg / "77_1/0.jpg", encoded(picture(0).convert("LAB"), "TIFF"))
    write(bamfg / "african/0.jpg", encoded(picture(0))[:900])
    with caplog.at_level(logging.WARNING):
        table = table_of(style_groups.select, bamfg, listed(test=["77_1", "african"]), seed=0)
    assert list(table.source) == ["bamfg/77_1/1.jpg", "bamfg/african/1.jpg", "bamfg/african/2.jpg"]
    assert list(table.k) == [0, 0, 1]
    lab, cut_off = caplog.messages
    assert lab == f"skipped: {bamfg}/77_1/0.jpg: mode is LAB; expected 8 or 16 bits: convert it first"
    assert cut_off.startswith(f"skipped: {bamfg}/african/0.jpg: not a readable image (")


REFUSED = {
    "no folder": (listed(test=["nobody"]), {}, "cases.mine.groups.test: 'nobody' is none of the 3 folders of {source}"),
    "no usable image": (
        listed(test=["101549_0"]),
        {"101549_0/0.jpg": "text"},
        "{source}/101549_0: '101549_0' of mine needs 1 usable images, the folder has 0; skipped: 1 .jpg (unreadable)",
    ),
    "a set too large": (
        listed(1, 2, test=["101549_0"]), {},
        "{source}/101549_0: '101549_0_0002' of mine needs 2 usable images, the folder has 1; skipped: none",
    ),
    "no list": (
        counted(test=2), {},
        "{source}/test.txt: no such file; bamfg has 2 groups in this split: list their folders, one per line, of the 3 "
        "in {source}",
    ),
    "too short a list": (
        counted(test=2), {"test.txt": "african\n"},
        "{source}/test.txt: lists 1 folders, bamfg has 2 groups in this split",
    ),
    "too long a list": (
        counted(test=1), {"test.txt": "african\n77_1\n"},
        "{source}/test.txt: lists 2 folders, bamfg has 1 groups in this split",
    ),
    "a folder that is missing": (
        counted(test=1), {"test.txt": "nobody\n"}, "{source}/test.txt: 'nobody' is none of the 3 folders of {source}",
    ),
    "a folder elsewhere": (
        counted(test=1), {"test.txt": "../bamfg/77_1\n"},
        "{source}/test.txt: '../bamfg/77_1' is none of the 3 folders of {source}",
    ),
    "the parent": (counted(test=1), {"test.txt": "..\n"}, "{source}/test.txt: '..' is none of the 3 folders"),
    "the root": (counted(test=1), {"test.txt": "/\n"}, "{source}/test.txt: '/' is none of the 3 folders"),
    "twice in a list": (
        counted(test=2), {"test.txt": "77_1\n77_1\n"},
        "{source}/test.txt: '77_1' is already listed in {source}/test.txt; a folder can be used only once",
    ),
    "in two splits": (
        counted(val=1, test=1), {"val.txt": "77_1\n", "test.txt": "77_1\n"},
        "{source}/test.txt: '77_1' is already listed in {source}/val.txt; a folder can be used only once",
    ),
    "not text": (counted(test=1), {"test.txt": "\udcff"}, "{source}/test.txt: not UTF-8 text ("),
}  # fmt: skip


@pytest.mark.parametrize("mistake", REFUSED)
def test_groups_that_cannot_be_had_are_refused_by_name(mistake: str, bamfg: Path):
    case, files, says = REFUSED[mistake]
    for name, text in files.items():
        (bamfg / name).write_bytes(os.fsencode(text))
    with pytest.raises(ValueError, match=f"^{re.escape(says.format(source=bamfg))}"):
        list(style_groups.select(bamfg, case, seed=0))


def test_a_missing_folder_of_data_is_named(tmp_path: Path):
    with pytest.raises(ValueError, match=r"nowhere: no folder of images \(No such file or directory\)"):
        list(style_groups.select(tmp_path / "nowhere", listed(test=["african"]), seed=0))


def test_a_large_image_is_stored_at_the_base_models_size(tmp_path: Path):
    source = tmp_path / "mine"
    large, wide, small = picture(0, (1100, 2200)), picture(1, (1500, 400)), picture(2, (1024, 700))
    clear = Image.new("RGBA", (2000, 1100), (255, 0, 0, 0))
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    write(source / "a/0.png", encoded(clear, "PNG"))
    write(source / "a/1.jpg", large)
    write(source / "a/2.jpg", encoded(large, exif=exif))
    write(source / "a/3.jpg", wide)
    write(source / "a/4.jpg", small)
    table = table_of(style_groups.select, source, listed(test=["a"]), seed=0)
    opened = [artifacts.open_image(image, "exemplar") for image in table.image]
    assert [image.size for image in opened] == [(931, 512), (512, 1024), (1024, 512), (1500, 400), (1024, 700)]
    assert [image.format for image in opened] == ["JPEG"] * 5
    assert np.asarray(opened[0]).min() > 250  # what was transparent is white
    expected = np.asarray(large.resize((512, 1024)), int)
    assert np.abs(np.asarray(opened[1], int) - expected).mean() < 2
    kept = [(source / f"a/{k}.jpg").read_bytes() for k in (3, 4)]
    assert list(table.image[3:]) == kept


def test_objects_take_the_first_images_train_before_val_before_test(tmp_path: Path):
    source = tmp_path / "pets"
    for i, name in enumerate(("cat", "dog")):
        for k in reversed(range(5)):
            write(source / name / f"{k}.jpg", picture(10 * i + k))
    table = table_of(image_folder.select, source, objects(train=2, val=1, test=1), seed=0)
    assert list(table.columns) == list(EXEMPLAR_COLUMNS)
    found = [f"{row.split} {row.model} {row.source}" for row in table.itertuples()]
    assert found[:3] == [
        "train cat_0000 pets/cat/0.jpg", "train cat_0001 pets/cat/1.jpg", "train dog_0000 pets/dog/0.jpg",
    ]  # fmt: skip
    assert found[4:] == [
        *("val cat_0002 pets/cat/2.jpg", "val dog_0002 pets/dog/2.jpg"),
        *("test cat_0003 pets/cat/3.jpg", "test dog_0003 pets/dog/3.jpg"),
    ]
    assert set(table.caption) == {"a photo of a pet", "a photo of a dog"}
    assert set(table.k) == {0}


def test_styles_of_a_users_own_are_folders_too(bamfg: Path):
    ours, theirs = (
        table_of(module.select, bamfg, listed(test=["african"]), seed=0) for module in (image_folder, style_groups)
    )
    pd.testing.assert_frame_equal(ours, theirs)


def test_classes_that_a_user_lacks_are_refused_by_name(tmp_path: Path):
    source = tmp_path / "pets"
    write(source / "cat/0.jpg", picture(0))
    with pytest.raises(ValueError, match=r"pets: no folder 'dog', a class of pets; folders: cat$"):
        list(image_folder.select(source, objects(train=1), seed=0))
    write(source / "dog/0.jpg", picture(2))
    write(source / "dog/1.jpg", b"no image")
    says = (
        "pets/dog: pets needs 2 usable images of this class, none is left for 'dog_0001'; skipped: 1 .jpg (unreadable)"
    )
    write(source / "cat/1.jpg", picture(1))
    with pytest.raises(ValueError, match=re.escape(says)):
        list(image_folder.select(source, objects(train=1, test=1), seed=0))
