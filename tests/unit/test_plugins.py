"""Plug-ins are found by file name, and their settings are read without importing them."""

from pathlib import Path

import pytest

from workflow_scripts import plugins


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(plugins, "PACKAGE", tmp_path)
    (tmp_path / "encoders").mkdir()
    return tmp_path / "encoders"


def test_names_are_the_modules_without_underscore(package: Path):
    for name in ("__init__", "_helper", "pixels", "clip"):
        (package / f"{name}.py").touch()
    assert plugins.names("encoders") == ["clip", "pixels"]


def test_load_imports_by_name():
    assert plugins.load("encoders", "pixels").__name__ == "workflow_scripts.encoders.pixels"


def test_an_unknown_name_lists_those_that_exist():
    with pytest.raises(ValueError, match=r"'pixel': no such plug-in in workflow_scripts/encoders/; it has .*pixels"):
        plugins.load("encoders", "pixel")


def test_a_helper_is_no_plug_in():
    with pytest.raises(ValueError, match="'_images': no such plug-in"):
        plugins.load("encoders", "_images")


@pytest.mark.parametrize("assignment", ["SETTINGS = {}", "SETTINGS: dict = {}"])
def test_settings_are_read_without_importing(package: Path, assignment: str):
    literal = '{"size": {"type": "integer"}}'
    (package / "a.py").write_text(f"import nowhere\n{assignment.replace('{}', literal)}\n")
    assert plugins.settings_schema("encoders", "a") == {"size": {"type": "integer"}}


def test_a_plug_in_may_have_no_settings(package: Path):
    (package / "a.py").write_text("import nowhere\n")
    assert plugins.settings_schema("encoders", "a") == {}


def test_settings_that_are_no_literal_are_refused(package: Path):
    (package / "a.py").write_text("SETTINGS = dict(size=3)\n")
    with pytest.raises(ValueError, match=r"a\.py: SETTINGS must be a literal"):
        plugins.settings_schema("encoders", "a")


def test_what_an_encoder_reads_is_known_without_importing(package: Path):
    (package / "a.py").write_text('import nowhere\nREADS = "prompt"\n')
    (package / "b.py").write_text("import nowhere\n")
    assert (plugins.reads("a"), plugins.reads("b")) == ("prompt", "image")
