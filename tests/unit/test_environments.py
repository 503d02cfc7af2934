"""The environments agree: what is asked for is locked, and conda and the container get the locked versions."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from tests import projects

ROOT = Path(__file__).parents[2]
ENVS = ROOT / "envs"


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(lines: list[str]) -> dict[str, str]:
    """Version by name; empty where none is asked for."""
    split = [line.partition("==") for line in lines if line.strip() and not line.startswith("#")]
    return {canonical(name.strip()): version.strip() for name, _, version in split}


@pytest.fixture
def lock() -> dict[str, str]:
    return pins((ENVS / "requirements.lock").read_text().splitlines())


def test_the_lock_pins_everything_that_is_asked_for(lock: dict[str, str]):
    for name, version in pins((ENVS / "requirements.in").read_text().splitlines()).items():
        assert lock[name] == (version or lock[name]), name
    assert all(lock.values())


def test_the_lock_leaves_platforms_to_torch(lock: dict[str, str]):
    assert not [name for name in lock if name.startswith(("nvidia-", "cuda-", "triton"))]


def environment() -> dict:
    return yaml.safe_load((ENVS / "environment.yaml").read_text())


def definition() -> tuple[dict[str, str], dict[str, list[str]]]:
    """Header and sections of the Apptainer definition; it is read here, but not built."""
    head, *parts = re.split(r"^%", (ENVS / "abc.def").read_text(), flags=re.MULTILINE)
    sections = {name: [line.strip() for line in lines if line.strip()] for name, *lines in map(str.splitlines, parts)}
    return dict(line.split(": ", 1) for line in head.splitlines() if line), sections


def test_conda_gets_the_locked_versions(lock: dict[str, str]):
    assert pins(environment()["dependencies"][-1]["pip"]) == lock


def test_every_rule_with_a_job_names_that_environment():
    rules = "".join(file.read_text() for file in sorted((ROOT / "rules").glob("*.smk")))
    named = re.findall(r"^    conda:\n +\"(.*)\"$", rules, re.MULTILINE)
    assert set(named) == {"../envs/environment.yaml"}
    assert len(named) == len(re.findall(r"^    shell:$", rules, re.MULTILINE))


def test_the_container_installs_the_lock_and_nothing_else():
    header, sections = definition()
    assert header["Bootstrap"] == "docker"
    source, target = sections["files"][0].split()
    assert len(sections["files"]) == 1
    assert ROOT / source == ENVS / "requirements.lock"
    assert sections["post"] == [f"pip install --no-cache-dir --disable-pip-version-check --requirement {target}"]
    assert sections["runscript"] == ['exec snakemake "$@"']
    assert "export PYTHONNOUSERSITE=1" in " ".join(sections["environment"])


def test_the_container_tries_what_it_installed(lock: dict[str, str]):
    _, sections = definition()
    check, imports = sections["test"]
    names = re.fullmatch(r'python -c "import (.*)"', imports)[1].split(", ")
    assert check == "pip check"
    assert {canonical({"open_clip": "open_clip_torch"}.get(name, name)) for name in names} <= lock.keys()


def test_all_environments_have_one_python():
    header, _ = definition()
    image = re.fullmatch(r"python:(\d+\.\d+)\.\d+-slim-\w+", header["From"])  # an exact tag, never `latest`
    assert f"python ={image[1]}" in environment()["dependencies"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["requires-python"] == f">={image[1]}"


def test_the_container_is_labelled_as_the_project():
    _, sections = definition()
    labels = dict(line.split(maxsplit=1) for line in sections["labels"])
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert labels["Version"] == project["version"]
    assert labels["Licence"] == project["license"]


def make(folder: Path, home: str, *goals: str) -> str:
    """What `make` says in a folder that has the project's Makefile and nothing else."""
    shutil.copy(ROOT / "Makefile", folder)
    command = ["make", "--no-print-directory", "--eval", "show: ; @echo $$XDG_CACHE_HOME $$XDG_CONFIG_HOME", *goals]
    return subprocess.run(command, cwd=folder, env={**os.environ, "HOME": home}, capture_output=True, text=True).stdout


def test_a_home_that_cannot_be_written_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    assert make(tmp_path, str(tmp_path), "show").strip() == ""
    for home in ("/dev/null", str(tmp_path / "none"), "/proc/1"):
        assert make(tmp_path, home, "show").split() == [f"{tmp_path}/.cache"] * 2


def test_a_command_that_cannot_write_into_the_home_says_what_to_do(tmp_path: Path):
    environment = {key: value for key, value in os.environ.items() if not key.startswith("XDG_")}
    projects.copy_project(tmp_path)
    command = [sys.executable, "-m", "workflow_scripts", "plan", "--study", "smoke"]
    environment |= {"HOME": "/dev/null", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith("; where the home cannot be written: export XDG_CACHE_HOME=FOLDER")


def test_a_project_without_git_tells_dvc_so(tmp_path: Path):
    tell = "dvc config --local core.no_scm true"
    (tmp_path / ".venv").mkdir()
    assert tell in make(tmp_path, str(tmp_path), "--dry-run", "data", "--assume-old=.venv/requirements.lock")
    (tmp_path / ".git").touch()
    assert tell not in make(tmp_path, str(tmp_path), "--dry-run", "data", "--assume-old=.venv/requirements.lock")
