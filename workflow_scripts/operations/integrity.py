"""Whether the artefacts of a study are unchanged since they were written, and would be the same today.

Each file is read once. Its bytes are compared with the hash that was recorded when it was written: in its sidecar, or
for the files of single models in the manifest of their shard and, if that is damaged, in the shard's checklist. A file
without such a hash is not proven, and counts as corrupt. So does a file that is gone while a trace of its job is left,
such as its sidecar. The provenance of what is whole is compared with today's recipe, but with no input that is damaged
itself: that does not make stale what was made from it while it was whole.
"""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from tqdm import tqdm

from workflow_scripts import artifacts
from workflow_scripts.ground_truth import shards
from workflow_scripts.inputs.intact import Damage, damaged
from workflow_scripts.operations.jobs import Job
from workflow_scripts.operations.progress import Files, Survey, survey
from workflow_scripts.operations.recipes import Recipes

READERS = 8  # most files read at once; each takes a core for its hash
UNRECORDED = "its hash was not recorded"


@dataclass(frozen=True)
class Finding:
    """A file that is not as it should be."""

    file: Path
    job: Job
    reason: str


@dataclass
class Audit:
    """The result of checking all files of a study."""

    survey: Survey
    damaged: list[Damage]  # inputs
    unfinished: dict[Job, list[Path]]  # missing outputs by job
    corrupt: list[Finding] = field(default_factory=list)
    stale: list[Finding] = field(default_factory=list)
    files: int = 0  # files that were read
    size: int = 0  # their bytes


@dataclass(frozen=True)
class _Artefact:
    """A file, and its recorded hash; if there is none, why."""

    file: Path
    job: Job
    recorded: str | None
    problem: str = UNRECORDED


def audit(jobs: Sequence[Job]) -> Audit:
    """Checks everything that the jobs of a study have made, and the data and weights that they read.

    Paths are relative to the working directory.

    Raises:
        ValueError: dvc.lock cannot be read.
    """
    outputs = {job: list(map(Path, job.outputs)) for job in jobs}
    missing = {job: [file for file in files if not file.exists()] for job, files in outputs.items()}
    of_jobs = {output for job in jobs for output in job.outputs}
    inputs = {path for job in jobs for path in job.needs} - of_jobs
    unfinished = {job: files for job, files in missing.items() if files}
    result = Audit(survey(jobs, Files()), damaged(inputs), unfinished)
    _check_absence(result)
    made = [_with_sidecar(job, file) for job, files in outputs.items() for file in files if file.exists()]
    intact = _check_bytes(result, made)
    of_models = [each for job in jobs if job.is_shard for each in _of_models(result, job, intact)]
    intact |= _check_bytes(result, of_models)
    _check_recipes(result, jobs, intact)
    order = {job: i for i, job in enumerate(jobs)}
    for findings in (result.corrupt, result.stale):
        findings.sort(key=lambda finding: (order[finding.job], finding.file))
    return result


def _check_absence(result: Audit) -> None:
    """Says which files are gone of jobs that no run would do again: of an absent job, as after a pull, nothing is left.

    Of a job that is to do, files may well be gone: a run makes them.
    """
    for job, files in result.unfinished.items():
        if job in result.survey.unneeded and (trace := _trace(job)):
            result.corrupt += [Finding(file, job, f"is gone, but {trace} is here") for file in files]


def _trace(job: Job) -> Path | None:
    """A file that would not be here if the job had never run: a sidecar, or another file that it has made."""
    traces = [*map(artifacts.sidecar_of, job.outputs), *map(Path, job.outputs), *map(Path, job.parts)]
    if job.is_shard:
        traces.append(shards.checklist_of(Path(job.outputs[0])))
    return next((trace for trace in traces if trace.exists()), None)


def _with_sidecar(job: Job, file: Path) -> _Artefact:
    try:
        return _Artefact(file, job, artifacts.recorded_hash(file))
    except (ValueError, OSError) as error:
        return _Artefact(file, job, None, f"its recorded hash cannot be read: {error}")


def _of_models(result: Audit, job: Job, intact: dict[Path, str]) -> Iterator[_Artefact]:
    """The files beside a manifest, with their recorded hashes; says what is wrong with the manifest and the checklist.

    A shard without a manifest is not finished, and its worker will check it.
    """
    manifest, parts = Path(job.outputs[0]), list(map(Path, job.parts))
    if not manifest.exists():
        return
    listed = _in_manifest(result, job, intact)
    in_checklist = _in_checklist(result, job, listed)
    recorded = {part: in_checklist[part.name] for part in parts if part.name in in_checklist}
    if listed is not None:
        recorded = listed
    for file in dict.fromkeys([*recorded, *parts]):
        if file.exists():
            yield _Artefact(file, job, recorded.get(file))
        elif file in recorded:
            result.corrupt.append(Finding(file, job, f"is gone, but {manifest} lists it"))


def _in_manifest(result: Audit, job: Job, intact: dict[Path, str]) -> dict[Path, str] | None:
    """The hashes of a shard's files, if the manifest is whole."""
    manifest = Path(job.outputs[0])
    if manifest not in intact:
        return None
    try:
        return {entry["file"]: entry["sha256"] for entry in shards.read_manifest(manifest)}
    except ValueError as error:  # as other people wrote it
        result.corrupt.append(Finding(manifest, job, f"cannot be read: {error}"))
        del intact[manifest]
        return None


def _in_checklist(result: Audit, job: Job, listed: dict[Path, str] | None) -> dict[str, str]:
    """The hashes of a shard's files by name; says if they are not those that a whole manifest lists."""
    checklist = shards.checklist_of(Path(job.outputs[0]))
    try:
        hashes = artifacts.read_hashes(checklist)
        is_right = listed is None or checklist.read_bytes() == _lines(listed)
        reason = None if is_right else "is not what the manifest says"
    except FileNotFoundError:
        hashes, reason = {}, "is gone, which the shard's worker wrote"
    except (ValueError, OSError) as error:
        hashes, reason = {}, f"cannot be read: {error}"
    if reason:
        result.corrupt.append(Finding(checklist, job, reason))
    return hashes


def _lines(listed: dict[Path, str]) -> bytes:
    return artifacts.hash_lines({file.name: sha256 for file, sha256 in listed.items()})


def _check_bytes(result: Audit, artefacts: Sequence[_Artefact]) -> dict[Path, str]:
    """Compares bytes with recorded hashes; returns the hash of each file that is proven."""
    sizes = [_size(artefact.file) for artefact in artefacts]
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
                reason = f"cannot be read: {error}"
            elif artefact.recorded is None:
                reason = artefact.problem
            elif artefact.recorded != digest:
                reason = "its bytes are not those that were written"
            else:
                intact[artefact.file] = digest
                continue
            result.corrupt.append(Finding(artefact.file, artefact.job, reason))
    return intact


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:  # reading will say why
        return 0


def _try_hash(file: Path) -> tuple[str, str | None]:
    """The hash of a file, or the reason why it cannot be read, such as a bad disk."""
    try:
        return artifacts.file_hash(file), None
    except (OSError, ValueError) as error:
        return "", getattr(error, "strerror", None) or str(error)


def _check_recipes(result: Audit, jobs: Sequence[Job], intact: dict[Path, str]) -> None:
    """Compares the provenance of intact files with today's recipes."""
    artefacts = {output: job for job in jobs for output in map(Path, job.outputs)}
    of_input = cache(_input_hash)

    def hash_of(path: Path) -> str | None:
        if path in artefacts:
            return intact.get(path)
        return None if any(damage.covers(path) for damage in result.damaged) else of_input(path)

    recipes = Recipes(hash_of)
    for job in jobs:
        output = Path(job.outputs[0])
        expected = list(recipes.of_parts(job)) if job.is_shard else [(output, recipes.of_output(job))]
        if job.is_shard and output in intact and (reason := _check_manifest(output, job)):
            result.stale.append(Finding(output, job, reason))
        for file, recipe in expected:
            if file not in intact or recipe is None:
                continue
            try:
                reason = recipe.departure(artifacts.read_provenance(file))
            except (ValueError, OSError) as error:  # as other people wrote it
                result.corrupt.append(Finding(file, job, str(error)))
                del intact[file]
                continue
            if reason:
                result.stale.append(Finding(file, job, reason))
    known = {finding.file for finding in result.corrupt}
    unreadable = ((file, reason) for file, reason in recipes.unreadable.items() if file not in known)
    result.corrupt += [Finding(file, artefacts[file], reason) for file, reason in unreadable if file in artefacts]


def _check_manifest(manifest: Path, job: Job) -> str | None:
    made = artifacts.read_json(manifest).get("settings_hash")
    return None if made == job.settings_hash else "made with other settings than the study's"


def _input_hash(path: Path) -> str | None:
    try:
        return artifacts.input_hash(path)
    except (OSError, ValueError):  # missing, or unreadable
        return None
