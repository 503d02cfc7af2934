"""The list of jobs is Snakemake's plan."""

import csv
import io
from pathlib import Path

import pytest

from tests import projects
from workflow_scripts.study import checks
from workflow_scripts.study.jobs import jobs
from workflow_scripts.study.schema import read_yaml
from workflow_scripts.study.study import Study


def read_study(name: str) -> Study:
    return checks.load_study(read_yaml(projects.ROOT / f"config/studies/{name}.yaml"), projects.ROOT)


def summary(project: Path, name: str, flag: str) -> list[dict[str, str]]:
    """Snakemake's table of the outputs of a study."""
    done = projects.snakemake(project, flag, "--config", f"study={name}")
    assert done.returncode == 0, done.stderr
    return list(csv.DictReader(io.StringIO(done.stdout), delimiter="\t"))


@pytest.mark.parametrize("name", ["smoke", "miniature"])
def test_the_jobs_of_a_study_are_those_that_snakemake_plans(name: str, tmp_path: Path):
    planned = {
        (row["rule"], row["output_file"])
        for row in summary(projects.copy_project(tmp_path / "project"), name, "--summary")
    }
    assert {(job.rule, output) for job in jobs(read_study(name)) for output in job.outputs} == planned


def test_a_job_needs_what_snakemake_gives_it(finished_project: Path):
    given = {
        row["output_file"]: {file for file in row["input-file(s)"].split(",") if file.startswith("results/")}
        for row in summary(finished_project, "smoke", "--detailed-summary")
    }
    assert {output: set(job.needs) for job in jobs(read_study("smoke")) for output in job.outputs} == given


def test_a_job_comes_after_those_that_it_needs():
    made: set[str] = set()
    for job in jobs(read_study("miniature")):
        assert made.issuperset(job.needs)
        made.update(job.outputs)


def test_a_job_knows_its_log_and_its_benchmark(finished_project: Path):
    for job in jobs(read_study("smoke")):
        assert (finished_project / job.log).is_file()
        assert (finished_project / job.benchmark).is_file()
