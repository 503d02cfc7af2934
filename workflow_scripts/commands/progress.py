"""How far a study is: jobs done, not needed, running, failed and to do, by rule, and how long the rest takes.

Looks at files only. It can run at any time, on any machine that sees the folder, and changes no result. The rest is
expected to take as long as finished jobs took, in proportion to the size of jobs, with as many jobs at once as ran
lately or run now. Before the first job is done, the section `costs` of the study says how long jobs take. Changed
settings are seen for models and samples; `verify` and `snakemake -n` see all. Study and results are those of the
current folder.

Example:
    python -m workflow_scripts progress --study smoke --watch
"""

import json
import time
from collections import Counter
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from workflow_scripts import cli
from workflow_scripts.operations import costs, progress
from workflow_scripts.operations.jobs import jobs
from workflow_scripts.operations.progress import FAILED, RUNNING, STOPPED
from workflow_scripts.reporting.markdown import padded
from workflow_scripts.study import checks
from workflow_scripts.study.study import Study

MEASURED = 100  # jobs of each rule, the last that ended, whose benchmarks are read
LATELY = 32  # jobs, the last that ended, that say how many ran at once
SHOWN = 10  # jobs of a state that are named
REFRESH = 5  # seconds
CLEAR = "\033[H\033[J"  # the terminal
COUNTS = {
    "jobs": "jobs",
    "done": "done",
    "unneeded": "not needed",
    "running": "running",
    "failed": "failed",
    "to_do": "to do",
}
HEADINGS = ("rule", *COUNTS.values(), "left", "time from")


def look(study: Study) -> dict[str, Any]:
    """The state of a study.

    Returns:
        `rules`, each with counts and `seconds_left`; `all` of them, and in words as `summary`; `jobs_at_once`; the jobs
        that are running, failed and stopped. What is unknown is None.
    """
    planned, files = jobs(study), progress.Files()
    survey = progress.survey(planned, files)
    ended = progress.lately(survey.done, files, MEASURED)
    measured = costs.read_seconds(job for job, _ in ended)
    seconds = costs.expect(study, planned, measured, costs.SECONDS)
    pending = progress.standings(survey.to_do, seconds, files)
    running = sum(standing.state == RUNNING for standing in pending)
    at_once = max(1.0, running, progress.jobs_at_once(ended[-LATELY:], measured))
    left = progress.left(seconds, pending)
    pending_of = {rule: [each for each in pending if each.job.rule == rule] for rule in costs.by_rule(planned)}
    unneeded = Counter(job.rule for job in survey.unneeded)
    return {
        "study": study.name,
        "jobs_at_once": at_once,
        "rules": [
            {"rule": rule, **_counts(len(of_rule), unneeded[rule], pending_of[rule], left, at_once)}
            | {"time_from": seconds.basis(of_rule).partition(",")[0]}
            for rule, of_rule in costs.by_rule(planned).items()
        ],
        "all": _counts(len(planned), unneeded.total(), pending, left, at_once),
        "summary": str(survey),
        **{state: _named(pending, state) for state in (RUNNING, FAILED, STOPPED)},
    }


def _counts(
    jobs: int, unneeded: int, pending: list[progress.Standing], left: costs.Costs, at_once: float
) -> dict[str, Any]:
    states = Counter(standing.state for standing in pending)
    return {
        "jobs": jobs,
        "done": jobs - unneeded - len(pending),
        "unneeded": unneeded,
        "running": states[RUNNING],
        "failed": states[FAILED],
        "to_do": len(pending),
        "seconds_left": costs.wall_time(left, [standing.job for standing in pending], at_once),
    }


def _named(pending: list[progress.Standing], state: str) -> list[dict[str, Any]]:
    return [
        {"job": each.job.record, "made": each.made, "parts": each.parts, "log": each.job.log, "note": each.note}
        for each in pending
        if each.state == state
    ]


def to_text(status: dict[str, Any]) -> str:
    """The result of `look` as a table for the terminal, and the jobs that have begun but are not done."""
    rows = [_row(row) for row in [*status["rules"], {"rule": "all", "time_from": "", **status["all"]}]]
    lines = ["  ".join(cells).rstrip() for cells in padded([HEADINGS, *rows])]
    lines.append("")
    for state in (RUNNING, FAILED, STOPPED):
        named = status[state]
        lines += [f"{state} {_described(job)}" for job in named[:SHOWN]]
        lines += [f"{state} {len(named) - SHOWN:,} more: see --json"] if len(named) > SHOWN else []
    nothing = "" if status[RUNNING] else "; nothing runs"
    lines.append(f"{status['study']}: {status['summary']}{nothing}.")
    seconds = status["all"]["seconds_left"]
    if seconds and status[RUNNING]:
        end = datetime.now() + timedelta(seconds=seconds)
        lines.append(f"Done by {end:%A %d %B %H:%M}, if {status['jobs_at_once']:.1f} jobs run at once.")
    return "\n".join(lines).rstrip()


def _row(row: dict[str, Any]) -> list[str]:
    return [row["rule"], *(f"{row[name]:,}" for name in COUNTS), duration(row["seconds_left"]), row["time_from"]]


def _described(job: dict[str, Any]) -> str:
    made = f" {job['made']:,} of {job['parts']:,} files" if job["parts"] > 1 else ""
    note = f": {cli.printable(job['note'])}" if job["note"] else ""
    return f"{job['job']}{made}{note} [{job['log']}]"


def duration(seconds: float | None) -> str:
    """A time in a suitable unit; a dash if it is unknown."""
    if seconds is None:
        return "-"
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.0f} s"


@cli.command_line(
    study=cli.flag("name of a study; default: that of config/config.yaml"),
    watch=cli.flag("look again every few seconds, until Ctrl-C", action="store_true"),
    json=cli.flag("print JSON instead of a table", action="store_true"),
)
def main(args: cli.Args) -> None:
    study = checks.named_study(args.study, Path())
    show = json.dumps if args.json else to_text
    with suppress(KeyboardInterrupt):
        while args.watch:
            print(CLEAR + show(look(study)), flush=True)
            time.sleep(REFRESH)
    if not args.watch:
        print(show(look(study)))
