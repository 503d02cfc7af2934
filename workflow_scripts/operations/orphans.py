"""Orphaned files in a study's folder: no job makes them, no manifest lists them, no running worker writes them."""

import os
import re
import socket
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from workflow_scripts import artifacts, locks
from workflow_scripts.ground_truth.shards import checklist_of, read_manifest
from workflow_scripts.operations.jobs import Job
from workflow_scripts.study import layout

PROCESS = re.compile("[0-9]{1,9}")  # its number
DVC = ".gitignore"  # DVC writes it beside its outputs
ELSEWHERE = 3600  # a worker on another machine counts as dead after so many seconds without a change


def orphans(study: str, jobs: Sequence[Job]) -> list[Path]:
    """The orphaned files in the study's folder, sorted. Links count as files and are not followed."""
    folder = layout.folder(study)
    known = {*layout.without_job(study), *_known(jobs)}
    above = {parent for file in known for parent in file.parents}
    unknown = (file for file in _files(folder, above) if file not in known and file.name != DVC)
    return sorted(file for file in unknown if not _is_of_a_worker(file))


def remove(files: Sequence[Path], folder: Path) -> None:
    """Removes orphans, and folders of the study that become empty."""
    for file in files:
        file.unlink(missing_ok=True)
        for parent in file.parents:
            if parent == folder or any(parent.iterdir()):
                break
            parent.rmdir()


def _known(jobs: Sequence[Job]) -> Iterator[Path]:
    """The files of all jobs: outputs, sidecars, files beside manifests, logs and benchmarks."""
    for job in jobs:
        yield from map(Path, (*job.outputs, *map(artifacts.sidecar_of, job.outputs), job.log, job.benchmark))
        yield from map(Path, job.parts)
        if job.is_shard:
            yield checklist_of(Path(job.outputs[0]))
            yield from _listed_in(Path(job.outputs[0]))


def _listed_in(manifest: Path) -> list[Path]:
    try:
        return [entry["file"] for entry in read_manifest(manifest)]
    except (ValueError, OSError):  # corrupt or missing
        return []


def _files(folder: Path, above: set[Path]) -> Iterator[Path]:
    """Every file, and every link to a folder that holds no known file."""
    for root, names, files in os.walk(folder):
        yield from (Path(root, name) for name in files)
        yield from (link for link in (Path(root, name) for name in names) if link.is_symlink() and link not in above)


def _is_of_a_worker(file: Path) -> bool:
    """Whether a worker that may still run uses this file: the lock of a shard, or a file that is being written."""
    if file.suffix == ".lock":
        return locks.holder(file) is not None
    if file.suffix != ".part":
        return False
    host, _, process = file.name.removesuffix(".part").rpartition(".")
    if host.endswith(f".{socket.gethostname()}") and PROCESS.fullmatch(process):
        return locks.runs(int(process))
    return time.time() - file.lstat().st_mtime < ELSEWHERE
