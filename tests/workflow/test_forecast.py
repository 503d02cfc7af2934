"""`snakemake plan` beside Snakemake's own count of what is to be done. Steps are stand-ins."""

import csv
import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests import projects
from tests.workflow.test_plan import counts

PLAN = "results/smoke/plan.csv"
EXEMPLARS = """
import sys
import pandas as pd
from workflow_scripts import artifacts

output = sys.argv[sys.argv.index("--output") + 1]
artifacts.write_table(output, pd.DataFrame({"split": ["train", "train", "test"]}), {})
"""

WAITS = """
import sys
import time
from pathlib import Path

while not Path("go").exists():
    time.sleep(0.1)
for flag in ("--output", "--provenance"):
    Path(sys.argv[sys.argv.index(flag) + 1]).touch()
"""


@pytest.fixture(scope="module")
def sampled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose smoke study has come as far as its samples; not to be changed."""
    project = projects.copy_project(tmp_path_factory.mktemp("sampled"))
    (project / "workflow_scripts/steps/select_exemplars.py").write_text(EXEMPLARS)
    projects.run(project, "--", "samples")
    return project


@pytest.fixture
def project(sampled: Path, tmp_path: Path) -> Path:
    return shutil.copytree(sampled, tmp_path / "project")


def plan(project: Path) -> tuple[str, list[dict[str, str]]]:
    """What `snakemake plan` prints, and its rows."""
    done = projects.snakemake(project, "--quiet", "all", "--config", "study=smoke", "--", "plan")
    assert done.returncode == 0, done.stderr
    with (project / PLAN).open() as file:
        return done.stdout, list(csv.DictReader(file))


def to_be_done(project: Path) -> dict[str, int]:
    """Number of jobs by rule, by Snakemake's own plan."""
    done = projects.snakemake(project, "--dry-run", "--quiet", "rules", "--config", "study=smoke")
    return {rule: count for rule, count in counts(done.stdout).items() if rule not in ("all", "total")}


def assert_agreed(project: Path) -> list[dict[str, str]]:
    """The rows of the plan, once they have been found to be Snakemake's."""
    _, rows = plan(project)
    assert {row["rule"]: int(row["to_do"]) for row in rows if row["to_do"] != "0"} == to_be_done(project)
    return rows


def test_before_anything_ran_the_plan_needs_no_data_and_rests_on_priors(tmp_path: Path):
    project = projects.copy_project(tmp_path / "project")
    shutil.rmtree(project / "data")
    printed, rows = plan(project)
    assert {row["time_from"] for row in rows} == {row["size_from"] for row in rows} == {"prior"}
    assert printed.strip() == (project / "results/smoke/plan.md").read_text().strip()
    assert re.search(r"^\| llm samples +\|", printed, re.MULTILINE)
    assert all(row["to_do"] == row["jobs"] and float(row["hours_to_do"]) > 0 for row in rows)


def test_plan_and_snakemake_agree_in_what_is_to_be_done(project: Path):
    rows = assert_agreed(project)
    basis = {row["rule"]: row["time_from"] for row in rows}
    assert (basis["finetune"], basis["train_head"]) == ("measured, 8 of 8 jobs", "prior")


def test_they_agree_after_a_shard_failed_and_a_setting_changed(project: Path):
    (project / "results/smoke/models/emoji_seen/test_0000.json").unlink()
    assert_agreed(project)
    study = project / "config/studies/smoke.yaml"
    study.write_text(re.sub(r"(\nsampling:.*?steps: )\d+", r"\g<1>5", study.read_text(), count=1, flags=re.DOTALL))
    assert_agreed(project)


def test_the_plan_can_be_asked_again_and_while_the_study_runs(project: Path):
    first = plan(project)[0]
    assert plan(project)[0] == first and "finetune" in first
    (project / "workflow_scripts/steps/rulegraph.py").write_text(WAITS)
    target = "results/smoke/report/rulegraph.svg"
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "--cores",
        "1",
        "--quiet",
        "all",
        "--config",
        "study=smoke",
        "--",
        target,
    ]
    with subprocess.Popen(command, cwd=project) as running:
        try:
            wait_for(project / "results/smoke/logs/rulegraph.log")
            assert plan(project)[0] == first
            assert [job["job"] for job in progress(project)["running"]] == ["rulegraph"]
        finally:
            (project / "go").touch()
    assert running.returncode == 0
    assert progress(project)["running"] == []
    assert_agreed(project)


def progress(project: Path) -> dict:
    command = [sys.executable, "-m", "workflow_scripts.commands.progress", "--study", "smoke", "--json"]
    return json.loads(subprocess.run(command, cwd=project, capture_output=True, text=True, check=True).stdout)


def wait_for(file: Path, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not file.exists():
        assert time.monotonic() < until, f"{file} did not come"
        time.sleep(0.1)


def test_priors_are_no_reason_to_make_anything_again(project: Path):
    study = project / "config/studies/smoke.yaml"
    before = to_be_done(project)
    study.write_text(study.read_text().partition("\ncosts:")[0])
    assert to_be_done(project) == before
    assert "unknown" in plan(project)[0]
