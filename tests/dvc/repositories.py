"""Git repositories of the project, with DVC, that one can pull, change and ask."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.projects import PARTS, ROOT

BIN = Path(sys.executable).parent
FILES = (*PARTS, "Makefile", "dvc.yaml", ".dvcignore", ".gitignore", ".dvc/config", ".dvc/plots")
AUTHOR = {f"GIT_{role}_{key}": "test" for role in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")}
KEPT = ("data", "results/smoke/metrics", "results/smoke/report")  # by the remote of what is published


@dataclass(frozen=True)
class Repository:
    """A git repository of the project whose study is `smoke`.

    Attributes:
        remote: the folder in which its DVC remote is.
    """

    folder: Path
    remote: Path

    def run(self, *command: str) -> subprocess.CompletedProcess:
        """Runs a command, without a terminal to ask questions on."""
        with self.start(*command) as process:
            said = process.communicate()
        return subprocess.CompletedProcess(command, process.returncode, *said)

    def start(self, *command: str) -> subprocess.Popen:
        """Starts a command in a session of its own."""
        # The tests may run under make, of which another make would take itself for a part.
        outer = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
        environment = {**outer, **AUTHOR, "PATH": f"{BIN}:{os.environ['PATH']}"}
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen(command, cwd=self.folder, env=environment, start_new_session=True, **pipes)

    def must(self, *command: str) -> str:
        """Runs a command that must succeed; returns what it says."""
        done = self.run(*command)
        assert done.returncode == 0, f"{' '.join(command)}: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def make(self, target: str) -> subprocess.CompletedProcess:
        """Runs make in the environment of the tests."""
        return self.run(*self.make_command(target))

    def make_command(self, target: str) -> tuple[str, ...]:
        """The command that makes a target; it takes the environment of the tests for the locked one."""
        if not (self.folder / ".venv").exists():
            (self.folder / ".venv").symlink_to(sys.prefix)
        return ("make", "--old-file=.venv/requirements.lock", target)

    def switch(self, url: str) -> None:
        """Another remote, by the line of docs/data.md."""
        self.must("dvc", "remote", "modify", "store", "url", url)

    def commit(self) -> None:
        """Makes dvc.lock of what is there, pushes it, and commits."""
        self.must("dvc", "commit", "--force")
        self.must("dvc", "push")
        self.must("git", "add", "--all")
        self.must("git", "commit", "--quiet", "--message", "publish")

    def edit(self, file: str, pattern: str, replacement: str, count: int = 1) -> None:
        """Replaces the first `count` places that match, 0 for all."""
        path = self.folder / file
        text, found = re.subn(pattern, replacement, path.read_text(), count=count, flags=re.DOTALL)
        assert found, f"{file} has no {pattern}"
        path.write_text(text)

    @contextmanager
    def edited(self, file: str, pattern: str, replacement: str) -> Iterator[None]:
        """For a while one place differs."""
        path = self.folder / file
        before = path.read_bytes()
        self.edit(file, pattern, replacement)
        try:
            yield
        finally:
            path.write_bytes(before)

    def contents(self, *parts: str) -> dict[str, str]:
        """SHA-256 by path of the files in some folders, but those that .dvcignore leaves out."""
        files = [file for part in parts for file in (self.folder / part).rglob("*") if file.is_file()]
        kept = (file for file in files if not file.match("report/summary/*.sha256"))
        return {str(file.relative_to(self.folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in kept}


def publish(folder: Path, study: Path) -> Repository:
    """A repository of the project with the finished study in place of the miniature, pushed to a remote in a folder."""
    repository = Repository(folder / "origin", folder / "store")
    for name in FILES:
        (repository.folder / name).parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, repository.folder / name)
    shutil.copytree(ROOT / "data", repository.folder / "data")
    beside = shutil.ignore_patterns("logs", "benchmarks", "*.lock")
    shutil.copytree(study, repository.folder / "results/smoke", ignore=beside)
    (repository.folder / "config/config.yaml").write_text("study: smoke\n")
    repository.must("git", "init", "--quiet")
    repository.switch(str(repository.remote))
    repository.commit()
    return repository


def clone(origin: Repository, folder: Path) -> Repository:
    """A fresh clone, without data."""
    origin.must("git", "clone", "--quiet", str(origin.folder), str(folder))
    return Repository(folder, origin.remote)
