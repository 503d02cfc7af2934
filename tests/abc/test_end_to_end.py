"""The paper's study from ImageNet's folders and LAION's tars to its table of metrics, on a CPU.

It is config/studies/abc.yaml itself. Overridden are where the data lie, how many there are of everything, and how large
the networks are; two encoders serve instead of five, and nothing is compiled, which only decides speed.
"""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml

from tests import projects, sd14
from tests.abc import paper_data
from workflow_scripts import artifacts

SEEN, UNSEEN = {"n02084071": "dog", "n04285008": "vehicle"}, {"n01440764": "fish"}
GROUPS = {"train": {"101549_0": 3, "103946_0": 1, "104167_0": 2}, "val": {"200_0": 2}, "test": {"300_1": 4}}
CLIP, SSCD = "data/weights/clip", "data/weights/small_sscd.torchscript.pt"


def override(study: dict) -> dict:
    """Paths, counts and sizes."""
    study |= {"models_per_job": 4, "memory_mb": {}}
    cases = study["cases"]
    cases["imagenet_seen"] |= {
        "classes": "config/classes/seen.txt",
        "models_per_class": {"train": 2, "val": 1, "test": 1},
    }
    cases["imagenet_unseen"] |= {"classes": "config/classes/unseen.txt", "models_per_class": {"test": 2}}
    cases["bamfg"]["groups"] = {split: {"count": len(groups)} for split, groups in GROUPS.items()}
    cases["artchive"]["groups"] = {"test": {"count": 1}}
    study["distractors"]["count"] = 30
    study["base_model"]["path"] = "data/sd"
    study["customization"] |= {"steps": 2, "views": 2, "prior_images": 2, "view_pool": 3, "compile": False}
    study["regularization"] |= {"images_per_class_word": 2, "steps": 2}
    study["sampling"] |= {"steps": 2, "samples_per_prompt": 2, "compile": False}
    for prompts in study["prompts"].values():
        for prompt_set in (prompts["llm"], prompts["procedural"]):
            for listed in prompt_set.values():
                listed["count"] = 2
    encoders = study["encoders"]
    paths = {"clip_vit_b32": CLIP, "sscd": SSCD}
    study["encoders"] = {name: encoders[name] | {"path": path, "sha256": None} for name, path in paths.items()}
    study["evaluation"]["bootstrap"] = 40
    return study


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project with small data, where its study `abc` has run to its table."""
    folder = tmp_path_factory.mktemp("abc")
    for part in projects.PARTS:
        copy = shutil.copytree if (projects.ROOT / part).is_dir() else shutil.copy
        copy(projects.ROOT / part, folder / part)
    for name, classes in {"seen": SEEN, "unseen": UNSEEN}.items():
        (folder / f"config/classes/{name}.txt").write_text("".join(f"{k}\t{word}\n" for k, word in classes.items()))
    file = folder / "config/studies/abc.yaml"
    file.write_text(yaml.safe_dump(override(yaml.safe_load(file.read_text())), sort_keys=False))
    data = folder / "data"
    paper_data.write_imagenet(data / "imagenet", [*SEEN, *UNSEEN], train=5, val=2)
    paper_data.write_styles(data / "bamfg", GROUPS)
    paper_data.write_styles(data / "artchive", {"test": {"african": 2}})
    paper_data.write_tars(data / "laion", tars=2, images=20)
    sd14.write_pipeline(data / "sd")
    paper_data.write_clip(folder / CLIP)
    paper_data.write_sscd(folder / SSCD)
    table = "results/abc/report/table.md"
    done = projects.snakemake(folder, "--config", "study=abc", "--", table)
    assert done.returncode == 0, done.stderr + "".join(
        log.read_text() for log in folder.glob("results/abc/logs/**/*.log")
    )
    return folder


def test_every_cell_of_the_paper_is_measured(project: Path):
    table = pd.read_csv(project / "results/abc/report/table.csv")
    cells = table[(table["encoder"] == "sscd") & (table["head"] == "linear")]
    found = set(zip(cells["case"], cells["prompt_set"], strict=True))
    cases = ("imagenet_seen", "imagenet_unseen", "bamfg", "artchive")
    assert found == {(case, prompt_set) for case in cases for prompt_set in ("llm", "procedural")}
    assert set(table.loc[table["seen"], "case"]) == {"imagenet_seen", "bamfg"}
    assert set(table["data"]) == {"ImageNet, BAM-FG, Artchive, LAION"}


def test_models_are_named_as_the_release_names_them(project: Path):
    table = artifacts.read_table(project / "results/abc/exemplars/imagenet_seen.parquet")
    test = table[table["split"] == "test"].set_index("model")
    assert list(test.index) == ["n02084071_0008", "n04285008_0008"]
    assert all("val" in source for source in test["source"])
    styles = artifacts.read_table(project / "results/abc/exemplars/bamfg.parquet")
    assert styles.groupby("model", sort=False)["k"].count().to_dict() == {
        "bamfg_train_00000": 3,
        "bamfg_train_00001": 1,
        "bamfg_train_00002": 2,
        "bamfg_val_00000": 2,
        "bamfg_test_00000": 4,
    }
    assert set(styles["class"]) == {group for groups in GROUPS.values() for group in groups}


def test_prompts_are_those_of_the_class_word_and_of_the_case(project: Path):
    folder = project / "results/abc/samples"
    dogs = artifacts.read_table(folder / "imagenet_seen/n02084071_0008.llm.parquet")
    assert len(dogs) == 4 and all("<new1> dog" in prompt for prompt in dogs["prompt"])
    vehicles = artifacts.read_table(folder / "imagenet_seen/n04285008_0008.llm.parquet")
    assert not {prompt.replace("dog", "vehicle") for prompt in dogs["prompt"]} & set(vehicles["prompt"])
    painted = artifacts.read_table(folder / "artchive/artchive_test_00000.procedural.parquet")
    assert set(painted["prompt"]) == {f"A painting of {thing} in the style of <new1> art" for thing in ("sun", "moon")}


def test_models_are_saved_compressed(project: Path):
    file = project / "results/abc/models/bamfg/bamfg_test_00000.safetensors"
    assert all(name == "<new1>" or name.endswith((".u", ".v")) for name in artifacts.read_tensors(file))


def test_the_same_command_has_nothing_left_to_do(project: Path):
    done = projects.snakemake(project, "--config", "study=abc", "-n", "--", "results/abc/report/table.md")
    assert "Nothing to be done" in done.stdout + done.stderr
    manifest = json.loads((project / "results/abc/models/bamfg/train_0000.json").read_text())
    assert len(manifest["models"]) == 3
