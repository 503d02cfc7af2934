"""Whatever ends a run, the same command goes on where it was, and the results are bit for bit the undisturbed run's."""

import os
import random
import signal
import time

import pytest

from tests.faults.runs import Job, Project, job_of

CASE = "emoji_seen"
WORKERS = {  # by rule the step and a job
    "finetune": ("finetune", job_of("finetune", f"{CASE}.test_0000")),
    "sample": ("sample", job_of("sample", f"{CASE}.test_0000")),
    "embed_samples": ("embed", job_of("embed_samples", f"clip_mini.samples.{CASE}.test_0000")),
    "attribute": ("attribute", job_of("attribute", f"pixels.linear.object+style.{CASE}")),
}
MILESTONES = ("exemplars", "models", "samples", "features", "heads", "scores", "metrics", "report")
A_PART_OF_ALL = (  # from models to the report; Snakemake makes again all that depends on them
    job_of("finetune", "families_sets.test_0000"),
    job_of("sample", "families_sets.test_0000"),
    job_of("embed_samples", "pixels.samples.families_sets.test_0000"),
    job_of("train_head", "pixels.channel"),
    job_of("index"),
)


@pytest.fixture(scope="session")
def seconds() -> dict[str, float]:
    """How long each worker lives if nobody kills it, measured when it is first asked for."""
    return {}


def live_undisturbed(project: Project, step: str, job: Job) -> float:
    targets = project.remove(job)
    run = project.start(*targets)
    worker, start = run.worker(step), time.monotonic()
    worker.wait()
    lived = time.monotonic() - start
    assert run.end() == 0, run.said
    return lived


def assert_restored(project: Project, before: dict[str, str]) -> None:
    assert project.contents() == before
    assert "Nothing to be done" in project.plan()


def some_moment(name: str, moment: int, longest: float) -> float:
    return random.Random(f"{name} {moment}").uniform(0, longest)


@pytest.mark.parametrize("rule", WORKERS)
def test_a_worker_killed_at_any_moment_goes_on_where_it_was(
    rule: str, moment: int, project: Project, seconds: dict[str, float]
):
    step, job = WORKERS[rule]
    before = project.contents()
    if rule not in seconds:
        seconds[rule] = live_undisturbed(project, step, job)
        assert_restored(project, before)
    targets = project.remove(job)
    run = project.start(*targets)
    worker = run.worker(step)
    time.sleep(some_moment(rule, moment, seconds[rule]))
    if worker.is_running():
        worker.kill()
    run.end()
    assert project.whole().items() <= before.items()  # whole or absent
    times = project.times()
    project.finish(*targets)
    assert_restored(project, before)
    assert times.items() <= project.times().items()  # what was finished is not made again


@pytest.mark.parametrize("ending", ["snakemake killed with its workers", "SIGINT", "SIGTERM"])
def test_a_run_ended_at_any_moment_goes_on_where_it_was(ending: str, moment: int, project: Project):
    before = project.contents()
    targets = project.remove(*A_PART_OF_ALL)
    run = project.start(*targets)
    time.sleep(3 + some_moment(ending, moment, 25))  # 3 seconds are Snakemake's own
    match ending:
        case "SIGINT":  # of the terminal, to all
            os.killpg(run.pid, signal.SIGINT)
        case "SIGTERM":  # it waits for jobs under way
            os.kill(run.pid, signal.SIGTERM)
        case _:
            run.kill()
    run.end()
    assert project.whole().items() <= before.items()
    again = project.make()
    assert again.end() == 0, again.said
    # Snakemake removes a file before it makes it again, and makes none that only finished files depend on.
    project.finish(*MILESTONES)
    assert_restored(project, before)


def test_a_worker_that_outlives_snakemake_is_named_not_doubled(project: Project):
    step, job = WORKERS["finetune"]
    before = project.contents()
    targets = project.remove(job)
    run = project.start(*targets)
    worker = run.worker(step)
    lock = (project.folder / job.outputs[0]).with_suffix(".lock")
    while not lock.exists() or not lock.read_text():
        time.sleep(0.05)
    worker.suspend()  # it shall live as long as we need it
    os.kill(run.pid, signal.SIGKILL)
    run.end()
    unlocked = project.start("--unlock")
    assert unlocked.end() == 0, unlocked.said
    again = project.start(*targets)
    assert again.end() == 1
    assert f"this shard is being made by process {worker.pid} on" in again.said
    assert f"(kill {worker.pid})" in again.said
    worker.resume()
    worker.wait()
    project.finish(*targets)
    assert_restored(project, before)


@pytest.mark.parametrize("second", ["snakemake", "make demo"])
def test_of_two_runs_at_once_the_second_is_told_and_the_first_goes_on(second: str, project: Project):
    step, job = WORKERS["finetune"]
    before = project.contents()
    targets = project.remove(job)
    first = project.start(*targets)
    first.worker(step)
    refused = project.start(*targets) if second == "snakemake" else project.make()
    code, said = refused.end(), refused.said
    assert first.end() == 0
    assert code != 0
    assert ("cannot be locked" if second == "snakemake" else "snakemake is at work here") in said
    assert_restored(project, before)
