"""The environments agree: what is asked for is locked, and conda gets the locked versions."""

import re
from pathlib import Path

import pytest
import yaml

ENVS = Path(__file__).parents[2] / "envs"
SECTION = re.compile(r"^# development$", re.MULTILINE)


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


def test_conda_gets_the_locked_versions(lock: dict[str, str]):
    asked = SECTION.split((ENVS / "requirements.in").read_text())[0]
    environment = yaml.safe_load((ENVS / "environment.yaml").read_text())
    conda = pins(environment["dependencies"][-1]["pip"])
    assert conda.keys() == pins(asked.splitlines()).keys()
    assert {name: lock[name] for name in conda} == conda
