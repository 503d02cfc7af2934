"""The smoke study in a folder of its own, to be disturbed: real data, real steps."""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

from tests.projects import PARTS, ROOT
from workflow_scripts import artifacts
from workflow_scripts.operations.jobs import Job, jobs
from workflow_scripts.study import checks
from workflow_scripts.study.schema import read_yaml
from workflow_scripts.study.study import Study

RESULTS = "results/smoke"
SNAKEMAKE = ("-m", "snakemake", "--config", "study=smoke", "--profile", "config/profiles/default")
MAKE = (
    "make",
    "--no-print-directory",
    "--old-file=.venv/requirements.lock",  # whatever its age
    "run",
    "STUDY=smoke",
)  # what `make demo` does once the environment and the data are there
BESIDE = (".lock", ".part")  # not artefacts
CHECKLIST = ".files.sha256"  # of a shard
LIMIT = 600  # seconds, after which a run is said to hang


def read_study() -> Study:
    """The study `smoke`."""
    return checks.load_study(read_yaml(ROOT / "config/studies/smoke.yaml"), ROOT)


def job_of(rule: str, part: str = "") -> Job:
    """The first job of a rule whose record holds `part`."""
    return next(job for job in jobs(read_study()) if job.rule == rule and part in job.record)


class Run(subprocess.Popen):
    """A command under way in a process group of its own, its output in a file."""

    def __init__(self, folder: Path, command: Sequence[str]) -> None:
        self.log = folder / f"run.{time.monotonic_ns()}.log"
        # A shell that runs us in the background makes us ignore SIGINT, and children inherit that.
        listen = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)  # noqa: E731
        with self.log.open("w") as log:
            super().__init__(
                command, cwd=folder, stdout=log, stderr=subprocess.STDOUT, start_new_session=True, preexec_fn=listen
            )

    @property
    def said(self) -> str:
        return self.log.read_text()

    def end(self) -> int:
        """Waits for the exit code."""
        return self.wait(LIMIT)

    def worker(self, step: str) -> psutil.Process | None:
        """The process of a step, once it is there; None if the run ends without."""
        module = f"workflow_scripts.steps.{step}"
        while self.poll() is None:
            for process in psutil.Process(self.pid).children(recursive=True):
                try:
                    if process.cmdline()[1:3] == ["-m", module]:
                        return process
                except psutil.Error:  # it has just ended
                    continue
            time.sleep(0.1)  # looking is costly
        return None

    def kill(self) -> None:
        """SIGKILL to everything that the run started."""
        try:
            family = psutil.Process(self.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            family = []
        for process in [self.pid, *(child.pid for child in family)]:
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.wait(LIMIT)


class Project:
    """A copy of the project with its finished smoke study."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.results = folder, folder / RESULTS
        folder.mkdir()
        for part in (*PARTS, "Makefile"):
            copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy2
            copy(ROOT / part, folder / part)
        for part in ("data", ".venv"):
            (folder / part).symlink_to(ROOT / part)
        shutil.copytree(ROOT / RESULTS, self.results)
        shutil.copytree(ROOT / ".snakemake/metadata", folder / ".snakemake/metadata")

    def start(self, *arguments: str) -> Run:
        """Starts Snakemake, as the README says."""
        return Run(self.folder, [sys.executable, *SNAKEMAKE, *arguments])

    def make(self) -> Run:
        """Starts `make demo`, without its installation."""
        return Run(self.folder, MAKE)

    def finish(self, *targets: str) -> None:
        """Runs to the end."""
        run = self.start(*targets)
        assert run.end() == 0, run.said

    def remove(self, *undone: Job) -> list[str]:
        """Removes what jobs have made; returns the targets that make it again."""
        for job in undone:
            for output in map(self.folder.joinpath, job.outputs):
                if job.is_shard:
                    for entry in artifacts.read_json(output)["models"]:
                        (output.parent / entry["file"]).unlink()
                for file in output.parent.glob(f"{output.name}*"):
                    file.unlink()
        return [job.outputs[0] for job in undone]

    def contents(self) -> dict[str, str]:
        """SHA-256 by path, of everything but logs, benchmarks and what only workers under way leave."""
        files = (path for path in self.results.rglob("*") if path.is_file() and path.suffix not in BESIDE)
        paths = {str(path.relative_to(self.results)): path for path in files}
        return {
            name: hashlib.sha256(path.read_bytes()).hexdigest()
            for name, path in paths.items()
            if not name.startswith(("logs/", "benchmarks/"))
        }

    def whole(self) -> dict[str, str]:
        """`contents` without the checklists of shards, which grow line by line while a shard is made."""
        return {name: digest for name, digest in self.contents().items() if not name.endswith(CHECKLIST)}

    def times(self) -> dict[str, int]:
        """When each artefact was written, in nanoseconds."""
        artefacts = (name for name in self.contents() if not name.endswith(artifacts.SIDECAR))
        return {name: (self.results / name).stat().st_mtime_ns for name in artefacts}

    def plan(self) -> str:
        """What a dry run says."""
        command = [sys.executable, *SNAKEMAKE, "--dry-run"]
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=True).stdout
