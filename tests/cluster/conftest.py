"""A Slurm for each file of tests, and a shard of models whose fine-tuning takes long enough to be disturbed."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster import slurm
from tests.cluster.workflow import Project
from tests.projects import PARTS, ROOT

SHARD = "results/smoke/models/emoji_seen/test_0000.json"


@pytest.fixture(scope="module")
def cluster() -> Iterator[slurm.Cluster]:
    """A Slurm that keeps accounts."""
    if reason := slurm.missing():
        pytest.skip(f"this machine {reason}")
    with slurm.running() as cluster:
        yield cluster


@pytest.fixture(scope="module")
def cluster_without_accounts() -> Iterator[slurm.Cluster]:
    """A Slurm without slurmdbd."""
    if reason := slurm.missing():
        pytest.skip(f"this machine {reason}")
    with slurm.running(accounting=False) as cluster:
        yield cluster


def copy_project(folder: Path) -> Project:
    """The project with its real data and steps, and nothing made yet."""
    folder.mkdir(parents=True)
    for part in (*PARTS, "slurm"):
        subprocess.run(["cp", "--recursive", "--no-dereference", ROOT / part, folder], check=True)
    (folder / "data").symlink_to(ROOT / "data")
    return Project(folder)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A fresh copy of the project."""
    return copy_project(tmp_path / "project")


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project whose `SHARD` was made on this machine, one model after the other, a few seconds each; only read."""
    project = copy_project(tmp_path_factory.mktemp("undisturbed") / "project")
    study = project.folder / "config/studies/smoke.yaml"
    text = re.sub(r"^  steps: 4 .*", "  steps: 40", study.read_text(), count=1, flags=re.MULTILINE)
    study.write_text(text.replace("models_per_batch: 32", "models_per_batch: 1"))
    project.run_locally(SHARD)
    return project


@pytest.fixture
def shard(undisturbed: Project, tmp_path: Path) -> Project:
    """The same project before `SHARD` was made."""
    shutil.copytree(undisturbed.folder, tmp_path / "project", symlinks=True)
    project = Project(tmp_path / "project")
    shutil.rmtree((project.folder / SHARD).parent)
    return project
