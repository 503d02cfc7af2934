"""What the project itself publishes."""

from pathlib import Path

from tests.dvc.repositories import Repository
from tests.projects import ROOT
from workflow_scripts import artifacts

REMEDY = "dvc.lock is not of this code; docs/data.md, Publish, says how to make it so"


def test_the_published_lock_is_of_this_code_and_the_readme_of_its_results(tmp_path: Path):
    repository = Repository(tmp_path / "clone", tmp_path / "clone/dvcstore")
    Repository(ROOT, ROOT / "dvcstore").must("git", "clone", "--quiet", str(ROOT), str(repository.folder))
    repository.must("dvc", "fetch")
    done = repository.run("python", "-m", "workflow_scripts.commands.prove")
    assert done.returncode == 0, f"{REMEDY}\n{done.stderr}"
    made_from = artifacts.read_json(repository.folder / "docs/published.json")[artifacts.PROVENANCE]["inputs"]
    kept = [path for path in made_from if (repository.folder / path).exists()]
    assert kept
    others = [path for path in kept if artifacts.file_hash(repository.folder / path) != made_from[path]]
    assert not others, f"README.md was made from another {others[0]}; run: snakemake --cores 1 publish"
