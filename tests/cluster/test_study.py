"""The whole smoke study on a cluster, to its report."""

import shutil
from pathlib import Path

import pytest

from tests.cluster.conftest import copy_project
from tests.cluster.workflow import GPU_RULES, Project, ask

CHAIN = (  # what one head's metrics are made of, from the models of a shard on
    "models/families_sets/*",
    "samples/families_sets/*",
    "features/clip_mini/samples/families_sets/*",
    "heads/clip_mini/linear/object_50.*",
    "scores/feature_similarity/clip_mini/linear/object_50/*",
    "metrics/feature_similarity/clip_mini/linear/object_50.*",
)
LIMIT = 1500  # seconds


@pytest.fixture(scope="module")
def finished(cluster: object, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The study, made on a cluster from nothing."""
    project = copy_project(tmp_path_factory.mktemp("study") / "project")
    project.finish(limit=LIMIT)
    return project


def test_the_study_comes_to_its_report(finished: Project):
    assert (finished.folder / "results/smoke/report/index.html").is_file()
    assert "Nothing to be done" in finished.pending()


def test_rules_that_want_a_gpu_get_an_a100_and_no_others(finished: Project):
    fields = "--format=Comment%200,Partition,AllocTRES%200,State"
    rows = [row.split("|") for row in ask("sacct", "-X", "--noheader", "--parsable2", fields).splitlines()]
    assert {state for *_, state in rows} == {"COMPLETED"}
    given = {comment.partition("_wildcards_")[0].removeprefix("rule_"): rest for comment, *rest in rows}
    assert {rule for rule, (_, resources, _) in given.items() if "gres/gpu:a100=1" in resources} == set(GPU_RULES)
    assert {rule for rule, (partition, *_) in given.items() if partition == "gpu"} == set(GPU_RULES)
    assert len(given) > len(GPU_RULES) + 3  # the report is made here


def test_a_local_run_makes_the_same_bits(finished: Project, tmp_path: Path):
    shutil.copytree(finished.folder, tmp_path / "project", symlinks=True)
    project = Project(tmp_path / "project")
    undone = [file for pattern in CHAIN for file in project.folder.glob(f"results/smoke/{pattern}")]
    for file in undone:
        file.unlink()
    project.run_locally("results/smoke/metrics/feature_similarity/clip_mini/linear/object_50.json")
    made = project.hashes("results/smoke/**/*")
    assert len(undone) >= 2 * len(CHAIN)
    assert {str(file.relative_to(project.folder)) for file in undone} <= made.keys()
    theirs = finished.hashes("results/smoke/**/*")
    differ = [file for file in made if made[file] != theirs[file] and file.split("/")[2] not in ("logs", "benchmarks")]
    assert differ == []
