"""Whether the artefacts of a study are unchanged since they were written, and would be the same today.

Each file is read once. Its bytes are compared with the hash in its sidecar or in its shard's manifest, and its
provenance with today's recipe.
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

READERS = 8  # most files read at once; each takes a core for its hash


@dataclass(frozen=True)
class Finding:
    """A file that is not as it should be."""

    file: Path
    job: Job
    reason: str


@dataclass
class Audit:
    """The result of checking all files of a study."""

    unfinished: dict[Job, list[Path]]  # missing outputs by job
    corrupt: list[Finding] = field(default_factory=list)
    stale: list[Finding] = field(default_factory=list)
    unrecorded: list[Path] = field(default_factory=list)  # readable files whose hash was not recorded
    files: int = 0  # files that were read
    size: int = 0  # their bytes


@dataclass(frozen=True)
class _Artefact:
    """A file, and its recorded hash if there is one."""

    file: Path
    job: Job
    recorded: str | None


def audit(jobs: Sequence[Job]) -> Audit:
    """Checks everything that the jobs of a study have made. Paths are relative to the working directory."""
    outputs = {job: list(map(Path, job.outputs)) for job in jobs}
    missing = {job: [file for file in files if not file.exists()] for job, files in outputs.items()}
    result = Audit({job: files for job, files in missing.items() if files})
    made = _read_records(result, ((job, file) for job, files in outputs.items() for file in files if file.exists()))
    intact = _check_bytes(result, made)
    intact |= _check_bytes(result, _read_manifests(result, [job for job in jobs if job.is_shard], intact))
    _check_recipes(result, jobs, intact)
    order = {job: i for i, job in enumerate(jobs)}
    for findings in (result.corrupt, result.stale):
        findings.sort(key=lambda finding: (order[finding.job], finding.file))
    return result


def _read_records(result: Audit, outputs: Iterable[tuple[Job, Path]]) -> list[_Artefact]:
    artefacts = []
    for job, file in outputs:
        try:
            artefacts.append(_Artefact(file, job, artifacts.recorded_hash(file)))
        except (ValueError, OSError) as error:
            result.corrupt.append(Finding(file, job, f"its recorded hash cannot be read: {error}"))
    return artefacts


def _read_manifests(result: Audit, shards: Sequence[Job], intact: dict[Path, str]) -> list[_Artefact]:
    """The files beside manifests, with the hashes that intact manifests list."""
    artefacts = []
    for job in shards:
        manifest = Path(job.outputs[0])
        try:
            hashes = {e["file"]: e["sha256"] for e in read_manifest(manifest)} if manifest in intact else {}
        except (ValueError, KeyError) as error:  # it is damaged, and its own hash was not recorded
            result.corrupt.append(Finding(manifest, job, f"cannot be read: {error}"))
            del intact[manifest]
            continue
        for file, recorded in hashes.items():
            if file.exists():
                artefacts.append(_Artefact(file, job, recorded))
            else:
                result.corrupt.append(Finding(file, job, f"is gone, but {manifest} lists it"))
    return artefacts


def _check_bytes(result: Audit, artefacts: Sequence[_Artefact]) -> dict[Path, str]:
    """Compares bytes with recorded hashes; returns the hash of each file that is not corrupt."""
    sizes = [artefact.file.stat().st_size for artefact in artefacts]
    result.files += len(artefacts)
    result.size += sum(sizes)
    intact = {}
    readers = min(READERS, len(os.sched_getaffinity(0)))
    bar = tqdm(total=sum(sizes), unit="B", unit_scale=True, disable=None)
    with ThreadPoolExecutor(readers) as pool, bar:
        hashes = pool.map(_try_hash, (artefact.file for artefact in artefacts))
        for artefact, size, (digest, error) in zip(artefacts, sizes, hashes, strict=True):
            bar.update(size)
            if error:
                result.corrupt.append(Finding(artefact.file, artefact.job, f"cannot be read: {error}"))
            elif artefact.recorded not in (None, digest):
                result.corrupt.append(Finding(artefact.file, artefact.job, "its bytes are not those that were written"))
            else:
                intact[artefact.file] = digest
                if artefact.recorded is None:
                    result.unrecorded.append(artefact.file)
    return intact


def _try_hash(file: Path) -> tuple[str, str | None]:
    """The hash of a file, or the reason why it cannot be read, such as a bad disk."""
    try:
        return artifacts.file_hash(file), None
    except OSError as error:
        return "", error.strerror


def _check_recipes(result: Audit, jobs: Sequence[Job], intact: dict[Path, str]) -> None:
    """Compares the provenance of intact files with today's recipes."""
    artefacts = {output for job in jobs for output in map(Path, job.outputs)}
    # A corrupt input does not make the files stale that were made from it while it was whole.
    of_input = cache(_input_hash)
    recipes = Recipes(lambda path: intact.get(path) if path in artefacts else of_input(path))
    for job in jobs:
        output = Path(job.outputs[0])
        if job.is_shard:
            if output in intact and (reason := _check_manifest(output, job)):
                result.stale.append(Finding(output, job, reason))
            expected = list(recipes.of_parts(job))
        else:
            expected = [(output, recipes.of_output(job))]
        for file, recipe in expected:
            if file not in intact or recipe is None:
                continue
            try:
                reason = recipe.departure(_provenance(file))
            except ValueError as error:  # its hash was not recorded
                result.corrupt.append(Finding(file, job, str(error)))
                del intact[file]
                continue
            if reason:
                result.stale.append(Finding(file, job, reason))


def _check_manifest(manifest: Path, job: Job) -> str | None:
    made = artifacts.read_json(manifest).get("settings_hash")
    return None if made == job.settings_hash else "made with other settings than the study's"


def _provenance(file: Path) -> dict[str, Any]:
    if file.suffix == ".json":
        return artifacts.read_json(file).get(artifacts.PROVENANCE, {})
    return artifacts.read_provenance(file)


def _input_hash(path: Path) -> str | None:
    return artifacts.input_hash(path) if path.exists() else None
