"""What can happen to a job on a cluster, and that it goes on where it was, to the same bits."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster import slurm
from tests.cluster.conftest import SHARD
from tests.cluster.workflow import PATIENCE, Project, Run, ask, jobs, until

MODELS = "results/smoke/models/emoji_seen/*[!k]"  # no lock

pytestmark = pytest.mark.usefixtures("cluster")


@pytest.fixture
def begun(shard: Project) -> Iterator[tuple[Project, Run, str, dict[Path, int]]]:
    """A shard under way, its run, the id of its job, and the models finished so far with their times."""
    before = set(jobs())
    with shard.start("--", SHARD) as run:
        folder = (shard.folder / SHARD).parent
        finished = until(lambda: run.poll() is None and list(folder.glob("*_0003.safetensors")), "the first model")
        (job,) = set(jobs()) - before
        yield shard, run, job, {file: file.stat().st_mtime_ns for file in finished}


def check(project: Project, undisturbed: Project, finished: dict[Path, int]) -> None:
    assert project.hashes(MODELS) == undisturbed.hashes(MODELS)
    assert {file: file.stat().st_mtime_ns for file in finished} == finished
    assert len(undisturbed.hashes(MODELS)) > 4


def test_a_shard_goes_on_when_its_node_vanishes(begun, undisturbed: Project, cluster: slurm.Cluster):
    project, run, job, finished = begun
    node = ask("squeue", f"--jobs={job}", "--noheader", "--format=%N").strip()
    ask("scontrol", "update", f"nodename={node}", "state=down", "reason=test")
    assert run.wait(PATIENCE) == 0, run.said
    assert "Restarts=1" in ask("scontrol", "show", "job", job)
    if "down" in ask("sinfo", "--noheader", f"--nodes={node}", "--format=%T"):
        ask("scontrol", "update", f"nodename={node}", "state=resume")
    check(project, undisturbed, finished)


def test_a_shard_goes_on_after_its_time_is_over(begun, undisturbed: Project):
    project, run, job, finished = begun
    ask("scontrol", "update", f"jobid={job}", "endtime=now+1")
    assert run.wait(PATIENCE) == 0, run.said
    assert "TIMEOUT" in run.said
    check(project, undisturbed, finished)


def test_a_job_out_of_memory_gets_more(shard: Project, undisturbed: Project):
    # On the command line, --set-resources replaces that of the profile.
    wishes = ("slurm_partition=gpu", "gpu_model=a100", "mem_mb=300*attempt**3")
    before = set(jobs())
    with shard.start("--set-resources", *(f"finetune:{wish}" for wish in wishes), "--", SHARD) as run:
        assert run.wait(PATIENCE) == 0, run.said
    # Without cgroups, which tests lack, Slurm calls it failed instead of out of memory.
    new = ",".join(sorted(set(jobs()) - before, key=int))
    assert ask("sacct", "-X", "--noheader", f"--jobs={new}", "--format=ReqMem,State").split() == [
        *("300M", "FAILED"),
        *("2400M", "COMPLETED"),
    ]
    check(shard, undisturbed, {})


def test_the_jobs_of_a_killed_controller_are_named_not_submitted_again(begun, undisturbed: Project):
    project, run, job, finished = begun
    run.kill()
    run.wait()
    before = jobs()
    with project.start("--unlock") as unlock:
        assert unlock.wait(PATIENCE) == 0
    with project.start("--", SHARD) as again:
        assert again.wait(PATIENCE) == 1
    assert again.said.rstrip().endswith(f"scancel {job}"), again.said
    assert f"{job} (finetune smoke_emoji_seen_test_0000, running)" in again.said
    assert jobs() == before
    ask("scancel", job)
    until(lambda: job not in jobs("pending,running,completing"), "the end of the job")
    project.finish(SHARD)
    check(project, undisturbed, finished)


def test_a_run_outlives_an_outage_of_the_database(begun, undisturbed: Project, cluster: slurm.Cluster):
    project, run, _, finished = begun
    cluster.stop("slurmdbd")
    until(lambda: "does not tell the states of 1 jobs" in run.said, "a status check without an answer")  # 44 seconds
    cluster.start("slurmdbd", "slurmdbd", "-D")
    assert run.wait(PATIENCE) == 0, run.said
    assert "SLURM tells the states of jobs again." in run.said
    assert "Trying to restart" not in run.said
    check(project, undisturbed, finished)


def test_a_job_that_slurm_forgets_is_submitted_again(shard: Project, undisturbed: Project, cluster: slurm.Cluster):
    """The controller is killed before it has saved the job to its disk."""
    saved = {file: file.read_bytes() for file in cluster.folder.glob("job_state*")}
    with shard.start("--", SHARD) as run:
        (job,) = until(lambda: jobs("running"), "the job")
        cluster.daemons["slurmctld"].kill()
        cluster.stop("slurmctld")
        for file in cluster.folder.glob("job_state*"):
            file.write_bytes(saved[file]) if file in saved else file.unlink()
        # Else SLURM gives the id again and, as the job still runs on its node, drains the node.
        with (cluster.folder / "slurm.conf").open("a") as settings:
            settings.write("FirstJobId=1000\n")
        cluster.start("slurmctld", "slurmctld", "-D")
        assert run.wait(PATIENCE) == 0, run.said
    assert f"SLURM does not know job {job} any more" in run.said
    check(shard, undisturbed, {})
