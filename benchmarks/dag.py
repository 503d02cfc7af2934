"""How long Snakemake takes to plan a study of the paper's size: 18,292 models, with 64, 16 and 1 of them per job.

Times `snakemake --dry-run` on a copy of the project whose study `paper_sized` has the paper's numbers of models, one
encoder and two heads. Nothing is made; the lists hold made-up names.

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

from benchmarks import _compare
from tests import projects
from workflow_scripts import cli, schema

STUDY = "paper_sized"
GOALS = {64: 8.0, 16: 20.0, 1: 90.0}  # seconds, by models per job
OBJECTS = {"imagenet_seen": (593, {"train": 8, "val": 1, "test": 1}), "imagenet_unseen": (100, {"test": 10})}
STYLES = {"bamfg": {"train": 10_607, "val": 250, "test": 250}, "artchive": {"test": 255}}


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
    _compare.write("dag", [], threads=1, plans=rows)


def write_study(project: Path, models_per_job: int) -> None:
    """Adds the study and its lists to a copy of the project."""
    study = schema.read_yaml(project / "config/studies/miniature.yaml")
    cases = {}
    for case, (classes, models_per_class) in OBJECTS.items():
        file = write_list(project, case, classes)
        cases[case] = {"kind": "object", "source": "emoji_objects", "classes": file}
        cases[case]["models_per_class"] = models_per_class
    for case, groups in STYLES.items():
        files = {split: write_list(project, f"{case}.{split}", count) for split, count in groups.items()}
        cases[case] = {"kind": "style", "source": "emoji_styles", "groups": files}
    study |= {"study": STUDY, "models_per_job": models_per_job, "cases": cases}
    study["training_sets"] = {"object+style": {"cases": ["imagenet_seen", "bamfg"], "heads": ["identity", "linear"]}}
    study["heads"] = {name: study["heads"][name] for name in ("identity", "linear")}
    study["encoders"] = dict([next(iter(study["encoders"].items()))])
    (project / f"config/studies/{STUDY}.yaml").write_text(yaml.safe_dump(study, sort_keys=False))


def write_list(project: Path, name: str, count: int) -> str:
    file = f"config/classes/{name}.txt"
    (project / file).write_text("".join(f"{name.replace('.', '-')}-{i:05d}\n" for i in range(count)))
    return file


def plan(project: Path) -> dict[str, float]:
    """Seconds, memory and jobs of one dry run."""
    flags = ["--cores", "2", "--dry-run", "--quiet", "rules", "--scheduler", "greedy"]
    return _compare.run([sys.executable, "-m", "snakemake", *flags, "--config", f"study={STUDY}"], jobs_of, cwd=project)


def jobs_of(printed: str) -> dict[str, float]:
    """The number of jobs in the table that a dry run prints."""
    return {"jobs": float(re.search(r"^total\s+(\d+)", printed, re.MULTILINE)[1])}


if __name__ == "__main__":
    cli.run(main)
