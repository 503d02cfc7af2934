"""Jobs of an earlier run that are still in the SLURM queue.

When Snakemake is killed, its SLURM jobs go on. A new run in the same folder would submit them a second time.
"""

import logging
import re
import subprocess
from pathlib import Path
from typing import NamedTuple

RUN = re.compile(r"([\w-]+_)?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")  # the executor names its jobs after the run
QUEUE = "%i|%j|%T|%k|%Z"  # of squeue: job, name, state, comment, working directory
SHOWN = 10

logger = logging.getLogger(__name__)


class Job(NamedTuple):
    """A job in SLURM's queue: id, state, and its rule with wildcards."""

    id: str
    state: str
    makes: str


def refuse_orphans(executor: str, folder: str | Path) -> None:
    """Refuses to start while jobs of an earlier run are in the queue. Call it before a run submits its first job.

    Args:
        executor: of Snakemake; only `slurm` leaves jobs behind.
        folder: the working directory of the run.

    Raises:
        ValueError: there are such jobs; the message names them and the command that ends them.
    """
    if executor != "slurm":
        return
    try:
        queue = ask("squeue", "--me", "--noheader", f"--format={QUEUE}")
    except ValueError as error:
        logger.warning("cannot tell whether jobs of an earlier run are still in the queue: %s", error)
        return
    if jobs := orphans(queue, Path(folder)):
        shown = ", ".join(f"{job.id} ({job.makes}, {job.state.lower()})" for job in jobs[:SHOWN])
        more = f" and {len(jobs) - SHOWN} more" if len(jobs) > SHOWN else ""
        raise ValueError(
            f"{folder}: SLURM jobs of an earlier run are still in the queue: {shown}{more}; "
            f"wait until they end, or end them: scancel {' '.join(job.id for job in jobs)}"
        )


def orphans(queue: str, folder: Path) -> list[Job]:
    """The jobs in a listing of squeue (`QUEUE`) that a run of Snakemake submitted from this folder."""
    jobs = []
    for line in queue.splitlines():
        number, name, state, comment, place = line.split("|", 4)
        if RUN.fullmatch(name) and comment.startswith("rule_") and Path(place).resolve() == folder.resolve():
            jobs.append(Job(number, state, comment.removeprefix("rule_").replace("_wildcards_", " ")))
    return jobs


def ask(*command: str, timeout: float = 60) -> str:
    """What a command prints.

    Raises:
        ValueError: there is no such command, it fails, or it takes longer than `timeout` seconds.
    """
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
    except FileNotFoundError as error:
        raise ValueError(f"{command[0]}: no such command on this machine") from error
    except subprocess.TimeoutExpired as error:
        raise ValueError(f"{command[0]}: no answer within {timeout:g} seconds") from error
    if done.returncode != 0:
        raise ValueError(f"{command[0]}: {' '.join(done.stderr.split()) or f'exit code {done.returncode}'}")
    return done.stdout
