"""Snakemake on a cluster of tests: a project, a run under way in it, and what its jobs are up to."""

import hashlib
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

SNAKEMAKE = (sys.executable, "-m", "snakemake", "--config", "study=smoke")
GPU_RULES = ("regularization", "finetune", "sample", "embed_exemplars", "embed_distractors", "embed_samples")
# Polling for tests.
QUICK = (
    *("--latency-wait", "5", "--slurm-init-seconds-before-status-checks", "1", "--seconds-between-status-checks", "1"),
)
PATIENCE = 600  # seconds; a quiet machine takes a tenth
T = TypeVar("T")


class Project:
    """A copy of the project."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run_locally(self, *targets: str) -> None:
        """Makes targets without a cluster."""
        arguments = ("--profile", "config/profiles/default", "--", *targets)
        subprocess.run([*SNAKEMAKE, *arguments], cwd=self.folder, check=True, capture_output=True, timeout=PATIENCE)

    def start(self, *arguments: str, profile: str = "slurm") -> "Run":
        """Starts Snakemake with a profile of the project's."""
        return Run(self.folder, [*SNAKEMAKE, "--profile", profile, *QUICK, *arguments])

    def finish(self, *targets: str, profile: str = "slurm", limit: float = PATIENCE) -> str:
        """Makes targets on the cluster; returns what Snakemake says."""
        with self.start("--", *targets, profile=profile) as run:
            assert run.wait(limit) == 0, run.said
        return run.said

    def check(self, *arguments: str) -> subprocess.CompletedProcess:
        """Asks cluster_check about the study."""
        command = [
            sys.executable,
            "-m",
            "workflow_scripts.commands.cluster_check",
            "--config",
            "study=smoke",
            *arguments,
        ]
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False, timeout=PATIENCE)

    def pending(self) -> str:
        """What a dry run says."""
        done = subprocess.run(
            [*SNAKEMAKE, "--dry-run", "--cores", "1"], cwd=self.folder, capture_output=True, text=True
        )
        return done.stdout + done.stderr

    def hashes(self, *patterns: str) -> dict[str, str]:
        """Hash by path of the files that match."""
        files = [file for pattern in patterns for file in self.folder.glob(pattern) if file.is_file()]
        return {str(f.relative_to(self.folder)): hashlib.sha256(f.read_bytes()).hexdigest() for f in sorted(files)}


class Run(subprocess.Popen):
    """Snakemake under way in a session of its own, its output in a file; killed at the end of a `with` block."""

    def __init__(self, folder: Path, command: list[str]) -> None:
        self.log = folder / f"run.{time.monotonic_ns()}.log"
        with self.log.open("w") as log:
            super().__init__(command, cwd=folder, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)

    def __exit__(self, *_: object) -> None:
        self.kill()
        self.wait()

    @property
    def said(self) -> str:
        return self.log.read_text()


def until(condition: Callable[[], T], what: str, limit: float = PATIENCE) -> T:
    """Waits for a condition; returns what makes it true."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.2)
    raise AssertionError(f"waited {limit} seconds in vain for {what}")


def ask(*command: str) -> str:
    """What a command of Slurm's says."""
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


def jobs(state: str = "all") -> list[str]:
    """Ids of the jobs in a state."""
    return ask("squeue", "--noheader", f"--states={state}", "--format=%i").split()
