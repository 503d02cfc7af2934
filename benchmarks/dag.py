"""How long Snakemake takes to plan the paper's study: 18,292 models, with 64, 16 and 1 of them per job.

Times `snakemake --dry-run` of the study `abc`, with one encoder and two heads, on a copy of the project.

Example:
    python -m benchmarks.dag
"""

import re
import sys
import tempfile
from dataclasses import asdict
from functools import partial
from pathlib import Path

import yaml

from benchmarks import _compare, _tables
from tests import projects
from workflow_scripts import cli
from workflow_scripts.study import schema

STUDY = "abc"
GOALS = {64: 8.0, 16: 20.0, 1: 90.0}  # seconds, by models per job


def main() -> None:
    cli.StepParser(__doc__).parse_args()
    with tempfile.TemporaryDirectory() as folder:
        contenders = {}
        for models_per_job in GOALS:
            project = projects.copy_project(Path(folder, str(models_per_job)))
            write_study(project, models_per_job)
            contenders[f"{models_per_job} per job"] = partial(plan, project)
        costs = _compare.interleave(contenders)
    rows = [
        {
            "models_per_job": models_per_job,
            "jobs": int(costs[name][0]["jobs"]),
            "seconds": asdict(_compare.Spread.of(_compare.values(costs, name, "wall"))),
            "peak_mb": asdict(_compare.Spread.of(_compare.values(costs, name, "peak"))),
            "goal_seconds": goal,
        }
        for (models_per_job, goal), name in zip(GOALS.items(), contenders, strict=True)
    ]
    _tables.write("dag", [], threads=1, plans=rows)


def write_study(project: Path, models_per_job: int) -> None:
    """Trims the study of a copy of the project."""
    file = project / f"config/studies/{STUDY}.yaml"
    study = schema.read_yaml(file) | {"models_per_job": models_per_job}
    study["training_sets"] = {"object+style": {"cases": ["imagenet_seen", "bamfg"], "heads": ["identity", "linear"]}}
    study["heads"] = {name: study["heads"][name] for name in ("identity", "linear")}
    study["encoders"] = dict([next(iter(study["encoders"].items()))])
    file.write_text(yaml.safe_dump(study, sort_keys=False))


def plan(project: Path) -> dict[str, float]:
    """Seconds, memory and jobs of one dry run."""
    flags = ["--cores", "2", "--dry-run", "--quiet", "rules", "--scheduler", "greedy"]
    return _compare.run([sys.executable, "-m", "snakemake", *flags, "--config", f"study={STUDY}"], jobs_of, cwd=project)


def jobs_of(printed: str) -> dict[str, float]:
    """The number of jobs in the table that a dry run prints."""
    return {"jobs": float(re.search(r"^total\s+(\d+)", printed, re.MULTILINE)[1])}


if __name__ == "__main__":
    cli.run(main)
