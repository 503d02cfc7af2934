"""The evaluate-only study of a release, from its files to its table, on a small release in the authors' layouts."""

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml

from tests import projects
from tests.unit import released
from workflow_scripts.operations import integrity, orphans
from workflow_scripts.operations.jobs import jobs
from workflow_scripts.study import checks
from workflow_scripts.study.schema import read_yaml
from workflow_scripts.study.study import Study

RELEASE = "data/abc_release"
SIZE = 4  # of the encoder `pixels`, a side
DIM = 3 * SIZE * SIZE
TINY = {
    "models_per_job": 1,
    "cases": {
        "imagenet_seen": {"classes": "config/classes/tiny.txt"},
        "bamfg": {"groups": {"test": {"count": 2, "exemplars": 5}}},
    },
    "release": {"encoders": {"pixels": {"mapper": "weights/mapper/pixels_tuned.pth"}}},
    "distractors": {"count": released.DISTRACTORS},
    "encoders": {  # the features of the second were not released
        "pixels": {"size": SIZE, "version": 1},
        "dino_mini": {"path": "data/dino_mini", "precision": "fp32", "version": 1},
    },
    "training_sets": {"released": {"cases": ["imagenet_seen", "bamfg"]}},
    "ranking": {"memory_mb": 16},
    "evaluation": {"recall_at": [1, 5, 10], "bootstrap": 40},
    "gallery": {"random": 4, "chosen": 4},
}
FILES = {
    "mapper": "weights/mapper/pixels_tuned.pth",
    "calibrator": "weights/calibrator/pixels_tuned.pth",
    "distractors": "feats/pixels/laion_subset.pth",
}


def tiny_study() -> dict:
    """The committed study with a small release's counts, and one small encoder."""
    study = read_yaml(projects.ROOT / "config/studies/abc_release.yaml")
    study["cases"] = {name: study["cases"][name] | TINY["cases"][name] for name in TINY["cases"]}
    study["release"]["encoders"] = {"pixels": FILES}
    for name in ("distractors", "ranking", "evaluation", "gallery"):
        study[name] |= TINY[name]
    for name in ("models_per_job", "encoders", "training_sets"):
        study[name] = TINY[name]
    for section in study["prompts"].values():
        for prompt_set in ("llm", "procedural"):
            section[prompt_set]["test"]["count"] = released.PROMPTS
    del study["prompts"]["artchive"]
    return study


def make_project(folder: Path) -> Path:
    """The project with that study and a release."""
    for part in ("Snakefile", "config", "envs", "report", "rules", "workflow_scripts"):
        subprocess.run(["cp", "-r", projects.ROOT / part, folder / part], check=True)
    classes = zip(released.OBJECTS, released.WORDS, strict=True)
    text = "".join(f"{name[:9]}\t{word}\n" for name, word in classes)
    (folder / "config/classes/tiny.txt").write_text(text)
    (folder / "config/studies/abc_release.yaml").write_text(yaml.safe_dump(tiny_study(), sort_keys=False))
    release = released.make_release(folder / "data/abc_release")
    released.save_mapper(release / FILES["mapper"], DIM)
    released.save_calibrator(release / FILES["calibrator"], 0.0619, 0.0385)
    for i, path in enumerate(released.save_laion(release / FILES["distractors"], DIM)["paths"]):
        released.put(release, path, released.picture(5000 + i))
    (folder / "data/dino_mini").symlink_to(projects.ROOT / "data/dino_mini")
    return folder


def run(project: Path, *arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "--quiet", "all", *arguments]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)


def read_study(project: Path) -> Study:
    """The study as it was run."""
    config = read_yaml(project / "config/studies/abc_release.yaml") | {"allow_missing": "true"}
    return checks.load_study(config, project)


def logs(project: Path) -> str:
    return "\n".join(file.read_text() for file in project.glob("results/abc_release/logs/**/*.log"))


def missing(project: Path) -> list[str]:
    """The images that the release lacks: an exemplar, then samples."""
    objects, styles = (released.read_json(project / RELEASE, name) for name in ("observed_imagenet", "bamfg"))
    return [*objects[1]["exemplar"], *styles[1]["synth"]["gpt"][:3]]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project in which that study has run to its report, although the release lacks images.

    It lacks three samples of a style, and the exemplar of an object: of a shard, no model is complete.
    """
    folder = make_project(tmp_path_factory.mktemp("release"))
    for path in missing(folder):
        (folder / RELEASE / path).unlink()
    broken = folder / RELEASE / released.read_json(folder / RELEASE, "bamfg")[0]["synth"]["gpt"][0]
    whole = broken.read_bytes()
    broken.write_bytes(whole[:-100])
    shards = [f"results/abc_release/samples/bamfg/bamfg_test_0000{i}.json" for i in (0, 1)]
    done = run(folder, "--keep-going", "--config", "study=abc_release", "--", *shards)
    assert done.returncode != 0
    assert "error: data/abc_release: 3 samples are missing: " in logs(folder)
    assert f"bamfg_test_00000: {broken.relative_to(folder)}: not a readable image (" in logs(folder)
    broken.write_bytes(whole)
    done = run(folder, "--config", "study=abc_release", "allow_missing=true")
    assert done.returncode == 0, done.stderr + logs(folder)
    return folder


def read_rows(project: Path) -> pd.DataFrame:
    table = pd.read_csv(project / "results/abc_release/report/table.csv")
    return table[(table["view"] == "all") & (table["method"] != "random")]


def test_a_release_is_evaluated_to_its_report_which_says_what_is_missing(project: Path):
    rows = read_rows(project)
    assert {tuple(row) for row in rows[["case", "prompt_set", "encoder", "head"]].to_numpy()} == {
        (case, prompt_set, *features)
        for case in TINY["cases"]
        for prompt_set in ("llm", "procedural")
        for features in (("pixels", "identity"), ("pixels", "linear"), ("dino_mini", "identity"))
    }
    lacking, objects = (rows["case"] == "bamfg") & (rows["prompt_set"] == "llm"), rows["case"] == "imagenet_seen"
    assert set(rows[lacking]["n_queries"]) == {13}
    assert set(rows[lacking]["missing"]) == {3}
    assert set(rows[objects]["n_queries"]) == set(rows[objects]["missing"]) == {8}
    assert set(rows[~lacking & ~objects]["n_queries"]) == {16}
    assert rows[~lacking & ~objects]["missing"].isna().all()
    assert set(rows[objects]["candidates"]) == {51}
    report = project / "results/abc_release/report"
    head, _, *lines = (report / "table.md").read_text().splitlines()
    column = [cell.strip() for cell in head.split("|")].index("missing")
    assert {line.split("|")[column].strip() for line in lines if "| bamfg | llm" in line} == {"3"}
    exemplar, *samples = missing(project)
    listed = json.loads((report / "missing.json").read_text())
    assert (listed["exemplars"], listed["samples"]) == ([exemplar], samples)
    assert "<button>Missing</button>" in (report / "index.html").read_text()
    assert "CC BY-NC-SA 4.0" in (report / "index.html").read_text()
    assert "whose samples its authors released" in (report / "gallery.html").read_text()


def test_the_jobs_of_a_release_are_those_that_snakemake_plans(project: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(project)
    study = read_study(project)
    arguments = ("--detailed-summary", "--config", "study=abc_release", "allow_missing=true")
    done = projects.snakemake(project, *arguments)
    rows = list(csv.DictReader(io.StringIO(done.stdout), delimiter="\t"))
    assert {(job.rule, output) for job in jobs(study) for output in job.outputs} == {
        (row["rule"], row["output_file"]) for row in rows
    }
    given = {row["output_file"]: set(filter(None, row["input-file(s)"].split(","))) for row in rows}
    assert {output: set(job.needs) for job in jobs(study) for output in job.outputs} == given
    for job in jobs(study):
        assert (project / job.log).is_file(), job.record
        assert (project / job.benchmark).is_file(), job.record
    assert not [row for row in rows if row["plan"] != "no update"]


def test_what_was_imported_is_known_to_be_whole_and_of_today(project: Path, monkeypatch: pytest.MonkeyPatch):
    study = read_study(project)
    monkeypatch.chdir(project)
    found = integrity.audit(jobs(study))
    assert (found.damaged, found.unfinished, found.corrupt, found.stale) == ([], {}, [], [])
    assert orphans.orphans(study.name, jobs(study)) == []
    released.save_calibrator(project / "data/abc_release" / FILES["calibrator"], 0.05, 0.01)
    stale = [str(finding.file) for finding in integrity.audit(jobs(study)).stale]
    assert stale == ["results/abc_release/heads/pixels/linear/released.safetensors"]


def test_the_committed_study_is_of_the_papers_size():
    study = checks.load_study(read_yaml(projects.ROOT / "config/studies/abc_release.yaml"), projects.ROOT)
    models = [model.name for case in study.cases.values() for model in case.models["test"]]
    assert (len(models), models[0], models[593], models[-1]) == (
        *(2098, "n01518878_0008", "n01440764_0000", "artchive_test_00254"),
    )
    assert sum(job.size for job in jobs(study) if job.rule == "import_samples") == 167_840
