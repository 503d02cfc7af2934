"""The newcomer's test: one file and one entry in the study add a plug-in, up to its own rows in the report.

The plug-ins are the examples of docs/extending.md. The plan grows by exactly their jobs; the report is made by the real
steps, of a synthetic study.
"""

import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from tests import projects
from tests.unit import chain
from workflow_scripts import artifacts
from workflow_scripts.ground_truth.shards import read_manifest

GATHER = {"tabulate", "plot", "index"}  # one table holds all rows
EXAMPLE = r"^`workflow_scripts/(\w+)/(\w+)\.py`:$.*?^```python\n(.*?)^```$.*?^```yaml\n(.*?)\n```$"
PAGE = (projects.ROOT / "docs/extending.md").read_text()
EXAMPLES = {example[1]: example.groups() for example in re.finditer(EXAMPLE, PAGE, re.MULTILINE | re.DOTALL)}
GALLERY = {"gallery"}  # it shows all methods and encoders


@pytest.fixture(scope="module")
def project(finished_project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shutil.copytree(finished_project, tmp_path_factory.mktemp("newcomer") / "project")


def add(project: Path, kind: str, before: str = "") -> Path:
    """Adds an example to a project's folder and smoke study; returns its file."""
    _, name, source, entry = EXAMPLES[kind]
    plug_in, study = project / f"workflow_scripts/{kind}/{name}.py", project / "config/studies/smoke.yaml"
    plug_in.write_text(before + source)
    study.write_text(re.sub(rf"(\n{kind}:.*?)\n\n", rf"\1\n{entry}\n\n", study.read_text(), count=1, flags=re.DOTALL))
    return plug_in


def added_jobs(project: Path, kind: str) -> tuple[set[str], set[str]]:
    """Adds an example to a project for a while; returns the rules whose jobs that adds: its own, and others.

    The file cannot be imported, because planning must not.
    """
    name, study = EXAMPLES[kind][1], project / "config/studies/smoke.yaml"
    text = study.read_text()
    plug_in = add(project, kind, "import nowhere\n")
    try:
        made = projects.pending(project)
    finally:
        study.write_text(text)
        plug_in.unlink()
    own = {file for file in made if f"/{name}/" in file}
    return {made[file] for file in own}, {made[file] for file in made.keys() - own}


def test_the_page_has_an_encoder_a_head_and_a_method():
    assert list(EXAMPLES) == ["encoders", "heads", "methods"]


def test_a_new_encoder_adds_its_own_jobs_only(project: Path):
    own, others = added_jobs(project, "encoders")
    embed = {"embed_exemplars", "embed_distractors", "embed_samples"}
    assert own == embed | {"train_head", "calibrate", "attribute", "evaluate"}
    assert others == GATHER | GALLERY


def test_a_new_head_adds_its_own_jobs_only(project: Path):
    assert added_jobs(project, "heads") == ({"train_head", "calibrate", "attribute", "evaluate"}, GATHER)


def test_a_new_method_adds_its_own_jobs_only(project: Path):
    assert added_jobs(project, "methods") == ({"attribute", "evaluate"}, GATHER | GALLERY)


def test_nothing_of_it_stays(project: Path):
    assert projects.pending(project) == {}


TRIAL = """
import numpy as np
from workflow_scripts import heads, plugins
from workflow_scripts.evaluation.calibration import Calibration
from workflow_scripts.methods import Candidates, Queries

def plug_in(kind, name, **section):
    return plugins.load(kind, name), plugins.settings(kind, name, section | {"version": 1})

module, settings = plug_in("encoders", "mean_colour", cells=2)
encoder, image = module.load(settings), np.zeros((1, 4, 4, 3), np.uint8)
image[0, :2, :2, 0] = 255
assert encoder(encoder.preprocess(image)).tolist() == [[1.0] + [0.0] * (encoder.dim - 1)]

def pairs(rng):
    signal = rng.normal(size=(40, 8))
    noise = lambda: 9 * rng.normal(size=(40, 1)) * np.eye(8)[0] + 0.3 * rng.normal(size=(40, 8))
    rows = [heads.normalize(np.float32(signal + noise())) for _ in range(2)]
    return heads.Pairs(rows[0], np.arange(40), rows[1], np.arange(40))

rng = np.random.default_rng(0)
train, val = pairs(rng), pairs(rng)
module, settings = plug_in("heads", "whitened", ridge=1e-4)
tensors, [row] = module.fit(train, val, settings, 0)
_, [untuned] = plugins.load("heads", "identity").fit(train, val, None, 0)
assert row["val_mAP"] > untuned["val_mAP"] + 0.1, (row, untuned)
assert heads.project(heads.Head("whitened", tensors), "sample", val.samples).shape == (40, 8)

module, settings = plug_in("methods", "centred", top_k=2)
distractors, exemplars = np.float32([[9, 0, 0.5], [9, 0, -0.5]]), np.float32([[9, 5, 0]])
sample = np.float32([[9, 1, 0]])
for name, rank, scores in (("feature_similarity", 3, [0.922, 0.992]), ("centred", 1, [1, 0])):
    method = plugins.load("methods", name).load(settings, heads.Head("identity", {}), Calibration(0.2, 0.0), 1)
    method.prepare(Candidates(distractors, exemplars))
    assert method.rank(Queries(sample, np.array([[0]]))).ranks.tolist() == [[rank]]
    assert np.allclose(method.score(sample, np.array([2, 0])), [scores], atol=1e-3)
"""


def test_the_examples_work_and_keep_the_contract(tmp_path: Path):
    shutil.copytree(projects.ROOT / "workflow_scripts", tmp_path / "workflow_scripts")
    shutil.copy(projects.ROOT / "tests/contract/test_every_plugin.py", tmp_path)
    for kind, name, source, _ in EXAMPLES.values():
        (tmp_path / f"workflow_scripts/{kind}/{name}.py").write_text(source)
    (tmp_path / "trial.py").write_text(TRIAL)
    names = " or ".join(name for _, name, _, _ in EXAMPLES.values())
    for command in (
        ["trial.py"],
        ["-m", "pytest", "-q", "-p", "no:cacheprovider", "test_every_plugin.py", "-k", names],
    ):
        done = subprocess.run([sys.executable, *command], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


SCRIPT = """
from pathlib import Path
from tests.unit import chain
from workflow_scripts.study import checks, settings
from workflow_scripts.study.settings.report import Shown

study, name = checks.named_study("smoke", Path()), "mean_colour"
chain.DIM = 48  # as many as mean_colour has
made = chain.make_chain(Path("results/smoke"), shown=Shown.of(study).to_json())
encoder = settings.make("embed_samples", study, encoder=name).to_json()
for case in chain.CASES:
    embedded = {"exemplars": made.exemplars(case), "output": made.exemplar_features(name, case)}
    made.run("embed", encoder, encoder=name, **embedded)
    for shard in chain.shards_of(case):
        embedded = {"samples": made.manifest(case, shard), "output": made.sample_features(name, case, shard)}
        made.run("embed", encoder, encoder=name, **embedded)
embedded = {"exemplars": made.distractors(), "output": made.distractor_features(name)}
made.run("embed", encoder, encoder=name, **embedded)
chain.evaluate_all(made)
chain.report(made)
"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a copy of the project with a new encoder and a new method."""
    project = tmp_path_factory.mktemp("reported")
    for part in ("config", "workflow_scripts", "tests"):
        shutil.copytree(projects.ROOT / part, project / part, ignore=shutil.ignore_patterns("__pycache__"))
    add(project, "encoders")
    add(project, "methods")
    done = subprocess.run([sys.executable, "-c", SCRIPT], cwd=project, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return project / "results/smoke/report"


def test_new_plug_ins_have_their_rows_in_the_tables(report: Path):
    table = pd.read_csv(report / "table.csv")
    own = table[(table["method"] == "centred") & (table["encoder"] == "mean_colour") & (table["view"] == "all")]
    assert set(own["head"]) == {"identity", "linear"} and set(own["case"]) == {"seen", "unseen", "styles", "sets"}
    names = [line.split("|")[1:7] for line in (report / "table.md").read_text().splitlines()[2:]]
    assert len(names) == len({tuple(map(str.strip, line)) for line in names})  # no two rows look alike
    assert (
        sum(line[2].strip() == "centred" for line in names)
        == sum(line[2].strip() not in ("random", "ceiling") for line in names) / 2
    )
    for question in ("tuning", "difficulty", "protocols", "artists", "set_sizes", "generalisation"):
        part = pd.read_csv(report / f"tables/{question}.csv")
        assert {("centred", "mean_colour"), ("feature_similarity", "mean_colour")} <= set(
            zip(part["method"], part["encoder"], strict=True)
        )
    assert (report / "summary/centred.mean_colour.linear.json").is_file()


def test_new_plug_ins_are_named_in_the_figures(report: Path):
    curves = (report / "figures/set_sizes.svg").read_text()
    assert "mean_colour, linear" in curves and "centred" in curves
    for figure in ("tuning", "difficulty", "protocols", "artists", "generalisation", "reliability"):
        text = (report / f"figures/{figure}.svg").read_text()
        assert ">centred<" in text.replace("\n", "") and ">feature_similarity<" in text.replace("\n", ""), figure


def test_new_plug_ins_are_shown_in_the_gallery(report: Path):
    text = (report / "gallery.html").read_text()
    assert "<option>mean_colour</option>" in text and "<option>centred</option>" in text
    entries = text.count("<article")
    assert text.count('<div class="answer" data-method="centred" data-encoder="mean_colour"') == entries
    assert text.count("<td>centred</td>") == text.count("<td>feature_similarity</td>") == 3 * entries  # encoders


def test_the_page_says_which_method_its_sentences_are_about(report: Path):
    text = (report / "index.html").read_text()
    assert "are about the method feature_similarity, the study&#39;s first" in text
    assert (
        "With feature_similarity, learned heads beat" in text and " of 18 comparisons" in text
    )  # of one method: three encoders, three cases, two prompt sets
    claims = re.findall(r"<tr><td>Tuning helps on new exemplars of classes it has seen.</td><td>(\w+)</td>", text)
    assert claims == ["feature_similarity", "centred"]


def add_rule(project: Path) -> None:
    """Adds the example of a rule to a project, as docs/extending.md says."""
    rule, settings, step, target = re.findall(
        r"^```(?:snakemake|python)\n(.*?)^```$", PAGE.partition("## A rule that")[2], re.MULTILINE | re.DOTALL
    )
    for file, text in (("rules/samples.smk", rule), ("workflow_scripts/study/settings/evaluation.py", settings)):
        (project / file).write_text(f"{(project / file).read_text()}\n\n{text}")
    (project / "workflow_scripts/steps/mean_colours.py").write_text(step)
    snakefile = project / "Snakefile"
    snakefile.write_text(snakefile.read_text().replace("        REPORT,\n", f"        REPORT,\n{target}", 1))


def test_a_new_rule_is_planned_run_and_verified_by_what_the_page_says(project: Path, tmp_path: Path):
    """Its step is real; the samples are those of a synthetic study, one shard of which it is given."""
    folder = shutil.copytree(project, tmp_path / "project")
    add_rule(folder)
    made = projects.pending(folder)
    shards = list((folder / "results/smoke/samples").rglob("*.json"))
    assert Counter(made.values()) == {"mean_colours": len(shards), "rulegraph": 2, "index": 2}  # which show the rules

    script = (
        "from pathlib import Path\n"
        "from workflow_scripts.operations.jobs import jobs\n"
        "from workflow_scripts.study import checks\n"
        "planned = [job for job in jobs(checks.named_study('smoke', Path())) if job.rule == 'mean_colours']\n"
        "print(len(planned), planned[0].made_with.made_from(**planned[0].inputs))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, check=False)
    assert done.stdout.startswith(f"{len(shards)} {{'source': PosixPath('results/smoke/samples/"), done.stderr

    chain.make_chain(tmp_path / "chain")
    manifest, output = next((tmp_path / "chain/samples").rglob("*.json")), tmp_path / "colours.safetensors"
    command = ["-m", "workflow_scripts.steps.mean_colours", "--samples", manifest, "--output", output]
    done = subprocess.run(
        [sys.executable, *command, "--settings", '{"version": 1}'],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    entries, colours = read_manifest(manifest), artifacts.read_tensors(output)
    assert {entry["file"].stem: (entry["n"], 3) for entry in entries} == {
        name: array.shape for name, array in colours.items()
    }
    assert artifacts.read_provenance(output)["inputs"] == {"source": artifacts.file_hash(manifest)}
