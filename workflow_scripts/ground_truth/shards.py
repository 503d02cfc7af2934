"""How a job makes a shard: one worker at a time, finished files are kept, failures are collected, manifest last.

Beside the manifest lies the shard's checklist, `{shard}.files.sha256`, in the format of sha256sum. It gets a line for
each file before the file is in place, and it stays when Snakemake removes the manifest. So a file is finished only if
its bytes are those that a worker wrote: what nothing proves is made again.
"""

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TextIO, TypedDict, TypeVar

import msgspec

from workflow_scripts import artifacts, locks
from workflow_scripts.study.settings.ground_truth import File, ShardSettings

Item = TypeVar("Item")
log = logging.getLogger(__name__)


class Entry(TypedDict):
    """What a manifest says of a file, at least."""

    model: str
    file: str
    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class Manifest(TypedDict):
    """What a manifest holds, at least."""

    case: str
    models: list[Entry]


@dataclass(frozen=True)
class Part:
    """A file that a shard should have."""

    file: File
    recipe: Mapping[str, Any]  # its provenance: the settings and inputs that decide what it holds
    source: Any = None  # what it is made from, if that takes more than the recipe


@dataclass(frozen=True)
class Failure:
    """A model of which a file cannot be made, and why."""

    model: str
    reason: str


def make(
    manifest: Path,
    settings: ShardSettings,
    parts: Iterable[Part | Failure],
    write: Callable[[Sequence[Part], Sequence[Part]], Iterable[Failure]],
    about: Mapping[str, Any] | None = None,
) -> None:
    """Makes the missing files of a shard, then writes its manifest beside them. Other models are made if one fails.

    Args:
        parts: all files of the shard, in the order of the manifest.
        write: takes all files and the missing ones, writes the missing ones, with lines in the shard's checklist, and
            yields the models that fail. It is not called if no file is missing.
        about: what else the manifest says of the shard.

    Raises:
        ValueError: another worker is making the shard, or models failed; the message says which models, and why.
    """
    with locked(manifest):
        planned, checklist = list(parts), checklist_of(manifest)
        failures = {each.model: each.reason for each in planned if isinstance(each, Failure)}
        files = [each for each in planned if isinstance(each, Part)]
        finished = _finished(manifest, files)
        missing = [part for part in files if part.file.name not in finished]
        log.info("%d files to make, %d there already", len(missing), len(finished))
        if checklist.exists() or finished:
            artifacts.write_hashes(checklist, finished)  # anew, for a killed worker may have left half a line
        if missing:
            failures |= {failure.model: failure.reason for failure in write(files, missing)}
        if failures:
            reasons = "; ".join(f"{model}: {reason}" for model, reason in failures.items())
            raise ValueError(f"{len(failures)} of {len(settings.models)} models failed, the others are kept: {reasons}")
        write_manifest(manifest, settings, files, artifacts.read_hashes(checklist), about)


def write_manifest(
    path: Path,
    settings: ShardSettings,
    parts: Sequence[Part],
    hashes: Mapping[str, str],
    about: Mapping[str, Any] | None = None,
) -> None:
    """Writes the manifest of a complete shard, and its checklist in the same order.

    Args:
        hashes: of each file, by its name, as taken when it was written.
    """
    head = {"study": settings.study, "case": settings.case, "shard": settings.shard}
    entries = [
        {
            "model": part.file.model,
            "file": part.file.name,
            **part.file.entry,
            "settings_hash": recipe_hash(part.recipe),
            "sha256": hashes[part.file.name],
        }
        for part in parts
    ]
    hashed = {"settings_hash": artifacts.settings_hash(settings.to_json())}
    artifacts.write_hashes(checklist_of(path), {entry["file"]: entry["sha256"] for entry in entries})
    artifacts.write_json(path, {**head, **hashed, "models": entries, **(about or {})})


def checklist_of(manifest: Path) -> Path:
    """The file that holds the hash of each file of a shard; see `artifacts.atomic`."""
    return manifest.with_suffix(f".files{artifacts.SIDECAR}")


def _finished(manifest: Path, parts: Sequence[Part]) -> dict[str, str]:
    """The files that need not be made, by name, with their hashes."""
    listed, hashes = hashes_in_manifest(manifest), artifacts.read_hashes(checklist_of(manifest))
    finished = {}
    for name, recipe in ((part.file.name, part.recipe) for part in parts):
        recorded = [hashes_of[name] for hashes_of in (hashes, listed) if name in hashes_of]
        if digest := finished_hash(manifest.with_name(name), recipe, recorded):
            finished[name] = digest
    return finished


def hashes_in_manifest(manifest: Path) -> dict[str, str]:
    """The hashes of a shard's files, by name, if its manifest is as it was written; else none."""
    try:
        if artifacts.recorded_hash(manifest) == artifacts.file_hash(manifest):
            return {entry["file"].name: entry["sha256"] for entry in read_manifest(manifest)}
    except (ValueError, OSError):  # damaged or missing
        pass
    return {}


def restore_checklist(manifest: Path) -> bool:
    """Writes the checklist anew from a whole manifest; whether there is one."""
    hashes = hashes_in_manifest(manifest)
    if hashes:
        artifacts.write_hashes(checklist_of(manifest), hashes)
    return bool(hashes)


def locked(manifest: Path) -> AbstractContextManager[TextIO]:
    """Keeps other workers away from a shard, by a lock file beside its manifest; see `locks.held`."""
    return locks.held(manifest.with_suffix(".lock"), "this shard is being made by")


def recipe_hash(recipe: Mapping[str, Any]) -> str:
    """Hash of the `settings` and `inputs` of a recipe, which decide what a file holds."""
    return artifacts.settings_hash({key: recipe.get(key) for key in ("settings", "inputs")})


def finished_hash(path: Path, recipe: Mapping[str, Any], recorded: Collection[str]) -> str | None:
    """The hash of a finished file; None if it is to be made. Removes what a killed worker left half written.

    Args:
        recipe: what the file should have been made with, as its provenance says it.
        recorded: hashes of what workers wrote under this name; other bytes are damaged.
    """
    for part in path.parent.glob(f"{path.name}.*.part"):
        part.unlink()
    try:
        if recipe_hash(artifacts.read_provenance(path)) == recipe_hash(recipe):
            digest = artifacts.file_hash(path)
            return digest if digest in recorded else None
    except (ValueError, OSError):  # missing, or cut off by a full disk
        pass
    return None


def whole_batches(items: Sequence[Item], size: int, wanted: Callable[[Item], bool]) -> list[Item]:
    """All items of the batches of `size` that hold a wanted item.

    How sums are rounded depends on the other items of a batch. An interrupted run that goes on with whole batches has
    the results of an uninterrupted one, to the last bit.
    """
    batches = (items[start : start + size] for start in range(0, len(items), size))
    return [item for batch in batches if any(map(wanted, batch)) for item in batch]


def read_manifest(manifest: Path) -> list[dict[str, Any]]:
    """The entries of a manifest, each with `case` and with `file` as a path beside it.

    Raises:
        ValueError: it is damaged, is no manifest, or names a file elsewhere.
    """
    record = artifacts.read_json(manifest)
    try:
        msgspec.convert(record, Manifest)
        files = [artifacts.inside(manifest.parent, entry["file"]) for entry in record["models"]]
    except (msgspec.ValidationError, ValueError) as error:
        raise ValueError(f"{manifest}: not the manifest of a shard ({error}); delete it and run again") from error
    return [
        {**entry, "case": record["case"], "file": file} for entry, file in zip(record["models"], files, strict=True)
    ]
