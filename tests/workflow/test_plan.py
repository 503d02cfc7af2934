"""What Snakemake plans: the studies, one model, the milestones; and its answers to a user's mistakes."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import projects
from workflow_scripts.steps import rulegraph
from workflow_scripts.study.schema import read_yaml

MILESTONES = ("exemplars", "models", "samples", "features", "heads", "scores", "metrics", "report")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return projects.copy_project(tmp_path_factory.mktemp("plan"))


def counts(output: str) -> dict[str, int]:
    """Number of jobs by rule, from Snakemake's table."""
    return {name: int(count) for name, count in re.findall(r"^(\w+) +(\d+)$", output, re.MULTILINE)}


@pytest.mark.parametrize("study", ["miniature", "smoke"])
def test_a_study_is_planned_from_configuration_alone(project: Path, study: str):
    done = projects.snakemake(project, "--dry-run", "--quiet", "rules", "--config", f"study={study}")
    assert done.returncode == 0, done.stderr
    jobs = counts(done.stdout)
    assert jobs["total"] > 50
    rules = set(re.findall(r"^rule (\w+):", "".join(f.read_text() for f in project.glob("rules/*.smk")), re.MULTILINE))
    assets = set(re.findall(r"^rule (\w+):", (project / "rules/assets.smk").read_text(), re.MULTILINE))
    on_demand = assets | {
        "download",
        "download_weights",
        "measure_gates",
        "measure_customizability",
        "measure_low_rank",
    }
    on_demand |= {"plan", "prompts", "publish", "write_prompts"}
    on_demand |= set(re.findall(r"^rule (\w+):", (project / "rules/release.smk").read_text(), re.MULTILINE))
    on_demand -= set(MILESTONES)
    assert rules - on_demand - set(MILESTONES) <= jobs.keys()
    assert not on_demand & jobs.keys()


def test_the_release_is_planned_without_data_in_as_many_jobs_as_its_page_says(project: Path):
    page = (projects.ROOT / "docs/release.md").read_text()
    said = re.search(r"study=abc_release +# (\d+) jobs; needs no data$", page, re.MULTILINE)[1]
    done = projects.snakemake(project, "--dry-run", "--quiet", "rules", "--config", "study=abc_release")
    assert done.returncode == 0, done.stderr
    assert counts(done.stdout)["total"] == int(said)


def test_the_plan_keeps_the_studys_order(project: Path):
    done = projects.snakemake(project, "--dry-run", "--printshellcmds", "--config", "study=abc", "--", "plan")
    command = next(line for line in done.stdout.splitlines() if "<<< " in line)
    planned = json.loads(shlex.split(command.split("<<< ")[1].rstrip(" \\"))[0])
    study = read_yaml(projects.ROOT / "config/studies/abc.yaml")
    assert list(planned["cases"]) == list(study["cases"])
    assert list(planned["encoders"]) == list(study["encoders"])


def test_milestones_are_targets(project: Path):
    done = projects.snakemake(project, "--dry-run", "--quiet", "rules", "--config", "study=smoke", "--", *MILESTONES)
    assert done.returncode == 0, done.stderr
    jobs = counts(done.stdout)
    assert {milestone: jobs.get(milestone) for milestone in MILESTONES} == dict.fromkeys(MILESTONES, 1)


def test_the_plans_that_the_readme_names_are_drawn(project: Path):
    row = next(line for line in (projects.ROOT / "README.md").read_text().splitlines() if line.startswith("| the plan"))
    commands = re.findall(r"`snakemake (.+?)`", row)
    assert len(commands) == 2
    for command in commands:
        done = projects.snakemake(project, *command.split())
        assert done.returncode == 0, done.stderr
        assert "sample" in done.stdout + done.stderr


def test_the_rules_are_drawn_alike_every_time(project: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(project)
    graphs = {rulegraph.describe(Path("Snakefile"), "smoke") for _ in range(3)}
    assert len(graphs) == 1


def test_with_one_model_per_job_the_dag_of_a_models_samples_is_its_own(project: Path):
    target = "results/smoke/samples/emoji_seen/{}.json"
    first = re.findall(r"^[a-z0-9].*$", (project / "config/classes/smoke.objects.txt").read_text(), re.MULTILINE)[0]
    model = f"{first.partition(chr(9))[0]}_0000"
    arguments = ("--dry-run", "--quiet", "rules", "--config", "study=smoke", "models_per_job=1", "--")
    done = projects.snakemake(project, *arguments, target.format(model))
    assert counts(done.stdout) == {"select_exemplars": 1, "regularization": 1, "finetune": 1, "sample": 1, "total": 4}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["study=smoky"], "error: config/config.yaml: study: 'smoky' has no file config/studies/smoky.yaml; studies: "),
        (
            ["study=smoke", "sed=1"],
            "error: config/studies/smoke.yaml with --config: sed: unknown key, did you mean 'seed'?; valid",
        ),
        (
            ["study=smoke", "sampling={stepps: 3}"],
            "error: config/studies/smoke.yaml with --config: sampling.stepps: unknown key, did you mean 'steps'?; ",
        ),
        (
            ["study=smoke", "cases={emoji_seen: {classes: none.txt}}"],
            "error: config/studies/smoke.yaml with --config: cases.emoji_seen.classes: no such file none.txt",
        ),
        (
            ["study=smoke", "customization={name: lora}"],
            "error: config/studies/smoke.yaml with --config: customization.name: 'lora': no such plug-in in ",
        ),
    ],
)
def test_a_mistake_is_one_clear_line(project: Path, arguments: list[str], message: str):
    done = projects.snakemake(project, "--dry-run", "--config", *arguments)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert errors[0].startswith(message)


def test_missing_data_are_named(project: Path, tmp_path: Path):
    bare = projects.copy_project(tmp_path / "bare")
    shutil.rmtree(bare / "data/base_model")
    done = projects.snakemake(bare, "--dry-run", "--config", "study=smoke")
    assert done.returncode != 0
    assert "data/base_model" in done.stdout + done.stderr


def test_the_workflow_passes_its_linter(project: Path):
    done = projects.snakemake(project, "--lint")
    assert "Congratulations" in done.stderr, done.stderr


def test_planning_imports_no_network():
    """Every job parses the Snakefile again, on a cluster twice."""
    script = (
        "import sys\n"
        "from workflow_scripts.study import checks, settings\n"
        "print(*sys.modules.keys() & {'torch', 'numpy', 'pandas', 'diffusers'})"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=projects.ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


@pytest.mark.parametrize(
    ("file", "fewest", "most"), [("Snakefile", 40, 60), ("rules/common.smk", 1, 149), ("README.md", 1, 150)]
)
def test_files_that_everyone_reads_stay_short(file: str, fewest: int, most: int):
    assert fewest <= len((projects.ROOT / file).read_text().splitlines()) <= most


def test_the_readme_starts_with_a_command():
    lines = (projects.ROOT / "README.md").read_text().splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("make ") or line.startswith("    make "))
    assert first < 20
