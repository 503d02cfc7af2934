"""How many threads a job may use decides no bit of its results."""

import sys

import pytest

from tests.faults.runs import SNAKEMAKE, Project, Run, job_of

JOBS = {
    "regularization": job_of("regularization"),
    "finetune": job_of("finetune", "families_sets.test_0000"),
    "sample": job_of("sample", "families_sets.test_0000"),
    "embed_samples": job_of("embed_samples", "clip_mini.samples.families_sets.test_0000"),
    "train_head": job_of("train_head", "clip_mini.linear.object+style"),
    "attribute": job_of("attribute", "clip_mini.linear.object+style.emoji_seen"),
}


@pytest.mark.parametrize("rule", JOBS)
def test_a_job_of_four_threads_makes_what_a_job_of_one_makes(
    rule: str, project: Project, monkeypatch: pytest.MonkeyPatch
):
    before = project.contents()
    targets = project.remove(JOBS[rule])
    monkeypatch.setenv("OMP_NUM_THREADS", "4")  # Snakemake sets it, too
    run = Run(
        project.folder, [sys.executable, *SNAKEMAKE, "--cores", "4", "--set-threads", f"{rule}=4", "--", *targets]
    )
    assert run.end() == 0, run.said
    assert "threads: 4" in run.said
    assert project.contents() == before
