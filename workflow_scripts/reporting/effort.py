"""What a study cost, by rule, from the benchmark files that Snakemake writes for each job."""

from pathlib import Path

import pandas as pd

from workflow_scripts import artifacts


def by_rule(benchmarks: Path) -> pd.DataFrame:
    """Minutes by rule, longest first: columns rule, jobs, minutes (of all jobs together), peak_mb (of the largest).

    Wall time: Snakemake looks at a job's processor time every half minute only, and misses the last of them.

    Args:
        benchmarks: the study's folder of benchmarks; a rule's files lie in a folder of its name, or are named after it.

    Raises:
        ValueError: the folder holds none.
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
