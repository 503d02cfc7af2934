"""Whether the artefacts of a study are what they were when they were written, and what they would be today.

Each file is read once. Its bytes are compared with its recorded hash, of its sidecar or of its shard's manifest; its
provenance with the recipe of today.
"""

import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from tqdm import tqdm

from workflow_scripts import artifacts
from workflow_scripts.ground_truth.shards import read_manifest
from workflow_scripts.operations.jobs import Job
from workflow_scripts.operations.recipes import Recipes

READERS = 8  # files read at once, at most; hashing takes a core each


@dataclass(frozen=True)
class Finding:
    """A file that is not as it should be."""

    file: Path
    job: Job
    reason: str


@dataclass
class Audit:
    """What was found.

    Attributes:
        unfinished: by job, those of its outputs that are missing.
        unrecorded: intact as far as one can tell: their hash was recorded nowhere.
        files: how many were read.
        size: of these files, in bytes.
    """

    unfinished: dict[Job, list[Path]]
    corrupt: list[Finding] = field(default_factory=list)
    stale: list[Finding] = field(default_factory=list)
    unrecorded: list[Path] = field(default_factory=list)
    files: int = 0
    size: int = 0


@dataclass(frozen=True)
class _Artefact:
    """A file, and the hash that it had when it was written, if that was recorded."""

    file: Path
    job: Job
    recorded: str | None


def audit(jobs: Sequence[Job]) -> Audit:
    """Checks all that a study's jobs have made. Paths are relative to the working directory.

    Args:
        jobs: all of the study's.
    """
    outputs = {job: list(map(Path, job.outputs)) for job in jobs}
    missing = {job: [file for file in files if not file.exists()] for job, files in outputs.items()}
    found = Audit({job: files for job, files in missing.items() if files})
    made = _read_records(found, ((job, file) for job, files in outputs.items() for file in files if file.exists()))
    intact = _check_bytes(found, made)
    intact |= _check_bytes(found, _read_manifests(found, [job for job in jobs if job.is_shard], intact))
    _check_recipes(found, jobs, intact)
    order = {job: i for i, job in enumerate(jobs)}
    for findings in (found.corrupt, found.stale):
        findings.sort(key=lambda finding: (order[finding.job], finding.file))
    return found


def _read_records(found: Audit, outputs: Iterable[tuple[Job, Path]]) -> list[_Artefact]:
    artefacts = []
    for job, file in outputs:
        try:
            artefacts.append(_Artefact(file, job, artifacts.recorded_hash(file)))
        except (ValueError, OSError) as error:
            found.corrupt.append(Finding(file, job, f"its recorded hash cannot be read: {error}"))
    return artefacts


def _read_manifests(found: Audit, shards: Sequence[Job], intact: dict[Path, str]) -> list[_Artefact]:
    """The files of single models, with the hashes that intact manifests list."""
    artefacts = []
    for job in shards:
        manifest = Path(job.outputs[0])
        try:
            listed = {e["file"]: e["sha256"] for e in read_manifest(manifest)} if manifest in intact else {}
        except (ValueError, KeyError) as error:  # its own hash was not recorded
            found.corrupt.append(Finding(manifest, job, f"cannot be read: {error}"))
            del intact[manifest]
            continue
        for file, recorded in listed.items():
            if file.exists():
                artefacts.append(_Artefact(file, job, recorded))
            else:
                found.corrupt.append(Finding(file, job, f"is gone, but {manifest} lists it"))
    return artefacts


def _check_bytes(found: Audit, artefacts: Sequence[_Artefact]) -> dict[Path, str]:
    """Compares bytes with recorded hashes; returns the hash of each file that is intact, or has no recorded one."""
    sizes = [artefact.file.stat().st_size for artefact in artefacts]
    found.files += len(artefacts)
    found.size += sum(sizes)
    intact = {}
    readers = min(READERS, len(os.sched_getaffinity(0)))
    bar = tqdm(total=sum(sizes), unit="B", unit_scale=True, disable=None)
    with ThreadPoolExecutor(readers) as pool, bar:
        hashes = pool.map(_try_hash, (artefact.file for artefact in artefacts))
        for artefact, size, (digest, error) in zip(artefacts, sizes, hashes, strict=True):
            bar.update(size)
            if error:
                found.corrupt.append(Finding(artefact.file, artefact.job, f"cannot be read: {error}"))
            elif artefact.recorded not in (None, digest):
                found.corrupt.append(Finding(artefact.file, artefact.job, "its bytes are not those that were written"))
            else:
                intact[artefact.file] = digest
                if artefact.recorded is None:
                    found.unrecorded.append(artefact.file)
    return intact


def _try_hash(file: Path) -> tuple[str, str | None]:
    """The hash of a file, and why it has none: a bad disk says so when it is read."""
    try:
        return artifacts.file_hash(file), None
    except OSError as error:
        return "", error.strerror


def _check_recipes(found: Audit, jobs: Sequence[Job], intact: dict[Path, str]) -> None:
    """Compares the provenance of intact files with the recipes of today."""
    artefacts = {output for job in jobs for output in map(Path, job.outputs)}
    # A corrupt input is no other input: its consumers are as good as they were.
    of_input = cache(_input_hash)
    recipes = Recipes(lambda path: intact.get(path) if path in artefacts else of_input(path))
    for job in jobs:
        output = Path(job.outputs[0])
        if job.is_shard:
            if output in intact and (reason := _check_manifest(output, job)):
                found.stale.append(Finding(output, job, reason))
            expected = list(recipes.of_parts(job))
        else:
            expected = [(output, recipes.of_output(job))]
        for file, recipe in expected:
            if file not in intact or recipe is None:
                continue
            try:
                reason = recipe.departure(_provenance(file))
            except ValueError as error:  # its hash was not recorded
                found.corrupt.append(Finding(file, job, str(error)))
                del intact[file]
                continue
            if reason:
                found.stale.append(Finding(file, job, reason))


def _check_manifest(manifest: Path, job: Job) -> str | None:
    made = artifacts.read_json(manifest).get("settings_hash")
    return None if made == job.settings_hash else "made with other settings than the study's"


def _provenance(file: Path) -> dict[str, Any]:
    if file.suffix == ".json":
        return artifacts.read_json(file).get(artifacts.PROVENANCE, {})
    return artifacts.read_provenance(file)


def _input_hash(path: Path) -> str | None:
    return artifacts.input_hash(path) if path.exists() else None
