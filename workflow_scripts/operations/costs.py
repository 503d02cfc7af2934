"""What the jobs of a study cost: those that are done what was measured, the others what these let expect.

A job's cost is taken to be in proportion to `job + unit * size`. The two numbers stand in the section `costs` of the
study: priors, expected as they are until the first job of a rule is done. From then on the jobs that are done set the
scale, and the section only says how unequal jobs compare. A rule that it does not name goes by size alone.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from workflow_scripts.operations.jobs import Job
from workflow_scripts.study.study import Study

SECONDS, MEGABYTES = "seconds", "mb"
KEPT = re.compile(r" to make, (\d+) there already$", re.MULTILINE)  # what the worker of a shard logs when it begins
GLANCE = 4096  # bytes of a log that surely hold that


@dataclass(frozen=True)
class Costs:
    """What each job costs.

    Attributes:
        by_record: seconds or megabytes by the job's record; a job of which nothing is known is missing.
        measured: the records of jobs that have been measured.
    """

    by_record: Mapping[str, float]
    measured: frozenset[str]

    def total(self, jobs: Collection[Job]) -> float | None:
        """What jobs cost together; None unless it is known of each."""
        known = [self.by_record[job.record] for job in jobs if job.record in self.by_record]
        return sum(known) if len(known) == len(jobs) else None

    def longest(self, jobs: Collection[Job]) -> float:
        """The largest cost of a job."""
        return max((self.by_record[job.record] for job in jobs if job.record in self.by_record), default=0.0)

    def basis(self, jobs: Collection[Job]) -> str:
        """What the cost of the jobs of a rule rests on, in words."""
        count = len(self.measured.intersection(job.record for job in jobs))
        if count:
            return f"measured, {count:,} of {len(jobs):,} jobs"
        return "unknown" if self.total(jobs) is None else "prior"


def expect(study: Study, jobs: Iterable[Job], measured: Mapping[str, float], kind: str) -> Costs:
    """The costs of jobs, given those of some.

    Args:
        measured: cost by record, of jobs that are done.
        kind: of cost, `seconds` or `mb`.
    """
    expected = {}
    for rule, listed in by_rule(jobs).items():
        known = [job for job in listed if job.record in measured]
        shape = _shape(study, rule, kind)
        if known:
            if shape is None or not sum(map(shape, known)):
                shape = _size
            scale = sum(measured[job.record] for job in known) / sum(map(shape, known))
            expected |= {job.record: scale * shape(job) for job in listed}
        elif shape:
            expected |= {job.record: shape(job) for job in listed}
    return Costs(expected | dict(measured), frozenset(measured))


def _shape(study: Study, rule: str, kind: str) -> Callable[[Job], float] | None:
    prior = study.sections.get("costs", {}).get(rule)
    if prior is None:
        return None
    per_job, per_unit = prior.get(f"job_{kind}", 0), prior.get(f"unit_{kind}", 0)
    return lambda job: per_job + per_unit * job.size


def _size(job: Job) -> float:
    return job.size


def by_rule(jobs: Iterable[Job]) -> dict[str, list[Job]]:
    """The jobs of each rule, rules in the order of their first job."""
    rules = defaultdict(list)
    for job in jobs:
        rules[job.rule].append(job)
    return dict(rules)


def wall_time(costs: Costs, jobs: Iterable[Job], workers: float) -> float | None:
    """Seconds until jobs are done by so many workers, one rule after the other; None where a cost is unknown.

    The jobs of a rule are packed perfectly, but none is shorter than its longest job. Waiting for a free machine is not
    counted, nor is it that the first jobs of a rule may run beside the last ones of another.
    """
    rules = by_rule(jobs).values()
    totals = [costs.total(listed) for listed in rules]
    if None in totals:
        return None
    return sum(max(total / workers, costs.longest(listed)) for total, listed in zip(totals, rules, strict=True))


def read_seconds(jobs: Iterable[Job]) -> dict[str, float]:
    """Wall time by record, of the jobs whose benchmark tells it.

    That of a shard that was interrupted does not: it is of the last try alone, which found some of the models made.
    """
    seconds = {}
    for job in jobs:
        try:
            _, row, *_ = Path(job.benchmark).read_text(encoding="utf-8").splitlines()
            if not (job.is_shard and kept(job)):
                seconds[job.record] = float(row.partition("\t")[0])
        except (FileNotFoundError, ValueError):  # pulled from DVC, which keeps none; or being written
            continue
    return seconds


def kept(job: Job) -> int:
    """Files of a shard that its last worker found good when it began."""
    try:
        with open(job.log, "rb") as file:
            found = KEPT.search(file.read(GLANCE).decode(errors="replace"))
    except FileNotFoundError:
        return 0
    return int(found[1]) if found else 0
