"""A shard of models as a job: one worker at a time, finished files kept, failures gathered, the manifest last."""

import fcntl
import logging
import os
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO, TypeVar

from workflow_scripts import artifacts
from workflow_scripts.study.settings.ground_truth import File, ShardSettings

Item = TypeVar("Item")
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Part:
    """A file of a shard, as it should be.

    Attributes:
        recipe: its provenance: the settings and inputs that decide what it holds.
        source: what its maker makes it from, if that takes more than the recipe.
    """

    file: File
    recipe: Mapping[str, Any]
    source: Any = None


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
    """Makes those files of a shard that are not there yet, and then its manifest. A bad model holds up no other.

    Args:
        manifest: to write; the files lie beside it.
        parts: all files of the shard, in the order of the manifest. The lock is held while it is iterated over.
        write: given all files and those that are not there, writes these beside the manifest, each by its recipe, and
            yields the models that fail. It is not called if no file is missing.

    Raises:
        ValueError: another worker makes the shard; or models failed: the message names each and why.
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
    entries = [_entry(path.parent, part) for part in parts]
    artifacts.write_json(
        path, {**head, "settings_hash": artifacts.settings_hash(settings.to_json()), "models": entries}
    )


@contextmanager
def locked(manifest: Path) -> Iterator[None]:
    """Keeps a second worker away from a shard while the block runs, by a lock file beside its manifest.

    The lock is the kernel's, so that it ends with the process, however that ends; a file left behind locks nothing.

    Raises:
        ValueError: another worker holds it; the message says which.
        OSError: the lock file cannot be written, for the disk is full.
    """
    path = manifest.with_suffix(".lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    with _acquired(path) as file:
        try:
            file.truncate(0)
            file.write(f"{_worker()} since {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC")
            file.flush()
        except OSError as error:
            raise OSError(f"{path}: cannot be written ({error.strerror})") from error
        try:
            yield
        finally:
            path.unlink()


def _worker() -> str:
    """This process, and how one ends it."""
    job = os.environ.get("SLURM_JOB_ID")
    ended_by = f"scancel {job}" if job else f"kill {os.getpid()}"
    return f"process {os.getpid()} on {socket.gethostname()} ({ended_by})"


def _acquired(path: Path) -> TextIO:
    while True:
        file = open(path, "a+", encoding="utf-8")  # noqa: SIM115 (closing it gives the lock back)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            with file:
                file.seek(0)
                worker = file.read()
            raise ValueError(f"{path}: this shard is being made by {worker}; wait for it or end it") from error
        # Its holder may have removed the file between our opening and our locking it.
        if path.exists() and os.path.samefile(path, file.fileno()):  # noqa: PTH121 (of a descriptor)
            return file
        file.close()


def recipe_hash(recipe: Mapping[str, Any]) -> str:
    """Hash of a recipe: the `settings` and `inputs` that decide what a file holds, and nothing else."""
    return artifacts.settings_hash({key: recipe.get(key) for key in ("settings", "inputs")})


def is_finished(path: Path, recipe: Mapping[str, Any]) -> bool:
    """Whether `path` holds what `recipe` asks for. Leftovers of a worker killed while writing it are removed."""
    for part in path.parent.glob(f"{path.name}.*.part"):
        part.unlink()
    try:
        return recipe_hash(artifacts.read_provenance(path)) == recipe_hash(recipe)
    except (ValueError, OSError):  # absent, or cut off by a full disk: make it again
        return False


def whole_batches(items: Sequence[Item], size: int, wanted: Callable[[Item], bool]) -> list[Item]:
    """The items of every batch of `size` that holds a wanted one.

    Who computes these in batches of `size` has the batches of an undisturbed run, and so its results to the last bit:
    what stands beside an item in a batch decides how sums are rounded.
    """
    batches = (items[start : start + size] for start in range(0, len(items), size))
    return [item for batch in batches if any(map(wanted, batch)) for item in batch]


def _entry(folder: Path, part: Part) -> dict[str, Any]:
    file = part.file
    names = {"model": file.model, "file": file.name, **file.entry}
    hashes = {"settings_hash": recipe_hash(part.recipe), "sha256": artifacts.file_hash(folder / file.name)}
    return {**names, **hashes}


def read_manifest(manifest: Path) -> list[dict[str, Any]]:
    """The entries of a manifest, with `case`, and with `file` as a path.

    Raises:
        ValueError: it is no manifest.
    """
    record = artifacts.read_json(manifest)
    if not isinstance(record, dict) or not {"case", "models"} <= record.keys():
        raise ValueError(f"{manifest}: not the manifest of a shard (lacks `case` or `models`); delete it and run again")
    return [{**entry, "case": record["case"], "file": manifest.parent / entry["file"]} for entry in record["models"]]
