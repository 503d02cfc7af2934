"""What the jobs of a study cost: measured for jobs that are done, expected for the others.

The cost of a job is proportional to `job + unit * size`. Both numbers are priors in the section `costs` of the study.
They are the expected cost until the first job of a rule is done. Then finished jobs set the scale, and the priors only
say how jobs of different sizes compare. For a rule without priors, cost is proportional to size.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from workflow_scripts import artifacts
from workflow_scripts.operations.jobs import Job
from workflow_scripts.study.study import Study

SECONDS, MEGABYTES = "seconds", "mb"
KEPT = re.compile(r" to make, (\d+) there already$", re.MULTILINE)  # the worker of a shard logs this when it begins
LONGEST = 1e8  # seconds that a job can have taken: three years
GLANCE = 4096  # bytes at the start of a log that hold this line


@dataclass(frozen=True)
class Costs:
    """What each job costs."""

    by_record: Mapping[str, float]  # seconds or megabytes by the job's record; jobs of unknown cost are missing
    measured: frozenset[str]  # records of the jobs that have been measured

    def total(self, jobs: Collection[Job]) -> float | None:
        """The cost of all these jobs; None if the cost of one is unknown."""
        known = [self.by_record[job.record] for job in jobs if job.record in self.by_record]
        return sum(known) if len(known) == len(jobs) else None

    def longest(self, jobs: Collection[Job]) -> float:
        """The largest cost of a job."""
        return max((self.by_record[job.record] for job in jobs if job.record in self.by_record), default=0.0)

    def basis(self, jobs: Collection[Job]) -> str:
        """Where the cost of the jobs of a rule comes from, in words."""
        count = len(self.measured.intersection(job.record for job in jobs))
        if count:
            return f"measured, {count:,} of {len(jobs):,} jobs"
        return "unknown" if self.total(jobs) is None else "prior"


def expect(study: Study, jobs: Iterable[Job], measured: Mapping[str, float], kind: str) -> Costs:
    """The costs of all jobs, given the measured costs of some.

    Args:
        measured: cost by record of jobs that are done.
        kind: `seconds` or `mb`.
    """
    expected = {}
    for rule, of_rule in by_rule(jobs).items():
        done = [job for job in of_rule if job.record in measured]
        prior = study.sections.get("costs", {}).get(rule)
        per_job, per_unit = ((prior or {}).get(f"{name}_{kind}", 0) for name in ("job", "unit"))
        shape = {job.record: per_job + per_unit * job.size for job in of_rule}
        if done:
            if not sum(shape[job.record] for job in done):
                shape = {job.record: job.size for job in of_rule}
            scale = sum(measured[job.record] for job in done) / sum(shape[job.record] for job in done)
            expected |= {record: scale * cost for record, cost in shape.items()}
        elif prior is not None:
            expected |= shape
    return Costs(expected | dict(measured), frozenset(measured))


def by_rule(jobs: Iterable[Job]) -> dict[str, list[Job]]:
    """The jobs of each rule, rules in the order of their first job."""
    rules = defaultdict(list)
    for job in jobs:
        rules[job.rule].append(job)
    return dict(rules)


def wall_time(costs: Costs, jobs: Iterable[Job], workers: float) -> float | None:
    """Seconds until this many workers have done the jobs, rule by rule; None if a cost is unknown.

    The jobs of a rule are packed perfectly, but a rule takes at least as long as its longest job. Rules do not overlap,
    and time in a queue is not counted.
    """
    rules = by_rule(jobs).values()
    totals = [costs.total(of_rule) for of_rule in rules]
    if None in totals:
        return None
    return sum(max(total / workers, costs.longest(of_rule)) for total, of_rule in zip(totals, rules, strict=True))


def read_seconds(jobs: Iterable[Job]) -> dict[str, float]:
    """Wall time by record, from the benchmark files.

    A shard that was interrupted is left out: its benchmark measures the last try only, which did not make all models.
    """
    seconds = {}
    for job in jobs:
        try:
            _, row, *_ = artifacts.read_text(job.benchmark).splitlines()
            measured = float(row.partition("\t")[0])
            if 0 <= measured < LONGEST and not (job.is_shard and kept(job)):
                seconds[job.record] = measured
        except (OSError, ValueError):  # DVC keeps no benchmarks, or the file is being written
            continue
    return seconds


def kept(job: Job) -> int:
    """How many files of a shard were complete when its last worker began."""
    try:
        with artifacts.regular(job.log).open("rb") as file:
            line = KEPT.search(file.read(GLANCE).decode(errors="replace"))
    except (OSError, ValueError):  # there is none, or it is no file
        return 0
    return int(line[1]) if line else 0
