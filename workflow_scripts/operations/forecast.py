"""What a study will cost: jobs, hours and storage by rule, and the time with several jobs at once."""

from collections.abc import Collection, Sequence
from typing import Any

import pandas as pd

from workflow_scripts.operations.costs import Costs, by_rule, wall_time
from workflow_scripts.operations.jobs import Job
from workflow_scripts.operations.progress import Survey
from workflow_scripts.reporting import plan
from workflow_scripts.reporting.markdown import aligned

WORKERS = (1, 8, 64, 256)
COLUMNS = {
    "rule": "rule",
    "jobs": "jobs",
    "done": "done",
    "unneeded": "not needed",
    "to_do": "to do",
    "gpu_hours": "GPU-hours",
    "cpu_hours": "CPU-hours",
    "hours_to_do": "hours to do",
    "time_from": "time from",
    "gigabytes": "storage",
    "gigabytes_to_do": "to do",
    "size_from": "size from",
}
COSTS_NOTE = """\
GPU-hours: rules that request a GPU; without one they run on the CPU. Measured: taken from finished jobs, and for the
others in proportion to them. Prior: from the section `costs` of the study. `>`: a part is unknown."""
WAITS_NOTE = """\
One rule after the other. The jobs of a rule are packed perfectly, but take at least as long as the longest of them.
Time in a queue comes on top."""


def expected(jobs: Sequence[Job], survey: Survey, seconds: Costs, megabytes: Costs) -> pd.DataFrame:
    """What a study costs from its first job to its last, a row for each rule in the order of the data flow.

    Returns:
        COLUMNS. Hours are those of one GPU, or of one job on the CPU; a rule has either. What is unknown is missing.
    """
    rows = []
    for rule, of_rule in by_rule(jobs).items():
        pending = [job for job in of_rule if job in survey.to_do]
        unneeded = sum(job in survey.unneeded for job in of_rule)
        hours, hours_to_do = (_scaled(seconds.total(some), 3600) for some in (of_rule, pending))
        gigabytes, gigabytes_to_do = (_scaled(megabytes.total(some), 1000) for some in (of_rule, pending))
        gpu_hours, cpu_hours = (hours, 0.0) if of_rule[0].gpu else (0.0, hours)
        bases = seconds.basis(of_rule), megabytes.basis(of_rule)
        counts = (len(of_rule), len(of_rule) - unneeded - len(pending), unneeded, len(pending))
        rows.append((rule, *counts, gpu_hours, cpu_hours, hours_to_do, bases[0], gigabytes, gigabytes_to_do, bases[1]))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def waits(pending: Collection[Job], seconds: Costs) -> pd.DataFrame:
    """Hours until jobs are done, by the number that run at once; columns at_once, gpu_rules, cpu_rules, all."""
    on_gpu = [job for job in pending if job.gpu]
    others = [job for job in pending if not job.gpu]
    rows = [
        (workers, *(_scaled(wall_time(seconds, jobs, workers), 3600) for jobs in (on_gpu, others, pending)))
        for workers in WORKERS
    ]
    return pd.DataFrame(rows, columns=["at_once", "gpu_rules", "cpu_rules", "all"])


def _scaled(value: float | None, unit: float) -> float:
    return float("nan") if value is None else value / unit


def to_markdown(study: str, dataset: pd.DataFrame, costs: pd.DataFrame, waiting: pd.DataFrame) -> str:
    """The plan as a page that reads well in a terminal, too.

    Args:
        dataset: of `plan.tabulate`.
        costs: of `expected`.
        waiting: of `waits`.
    """
    lines = [f"# The plan of the study {study}", ""]
    for part in plan.paper_layout(dataset):
        rows = [[row["name"], *row["cells"]] for row in part["rows"]]
        lines += [f"## {part['title']}", "", *aligned(["", *part["headings"]], rows), ""]
    rows = [[_cell(value, name) for name, value in row.items()] for row in costs.to_dict("records")]
    lines += ["## Jobs", "", *aligned(list(COLUMNS.values()), [*rows, _total(costs)]), "", COSTS_NOTE, ""]
    if costs["to_do"].any():
        rows = [[_cell(value) for value in row] for row in waiting.itertuples(index=False)]
        headings = ["jobs at once", "hours of the rules for a GPU", "of the others", "of all"]
        lines += ["## Time until the rest is done", "", *aligned(headings, rows), "", WAITS_NOTE, ""]
    return "\n".join(lines)


def _total(costs: pd.DataFrame) -> list[str]:
    """The sum of each column; of what is known, where part of it is not."""
    sums = costs.sum(numeric_only=True)
    least = {name: "> " if costs[name].isna().any() else "" for name in sums.index}
    return ["all", *(least[name] + _cell(sums[name], name) if name in least else "" for name in list(COLUMNS)[1:])]


def _cell(value: Any, column: str = "") -> str:
    """Text as it is; of a number three digits, with thousands separated, or a dash if it is not known."""
    if isinstance(value, str):
        return value
    if pd.isna(value):
        return plan.MISSING
    if column.startswith("gigabytes"):
        return f"{_digits(value)} GB" if value >= 1 else f"{_digits(1000 * value)} MB"
    return _digits(value)


def _digits(value: float) -> str:
    if 0 < value < 0.001:
        return "<0.001"
    return f"{value:,.0f}" if value >= 100 or float(value).is_integer() else f"{value:.3g}"
