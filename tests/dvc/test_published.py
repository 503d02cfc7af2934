"""What the project itself publishes."""

from pathlib import Path

from tests.dvc.repositories import Repository
from tests.projects import ROOT

REMEDY = "dvc.lock is not of this code; docs/data.md, Publish, says how to make it so"


def test_the_published_lock_is_of_this_code(tmp_path: Path):
    repository = Repository(tmp_path / "clone", tmp_path / "clone/dvcstore")
    Repository(ROOT, ROOT / "dvcstore").must("git", "clone", "--quiet", str(ROOT), str(repository.folder))
    repository.must("dvc", "fetch")
    done = repository.run("python", "-m", "workflow_scripts.commands.prove")
    assert done.returncode == 0, f"{REMEDY}\n{done.stderr}"
