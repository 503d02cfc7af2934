"""The newcomer's test: one file and one entry in the study add a plug-in, up to its own rows in the report.

The plan grows by exactly its jobs. The report is made by the real steps, of a synthetic study.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from tests import projects

GATHER = {"tabulate", "plot", "index"}  # one table holds all rows
GALLERY = {"gallery"}  # it shows all methods and encoders


@pytest.fixture(scope="module")
def project(finished_project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shutil.copytree(finished_project, tmp_path_factory.mktemp("newcomer") / "project")


def write(project: Path, kind: str, name: str, source: str, entry: str) -> None:
    """Adds a plug-in to a project: its file, and its entry in the smoke study."""
    (project / f"workflow_scripts/{kind}/{name}.py").write_text(source)
    study = project / "config/studies/smoke.yaml"
    study.write_text(re.sub(rf"(\n{kind}:.*?)\n\n", rf"\1\n{entry}\n\n", study.read_text(), count=1, flags=re.DOTALL))


def add(project: Path, kind: str, name: str, source: str, entry: str) -> dict[str, str]:
    """What Snakemake would make with another plug-in, which is removed again."""
    study = project / "config/studies/smoke.yaml"
    text = study.read_text()
    write(project, kind, name, source, entry)
    try:
        return projects.pending(project)
    finally:
        study.write_text(text)
        (project / f"workflow_scripts/{kind}/{name}.py").unlink()


ENCODER = '''"""Mean colours."""
import nowhere  # planning must not import a plug-in

SETTINGS = {"size": {"type": "integer", "description": "side"}}
'''


def test_a_new_encoder_adds_its_own_jobs_only(project: Path):
    made = add(project, "encoders", "mean_colour", ENCODER, "  mean_colour: {size: 4, version: 1}")
    own = {file: rule for file, rule in made.items() if "/mean_colour/" in file}
    assert set(own.values()) == {
        *("embed_exemplars", "embed_distractors", "embed_samples"),
        *("train_head", "calibrate", "attribute", "evaluate"),
    }
    assert set(made.values()) - set(own.values()) == GATHER | GALLERY


def test_a_new_head_adds_its_own_jobs_only(project: Path):
    made = add(project, "heads", "shrunken", "import nowhere\n", "  shrunken: {version: 1}")
    own = {file: rule for file, rule in made.items() if "/shrunken/" in file}
    assert set(own.values()) == {"train_head", "calibrate", "attribute", "evaluate"}
    assert set(made.values()) - set(own.values()) == GATHER


def test_a_new_method_adds_its_own_jobs_only(project: Path):
    made = add(project, "methods", "chance", "import nowhere\n", "  chance: {version: 1}")
    own = {file: rule for file, rule in made.items() if "/chance/" in file}
    assert set(own.values()) == {"attribute", "evaluate"}
    assert set(made.values()) - set(own.values()) == GATHER | GALLERY


def test_nothing_of_it_stays(project: Path):
    assert projects.pending(project) == {}


MEAN_COLOUR = '''"""The mean colour of an image, several times over."""
import numpy as np
import torch

SETTINGS = {"times": {"type": "integer", "description": "how often"}}


class MeanColour:
    def __init__(self, times):
        self.times, self.dim = times, 3 * times

    def preprocess(self, images):
        return torch.from_numpy(images.astype(np.float32)).mean((1, 2))

    def __call__(self, colours):
        return colours.repeat(1, self.times)


def load(settings):
    return MeanColour(settings["times"])
'''
OPPOSITE = '''"""The least similar is said to have influenced most."""
from workflow_scripts.methods import Queries
from workflow_scripts.methods.feature_similarity import FeatureSimilarity

SETTINGS = {"top_k": {"type": "integer", "description": "how many of the best candidates of a sample to keep"}}


class Opposite(FeatureSimilarity):
    def rank(self, queries):
        return super().rank(Queries(-queries.samples, queries.truth))

    def score(self, samples, candidates):
        return super().score(-samples, candidates)


def load(settings, head, calibration):
    return Opposite(head, calibration, settings["top_k"], settings["memory_mb"])
'''
SCRIPT = """
from pathlib import Path
from tests.unit import chain
from workflow_scripts.study import checks, settings

study = checks.named_study("smoke", Path())
made = chain.make_chain(Path("results/smoke"), shown=settings.shown(study))
name = "mean_colour"
for case in chain.CASES:
    embedded = {"exemplars": made.exemplars(case), "output": made.exemplar_features(name, case)}
    made.run("embed", settings.embed(study, name), encoder=name, **embedded)
    for shard in chain.shards_of(case):
        embedded = {"samples": made.manifest(case, shard), "output": made.sample_features(name, case, shard)}
        made.run("embed", settings.embed(study, name), encoder=name, **embedded)
embedded = {"exemplars": made.distractors(), "output": made.distractor_features(name)}
made.run("embed", settings.embed(study, name), encoder=name, **embedded)
chain.evaluate_all(made)
chain.report(made)
"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a copy of the project with a new encoder and a new method."""
    project = tmp_path_factory.mktemp("reported")
    for part in ("config", "workflow_scripts", "tests"):
        shutil.copytree(projects.ROOT / part, project / part, ignore=shutil.ignore_patterns("__pycache__"))
    write(project, "encoders", "mean_colour", MEAN_COLOUR, "  mean_colour: {times: 8, version: 1}")
    write(project, "methods", "opposite", OPPOSITE, "  opposite: {top_k: 10, version: 1}")
    done = subprocess.run([sys.executable, "-c", SCRIPT], cwd=project, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return project / "results/smoke/report"


def test_new_plug_ins_have_their_rows_in_the_tables(report: Path):
    table = pd.read_csv(report / "table.csv")
    own = table[(table["method"] == "opposite") & (table["encoder"] == "mean_colour") & (table["view"] == "all")]
    assert set(own["head"]) == {"identity", "linear"} and set(own["case"]) == {"seen", "unseen", "styles", "sets"}
    names = [line.split("|")[1:7] for line in (report / "table.md").read_text().splitlines()[2:]]
    assert len(names) == len({tuple(map(str.strip, line)) for line in names})  # no two rows look alike
    assert (
        sum(line[2].strip() == "opposite" for line in names) == sum(line[2].strip() != "random" for line in names) / 2
    )
    for question in ("tuning", "difficulty", "protocols", "artists", "set_sizes", "generalisation"):
        part = pd.read_csv(report / f"tables/{question}.csv")
        assert {("opposite", "mean_colour"), ("feature_similarity", "mean_colour")} <= set(
            zip(part["method"], part["encoder"], strict=True)
        )
    assert (report / "summary/opposite.mean_colour.linear.json").is_file()


def test_new_plug_ins_are_named_in_the_figures(report: Path):
    curves = (report / "figures/set_sizes.svg").read_text()
    assert "mean_colour, linear" in curves and "opposite" in curves
    for figure in ("tuning", "difficulty", "protocols", "artists", "generalisation", "reliability"):
        text = (report / f"figures/{figure}.svg").read_text()
        assert ">opposite<" in text.replace("\n", "") and ">feature_similarity<" in text.replace("\n", ""), figure


def test_new_plug_ins_are_shown_in_the_gallery(report: Path):
    text = (report / "gallery.html").read_text()
    assert "<option>mean_colour</option>" in text and "<option>opposite</option>" in text
    entries = text.count("<article")
    assert text.count('<div class="answer" data-method="opposite" data-encoder="mean_colour"') == entries
    assert text.count("<td>opposite</td>") == text.count("<td>feature_similarity</td>") == 3 * entries  # encoders


def test_the_page_says_which_method_its_sentences_are_about(report: Path):
    text = (report / "index.html").read_text()
    assert "are about the method feature_similarity, the study&#39;s first" in text
    assert (
        "With feature_similarity, learned heads beat" in text and " of 18 comparisons" in text
    )  # of one method: three encoders, three cases, two prompt sets
    claims = re.findall(r"<tr><td>Tuning helps on new exemplars of classes it has seen.</td><td>(\w+)</td>", text)
    assert claims == ["feature_similarity", "opposite"]
