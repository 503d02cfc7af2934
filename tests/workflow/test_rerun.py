"""What Snakemake makes again: nothing without a reason, and with one only what depends on it. Steps are stand-ins."""

import os
import re
import shutil
from datetime import datetime
from pathlib import Path

import pytest

from tests import projects
from tests.projects import pending


@pytest.fixture
def project(finished_project: Path, tmp_path: Path) -> Path:
    """A copy of a finished project, times and Snakemake's records included."""
    return shutil.copytree(finished_project, tmp_path / "project")


def edit(file: Path, pattern: str, replacement: str) -> None:
    text, count = re.subn(pattern, replacement, file.read_text(), count=1, flags=re.DOTALL)
    assert count == 1, f"{file} has no {pattern}"
    file.write_text(text)


def test_a_finished_study_has_nothing_to_be_done(project: Path):
    done = projects.snakemake(project, "--dry-run", "--config", "study=smoke")
    assert "Nothing to be done" in done.stdout + done.stderr


def test_an_input_dated_in_the_future_is_named_before_anything_is_made(project: Path):
    """Snakemake would remove what is made from it, because that is older."""
    file, target = "data/corpus/drawings.parquet", "results/smoke/exemplars/emoji_seen.parquet"
    os.utime(project / file, (2e9, 2e9))
    (project / target).unlink()
    make = ("--config", "study=smoke", "--", target)
    refused = projects.snakemake(project, *make)
    assert refused.returncode == 1
    last = refused.stderr.rstrip().splitlines()[-1]
    assert last.startswith(f"error: {file}: is dated in the future ({datetime.fromtimestamp(2e9):%F %T}); ")
    assert last.endswith(f"touch {file}")
    (project / file).touch()
    assert projects.snakemake(project, *make).returncode == 0
    assert "Nothing to be done" in projects.snakemake(project, *make).stderr


def test_a_comment_in_the_code_reruns_nothing(project: Path):
    for file in ("workflow_scripts/steps/finetune.py", "workflow_scripts/seeds.py"):
        with (project / file).open("a") as opened:
            opened.write("# a comment\n")
    assert pending(project) == {}


@pytest.mark.parametrize(
    ("pattern", "rule"),
    [
        ("gallery.html", "gallery"),
        ("figures/*.svg", "plot"),
        ("summary/*.json", "tabulate"),
        ("tables/dataset.csv", "dataset_table"),
        ("rulegraph.svg", "rulegraph"),
    ],
)
def test_a_file_of_the_report_that_is_gone_is_made_again(project: Path, pattern: str, rule: str):
    next((project / "results/smoke/report").glob(pattern)).unlink()
    assert rule in pending(project).values()


def test_a_setting_of_one_encoder_reruns_what_depends_on_it(project: Path):
    edit(project / "config/studies/smoke.yaml", r"(pixels:\n    size: )\d+", r"\g<1>8")
    made = pending(project)
    own = {"embed_exemplars", "embed_distractors", "embed_samples", "train_head", "calibrate", "attribute", "evaluate"}
    assert own <= set(made.values())
    assert set(made.values()) <= own | {"tabulate", "plot", "gallery", "index"}
    assert all("/pixels/" in file for file, rule in made.items() if rule in own)


def test_a_bumped_version_is_a_reason(project: Path):
    edit(project / "config/studies/smoke.yaml", r"(\nsampling:.*?version: )1", r"\g<1>2")
    assert "sample" in pending(project).values()
    assert "finetune" not in pending(project).values()


def test_a_class_added_to_a_list_leaves_other_cases_alone(project: Path):
    with (project / "config/classes/smoke.objects.txt").open("a") as file:
        file.write("zebra\n")
    made = pending(project)
    # A case's exemplars are one file, so all its shards are looked at again; the worker keeps the models that are good.
    assert [file for file, rule in made.items() if rule == "finetune"]
    assert not [file for file in made if re.search("/(models|samples)/families_seen/", file)]


def test_a_new_seed_reruns_every_model(project: Path):
    edit(project / "config/studies/smoke.yaml", r"\nseed: 0", "\nseed: 1")
    models = {file for file, rule in pending(project).items() if rule == "finetune"}
    assert models == {str(file.relative_to(project)) for file in project.glob("results/smoke/models/*/*.json")}
