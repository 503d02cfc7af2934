"""The whole smoke study on a cluster, to its report."""

import pytest

from tests.cluster.conftest import copy_project
from tests.cluster.workflow import GPU_RULES, Project, ask
from tests.projects import ROOT

ARTEFACTS = ("exemplars", "regularization", "models", "samples", "features", "heads", "scores", "metrics")
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
    assert len(given) > len(GPU_RULES) + 8


def test_its_artefacts_are_those_of_a_local_run(finished: Project):
    if not (ROOT / "results/smoke/report/index.html").is_file():
        pytest.skip("results/smoke is not there: make demo STUDY=smoke")
    patterns = [f"results/smoke/{kind}/**/*" for kind in ARTEFACTS]
    made, local = finished.hashes(*patterns), Project(ROOT).hashes(*patterns)
    assert len(made) > 100
    assert made == {file: local.get(file) for file in made}
