"""Snakemake's executor for SLURM, which forgets no job.

In version 2.8 of the plug-in, two mishaps make a run wait for ever, without a word: if no query of a status check is
answered, for example because slurmdbd is down, the jobs are not looked at again; and a job that SLURM itself has lost
counts as one that it does not know yet.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence, Set
from types import MappingProxyType
from typing import Any

import snakemake_executor_plugin_slurm
from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo
from snakemake_interface_executor_plugins.registry import ExecutorPluginRegistry

from workflow_scripts.operations.slurm_queue import ask

PATIENCE = 3  # checks; at least two minutes with the pauses of the profiles


class Watch:
    """What is done with the jobs of a status check, in front of an executor that asks for their states."""

    _under_check: Sequence[SubmittedJobInfo] = ()
    _settled: Set[str] = frozenset()  # ids of jobs that ended, of this check
    _missed: Mapping[str, int] = MappingProxyType({})  # by id, checks in a row in which SLURM did not know a job
    _answers = True

    async def check_active_jobs(self, active_jobs: Sequence[SubmittedJobInfo]) -> AsyncIterator[SubmittedJobInfo]:
        """Yields the jobs to look at again; reports the others as done or failed."""
        self._under_check, self._settled = active_jobs, frozenset()
        waiting = [job async for job in super().check_active_jobs(active_jobs)]
        looked_at = {job.external_jobid for job in waiting} | self._settled
        forgotten = [job for job in active_jobs if job.external_jobid not in looked_at]
        if self._answers and forgotten:
            self.logger.warning(f"SLURM does not tell the states of {len(forgotten)} jobs; they are asked for again.")
        if not self._answers and not forgotten:
            self.logger.warning("SLURM tells the states of jobs again.")
        self._answers = not forgotten
        lost = set() if forgotten else await self._lost(waiting)
        for job in [*waiting, *forgotten]:
            if job.external_jobid in lost:
                message = f"SLURM does not know job {job.external_jobid} any more. What it finished is kept. "
                self.report_job_error(job, msg=message)
            else:
                yield job
        self._under_check = ()

    def report_job_success(self, job: SubmittedJobInfo) -> None:
        self._settled |= {job.external_jobid}
        super().report_job_success(job)

    def report_job_error(self, job: SubmittedJobInfo, *args: Any, **kwargs: Any) -> None:
        self._settled |= {job.external_jobid}
        super().report_job_error(job, *args, **kwargs)

    def cancel_jobs(self, active_jobs: Sequence[SubmittedJobInfo]) -> None:
        """Cancels those under check, too, which Snakemake leaves out."""
        super().cancel_jobs([*active_jobs, *self._under_check])

    async def _lost(self, waiting: Sequence[SubmittedJobInfo]) -> set[str]:
        """Ids of the jobs that have been neither in the queue nor among those that ended lately for some checks."""
        if self._submitted_job_clusters:  # the queue of this cluster says nothing about jobs of others
            return set()
        query = ("squeue", "--me", f"--name={self.run_uuid}", "--states=all", "--noheader", "--format=%F")
        try:
            known = set((await asyncio.to_thread(ask, *query)).split())
        except ValueError:  # the controller is down
            return set()
        unknown = [job.external_jobid for job in waiting if job.external_jobid.partition("_")[0] not in known]
        missed = {job: self._missed.get(job, 0) + 1 for job in unknown}
        self._missed = {job: checks for job, checks in missed.items() if checks < PATIENCE}  # an id may come again
        return missed.keys() - self._missed.keys()


class Executor(Watch, snakemake_executor_plugin_slurm.Executor):
    """The executor of the plug-in, watched."""


def use() -> None:
    """Makes Snakemake take this executor for `--executor slurm`, in this process."""
    ExecutorPluginRegistry().get_plugin("slurm").executor = Executor
