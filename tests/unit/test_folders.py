"""Folders of other people: a link that leads to itself, or back, is no file and no folder."""

from pathlib import Path

import pytest

from workflow_scripts.exemplar_sources import _photographs
from workflow_scripts.study import data_checks, folders


@pytest.fixture
def cats(tmp_path: Path) -> Path:
    """Files and folders, hidden ones, links to them, and links that lead nowhere, to themselves and back."""
    (tmp_path / "cats/more").mkdir(parents=True)
    (tmp_path / "cats/.hidden").mkdir()
    for name in ("a.jpg", "more/b.jpg", ".c.jpg"):
        (tmp_path / "cats" / name).touch()
    links = {"a2.jpg": "a.jpg", "more2": "more", "loop": "loop", "loop.jpg": "loop.jpg", "none": "nothing", "back": "."}
    for link, target in links.items():
        (tmp_path / "cats" / link).symlink_to(target)
    return tmp_path / "cats"


def test_a_link_to_itself_is_neither_file_nor_folder(cats: Path):
    assert sorted(folders.files_in(cats)) == ["a.jpg", "a2.jpg"]
    assert folders.folders_in(cats) == _photographs.list_folders(cats) == ["back", "more", "more2"]


def test_each_folder_is_walked_through_once(cats: Path):
    assert [folder.name for folder, _ in folders.walk(cats)] == ["cats", "more"]
    assert sorted(file.name for file in _photographs.Photographs(cats).below()) == ["a.jpg", "a2.jpg", "b.jpg"]


def test_links_back_are_no_files_of_a_study(tmp_path: Path):
    for link in "ab":
        (tmp_path / link).symlink_to(".")
    assert list(data_checks._files_below(tmp_path)) == []
