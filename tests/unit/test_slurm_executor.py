"""No job is forgotten, whatever SLURM says; tests/cluster asks a real one."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence

import pytest
from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo as Job

from workflow_scripts.operations import slurm_executor

A, B, C = (Job(None, number) for number in ("1", "2", "3_1"))


class Plugin:
    """An executor that is told the states of jobs by id, or None if SLURM does not answer."""

    logger = logging.getLogger("executor")
    run_uuid = "run"

    def __init__(self) -> None:
        self.states: dict[str, str] | None = {}
        self.done, self.failed, self.cancelled = [], {}, []
        self._submitted_job_clusters = set()

    async def check_active_jobs(self, active_jobs: Sequence[Job]) -> AsyncIterator[Job]:
        for job in active_jobs if self.states is not None else ():
            if self.states.get(job.external_jobid) == "COMPLETED":
                self.report_job_success(job)
            elif self.states.get(job.external_jobid) == "FAILED":
                self.report_job_error(job, msg="failed")
            else:
                yield job

    def report_job_success(self, job: Job) -> None:
        self.done.append(job)

    def report_job_error(self, job: Job, msg: str) -> None:
        self.failed[job.external_jobid] = msg

    def cancel_jobs(self, active_jobs: Sequence[Job]) -> None:
        self.cancelled = active_jobs


class Executor(slurm_executor.Watch, Plugin):
    def check(self, *jobs: Job) -> list[Job]:
        """The jobs to look at again."""

        async def check() -> list[Job]:
            return [job async for job in self.check_active_jobs(jobs)]

        return asyncio.run(check())


@pytest.fixture
def executor(monkeypatch: pytest.MonkeyPatch) -> Executor:
    executor = Executor()
    executor.queue = "1\n2\n3\n"

    def ask(*command: str) -> str:
        assert command[:3] == ("squeue", "--me", "--name=run")
        if executor.queue is None:
            raise ValueError("squeue: Unable to contact slurm controller")
        return executor.queue

    monkeypatch.setattr(slurm_executor, "ask", ask)
    return executor


def test_no_answer_forgets_no_job_and_is_told_once(executor: Executor, caplog: pytest.LogCaptureFixture):
    for executor.states in (None, None, {}, None):
        assert executor.check(A, B) == [A, B]
    executor.states = {"1": "COMPLETED", "2": "FAILED"}
    assert executor.check(A, B) == []
    assert (executor.done, executor.failed) == ([A], {"2": "failed"})
    assert caplog.messages == 2 * [
        "SLURM does not tell the states of 2 jobs; they are asked for again.",
        "SLURM tells the states of jobs again.",
    ]


def test_a_job_that_slurm_has_lost_fails_after_some_checks(executor: Executor):
    executor.queue = "2\n3\n"
    assert [executor.check(A, B, C) for _ in range(slurm_executor.PATIENCE)] == [[A, B, C], [A, B, C], [B, C]]
    assert executor.failed == {"1": "SLURM does not know job 1 any more. What it finished is kept. "}


@pytest.mark.parametrize("what", ["it comes back", "no states", "no queue", "other clusters"])
def test_a_job_that_may_run_is_left_alone(what: str, executor: Executor):
    executor.queue = ""
    assert [executor.check(A) for _ in range(slurm_executor.PATIENCE - 1)] == [[A], [A]]
    match what:
        case "it comes back":
            executor.queue = "1"
        case "no states":  # jobs that ended during the outage are in neither list
            executor.states = None
        case "no queue":
            executor.queue = None
        case "other clusters":
            executor._submitted_job_clusters = {"other"}
    assert executor.check(A) == [A]
    assert not executor.failed


def test_jobs_under_check_are_cancelled_too(executor: Executor):
    async def interrupted() -> None:
        async for _ in executor.check_active_jobs([A, B]):
            executor.cancel_jobs([C])

    asyncio.run(interrupted())
    assert executor.cancelled == [C, A, B]
    executor.cancel_jobs([C])
    assert executor.cancelled == [C]
