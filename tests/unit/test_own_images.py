"""A study of one's own images, as `new_study` plans and writes it."""

from pathlib import Path

import pytest

from tests import projects
from tests.unit.pictures import picture, write
from workflow_scripts.commands import new_study


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working directory that has the committed studies."""
    (tmp_path / "config/classes").mkdir(parents=True)
    (tmp_path / "config/studies").mkdir()
    (tmp_path / "config/studies/smoke.yaml").symlink_to(projects.ROOT / "config/studies/smoke.yaml")
    monkeypatch.chdir(tmp_path)


def test_a_study_that_is_replaced_keeps_what_its_user_wrote():
    attribution, words = Path("config/studies/mine.attribution.md"), Path("config/classes/mine.objects.txt")
    folders = {key: Path("data", key) for key in ("objects", "distractors")}
    made = new_study.Plan(["bowl", "mug"], {"train": 1, "val": 1, "test": 1}, {}, 5, [])
    first = new_study.files("mine", "smoke", made, folders)
    assert first[words].splitlines()[1:] == ["bowl", "mug"] and "Nobody" in first[attribution]
    attribution.write_text("Our own, CC0.\n")
    words.write_text("# Ours\nmug\ttea mug\nplate\n")
    again = new_study.files("mine", "smoke", made, folders)
    assert again[words].splitlines()[1:] == ["bowl", "mug\ttea mug"]
    assert again.keys() == first.keys() - {attribution}


def test_a_style_may_consist_of_twins_and_no_copy_of_an_exemplar_counts_as_a_distractor():
    for k in range(3):
        write(Path(f"objects/mug/{k}.jpg"), picture(k))
        write(Path(f"others/{k}.jpg"), picture(10 + k))
    for name, number in {"anna": 20, "bo": 20, "cy": 21}.items():
        write(Path(f"styles/{name}/0.jpg"), picture(number))
    for number in (0, 21):
        write(Path(f"others/small_{number}.jpg"), picture(number).resize((48, 48)))
    made = new_study.plan(Path("objects"), Path("styles"), Path("others"))
    assert sorted(name for names in made.groups.values() for name in names) == ["anna", "bo", "cy"]
    assert (made.per_class, made.distractors) == ({"train": 1, "val": 1, "test": 1}, 3)


def test_a_folder_of_a_name_that_cannot_be_used_is_named_as_the_cause():
    for k in range(4):
        write(Path(f"objects/My Mug/{k}.jpg"), picture(k))
        write(Path(f"others/{k}.jpg"), picture(10 + k))
    says = r"^objects: no folder has 3 usable images, .*; left out: objects/My Mug: rename it; a name has a-z, "
    with pytest.raises(ValueError, match=says):
        new_study.plan(Path("objects"), None, Path("others"))
