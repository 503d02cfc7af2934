"""The figures of the benchmarks as JSON, and their tables in benchmarks/README.md and, in short, in the README."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks._compare import FOLDER, REPETITIONS, Comparison, machine
from workflow_scripts import artifacts
from workflow_scripts.reporting.markdown import fill_page, header, row

NAMES = ("finetune", "sample", "rank", "dag", "demo")


def write(name: str, comparisons: Sequence[Comparison], threads: int, **more: Any) -> None:
    """Writes a benchmark's figures as JSON, and the tables of all benchmarks anew."""
    lines = [asdict(comparison) for comparison in comparisons]
    record = {"machine": machine(threads), "repetitions": REPETITIONS, "comparisons": lines, **more}
    artifacts.write_json(_file(name), record, sidecar=False)
    fill_pages()


def fill_pages() -> None:
    """Fills the marked blocks of both pages; a benchmark that has not run leaves its block as it is."""
    records = {name: artifacts.read_json(file) for name in NAMES if (file := _file(name)).exists()}
    fill_page(FOLDER / "README.md", {name: as_text(_block(name, record)) for name, record in records.items()})

    table = header("main step", "beside", "times faster (range)", "goal")
    for name in ("finetune", "sample", "rank"):
        table += [
            row(f"{name}: {c['work']}", c["peer"], times(c["ratio"]), goal(c["goal"]))
            for c in records.get(name, {}).get("comparisons", ())
            if c["goal"]
        ]
    fill_page(FOLDER.parent / "README.md", {"benchmarks": as_text(table + _planning(records.get("dag")))})


def _planning(record: dict[str, Any] | None) -> list[str]:
    """A sentence on the plan of a study of the paper's size."""
    if record is None:
        return []
    each = [f"{plan['models_per_job']} ({plan['seconds']['median']:.3g} s)" for plan in record["plans"]]
    return ["", f"`snakemake -n` for the paper's 18,292 models, by models per job: {', '.join(each)}."]


def as_text(lines: list[str]) -> str:
    return "\n".join(lines) + "\n"


def _file(name: str) -> Path:
    return FOLDER / "results" / f"{name}.json"


def _block(name: str, record: dict[str, Any]) -> list[str]:
    """The lines of one benchmark: what they hold for, then its table."""
    machine = record["machine"]
    versions = ", ".join(f"{package} {version}" for package, version in machine["versions"].items())
    hardware = f"{machine['processor']}, {machine['cores']} cores, threads used: {machine['threads']}, bf16: "
    block = [f"{hardware}{'yes' if machine['bf16'] else 'no'}. {versions}.", ""]
    if record["comparisons"]:
        block += _comparisons(record["comparisons"])
    if name == "rank":
        peaks = ", ".join(f"{float(peak):,.0f} MB at {int(count):,}" for count, peak in record["peak_mb"].items())
        block += ["", f"Our time grows with the number of distractors to the power {record['exponent']:.2f}."]
        block += [f"Most memory beyond the mapped file: {peaks}."]
    if name == "dag":
        block += header("models per job", "jobs", "seconds (range)", "goal", "peak MB")
        for plan in record["plans"]:
            cells = (plan["models_per_job"], f"{plan['jobs']:,}", spread(plan["seconds"]), plan["goal_seconds"])
            block.append(row(*map(str, cells), f"{plan['peak_mb']['median']:,.0f}"))
    if name == "demo":
        block += header("rule", "jobs", "minutes", "share", "peak MB")
        jobs, minutes = (sum(rule[key] for rule in record["rules"]) for key in ("jobs", "minutes"))
        for rule in record["rules"]:
            spent = f"{rule['minutes']:.2f}", f"{rule['minutes'] / minutes:.0%}"
            block.append(row(rule["rule"], str(rule["jobs"]), *spent, f"{rule['peak_mb']:,.0f}"))
        block.append(row("all", str(jobs), f"{minutes:.2f}", "", ""))
    return block


def _comparisons(comparisons: list[dict[str, Any]]) -> list[str]:
    table = header("work", "unit", "ours", "peer", "its cost", "times faster (range)", "goal")
    for c in comparisons:
        costs = [spread(c[side]) for side in ("ours_cost", "peer_cost")]
        table.append(row(c["work"], c["unit"], costs[0], c["peer"], costs[1], times(c["ratio"]), goal(c["goal"])))
    return table


def spread(cost: dict[str, float]) -> str:
    """Median, smallest and largest, such as `1.23 (1.20–1.30)`."""
    return f"{cost['median']:.3g} ({cost['low']:.3g}–{cost['high']:.3g})"


def times(ratio: dict[str, float]) -> str:
    return f"**{ratio['median']:.3g}** ({ratio['low']:.3g}–{ratio['high']:.3g})"


def goal(ratio: float | None) -> str:
    return f"{ratio:.2g}" if ratio else ""
