"""How a job makes a shard: one worker at a time, finished files are kept, failures are collected, manifest last."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from workflow_scripts import artifacts, locks
from workflow_scripts.study.settings.ground_truth import File, ShardSettings

Item = TypeVar("Item")
log = logging.getLogger(__name__)


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
) -> None:
    """Makes the missing files of a shard, then writes its manifest beside them. Other models are made if one fails.

    Args:
        parts: all files of the shard, in the order of the manifest.
        write: takes all files and the missing ones, writes the missing ones, and yields the models that fail. It is not
            called if no file is missing.

    Raises:
        ValueError: another worker is making the shard, or models failed; the message says which models, and why.
    """
    with locked(manifest):
        planned = list(parts)
        failures = {each.model: each.reason for each in planned if isinstance(each, Failure)}
        files = [each for each in planned if isinstance(each, Part)]
        missing = [part for part in files if not is_finished(manifest.parent / part.file.name, part.recipe)]
        log.info("%d files to make, %d there already", len(missing), len(files) - len(missing))
        if missing:
            failures |= {failure.model: failure.reason for failure in write(files, missing)}
        if failures:
            reasons = "; ".join(f"{model}: {reason}" for model, reason in failures.items())
            raise ValueError(f"{len(failures)} of {len(settings.models)} models failed, the others are kept: {reasons}")
        write_manifest(manifest, settings, files)


def write_manifest(path: Path, settings: ShardSettings, parts: Sequence[Part]) -> None:
    """Writes the manifest of a complete shard, with the hash of each file."""
    head = {"study": settings.study, "case": settings.case, "shard": settings.shard}
    entries = [
        {
            "model": part.file.model,
            "file": part.file.name,
            **part.file.entry,
            "settings_hash": recipe_hash(part.recipe),
            "sha256": artifacts.file_hash(path.parent / part.file.name),
        }
        for part in parts
    ]
    hashed = {"settings_hash": artifacts.settings_hash(settings.to_json())}
    artifacts.write_json(path, {**head, **hashed, "models": entries})


def locked(manifest: Path) -> AbstractContextManager[None]:
    """Keeps other workers away from a shard, by a lock file beside its manifest; see `locks.held`."""
    return locks.held(manifest.with_suffix(".lock"), "this shard is being made by")


def recipe_hash(recipe: Mapping[str, Any]) -> str:
    """Hash of the `settings` and `inputs` of a recipe, which decide what a file holds."""
    return artifacts.settings_hash({key: recipe.get(key) for key in ("settings", "inputs")})


def is_finished(path: Path, recipe: Mapping[str, Any]) -> bool:
    """Whether `path` holds what `recipe` asks for. Removes what a killed worker left half written."""
    for part in path.parent.glob(f"{path.name}.*.part"):
        part.unlink()
    try:
        return recipe_hash(artifacts.read_provenance(path)) == recipe_hash(recipe)
    except (ValueError, OSError):  # missing, or cut off by a full disk: make it again
        return False


def whole_batches(items: Sequence[Item], size: int, wanted: Callable[[Item], bool]) -> list[Item]:
    """All items of the batches of `size` that hold a wanted item.

    How sums are rounded depends on the other items of a batch. An interrupted run that goes on with whole batches has
    the results of an uninterrupted one, to the last bit.
    """
    batches = (items[start : start + size] for start in range(0, len(items), size))
    return [item for batch in batches if any(map(wanted, batch)) for item in batch]


def read_manifest(manifest: Path) -> list[dict[str, Any]]:
    """The entries of a manifest, each with `case` and with `file` as a path; raises `ValueError` if it is none."""
    record = artifacts.read_json(manifest)
    entries = record.get("models") if isinstance(record, dict) and "case" in record else None
    if not isinstance(entries, list) or not all(
        isinstance(each, dict) and {"file", "sha256"} <= each.keys() for each in entries
    ):
        raise ValueError(f"{manifest}: not the manifest of a shard (lacks `case` or `models`); delete it and run again")
    return [{**entry, "case": record["case"], "file": manifest.parent / entry["file"]} for entry in entries]
