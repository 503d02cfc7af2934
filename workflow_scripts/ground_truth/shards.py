"""A shard of models as a job: one worker at a time, finished files kept, failures gathered, the manifest last."""

import fcntl
import os
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO, TypeVar

from workflow_scripts import artifacts

Item = TypeVar("Item")


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


def without(section: Mapping[str, Any], keys: Sequence[str]) -> dict[str, Any]:
    """The settings of a section without some keys, such as those that only decide how fast a shard is made."""
    return {key: value for key, value in section.items() if key not in keys}


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


def write_manifest(path: Path, settings: Mapping[str, Any], entries: Sequence[Mapping[str, Any]]) -> None:
    """Writes the manifest of a complete shard; each of its `models` entries gains the sha256 of its `file`."""
    listed = [{**entry, "sha256": artifacts.file_hash(path.parent / entry["file"])} for entry in entries]
    head = {name: settings[name] for name in ("study", "case", "shard")}
    artifacts.write_json(path, {**head, "settings_hash": artifacts.settings_hash(settings), "models": listed})


def read_manifest(manifest: Path) -> list[dict[str, Any]]:
    """The entries of a manifest, with `case`, and with `file` as a path.

    Raises:
        ValueError: it is no manifest.
    """
    record = artifacts.read_json(manifest)
    if not isinstance(record, dict) or not {"case", "models"} <= record.keys():
        raise ValueError(f"{manifest}: not the manifest of a shard (lacks `case` or `models`); delete it and run again")
    return [{**entry, "case": record["case"], "file": manifest.parent / entry["file"]} for entry in record["models"]]


def refuse(failures: Mapping[str, str], total: int) -> None:
    """Raises `ValueError` naming every model that failed, if any did."""
    if failures:
        listed = "; ".join(f"{model}: {reason}" for model, reason in failures.items())
        raise ValueError(f"{len(failures)} of {total} models failed, the others are kept: {listed}")
