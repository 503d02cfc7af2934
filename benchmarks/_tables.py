"""The tables of the benchmarks, in benchmarks/README.md and in short in the README, from the JSON files of all that ran."""

from pathlib import Path
from typing import Any

from benchmarks._compare import FOLDER
from workflow_scripts import artifacts
from workflow_scripts.steps.publish import fill, header, row

NAMES = ("finetune", "sample", "rank", "dag", "demo")


def write() -> None:
    """Fills the marked blocks of both pages; a benchmark that has not run leaves its block as it is."""
    records = {name: artifacts.read_json(file) for name in NAMES if (file := _file(name)).exists()}
    page = FOLDER / "README.md"
    text = page.read_text(encoding="utf-8")
    for name, record in records.items():
        text = fill(text, name, "\n".join(_block(name, record)) + "\n")
    artifacts.write_text(page, text)

    page = FOLDER.parent / "README.md"
    lines = header("main step", "beside", "times faster (range)", "goal")
    for name in ("finetune", "sample", "rank"):
        lines += [
            row(f"{name}: {c['work']}", c["peer"], times(c["ratio"]), goal(c["goal"]))
            for c in records.get(name, {}).get("comparisons", ())
            if c["goal"]
        ]
    artifacts.write_text(page, fill(page.read_text(encoding="utf-8"), "benchmarks", "\n".join(lines) + "\n"))


def _file(name: str) -> Path:
    return FOLDER / "results" / f"{name}.json"


def _block(name: str, record: dict[str, Any]) -> list[str]:
    """The lines of one benchmark: what they hold for, then its table."""
    machine = record["machine"]
    versions = ", ".join(f"{package} {version}" for package, version in machine["versions"].items())
    told = f"{machine['processor']}, {machine['cores']} cores, threads used: {machine['threads']}, bf16: "
    lines = [f"{told}{'yes' if machine['bf16'] else 'no'}. {versions}.", ""]
    if record["comparisons"]:
        lines += _comparisons(record["comparisons"])
    if name == "rank":
        peaks = ", ".join(f"{float(peak):,.0f} MB at {int(count):,}" for count, peak in record["peak_mb"].items())
        lines += ["", f"Our time grows with the number of distractors to the power {record['exponent']:.2f}."]
        lines += [f"Most memory beyond the mapped file: {peaks}."]
    if name == "dag":
        lines += header("models per job", "jobs", "seconds (range)", "goal", "peak MB")
        for plan in record["plans"]:
            cells = (plan["models_per_job"], f"{plan['jobs']:,}", spread(plan["seconds"]), plan["goal_seconds"])
            lines.append(row(*map(str, cells), f"{plan['peak_mb']['median']:,.0f}"))
    if name == "demo":
        lines += header("rule", "jobs", "minutes", "share", "peak MB")
        jobs, minutes = (sum(rule[key] for rule in record["rules"]) for key in ("jobs", "minutes"))
        for rule in record["rules"]:
            spent = f"{rule['minutes']:.2f}", f"{rule['minutes'] / minutes:.0%}"
            lines.append(row(rule["rule"], str(rule["jobs"]), *spent, f"{rule['peak_mb']:,.0f}"))
        lines.append(row("all", str(jobs), f"{minutes:.2f}", "", ""))
    return lines


def _comparisons(comparisons: list[dict[str, Any]]) -> list[str]:
    lines = header("work", "unit", "ours", "peer", "its cost", "times faster (range)", "goal")
    for c in comparisons:
        costs = [spread(c[side]) for side in ("ours_cost", "peer_cost")]
        lines.append(row(c["work"], c["unit"], costs[0], c["peer"], costs[1], times(c["ratio"]), goal(c["goal"])))
    return lines


def spread(cost: dict[str, float]) -> str:
    """Median, smallest and largest, such as `1.23 (1.20–1.30)`."""
    return f"{cost['median']:.3g} ({cost['low']:.3g}–{cost['high']:.3g})"


def times(ratio: dict[str, float]) -> str:
    return f"**{ratio['median']:.3g}** ({ratio['low']:.3g}–{ratio['high']:.3g})"


def goal(ratio: float | None) -> str:
    return f"{ratio:.2g}" if ratio else ""
