"""The list of jobs is Snakemake's plan, and is kept until what decides it has changed."""

import csv
import gzip
import io
from pathlib import Path

import pytest

from tests import projects
from workflow_scripts.operations.jobs import Job, jobs
from workflow_scripts.study import checks, layout


def jobs_of(name: str, monkeypatch: pytest.MonkeyPatch, project: Path = projects.ROOT) -> list[Job]:
    monkeypatch.chdir(project)
    return jobs(checks.named_study(name, project))


def summary(project: Path, name: str, flag: str) -> list[dict[str, str]]:
    """Snakemake's table of the outputs of a study."""
    done = projects.snakemake(project, flag, "--config", f"study={name}")
    assert done.returncode == 0, done.stderr
    return list(csv.DictReader(io.StringIO(done.stdout), delimiter="\t"))


@pytest.mark.parametrize("name", ["smoke", "miniature"])
def test_the_jobs_of_a_study_are_those_that_snakemake_plans(name: str, tmp_path: Path, monkeypatch):
    project = projects.copy_project(tmp_path / "project")
    planned = {(row["rule"], row["output_file"]) for row in summary(project, name, "--summary")}
    assert {(job.rule, output) for job in jobs_of(name, monkeypatch, project) for output in job.outputs} == planned


def test_a_job_needs_what_snakemake_gives_it(finished_project: Path, monkeypatch):
    given = {
        row["output_file"]: set(filter(None, row["input-file(s)"].split(",")))
        for row in summary(finished_project, "smoke", "--detailed-summary")
    }
    planned = jobs_of("smoke", monkeypatch, finished_project)
    assert {output: set(job.needs) for job in planned for output in job.outputs} == given


def test_a_job_comes_after_those_that_it_needs(monkeypatch):
    planned = jobs_of("miniature", monkeypatch)
    outputs = {output for job in planned for output in job.outputs}
    made: set[str] = set()
    for job in planned:
        assert made.issuperset(outputs.intersection(job.needs))
        made.update(job.outputs)


def test_a_job_knows_its_log_and_its_benchmark(finished_project: Path, monkeypatch):
    for job in jobs_of("smoke", monkeypatch, finished_project):
        assert (finished_project / job.log).is_file()
        assert (finished_project / job.benchmark).is_file()


def test_data_need_not_be_there(tmp_path: Path, monkeypatch):
    project = projects.copy_project(tmp_path / "project")
    (project / "data").rename(tmp_path / "data")
    assert len(jobs_of("smoke", monkeypatch, project)) == len(jobs_of("smoke", monkeypatch))


def test_the_list_is_kept_until_the_study_changes(tmp_path: Path, monkeypatch):
    project = projects.copy_project(tmp_path / "project")
    before = jobs_of("smoke", monkeypatch, project)
    kept = project / "results/smoke" / layout.JOBS
    asked = kept.stat().st_mtime_ns
    assert jobs_of("smoke", monkeypatch, project) == before
    assert kept.stat().st_mtime_ns == asked

    classes = project / "config/classes/smoke.objects.txt"
    classes.write_text("".join(classes.read_text().splitlines(keepends=True)[:-1]))
    after = jobs_of("smoke", monkeypatch, project)
    assert sum(job.size for job in after if job.rule == "finetune") < sum(
        job.size for job in before if job.rule == "finetune"
    )


FLIPPED = gzip.compress(b"{}")[:12] + b"\xff" * 9


@pytest.mark.parametrize("damage", [b"", b"not gzip", None, FLIPPED, gzip.compress(b"[]"), gzip.compress(b"{}")])
def test_a_damaged_list_is_asked_for_again(damage: bytes | None, tmp_path: Path, monkeypatch):
    project = projects.copy_project(tmp_path / "project")
    before = jobs_of("smoke", monkeypatch, project)
    kept = project / "results/smoke" / layout.JOBS
    kept.write_bytes(kept.read_bytes()[:-20] if damage is None else damage)
    assert jobs_of("smoke", monkeypatch, project) == before


def test_a_mistake_in_the_rules_is_told_in_one_line(tmp_path: Path, monkeypatch):
    project = projects.copy_project(tmp_path / "project")
    rule = project / "rules/samples.smk"
    rule.write_text(rule.read_text().replace("size=images_of_shard", "size=images_of_nothing"))
    with pytest.raises(ValueError, match=r"^study smoke: Snakemake cannot plan it: .*images_of_nothing"):
        jobs_of("smoke", monkeypatch, project)


def test_a_study_that_snakemake_cannot_plan_is_told_in_one_line(tmp_path: Path, monkeypatch):
    project = projects.copy_project(tmp_path / "project")
    with (project / "rules/samples.smk").open("a") as rules:
        rules.write("\n\nuse rule sample as sample_again with:\n    threads: 2\n")
    with pytest.raises(ValueError, match=r"^study smoke: Snakemake cannot plan it: .*sample_again"):
        jobs_of("smoke", monkeypatch, project)
