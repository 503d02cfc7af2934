"""Where the jobs of a study stand, from their files alone: no plan is made, no lock is taken, nothing is changed.

A job is done when its outputs are there, all that it needs is done, and, of a shard, its manifest was made by the
settings of now. Whatever else lies in the folder, such as the outputs of an earlier configuration, counts for nothing.
Snakemake knows more: it also sees that the settings of a rule without manifests have changed.

A job that is not done is

- running: of a shard, its worker holds the lock; of the others, its log is there and young;
- failed: its log ends in an error;
- stopped: its log is there, but says nothing of an error: killed, or out of memory;
- waiting: else.
"""

import math
import os
import re
import socket
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from workflow_scripts import artifacts
from workflow_scripts.operations.costs import Costs, by_rule, kept
from workflow_scripts.operations.jobs import Job

RUNNING, FAILED, STOPPED, WAITING = "running", "failed", "stopped", "waiting"
YOUNG = 600  # seconds; or thrice what the job is expected to take, if that is more
TAIL = 8192  # bytes of a log in which its last words are sought
WORKER = re.compile(r"process (?P<pid>\d+) on (?P<host>\S+)")


class Files:
    """The files of a study, by listing each folder once: a thousand times fewer questions than one for each file."""

    def __init__(self) -> None:
        self._folders: dict[str, dict[str, os.DirEntry]] = {}

    def get(self, path: str) -> os.DirEntry | None:
        """The entry of a file, None if there is none."""
        folder, _, name = path.rpartition("/")
        if folder not in self._folders:
            self._folders[folder] = _listed(folder)
        return self._folders[folder].get(name)

    def size(self, path: str) -> int:
        """The bytes of a file; 0 if there is none."""
        entry = self.get(path)
        return entry.stat().st_size if entry else 0


def _listed(folder: str) -> dict[str, os.DirEntry]:
    try:
        with os.scandir(folder) as entries:
            return {entry.name: entry for entry in entries}
    except FileNotFoundError:
        return {}


def finished(jobs: Iterable[Job], files: Files) -> list[Job]:
    """The jobs that are done.

    Args:
        jobs: each after those that it needs.
    """
    done, pending = [], set()
    complete: dict[int, bool] = {}  # by list of files: many jobs share one of thousands

    def is_complete(needed: Sequence[str]) -> bool:
        if id(needed) not in complete:
            complete[id(needed)] = pending.isdisjoint(needed)
        return complete[id(needed)]

    for job in jobs:
        there = all(map(is_complete, job.inputs.values())) and all(map(files.get, job.outputs))
        if there and (not job.is_shard or _is_current(job)):
            done.append(job)
        else:
            pending.update(job.outputs)
    return done


def _is_current(job: Job) -> bool:
    """Whether the manifest of a shard was made with the settings of today."""
    try:
        manifest = artifacts.read_json(job.outputs[0])
    except (OSError, ValueError):  # removed a moment ago, or damaged
        return False
    return manifest.get("settings_hash") == job.settings_hash


def without(jobs: Iterable[Job], done: Iterable[Job]) -> list[Job]:
    """The jobs that are not done."""
    records = {job.record for job in done}
    return [job for job in jobs if job.record not in records]


@dataclass(frozen=True)
class Standing:
    """Where a job stands that is not done.

    Attributes:
        made: of a running shard, how many of its `parts` are there; a part is a model, or a model's samples of a prompt
            set. Else 0 of 1.
        note: who makes it, or what its log ends with.
    """

    job: Job
    state: str
    made: int = 0
    parts: int = 1
    note: str = ""


def standings(jobs: Iterable[Job], costs: Costs, files: Files) -> list[Standing]:
    """Where jobs stand that are not done.

    Args:
        costs: seconds of each job.
    """
    lockers = _lockers()
    return [_standing(job, costs.by_record.get(job.record, 0), files, lockers) for job in jobs]


def left(seconds: Costs, pending: Iterable[Standing]) -> Costs:
    """What remains of the jobs that are not done: of a running shard, the share of its files that is not there."""
    known = [found for found in pending if found.job.record in seconds.by_record]
    remaining = {
        found.job.record: seconds.by_record[found.job.record] * (1 - found.made / found.parts) for found in known
    }
    return Costs(remaining, frozenset())


def _standing(job: Job, seconds: float, files: Files, lockers: set[int] | None) -> Standing:
    if job.is_shard:
        lock = files.get(job.outputs[0].removesuffix(".json") + ".lock")
        worker = _worker(lock, lockers) if lock else None
        if worker:
            return Standing(job, RUNNING, _made(job, lock, files), len(job.parts), worker)
    log, benchmark = files.get(job.log), files.get(job.benchmark)
    ended_well = log and benchmark and _changed(benchmark) >= _changed(log)
    if log is None or ended_well or all(map(files.get, job.outputs)):
        return Standing(job, WAITING)
    last, in_error = _last_words(job.log)
    if in_error:
        return Standing(job, FAILED, note=last)
    young = time.time() - _changed(log) < max(YOUNG, 3 * seconds)
    return Standing(job, RUNNING if young and not job.is_shard else STOPPED, note=last)


def _lockers() -> set[int] | None:
    """The processes of this machine that hold a lock, by its kernel's word; None where it gives none.

    To try the lock instead would take it, for a moment, from a worker that is just starting.
    """
    try:
        rows = [row.split() for row in Path("/proc/locks").read_text(encoding="utf-8").splitlines()]
    except FileNotFoundError:
        return None
    return {int(row[4]) for row in rows if row[1] == "FLOCK"}


def _worker(lock: os.DirEntry, lockers: set[int] | None) -> str | None:
    """What the lock file of a shard says of its worker; None if that one is no more.

    Of a worker on another machine nothing else is known: its lock file is believed.
    """
    try:
        text = Path(lock).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    worker = WORKER.match(text)
    if not worker:
        return None
    gone = worker["host"] == socket.gethostname() and lockers is not None and int(worker["pid"]) not in lockers
    return None if gone else text


def _made(job: Job, lock: os.DirEntry, files: Files) -> int:
    """Files that the worker found good when it began, by its log, and those written since."""
    begun = _changed(lock)
    new = sum(_changed(entry) >= begun for entry in map(files.get, job.parts) if entry)
    return min(len(job.parts), kept(job) + new)


def _changed(entry: os.DirEntry) -> float:
    """When a file was changed; never, if it is gone by now."""
    try:
        return entry.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _last_words(log: str) -> tuple[str, bool]:
    """The last line of a log, and whether the log ends in an error."""
    tail = _tail(log)
    last = next((line.strip() for line in reversed(tail.splitlines()) if line.strip()), "")
    return last, bool(re.search(r"(^|: )error: ", last)) or "Traceback (most recent call last)" in tail


def _tail(log: str) -> str:
    try:
        with open(log, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - TAIL))
            return file.read().decode(errors="replace")
    except FileNotFoundError:
        return ""


def lately(jobs: Iterable[Job], files: Files, count: int) -> list[tuple[Job, float]]:
    """The jobs that have a benchmark and when they ended, the last `count` of each rule, in the order of their ends."""
    ended = [(job, _changed(entry)) for job in jobs if (entry := files.get(job.benchmark))]
    ended.sort(key=lambda pair: pair[1])
    rules = by_rule(job for job, _ in ended)
    kept = {job.record for listed in rules.values() for job in listed[-count:]}
    return [(job, end) for job, end in ended if job.record in kept]


def jobs_at_once(ended: Sequence[tuple[Job, float]], seconds: Mapping[str, float]) -> float:
    """How many of these jobs ran at a time, on average of the time when any did; nights between runs do not count.

    Args:
        ended: jobs with the time of their end.
        seconds: by record.
    """
    spans = sorted((end - seconds[job.record], end) for job, end in ended if job.record in seconds)
    busy, until = 0.0, -math.inf
    for start, end in spans:
        busy += max(0.0, end - max(start, until))
        until = max(until, end)
    return sum(end - start for start, end in spans) / busy if busy else 1.0
