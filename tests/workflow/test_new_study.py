"""A study of one's own images: the command writes it, its words hold, and it runs from nothing to its report."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml

from tests import projects
from tests.unit import pictures
from workflow_scripts.study.schema import read_yaml

PAGE = (projects.ROOT / "docs/own_images.md").read_text()
FOLDERS = {"things": ("mug", "garden-gnome"), "styles": ("anna", "bo", "cy", "dee", "eve"), "distractors": ("a", "b")}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project with own images: 12 of each class, 3 of each style, 40 others; and a study of few and short jobs."""
    folder = tmp_path_factory.mktemp("own")
    for part in projects.PARTS:
        subprocess.run(["cp", "-r", projects.ROOT / part, folder / part], check=True)
    (folder / "data").mkdir()
    (folder / "data/base_model").symlink_to(projects.ROOT / "data/base_model")
    seeds = iter(range(1000))
    for (kind, names), count in zip(FOLDERS.items(), (12, 3, 20), strict=True):
        for name in names:
            for i in range(count):
                pictures.write(folder / f"data/mine/{kind}/{name}/{i}.jpg", pictures.picture(next(seeds), (96, 96)))
    tiny = read_yaml(folder / "config/studies/smoke.yaml")
    tiny |= {"study": "tiny", "models_per_job": 64, "encoders": {"pixels": {"size": 8, "version": 1}}}
    del tiny["heads"]["channel"]
    tiny["evaluation"]["splits"] = ["test"]
    tiny["training_sets"] = {"object+style": tiny["training_sets"]["object+style"]}
    (folder / "config/studies/tiny.yaml").write_text(yaml.safe_dump(tiny, sort_keys=False))
    return folder


def new_study(project: Path, name: str, *more: str, **folders: str) -> subprocess.CompletedProcess:
    flags = [word for flag, folder in folders.items() for word in (f"--{flag}", folder)]
    command = [sys.executable, "-m", "workflow_scripts", "new_study", name, *flags, *more]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)


COMMAND = re.search(r"^ *python -m (workflow_scripts new_study .*)$", PAGE, re.MULTILINE)[1].split()
OWN = {"objects": "data/mine/things", "styles": "data/mine/styles", "distractors": "data/mine/distractors"}


def test_the_documented_command_writes_the_documented_study(project: Path):
    command = [sys.executable, "-m", *COMMAND, "--like", "tiny"]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    shown, written = PAGE.partition("```yaml\n")[2].partition("```")[0], read_yaml(project / "config/studies/mine.yaml")
    for section, value in yaml.safe_load(shown.replace("count: 1000", "count: 40")).items():
        assert written[section] == value, section
    says = done.stdout.splitlines()
    assert "mine: 2 classes and 5 styles: 19 models of train, 5 models of val, 5 models of test" in says
    assert [line.partition(";")[0] for line in says if line.startswith("too small")] == [
        "too small to learn a head: 19 models of train",
        "too small to tell near methods apart: 5 models of test",
        "too small for hard retrieval: 40 distractors",
    ]
    commands = [line.partition("#")[0].strip() for line in says[says.index("Next:") + 1 :] if line.startswith("  ")]
    assert commands == ["make data", "snakemake -n --config study=mine", "make demo STUDY=mine"]


def test_a_study_of_own_images_runs_from_nothing_to_its_report(project: Path):
    assert new_study(project, "own", "--like", "tiny", **OWN).returncode == 0
    planned = projects.snakemake(project, "-n", "--config", "study=own")
    assert planned.returncode == 0 and "missing" not in planned.stderr, planned.stderr
    run = projects.snakemake(project, "--quiet", "all", "--config", "study=own")
    assert run.returncode == 0, run.stderr
    report = project / "results/own/report"
    table = pd.read_csv(report / "table.csv")
    assert {"objects", "styles"} <= set(table["case"]) and {"identity", "linear"} <= set(table["head"])
    assert "Nobody has written down yet whose images own shows." in (report / "index.html").read_text()


def test_the_written_study_keeps_the_comments_of_the_one_it_is_like(project: Path):
    assert new_study(project, "alike", "--replace", **OWN).returncode == 0
    text = (project / "config/studies/alike.yaml").read_text()
    assert "corpus:" not in text and "steps: 60                       # ours; Custom Diffusion 250" in text
    made = read_yaml(project / "config/studies/alike.yaml")
    assert made["cases"]["objects"]["models_per_class"] == {"train": 8, "val": 2, "test": 2}
    assert made["distractors"]["count"] == 40
    lists = {
        split: (project / f"config/classes/alike.styles.{split}.txt").read_text() for split in ("train", "val", "test")
    }
    names = {split: re.findall("^[a-z]+$", text, re.MULTILINE) for split, text in lists.items()}
    assert {split: len(own) for split, own in names.items()} == {"train": 3, "val": 1, "test": 1}
    assert sorted(name for own in names.values() for name in own) == list(FOLDERS["styles"])


def test_what_cannot_be_used_is_left_out_and_said(project: Path):
    for seed, (name, count) in enumerate((("Tea Pot", 4), ("lamp", 2))):
        for i in range(count):
            pictures.write(project / f"data/some/{name}/{i}.jpg", pictures.picture(2000 + 10 * seed + i))
    shutil.copytree(project / "data/mine/things/mug", project / "data/some/mug")
    (project / "data/some/mug/0.jpg").write_bytes(b"no image")
    (project / "data/some/two\nlines").mkdir()
    (project / "data/some/loop").symlink_to("loop")
    done = new_study(project, "some", objects="data/some", distractors="data/mine/distractors")
    assert "left out: data/some/two\\nlines: rename it; " in done.stdout
    assert "left out: data/some/Tea Pot: rename it; a name has a-z, 0-9, _, + and - only" in done.stdout
    assert "left out: data/some/lamp: 2 usable images, 3 are needed" in done.stdout
    made = read_yaml(project / "config/studies/some.yaml")
    assert made["cases"]["objects"]["models_per_class"] == {"train": 7, "val": 2, "test": 2}  # of 11
    assert list(made["cases"]) == ["objects"] and list(made["training_sets"]) == ["object"]


@pytest.mark.parametrize(
    ("name", "folders", "says"),
    [
        ("mine2", {**OWN, "objects": "data/mine/nothing"}, "data/mine/nothing: no folder of images ("),
        ("mine2", {**OWN, "objects": "data/mine/things/mug"}, "data/mine/things/mug: no folder has 3 usable images"),
        (
            "mine2",
            {**OWN, "styles": "data/mine/distractors", "distractors": "data/mine/styles"},
            "data/mine/distractors: 2 folders with usable images; train, val, ",
        ),
        ("mine2", {**OWN, "distractors": "config/schemas"}, "config/schemas: no usable image"),
        ("mine2", {**OWN, "distractors": "data/none"}, "data/none: no folder of images"),
        ("mine2", {**OWN, "like": "minature"}, "'minature' has no file config/studies/minature.yaml; studies: abc"),
        ("mine2", {**OWN, "like": "abc_release"}, "--like: 'abc_release' evaluates what others released; "),
        ("mine2", {"distractors": "data/mine/distractors"}, "--objects, --styles: missing; a study needs one of them"),
        ("My study", OWN, "name: 'My study' must match [a-z0-9]"),
        ("smoke", OWN, "config/studies/smoke.yaml: there already, and not written by new_study; choose another name"),
        *((name, OWN, f"name: '{name}' is not read as text: ") for name in ("123", "007", "1e5", "0x1f", "nan")),
        *((name, OWN, f"name: '{name}' is not read as text: ") for name in ("null", "true", "no", "2020-01-01")),
        (
            "mine2",
            {**OWN, "distractors": "data/mine"},
            "--objects: data/mine/things is or lies in data/mine, the folder of --distractors; give each its own",
        ),
        (
            "mine2",
            {**OWN, "distractors": "data/mine/styles/anna"},
            "--distractors: data/mine/styles/anna is or lies in data/mine/styles, the folder of --styles; give ",
        ),
        ("mine2", {**OWN, "styles": "data/mine/things"}, "--objects: data/mine/things is or lies in data/mine/things"),
    ],
)
def test_a_study_that_cannot_be_written_is_refused(name: str, folders: dict, says: str, project: Path):
    before = sorted(project.glob("config/**/*"))
    kept = (project / "config/studies/smoke.yaml").read_bytes()
    done = new_study(project, name, *(["--replace"] if name == "smoke" else []), **folders)
    assert done.returncode == 1 and done.stderr.startswith("error: ") and says in done.stderr, done.stderr
    assert done.stderr.count("\n") == 1
    assert sorted(project.glob("config/**/*")) == before
    assert (project / "config/studies/smoke.yaml").read_bytes() == kept
