"""The finished smoke study, published by real DVC and git: a repository of its own, a remote, and clones of it."""

import re
import shutil
from pathlib import Path

import pytest

from tests.dvc.repositories import Repository, clone, publish
from tests.projects import ROOT

MADE = ("report/index.html", "report/summary")


@pytest.fixture(scope="session")
def study() -> Path:
    """The project's own results of the smoke study."""
    results = ROOT / "results/smoke"
    if not all((results / name).exists() for name in MADE):
        pytest.fail(f"{results} is not finished; make it with: make demo STUDY=smoke")
    return results


@pytest.fixture(scope="session")
def published(study: Path, tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """As the project publishes the miniature: the remote keeps assets, metrics and report."""
    return publish(tmp_path_factory.mktemp("published"), study)


@pytest.fixture(scope="session")
def lab(published: Repository, tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """As a group with a large remote publishes: it keeps everything."""
    folder = tmp_path_factory.mktemp("lab")
    repository = Repository(shutil.copytree(published.folder, folder / "origin", symlinks=True), folder / "store")
    repository.edit("dvc.yaml", r", cache: false", "", count=0)
    repository.switch(str(repository.remote))
    repository.commit()
    return repository


@pytest.fixture(scope="session")
def pulled(published: Repository, tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """A clone of what is published, after `make pull`; a test that edits it takes its edits back."""
    return made_by_pull(published, tmp_path_factory.mktemp("pulled"))


@pytest.fixture(scope="session")
def pulled_lab(lab: Repository, tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """A clone of the laboratory's repository, after `make pull`; a test that edits it takes its edits back."""
    return made_by_pull(lab, tmp_path_factory.mktemp("pulled_lab"))


def made_by_pull(origin: Repository, folder: Path) -> Repository:
    repository = clone(origin, folder / "clone")
    done = repository.make("pull")
    assert done.returncode == 0, done.stderr
    assert re.search("Data, results, code and settings are those of dvc.lock", done.stdout)
    return repository
