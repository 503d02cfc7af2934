"""What a study cost, by rule, from the benchmark files that Snakemake writes for each job."""

from pathlib import Path

import pandas as pd

from workflow_scripts import artifacts


def by_rule(benchmarks: Path) -> pd.DataFrame:
    """Wall time by rule, longest first: columns rule, jobs, minutes (the sum), peak_mb (the largest job).

    Snakemake measures processor time every half minute only, and misses the end of a job.

    Args:
        benchmarks: the study's folder of benchmarks; ValueError if it holds none.
    """
    files = sorted(benchmarks.rglob("*.tsv"))
    if not files:
        raise ValueError(f"{benchmarks}: holds no benchmark; run the study first")
    rules = [file.relative_to(benchmarks).parts[0].removesuffix(".tsv") for file in files]
    jobs = [
        artifacts.read_csv(file, sep="\t", na_values="-")[["s", "max_rss"]].assign(rule=rule)
        for file, rule in zip(files, rules, strict=True)
    ]
    grouped = pd.concat(jobs).groupby("rule")
    costs = {"jobs": grouped.size(), "minutes": grouped["s"].sum() / 60, "peak_mb": grouped["max_rss"].max()}
    return pd.DataFrame(costs).sort_values("minutes", ascending=False).reset_index()
