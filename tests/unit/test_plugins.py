"""Plug-ins are found by file name, and their settings are read without importing them."""

import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from tests.projects import ROOT
from workflow_scripts import plugins
from workflow_scripts.encoders import pixels
from workflow_scripts.study import options
from workflow_scripts.study.schema import section_schema


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


DECLARATION = """
import nowhere
from msgspec import Meta
from dataclasses import dataclass
from typing import Annotated
{more}

@dataclass(frozen=True)
class Settings:
    size: Annotated[int, Meta(ge=1, description="side")]
    shrink: Annotated[float | None, Meta(description="factor")]
    name: str = "x"
"""


def test_settings_are_read_without_importing(package: Path):
    (package / "a.py").write_text(DECLARATION.format(more=""))
    declared = plugins.settings_type("encoders", "a")
    assert [field.name for field in fields(declared)] == ["size", "shrink", "name"]
    schema = section_schema(declared)
    assert schema["required"] == ["size", "shrink"]
    assert schema["properties"]["size"] == {"type": "integer", "minimum": 1, "description": "side"}
    assert schema["properties"]["shrink"] == {"type": ["number", "null"], "description": "factor"}


def test_shared_keys_may_be_all(package: Path):
    (package / "a.py").write_text("import nowhere\nfrom workflow_scripts.study.options import TopK as Settings\n")
    assert plugins.settings_type("encoders", "a") is options.TopK


def test_a_plug_in_may_have_no_settings(package: Path):
    (package / "a.py").write_text("import nowhere\n")
    assert plugins.settings_type("encoders", "a") is None
    assert section_schema(None) == {}


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (DECLARATION.format(more="").replace("ge=1", "ge=nowhere.LEAST"), r"a\.py: Settings may use only .*'nowhere'"),
        (DECLARATION.format(more="LEAST = 1").replace("ge=1", "ge=LEAST"), r"a\.py: Settings may use only .*'LEAST'"),
        (DECLARATION.format(more="from typing import Nothing"), r"a\.py: Settings may use only .*'Nothing'"),
        (DECLARATION.format(more="").replace("@dataclass(frozen=True)", ""), r"a\.py: Settings must be a dataclass"),
        (
            "from workflow_scripts.study.options import TopK\nclass Settings(TopK):\n    size: int\n",
            r"a\.py: Settings must be a dataclass",
        ),
    ],
)
def test_settings_that_cannot_be_read_alone_are_refused(package: Path, source: str, message: str):
    (package / "a.py").write_text(source)
    with pytest.raises(ValueError, match=message):
        plugins.settings_type("encoders", "a")


def test_settings_are_made_from_a_section():
    made = plugins.settings("encoders", "pixels", {"size": 8, "version": 1})
    assert made == pixels.Settings(size=8)
    assert plugins.settings("heads", "identity", {"version": 1}) is None  # it has no keys
    section = {"path": "a.pth", "sha256": None, "precision": "fp32", "version": 1}
    assert plugins.settings("encoders", "dino_vitb16", section).sha256 is None


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"size": "8"}, r"^encoders\.pixels\.size: '8': Expected `int`, got `str`$"),
        ({"size": 0}, r"^encoders\.pixels\.size: 0: Expected `int` >= 1$"),
        ({}, r"^encoders\.pixels\.size: missing key$"),
        ({"sise": 8}, r"^encoders\.pixels\.sise: unknown key; valid keys: size$"),
    ],
)
def test_a_section_that_does_not_fit_names_plug_in_key_and_value(section: dict, message: str):
    with pytest.raises(ValueError, match=message):
        plugins.settings("encoders", "pixels", section)


def test_a_key_is_unknown_at_any_depth_and_where_there_are_none(customization: dict):
    customization["looks"][1]["words"]["sound"] = [""]
    with pytest.raises(
        ValueError, match=r"^customization\.custom_diffusion\.looks\.1\.words\.sound: unknown key; valid "
    ):
        plugins.settings("customization", "custom_diffusion", customization)
    with pytest.raises(ValueError, match=r"^heads\.identity\.dim: unknown key; the plug-in has no keys$"):
        plugins.settings("heads", "identity", {"dim": 8, "version": 1})


def test_what_an_encoder_reads_is_known_without_importing_it(package: Path):
    for name, line in {"a": 'READS = "prompt"', "b": "", "c": 'READS = "sound"', "d": "READS = nowhere.READS"}.items():
        (package / f"{name}.py").write_text(f"import nowhere\n{line}\n")
    assert plugins.reads("a") == "prompt" and plugins.reads("b") == "image"
    for name, value in {"c": "'sound'", "d": "nowhere.READS"}.items():
        with pytest.raises(ValueError, match=rf"{name}\.py: READS is {value}, expected 'image' or 'prompt'"):
            plugins.reads(name)


def test_planning_needs_no_heavy_import():
    script = (
        "import sys\n"
        "from workflow_scripts import plugins\n"
        "from workflow_scripts.study import schema\n"
        "for kind in plugins.KINDS:\n"
        "    for name in plugins.names(kind):\n"
        "        schema.section_schema(plugins.settings_type(kind, name))\n"
        "assert plugins.reads('text') == 'prompt'\n"
        "print(*sys.modules.keys() & {'torch', 'numpy', 'pandas', 'PIL'})"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def load(:\n", r"a\.py: not valid Python \(line 1: "),
        (DECLARATION.format(more="").replace("ge=1", "gee=1"), r"a\.py: Settings is not a valid dataclass \(.*gee"),
        (DECLARATION.format(more="").replace('= "x"', "= []"), r"a\.py: Settings is not a valid dataclass \(mutable"),
    ],
)
def test_a_mistake_in_the_source_names_the_file(package: Path, source: str, message: str):
    (package / "a.py").write_text(source)
    with pytest.raises(ValueError, match=message):
        plugins.settings_type("encoders", "a")


def test_what_an_encoder_reads_may_have_a_type(package: Path):
    (package / "a.py").write_text('READS: str = "prompt"\n')
    assert plugins.reads("a") == "prompt"
