"""The list of jobs is Snakemake's plan."""

import csv
import io
from pathlib import Path

import pytest

from tests import projects
from workflow_scripts import checks
from workflow_scripts.config import Study
from workflow_scripts.jobs import jobs
from workflow_scripts.schema import read_yaml


def read_study(name: str) -> Study:
    return checks.load_study(read_yaml(projects.ROOT / f"config/studies/{name}.yaml"), projects.ROOT)


@pytest.mark.parametrize("study", ["smoke", "miniature"])
def test_the_jobs_of_a_study_are_those_that_snakemake_plans(study: str, tmp_path: Path):
    project = projects.copy_project(tmp_path / "project")
    done = projects.snakemake(project, "--summary", "--config", f"study={study}")
    assert done.returncode == 0, done.stderr
    rows = csv.DictReader(io.StringIO(done.stdout), delimiter="\t")
    planned = {(row["rule"], row["output_file"]) for row in rows}
    assert {(job.rule, output) for job in jobs(read_study(study)) for output in job.outputs} == planned


def test_a_job_knows_its_log_and_its_benchmark(finished_project: Path):
    for job in jobs(read_study("smoke")):
        assert (finished_project / job.log).is_file()
        assert (finished_project / job.benchmark).is_file()
