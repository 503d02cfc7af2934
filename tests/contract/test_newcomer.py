"""The newcomer's test: one file and one entry in the study add a plug-in, and the plan grows by exactly its jobs."""

import re
import shutil
from pathlib import Path

import pytest

from tests import projects

GATHER = {"tabulate", "plot", "index"}  # one table holds all rows


@pytest.fixture(scope="module")
def project(finished_project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shutil.copytree(finished_project, tmp_path_factory.mktemp("newcomer") / "project")


def add(project: Path, kind: str, name: str, source: str, entry: str) -> dict[str, str]:
    """Adds a plug-in to the project's folder and study; returns what Snakemake would make then."""
    plug_in, study = project / f"workflow_scripts/{kind}/{name}.py", project / "config/studies/smoke.yaml"
    text = study.read_text()
    plug_in.write_text(source)
    study.write_text(re.sub(rf"(\n{kind}:.*?)\n\n", rf"\1\n{entry}\n\n", text, count=1, flags=re.DOTALL))
    try:
        return projects.pending(project)
    finally:
        study.write_text(text)
        plug_in.unlink()


ENCODER = '''"""Mean colours."""
import nowhere  # planning must not import a plug-in

SETTINGS = {"size": {"type": "integer", "description": "side"}}
'''


def test_a_new_encoder_adds_its_own_jobs_only(project: Path):
    made = add(project, "encoders", "mean_colour", ENCODER, "  mean_colour: {size: 4, version: 1}")
    own = {file: rule for file, rule in made.items() if "/mean_colour/" in file}
    assert set(own.values()) == {
        *("embed_exemplars", "embed_distractors", "embed_samples"),
        *("train_head", "calibrate", "attribute", "evaluate"),
    }
    assert set(made.values()) - set(own.values()) == GATHER | {"gallery"}  # it shows all encoders


def test_a_new_head_adds_its_own_jobs_only(project: Path):
    made = add(project, "heads", "shrunken", "import nowhere\n", "  shrunken: {version: 1}")
    own = {file: rule for file, rule in made.items() if "/shrunken/" in file}
    assert set(own.values()) == {"train_head", "calibrate", "attribute", "evaluate"}
    assert set(made.values()) - set(own.values()) == GATHER


def test_a_new_method_adds_its_own_jobs_only(project: Path):
    made = add(project, "methods", "chance", "import nowhere\n", "  chance: {version: 1}")
    own = {file: rule for file, rule in made.items() if "/chance/" in file}
    assert set(own.values()) == {"attribute", "evaluate"}
    assert set(made.values()) - set(own.values()) == GATHER


def test_nothing_of_it_stays(project: Path):
    assert projects.pending(project) == {}
