"""The corpus as it is shipped: no exemplar, nor a twin of one, was pre-trained on; licences keep to their roles."""

from pathlib import Path
from random import Random

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from workflow_scripts import artifacts
from workflow_scripts.miniature.corpus import compose, packages, roles, scenes
from workflow_scripts.miniature.corpus.drawings import attribution_text
from workflow_scripts.miniature.pretraining.pools import decodable_drawings, known_drawings
from workflow_scripts.study.study import read_list

ROOT = Path(__file__).parents[2]
DRAWINGS = ROOT / "data" / "corpus" / "drawings.parquet"  # by `dvc pull`, as `make test` does first


@pytest.fixture(scope="module")
def drawings() -> pd.DataFrame:
    return artifacts.read_table(DRAWINGS)


def test_no_exemplar_nor_twin_is_seen_in_pretraining(drawings: pd.DataFrame) -> None:
    twins = roles.find_twins(drawings)
    for seen in (known_drawings(drawings), decodable_drawings(drawings)):
        assert not seen.role.isin(roles.HELD_OUT).any()
        assert not twins[seen.index].any()


def test_share_alike_and_icon_drawings_never_enter_pretraining(drawings: pd.DataFrame) -> None:
    seen = decodable_drawings(drawings)
    assert not seen.licence.str.contains("SA").any()
    assert not seen.family.isin([family.name for family in packages.ICON_FAMILIES]).any()
    assert set(seen.licence) == {"Apache-2.0", "MIT", "CC-BY-4.0"}


def test_every_drawing_names_author_licence_and_package(drawings: pd.DataFrame) -> None:
    for column in ("author", "licence", "package", "version"):
        assert drawings[column].str.len().gt(0).all(), column
    assert (ROOT / "data" / "corpus" / "ATTRIBUTION.md").read_text() == attribution_text(drawings)


def test_exemplars_of_a_class_are_by_different_artists(drawings: pd.DataFrame) -> None:
    held_out = drawings[drawings.role == roles.OBJECT]
    assert not held_out.duplicated(["concept", "family"]).any()
    lists = [ROOT / "config" / "classes" / f"emoji_{name}.txt" for name in ("seen", "unseen")]
    classes = {name for file in lists for name in read_list(file)}
    assert held_out.groupby("concept").size().to_dict() == dict.fromkeys(classes, 5)


def table_of(*rows: tuple[str, str, bytes]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["family", "concept", "fingerprint"])
    return table.assign(style_group=table.family + "-thing")


def code(seed: int) -> bytes:
    return np.random.default_rng(seed).integers(0, 256, 24, dtype=np.uint8).tobytes()


def test_roles_hold_out_an_exemplar_and_its_twins() -> None:
    flipped = bytes([code(1)[0] ^ 0b111, *code(1)[1:]])  # three bits from openmoji's cat
    table = table_of(
        ("openmoji", "cat", code(1)),
        ("noto", "cat", code(2)),
        ("twemoji", "cat", code(3)),
        ("blob", "cat", flipped),
    )
    result = roles.assign_roles(table, {"cat": 1}, [], {"cat"})
    assert list(result.role) == ["object", "pretrain", "pretrain", "twin"]
    assert list(result.order) == [0, -1, -1, -1]


def test_the_second_rendering_of_an_exemplar_is_its_twin() -> None:
    table = table_of(
        ("fluent", "cat", code(1)), ("fluent-flat", "cat", code(2)), ("noto", "cat", code(3)), ("blob", "cat", code(4))
    )
    result = roles.assign_roles(table, {"cat": 1}, [], {"cat"}).set_index("family").role
    if result["fluent"] == "object":
        assert result["fluent-flat"] == "twin"
    assert (result == "object").sum() == 1
    assert result["fluent-flat"] != "object"


def test_too_few_drawings_name_the_class() -> None:
    with pytest.raises(ValueError, match="object class 'cat': 3 exemplars asked, 1 drawings can be held out"):
        roles.assign_roles(table_of(("openmoji", "cat", code(1))), {"cat": 3}, [], set())
    with pytest.raises(ValueError, match="style group 'noto-thing': 1 drawings outside pre-training, at least 4"):
        roles.assign_roles(table_of(("noto", "cat", code(1))), {}, ["noto-thing"], set())


def test_slugs_are_safe_ids() -> None:
    assert packages.slugify("Man’s Shoe: (old)") == "mans-shoe-old"
    assert packages.slugify("../../etc") == "etc"


def test_composition_depends_on_its_seed_alone() -> None:
    drawing = Image.new("RGBA", (64, 64), (200, 0, 0, 255))
    row = pd.Series({"id": "noto-1", "concept": "cat", "family": "noto", "style_group": "noto-animal"})
    first, second = (compose.compose(drawing, row, {"cat": "cat"}, Random(3)) for _ in range(2))
    assert first[1] == second[1]
    assert np.array_equal(np.asarray(first[0]), np.asarray(second[0]))
    captions = {compose.compose(drawing, row, {"cat": "cat"}, Random(seed))[1] for seed in range(200)}
    assert any("<noto-1> cat" in caption for caption in captions)
    assert any("in the style of <art-noto-animal> art" in caption for caption in captions)


@pytest.mark.parametrize("name", scenes.SCENES)
def test_scenes_are_rgb_pictures(name: str) -> None:
    assert scenes.SCENES[name](Random(0)).size == (scenes.SIZE, scenes.SIZE)


@pytest.mark.parametrize("name", scenes.MEDIA)
def test_media_change_a_picture(name: str) -> None:
    picture = scenes.SCENES["in the city"](Random(0))
    changed = scenes.MEDIA[name](picture)
    assert changed.size == picture.size
    assert changed.mode == "RGB"
    assert not np.array_equal(np.asarray(changed), np.asarray(picture))
