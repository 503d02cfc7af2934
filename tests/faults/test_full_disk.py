"""On a full disk a job fails with one line that names the file, loses nothing, and is made again when there is room."""

import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pytest

from tests.faults.runs import Project, job_of, read_study
from workflow_scripts import artifacts
from workflow_scripts.operations.jobs import jobs

RULES = list(dict.fromkeys(job.rule for job in jobs(read_study())))
FEW = ["finetune", "sample", "attribute"]  # each of another format
MEGABYTE = 2**20


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "rule" in metafunc.fixturenames:
        metafunc.parametrize("rule", RULES if metafunc.config.getoption("--long") else FEW)


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[None]:
    """A disk of a few megabytes in place of a folder, with the same files."""
    with TemporaryDirectory() as copy:
        shutil.copytree(folder, copy, dirs_exist_ok=True)
        mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", folder]
        if subprocess.run(mount, capture_output=True).returncode:
            pytest.skip("a small disk needs the right to mount one")
        try:
            shutil.copytree(copy, folder, dirs_exist_ok=True)
            yield
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)


def fill(folder: Path, left: int) -> Path:
    """Fills a disk but for some bytes; returns the file that does."""
    filler = folder / "filler.part"
    free = os.statvfs(folder)
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(1, free.f_bavail * free.f_frsize - left))
    return filler


def test_a_job_on_a_full_disk_loses_nothing(rule: str, project: Project):
    job = job_of(rule)
    before = project.contents()
    folder = (project.folder / job.outputs[0]).parent
    with small_disk(folder, 64):
        whole = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
        targets = project.remove(job)
        removed = whole - sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
        filler = fill(folder, random.Random(rule).randrange(removed) // 2)
        run = project.start(*targets)
        assert run.end() == 1
        reasons = [line.strip() for line in run.said.splitlines() if line.strip().startswith("error: ")]
        assert len(set(reasons)) == 1, run.said
        assert str(folder.relative_to(project.folder)) in reasons[0]
        assert "No space left on device" in reasons[0]
        assert project.whole().items() <= before.items()
        filler.unlink()
        project.finish(*targets)
        assert project.contents() == before
        assert "Nothing to be done" in project.plan()


WRITERS = {
    "a.safetensors": lambda path, big: artifacts.write_tensors(path, {"x": big}, {}),
    "a.parquet": lambda path, big: artifacts.write_table(path, pd.DataFrame({"x": big}), {}),
    "a.json": lambda path, big: artifacts.write_json(path, big.tolist()),
    "a.csv": lambda path, big: artifacts.write_text(path, str(big.tolist())),
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_writer_on_a_full_disk_names_the_file_and_leaves_the_old_one(name: str, tmp_path: Path):
    folder = tmp_path / "disk"
    folder.mkdir()
    write, numbers = WRITERS[name], np.random.default_rng(0).random(MEGABYTE)
    with small_disk(folder, 1):
        write(folder / name, numbers[:100])
        old = (folder / name).read_bytes()
        with pytest.raises(OSError, match=rf"{name}: cannot be written \(.*No space left on device"):
            write(folder / name, numbers)
        assert (folder / name).read_bytes() == old
        assert not list(folder.glob("*.part"))
