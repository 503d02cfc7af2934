"""The state of each job of a study, from its files alone. Nothing is locked or changed.

A job is to do if its outputs are missing and a job that is to do needs them or nothing else does, if an input will be
made again, or, for a shard, if its manifest was made with other settings than today's. Every other job is done if its
outputs exist, and not needed if they do not: after `make pull`, the report is there, and what it was made from is not.
Other files in the folder do not count, for example the outputs of an earlier configuration. Snakemake knows more: it
also sees changed settings of rules without manifests.

A job that is to do is

- running: the worker of the shard holds its lock; for other rules, the log is recent, and Snakemake holds the folder;
- failed: the log ends with an error;
- stopped: the log ends without an error, because the job was killed or ran out of memory;
- waiting: none of these.
"""

import math
import os
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from workflow_scripts import artifacts, locks
from workflow_scripts.operations import alone
from workflow_scripts.operations.costs import Costs, by_rule, kept
from workflow_scripts.operations.jobs import Job

RUNNING, FAILED, STOPPED, WAITING = "running", "failed", "stopped", "waiting"
RECENT = 600  # seconds, or three times the expected time of the job if that is more
TAIL = 8192  # bytes at the end of a log that are read


class Files:
    """The files of a study. Each folder is listed once, which asks the file system a thousand times less."""

    def __init__(self) -> None:
        self._folders: dict[str, dict[str, os.DirEntry]] = {}

    def get(self, path: str) -> os.DirEntry | None:
        """The entry of a file; None if it does not exist."""
        folder, _, name = path.rpartition("/")
        if folder not in self._folders:
            self._folders[folder] = _entries(folder)
        return self._folders[folder].get(name)

    def size(self, path: str) -> int:
        """Bytes of a file; 0 if it does not exist."""
        entry = self.get(path)
        return entry.stat().st_size if entry else 0


def _entries(folder: str) -> dict[str, os.DirEntry]:
    try:
        with os.scandir(folder) as entries:
            return {entry.name: entry for entry in entries if _is_file(entry)}
    except (FileNotFoundError, NotADirectoryError):
        return {}


def _is_file(entry: os.DirEntry) -> bool:
    try:
        return entry.is_file()
    except OSError:  # a link to itself
        return False


@dataclass(frozen=True)
class Survey:
    """The jobs of a study by whether they are to do, each part in the order of the data flow."""

    done: dict[Job, None]
    unneeded: dict[Job, None]  # their outputs are missing, but no job that is to do needs them
    to_do: dict[Job, None]

    def __str__(self) -> str:
        unneeded = f", {len(self.unneeded):,} not here and not needed" if self.unneeded else ""
        return f"{len(self.done):,} jobs done{unneeded}, {len(self.to_do):,} to do"


def survey(jobs: Sequence[Job], files: Files) -> Survey:
    """Which jobs are to do.

    Args:
        jobs: each after those that it needs.
    """
    makers = {output: job for job in jobs for output in job.outputs}
    lists = {id(paths): paths for job in jobs for paths in job.inputs.values()}  # many jobs share a list of thousands
    made = {key: [path for path in paths if path in makers] for key, paths in lists.items()}
    made_by = {key: {makers[path] for path in paths} for key, paths in made.items()}
    lacking = {key: {makers[path] for path in paths if not files.get(path)} for key, paths in made.items()}
    missing = {job for job in jobs if not all(map(files.get, job.outputs))}

    to_do = {job for job in jobs if (job.is_target if job in missing else job.is_shard and not _is_current(job))}
    known = -1
    while known < len(to_do):
        known = len(to_do)
        remade: dict[int, bool] = {}  # by list; all jobs that make its files come before the first that needs it
        for job in jobs:
            for key in map(id, job.inputs.values()):
                if key not in remade:
                    remade[key] = not to_do.isdisjoint(made_by[key])
                if remade[key]:
                    to_do.add(job)
        for job in reversed(jobs):
            if job in to_do:
                for key in map(id, job.inputs.values()):
                    to_do.update(lacking.pop(key, ()))
    done = set(jobs) - missing - to_do
    return Survey(*(dict.fromkeys(job for job in jobs if job in part) for part in (done, missing - to_do, to_do)))


def _is_current(job: Job) -> bool:
    """Whether the manifest of a shard was made with the settings of today."""
    try:
        manifest = artifacts.read_json(job.outputs[0])
    except (OSError, ValueError):  # just removed, or damaged
        return False
    return isinstance(manifest, dict) and manifest.get("settings_hash") == job.settings_hash


@dataclass(frozen=True)
class Standing:
    """The state of a job that is not done."""

    job: Job
    state: str
    made: int = 0  # files of a running shard that are complete
    parts: int = 1  # files of a running shard
    note: str = ""  # which worker makes it, or the last line of the log


def standings(jobs: Iterable[Job], costs: Costs, files: Files) -> list[Standing]:
    """The state of jobs that are not done; `costs` are the seconds of each job."""
    is_held = alone.holder() is not None
    return [_standing(job, costs.by_record.get(job.record, 0), files, is_held) for job in jobs]


def left(seconds: Costs, pending: Iterable[Standing]) -> Costs:
    """The remaining cost of jobs that are not done. For a running shard, it is the share of the missing files."""
    known = [each for each in pending if each.job.record in seconds.by_record]
    remaining = {each.job.record: seconds.by_record[each.job.record] * (1 - each.made / each.parts) for each in known}
    return Costs(remaining, frozenset())


def _standing(job: Job, seconds: float, files: Files, is_held: bool) -> Standing:
    if job.is_shard:
        lock = files.get(job.outputs[0].removesuffix(".json") + ".lock")
        worker = locks.holder(lock) if lock else None
        if worker:
            return Standing(job, RUNNING, _made(job, lock, files), len(job.parts), worker)
    log, benchmark = files.get(job.log), files.get(job.benchmark)
    ended_well = log and benchmark and _changed(benchmark) >= _changed(log)
    if log is None or ended_well or all(map(files.get, job.outputs)):
        return Standing(job, WAITING)
    last, in_error = _last_line(job.log)
    if in_error:
        return Standing(job, FAILED, note=last)
    if not job.is_shard and is_held and time.time() - _changed(log) < max(RECENT, 3 * seconds):
        return Standing(job, RUNNING, note=last)
    return Standing(job, STOPPED if last else WAITING, note=last)  # `make pull` touches logs: they are empty


def _made(job: Job, lock: os.DirEntry, files: Files) -> int:
    """Files that were complete when the worker began, by its log, and files written since."""
    begun = _changed(lock)
    new = sum(_changed(entry) >= begun for entry in map(files.get, job.parts) if entry)
    return min(len(job.parts), kept(job) + new)


def _changed(entry: os.DirEntry) -> float:
    """When a file was changed; 0 if it has been removed."""
    try:
        return entry.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _last_line(log: str) -> tuple[str, bool]:
    """The last line of a log, and whether the log ends with an error."""
    try:
        with open(log, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - TAIL))
            tail = file.read().decode(errors="replace")
    except OSError:
        return "", False
    last = next((line.strip() for line in reversed(tail.splitlines()) if line.strip()), "")
    return last, bool(re.search(r"(^|: )error: ", last)) or "Traceback (most recent call last)" in tail


def lately(jobs: Iterable[Job], files: Files, count: int) -> list[tuple[Job, float]]:
    """The last `count` jobs of each rule that have a benchmark, and when they ended, in the order of their ends."""
    ended = [(job, _changed(entry)) for job in jobs if (entry := files.get(job.benchmark))]
    ended.sort(key=lambda pair: pair[1])
    last = {job for of_rule in by_rule(job for job, _ in ended).values() for job in of_rule[-count:]}
    return [(job, end) for job, end in ended if job in last]


def jobs_at_once(ended: Sequence[tuple[Job, float]], seconds: Mapping[str, float]) -> float:
    """How many jobs ran at once, on average over the time when at least one ran.

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
