"""Exemplars and distractors of the miniature, on small corpora of drawn rectangles."""

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from workflow_scripts import artifacts
from workflow_scripts.exemplar_sources import (
    DISTRACTOR_COLUMNS,
    EXEMPLAR_COLUMNS,
    Exemplars,
    emoji_distractors,
    emoji_objects,
    emoji_sets,
    emoji_styles,
)
from workflow_scripts.miniature.corpus import DRAWINGS
from workflow_scripts.miniature.corpus.rendering import encode
from workflow_scripts.study.study import Case


def table_of(choose: Callable[..., Iterable[pd.DataFrame]], source: Path, *args, **names) -> pd.DataFrame:
    """All that a source yields."""
    return pd.concat(choose(source, *args, **names), ignore_index=True)


def drawing(name: str, family: str, concept: str, role: str, order: int = -1) -> dict:
    shade = len(name) * 7 % 256
    origin = {"licence": "MIT", "author": "A. Artist", "package": "some/set", "version": "1"}
    names = {"id": name, "family": family, "concept": concept, "label": concept, "style_group": f"{family}-thing"}
    image = encode(Image.new("RGBA", (64, 64), (shade, 0, 200, 255)))
    return {**names, "role": role, "order": order, "image": image, **origin}


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    rows = [
        drawing("noto-cat", "noto", "cat", "object", 1),
        drawing("openmoji-cat", "openmoji", "cat", "object", 0),
        drawing("blob-ball", "blob", "ball", "style", 1),
        drawing("blob-bat", "blob", "bat", "style", 0),
        drawing("twemoji-cat", "twemoji", "cat", "pretrain"),
        drawing("blob-cat", "blob", "cat", "twin"),
        drawing("fluent-flat-dog", "fluent-flat", "dog", "pretrain"),
        drawing("fluent-dog", "fluent", "dog", "pretrain"),
        drawing("kameleon-cat", "kameleon", "cat", "other"),
    ]
    pairs = pd.DataFrame({"a": ["noto-cat", "openmoji-cat"], "b": ["twemoji-cat", "noto-cat"], "cosine": 0.97})
    artifacts.write_table(tmp_path / "twins.parquet", pairs, {})
    artifacts.write_table(tmp_path / DRAWINGS, pd.DataFrame(rows), {})
    return tmp_path


def objects(**members: dict) -> Case:
    return Case("cats", "object", "emoji_objects", members, {"train": 1, "val": 0, "test": 1})


def test_objects_take_held_out_drawings_in_order(corpus: Path) -> None:
    words = {"cat": "kitty"}
    table = table_of(emoji_objects.select, corpus, objects(train=words, val=words, test=words), seed=0)
    assert list(table.columns) == list(EXEMPLAR_COLUMNS)
    assert list(table.model) == ["cat_0000", "cat_0001"]
    assert list(table.split) == ["train", "test"]
    assert list(table.source) == ["openmoji-cat", "noto-cat"]
    assert list(table.new_artist) == [True, False]
    assert set(table.caption) == {"a picture of a cat"}
    assert set(table.class_word) == {"kitty"}
    assert list(map(list, table.twins)) == [["noto-cat"], ["openmoji-cat", "twemoji-cat"]]
    assert list(table.seen_twin) == [False, True]  # of the second, twemoji-cat and the first, of split train
    assert artifacts.decode_image(table.image[0], "exemplar").shape == (64, 64, 3)


def test_a_class_without_enough_drawings_is_named(corpus: Path) -> None:
    words = {"dog": "dog"}
    with pytest.raises(ValueError, match="class 'dog' of cats has 0 held-out drawings, 'dog_0000' needs one more"):
        table_of(emoji_objects.select, corpus, objects(train=words, val=words, test=words), seed=0)


def test_styles_take_whole_groups(corpus: Path) -> None:
    case = Case("styles", "style", "emoji_styles", {"test": {"blob-thing": "art"}}, {"train": 0, "val": 0, "test": 1})
    table = table_of(emoji_styles.select, corpus, case, seed=0)
    assert list(table.source) == ["blob-bat", "blob-ball"]
    assert list(table.k) == [0, 1]
    assert set(table.model) == {"blob-thing"}
    missing = Case(
        "styles", "style", "emoji_styles", {"test": {"noto-thing": "art"}}, {"train": 0, "val": 0, "test": 1}
    )
    with pytest.raises(ValueError, match="style group 'noto-thing' of styles; groups with some: blob-thing"):
        table_of(emoji_styles.select, corpus, missing, seed=0)


def test_distractors_are_no_exemplars_twins_or_second_renderings(corpus: Path) -> None:
    exemplars = Exemplars({"noto-cat", "openmoji-cat"})
    table = table_of(emoji_distractors.distract, corpus, exemplars, count=2, seed=0)
    assert list(table.columns) == list(DISTRACTOR_COLUMNS)
    assert set(table.id) == {"fluent-dog", "kameleon-cat"}  # twemoji-cat is a twin of noto-cat
    assert "twemoji-cat" in set(table_of(emoji_distractors.distract, corpus, Exemplars(), count=3, seed=0).id)
    again = table_of(emoji_distractors.distract, corpus, exemplars, count=2, seed=0)
    assert list(again.sha256) == list(table.sha256)
    with pytest.raises(ValueError, match=r"distractors.count is 4, the corpus has 3 free drawings"):
        table_of(emoji_distractors.distract, corpus, Exemplars(), count=4, seed=0)


def sets(*sizes: int, group: str = "kameleon-0") -> Case:
    return Case(
        "sets", "style", "emoji_sets", {"test": {group: "art"}}, {"train": 0, "val": 0, "test": 1}, set_sizes=sizes
    )


def test_a_small_set_is_part_of_a_larger_one(corpus: Path) -> None:
    table = artifacts.read_table(corpus / DRAWINGS)
    more = [drawing(f"kameleon-{i}", "kameleon", f"thing-{i}", "other") for i in range(9)]
    artifacts.write_table(corpus / DRAWINGS, pd.concat([table, pd.DataFrame(more)], ignore_index=True), {})
    chosen = table_of(emoji_sets.select, corpus, sets(1, 2, 4), seed=0).groupby("model", sort=False)["source"].agg(list)
    assert list(chosen.index) == ["kameleon-0_0001", "kameleon-0_0002", "kameleon-0_0004"]
    assert chosen.iloc[0] == chosen.iloc[2][:1] and chosen.iloc[1] == chosen.iloc[2][:2]
    other = table_of(emoji_sets.select, corpus, sets(4, group="kameleon-1"), seed=0)
    assert not set(other.source) & set(chosen.iloc[2])


@pytest.mark.parametrize(
    ("group", "message"),
    [
        ("kameleon-0", "set 'kameleon-0' needs 2 drawings, 'kameleon' has 1 in all"),
        ("noto-0", "no set 'noto-0'; a set is a family and a number, families: kameleon"),
    ],
)
def test_a_set_that_cannot_be_made_is_named(corpus: Path, group: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        table_of(emoji_sets.select, corpus, sets(2, group=group), seed=0)


def test_a_truncated_drawing_is_named(corpus: Path) -> None:
    table = artifacts.read_table(corpus / DRAWINGS)
    table.loc[table.id == "openmoji-cat", "image"] = [table.image[1][:30]]
    artifacts.write_table(corpus / DRAWINGS, table, {})
    words = {"cat": "cat"}
    with pytest.raises(ValueError, match=r"drawings\.parquet: drawing 'openmoji-cat': not a readable image"):
        table_of(emoji_objects.select, corpus, objects(train=words, val=words, test=words), seed=0)


def test_exemplar_pixels_depend_on_seed_and_drawing_alone(corpus: Path) -> None:
    words = {"cat": "cat"}
    case = objects(train=words, val=words, test=words)
    first, again, other = (table_of(emoji_objects.select, corpus, case, seed) for seed in (0, 0, 1))
    assert list(first.sha256) == list(again.sha256)
    assert list(first.sha256) != list(other.sha256)
    assert not np.array_equal(*(artifacts.decode_image(image, "") for image in first.image))
