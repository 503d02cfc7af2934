"""Everything that a user may get wrong, as a table: each row runs the real command and says what it must answer.

A command refuses by one line, which names file, key or row, value, and what would be valid; it shows no traceback, and
what was there before is there still, byte for byte.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from tests import projects
from tests.unit import pictures
from tests.unit.chain import Chain, calibrate
from tests.unit.spoilt import IMAGES, RGB, encode
from workflow_scripts import artifacts, cli
from workflow_scripts.commands import export_model, import_model, list_imagenet_classes
from workflow_scripts.customization.bank import interchange
from workflow_scripts.customization.bank.stacked import projections
from workflow_scripts.miniature.corpus.exemplars import read_drawings
from workflow_scripts.miniature.corpus.roles import OBJECT
from workflow_scripts.steps import (
    dataset_table,
    embed,
    finetune,
    regularization,
    sample,
    select_distractors,
    select_exemplars,
)
from workflow_scripts.study import data_checks

BASE = {"name": "diffusers_sd", "revision": None, "version": 1}
SAMPLING = {"scheduler": "ddim", "steps": 1, "guidance": 3.0, "precision": "fp32", "batch": 4, "version": 1}
SHARD = {"study": "bad", "seed": 0, "case": "pets", "kind": "object", "shard": "test_0000", "base_model": BASE}
ONE_MODEL = {**SHARD, "models": ["cat_0000"], "class_words": {"cat_0000": "cat"}}
GOOD = encode(RGB, "PNG")
LONG = "on " * 12 + "red"  # the tiny base model takes 12 tokens


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder, but for what Snakemake and Python keep to themselves."""
    files = (file for file in folder.rglob("*") if file.is_file())
    return {str(f): f.read_bytes() for f in files if not {".snakemake", "__pycache__"} & set(f.parts)}


def one_error(text: str) -> str:
    """The only line that is an error, of what a command wrote; there may be no traceback."""
    assert "Traceback" not in text and " at 0x" not in text, text
    errors = [line for line in text.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, text
    return errors[0]


def refused(main: Callable[[], None], folder: Path, /, **flags: object) -> str:
    """The error of a step, run in this process as its command line would; nothing in `folder` may change.

    Args:
        flags: a flag without value is left out; `settings` travel as JSON.
    """
    arguments = []
    for name, value in flags.items():
        told = json.dumps(value) if name == "settings" else str(value)
        arguments += [f"--{name.replace('_', '-')}", told]
    before = contents(folder)
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as stopped:
        patch.setattr(sys, "argv", ["step", *arguments])
        cli.run(main)
    assert isinstance(stopped.value.code, str)  # printed to stderr, and exit code 1
    assert contents(folder) == before
    return one_error(stopped.value.code)


# Mistakes in a study: the file, what is replaced in it, and what Snakemake must answer.

STUDY = "config/studies/smoke.yaml"
OBJECTS = "config/classes/smoke.objects.txt"
PROMPTS = "config/prompts/object.llm.train.txt"
PROFILE = "config/profiles/slurm/config.yaml"
WHOLE = None  # the whole file is replaced
PLANS: dict[str, tuple[str, str | None, str | bytes, tuple[str, ...]]] = {
    "key twice": (
        STUDY, "seed: 0  ", "cases: {}\nseed: 0  ",
        (f"{STUDY}: cases: stands in line 6 and in line 11; a key may stand once",),
    ),
    "key of a section twice": (
        STUDY, "  guidance: 3.0  ", "  guidance: 4.0\n  guidance: 3.0  ",
        (f"{STUDY}: regularization.guidance: stands in line ",),
    ),
    "key of the configuration twice": ("config/config.yaml", "study: miniature", "study: smoke\nstudy: miniature",
        ("config/config.yaml: study: stands in line 2 and in line 3; a key may stand once",),
    ),
    "key of a profile twice": (
        PROFILE, WHOLE, "quiet: all\nquiet: host\n", (f"{PROFILE}: quiet: stands in line 1 and in line 2",),
    ),
    "key of the pre-training twice": (
        "config/pretraining.yaml", "seed: 0", "seed: 0\nseed: 1",
        ("config/pretraining.yaml: seed: stands in line 4 and in line 5",),
    ),
    "name of another study": (
        STUDY, "study: smoke", "study: other", (f"{STUDY}: study: 'other'; expected the name of its file, 'smoke'",),
    ),
    "unknown config key": (
        STUDY, "  guidance: 3.0  ", "  guidence: 3.0\n  guidance: 3.0  ",
        (f"{STUDY}: regularization.guidence: unknown key, did you mean 'guidance'?; valid keys: images_",),
    ),
    "wrong type": (
        STUDY, "models_per_job: 4", "models_per_job: four",
        (f"{STUDY}: models_per_job: 'four' is not of type 'integer' (",),
    ),
    "number out of range": (
        STUDY, "count: 200", "count: -1", (f"{STUDY}: distractors.count: -1 is less than the minimum of ",),
    ),
    "share of nothing": (
        STUDY, "compression_ratio: 1.0", "compression_ratio: 0",
        (f"{STUDY}: customization.compression_ratio: 0 is less than or equal to the minimum of 0 (",),
    ),
    "missing config key": (STUDY, "seed: 0  ", "# seed: 0  ", (f"{STUDY}: seed: missing key (",)),
    "unknown study": ("config/config.yaml", "study: miniature", "study: nope",
        ("config/config.yaml: study: 'nope' has no file config/studies/nope.yaml; studies: abc, abc_release, ",),
    ),
    "no study": ("config/config.yaml", "study: miniature", "seed: 1",
        ("config/config.yaml: study: missing key; studies: abc, abc_release, ",),
    ),
    "what only a release has": (
        STUDY, "seed: 0  ", "allow_missing: true\nseed: 0  ",
        (f"{STUDY}: allow_missing: unknown key for a study without a release",),
    ),
    "study that is not YAML": (STUDY, WHOLE, "study: [smoke\nseed: {", (f"{STUDY}: not valid YAML (line 2: ",)),
    "study that is not text": (STUDY, WHOLE, b"\xff\xfe\x00", (f"{STUDY}: not UTF-8 text (",)),
    "study in UTF-16": (
        STUDY, WHOLE, "study: smoke".encode("utf-16"), (f"{STUDY}: not UTF-8 text (", "save it as UTF-8"),
    ),
    "configuration that is not text": (
        "config/config.yaml", WHOLE, b"study: caf\xe9\n", ("config/config.yaml: not UTF-8 text (",),
    ),
    "download named twice": (
        "config/downloads.txt", WHOLE, "x.pth\thttps://a.org/x\t-\t1\nx.pth\thttps://b.org/x\t-\t1\n",
        ("config/downloads.txt: line 2 names 'x.pth' again; each file may stand once",),
    ),
    "downloads that are not text": (
        "config/downloads.txt", WHOLE, b"caf\xe9\n", ("config/downloads.txt: not UTF-8 text (",),
    ),
    "study without keys": (STUDY, WHOLE, "- smoke\n", (f"{STUDY}: holds no keys; expected those of config/schemas/",)),
    "empty study": (STUDY, WHOLE, "", (f"{STUDY}: holds no keys; expected those of ",)),
    "unknown encoder": (
        STUDY, "  pixels:\n", "  pixel:\n",
        (f"{STUDY}: encoders.pixel: 'pixel': no such plug-in in ", "it has clip_mini"),
    ),
    "missing class list": (
        STUDY, OBJECTS, "config/classes/none.txt",
        (f"{STUDY}: cases.emoji_seen.classes: no such file config/classes/none.txt; its folder has ", OBJECTS[15:]),
    ),
    "empty class list": (OBJECTS, WHOLE, "# none\n", (f"cases.emoji_seen.classes: {OBJECTS} is empty; it needs",)),
    "class list that is not text": (OBJECTS, WHOLE, b"caf\xe9\n", (f"{OBJECTS}: not UTF-8 text (",)),
    "duplicate id": (
        OBJECTS, WHOLE, "cat\ndog\ncat\n",
        (f"{STUDY}: cases.emoji_seen.classes: {OBJECTS} names 'cat' 2 times; each id may stand once",),
    ),
    "id with /": (OBJECTS, WHOLE, "cat/dog\n", (f"{OBJECTS} names 'cat/dog'; an id must match [a-z0-9]",)),
    "id with a space": (OBJECTS, WHOLE, "hot dog\n", (f"{OBJECTS} names 'hot dog'; an id must match [a-z0-9]",)),
    "id with ..": (OBJECTS, WHOLE, "..\n", (f"{OBJECTS} names '..'; an id must match [a-z0-9]",)),
    "prompt without token": (
        PROMPTS, WHOLE, "a {subject}\na cat\n",
        (f"prompts.object.llm.train.file: {PROMPTS} has the prompt 'a cat'; each must hold {{subject}}",),
    ),
    "prompt of fine-tuning without token": (
        STUDY, "finetune: <new1> {class_word}", "finetune: a {class_word}",
        (f"{STUDY}: prompts.object.finetune: 'a {{class_word}}' must match <new1>",),
    ),
    "missing prompt list": (
        STUDY, f"train: {{file: {PROMPTS}", "train: {file: config/prompts/none.txt",
        (f"{STUDY}: prompts.object.llm.train.file: no such file config/prompts/none.txt",),
    ),
    "download without a hash": (
        "config/downloads.txt", WHOLE, "# none\nx.pth\thttps://example.org/x.pth\n",
        ("config/downloads.txt: line 2 is 'x.pth\\thttps://exa", "', expected file<tab>url<tab>sha256 (or -)"),
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return projects.copy_project(tmp_path_factory.mktemp("bad") / "project")


@pytest.mark.parametrize("mistake", PLANS)
def test_a_study_with_a_mistake_is_refused(mistake: str, project: Path):
    name, old, new, says = PLANS[mistake]
    file = project / name
    kept = file.read_bytes()
    chosen = ["--config", "study=smoke"] if name != "config/config.yaml" else []
    text = new if old is WHOLE else kept.decode().replace(old, new, 1)
    assert text != kept.decode()
    try:
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        before = contents(project)
        done = projects.snakemake(project, "--dry-run", *chosen)
        assert contents(project) == before
    finally:
        file.write_bytes(kept)
    assert done.returncode == 1
    error = one_error(done.stderr)
    assert all(part in error for part in says), error


def test_a_configuration_file_of_the_command_line_may_have_no_key_twice(project: Path, tmp_path: Path):
    (tmp_path / "more.yaml").write_text("sampling:\n  steps: 3\n  steps: 4\n")
    done = projects.snakemake(
        project, "--dry-run", "--config", "study=smoke", "--configfile", str(tmp_path / "more.yaml")
    )
    assert done.returncode == 1
    assert one_error(done.stderr).endswith(
        "more.yaml: sampling.steps: stands in line 2 and in line 3; a key may stand once"
    )


def test_a_nested_number_on_the_command_line_is_text_and_the_error_says_so(project: Path):
    done = projects.snakemake(project, "--dry-run", "--config", "study=smoke", "sampling={steps: 7}")
    assert done.returncode == 1
    error = one_error(done.stderr)
    assert "sampling.steps: '7' is not of type 'integer' (" in error and "give them in a file, --configfile" in error


SNAKEMAKE = {
    "empty exemplar folder": ("data/corpus", "Missing input files for rule select_exemplars", None),
    "missing exemplar folder": ("data/corpus", "Missing input files for rule select_exemplars", "corpus.path"),
    "missing base model": (
        "data/base_model",
        "Missing input files for rule regularization",
        "base_model.path, encoders.text.path",
    ),
    "missing weights of an encoder": (
        "data/clip_mini",
        "Missing input files for rule embed_",
        "encoders.clip_mini.path",
    ),
}  # fmt: skip


@pytest.mark.parametrize("mistake", SNAKEMAKE)
def test_data_that_is_missing_is_found_before_anything_runs(mistake: str, project: Path, tmp_path: Path):
    """Snakemake's own words, which name rule and file; below them the key of the study, and what to do."""
    name, says, key = SNAKEMAKE[mistake]
    kept = shutil.move(project / name, tmp_path / "kept")
    if mistake.startswith("empty"):
        (project / name).mkdir()
    try:
        done = projects.snakemake(project, "--config", "study=smoke")
    finally:
        shutil.rmtree(project / name, ignore_errors=True)
        shutil.move(kept, project / name)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert says in done.stderr
    assert name in done.stderr
    assert not (project / "results").exists()
    told = f"missing: {STUDY}: {key}: no such file or folder {name}; `make data` fetches it"
    assert not key or done.stderr.splitlines()[-1] == told


OWN = """
  things:
    {kind: object, source: image_folder, path: data/mine, classes: config/classes/mine.txt, models_per_class: {test: 3}}
"""


def test_a_dry_run_names_folders_that_are_missing_and_refuses_those_with_too_few_images(project: Path):
    study, lists = project / STUDY, project / "config/classes/mine.txt"
    kept = study.read_text()
    text = kept.replace("\ncases: ", f"\ncases:{OWN}\n#").replace(
        "emoji_distractors\n", "image_folder\n  path: data/others\n"
    )
    study.write_text(text)
    lists.write_text("mug\nbowl\n")
    try:
        done = projects.snakemake(project, "--dry-run", "--config", "study=smoke")
        assert done.returncode == 0
        assert done.stderr.splitlines()[-2:] == [
            f"missing: {STUDY}: cases.things.path: no such file or folder data/mine",
            f"missing: {STUDY}: distractors.path: no such file or folder data/others",
        ]
        done = projects.snakemake(project, "--config", "study=smoke")
        errors = [line for line in done.stderr.splitlines() if line.startswith(("error", "missing"))]
        assert errors == [line.replace("missing", "error", 1) for line in errors] and len(errors) == 2
        assert not (project / "results").exists()

        for name in ("mine/mug/1", "mine/mug/2", "others/1", "others/a/1", "others/b/c/1"):
            pictures.write(project / f"data/{name}.png", GOOD)
        for link, target in (("mine/mug/loop", "loop"), ("mine/loop", "loop"), ("others/a/back", "..")):
            (project / "data" / link).symlink_to(target)
        done = projects.snakemake(project, "--dry-run", "--config", "study=smoke")
        assert done.returncode == 1
        assert [line for line in done.stderr.splitlines() if line.startswith("error")] == [
            f"error: {STUDY}: cases.things.models_per_class: 3 images of 'mug' asked, but data/mine/mug has 2 files",
            f"error: {STUDY}: cases.things.path: data/mine has no folder 'bowl'; its folders: mug",
            f"error: {STUDY}: distractors.count: 200 images asked, but data/others has 3 files",
        ]
    finally:
        study.write_text(kept)
        lists.unlink()
        for name in ("mine", "others"):
            shutil.rmtree(project / "data" / name, ignore_errors=True)


def test_the_data_that_make_fetches_are_those_of_the_makefile():
    assets = re.search(r"^ASSETS := (.*)$", (projects.ROOT / "Makefile").read_text(), re.MULTILINE)[1].split()
    assert {Path("data", name) for name in assets} == data_checks.FETCHED


def test_results_that_are_a_file_are_refused(project: Path):
    file = project / "results"
    file.write_text("a file")
    try:
        done = projects.snakemake(project, "--config", "study=smoke")
        assert one_error(done.stderr) == "error: results: is a file, but must be a folder; move it away"
        assert file.read_text() == "a file"
    finally:
        file.unlink()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")
@pytest.mark.parametrize(
    ("folder", "arguments", "named"),
    [("results", [], "results"), (".", [], ".snakemake"), (".", ["--dry-run"], ".snakemake")],
)
def test_a_folder_that_is_read_only_is_named(folder: str, arguments: list[str], named: str, project: Path):
    for name in ("results", ".snakemake"):
        (project / name).mkdir(exist_ok=True)
    mount = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && cd "$PWD" && exec "$@"'
    command = [sys.executable, "-m", "snakemake", "--cores", "1", *arguments, "--config", "study=smoke"]
    unshare = ["unshare", "--mount", "sh", "-c", mount, str((project / folder).resolve()), *command]
    done = subprocess.run(unshare, cwd=project, capture_output=True, text=True, check=False)
    (project / "results").rmdir()
    assert done.returncode == 1
    expected = rf"error: (\S+/)?{named}: is read-only, for you at least; nothing can be made here"
    assert re.fullmatch(expected, one_error(done.stderr))


# Images that no step may take: see `spoilt`. They come with the corpus, or with a case's exemplars.


@pytest.fixture(scope="module")
def drawings(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    return read_drawings(projects.ROOT / "data/corpus")


def write_corpus(folder: Path, table: pd.DataFrame) -> Path:
    folder.mkdir(exist_ok=True)
    artifacts.write_table(folder / "drawings.parquet", table, {})
    shutil.copy(projects.ROOT / "data/corpus/twins.parquet", folder)
    return folder


def case_of(name: str) -> dict:
    """The settings of `select_exemplars` for one class."""
    counts = {"train": 1, "val": 0, "test": 0}
    about = {"study": "bad", "seed": 0, "case": "emoji_seen", "kind": "object", "source": "emoji_objects", "corpus": 1}
    layout = {"set_sizes": [], "numbered_from": {}, "group_counts": {}}
    return {**about, **layout, "members": {"train": [[name, name]]}, "models_per_class": counts}


def select(source: Path, folder: Path, name: str = "penguin") -> str:
    flags = {"source": source, "output": folder / "emoji_seen.parquet", "settings": case_of(name)}
    return refused(select_exemplars.main, folder, **flags)


@pytest.mark.parametrize("kind", IMAGES)
def test_a_drawing_of_another_kind_is_refused(kind: str, drawings: pd.DataFrame, tmp_path: Path):
    image, says = IMAGES[kind]
    penguin = drawings[(drawings.concept == "penguin") & (drawings.role == OBJECT)].sort_values("order").head(1)
    corpus = write_corpus(tmp_path / "corpus", penguin.assign(image=[image]))
    artifacts.write_text(tmp_path / "emoji_seen.parquet", "what an earlier run made")
    assert f"drawings.parquet: drawing {penguin.id.iloc[0]!r}: {says}" in select(corpus, tmp_path)


CORPORA: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty folder": (lambda corpus: shutil.rmtree(corpus), "corpus/drawings.parquet"),
    "no drawings": (
        lambda corpus: write_corpus(corpus, read_drawings(corpus).head(0)),
        "drawings.parquet: class 'penguin' of emoji_seen has 0 held-out drawings, 'penguin_0000' needs one more; "
        "classes with some: none",
    ),
    "class without drawings": (
        lambda corpus: write_corpus(corpus, read_drawings(corpus).query("concept != 'penguin'")),
        "drawings.parquet: class 'penguin' of emoji_seen has 0 held-out drawings, 'penguin_0000' needs one more; "
        "classes with some: airplane, ",
    ),
    "cut off": (
        lambda corpus: os.truncate(corpus / "drawings.parquet", 5000), "drawings.parquet: not a valid parquet file (",
    ),
    "damaged": (
        lambda corpus: (corpus / "drawings.parquet").open("r+b").write(bytes(9000)), "drawings.parquet: ",
    ),
    "a text": (
        lambda corpus: (corpus / "drawings.parquet").write_text("id,image\n"),
        "drawings.parquet: not a valid parquet file (",
    ),
    "lacks a column": (
        lambda corpus: write_corpus(corpus, read_drawings(corpus).drop(columns="concept")),
        "drawings.parquet: lacks column 'concept'; it has id, ",
    ),
    "twins missing": (lambda corpus: (corpus / "twins.parquet").unlink(), "corpus/twins.parquet"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", CORPORA)
def test_a_corpus_without_the_exemplars_is_refused(mistake: str, drawings: pd.DataFrame, tmp_path: Path):
    spoil, says = CORPORA[mistake]
    corpus = write_corpus(tmp_path / "corpus", drawings)
    spoil(corpus)
    for sidecar in corpus.glob("*.sha256"):  # other people's data has none
        sidecar.unlink()
    artifacts.write_text(tmp_path / "emoji_seen.parquet", "what an earlier run made")
    assert says in select(corpus, tmp_path)


# A user's own data, or the paper's, from which too little can be chosen. By mistake: kind of case, its source, whether
# its groups are counted, the files there are (True: a picture), and the answer.
EXEMPLARS: dict[str, tuple[str, str, bool, dict[str, bytes | bool], str]] = {
    "no folder": ("style", "style_groups", False, {}, "data: no folder of images (No such file or directory)"),
    "group missing": (
        "style", "style_groups", False, {"data/other/1.jpg": True},
        "cases.mine.groups.train: 'owl' is none of the 1 folders of {data}",
    ),
    "group of texts": (
        "style", "image_folder", False, {"data/owl/1.jpg": b"text"},
        "data/owl: 'owl' of mine needs 1 usable images, the folder has 0; skipped: 1 .jpg (unreadable)",
    ),
    "list missing": (
        "style", "style_groups", True, {"data/owl/1.jpg": True},
        "data/train.txt: no such file; mine has 1 groups in this split: list their folders, one per line, of the 1 in "
        "{data}",
    ),
    "list of a folder elsewhere": (
        "style", "style_groups", True, {"data/owl/1.jpg": True, "data/train.txt": b"../data/owl"},
        "data/train.txt: '../data/owl' is none of the 1 folders of {data}",
    ),
    "class missing": (
        "object", "image_folder", False, {"data/cat/1.jpg": True},
        "data: no folder 'owl', a class of mine; folders: cat",
    ),
    "class of texts": (
        "object", "image_folder", False, {"data/owl/1.jpg": b"text"},
        "data/owl: mine needs 1 usable images of this class, none is left for 'owl_0000'; skipped: 1 .jpg (unreadable)",
    ),
    "class of ImageNet missing": (
        "object", "imagenet", False, {"data/train/n1/1.JPEG": True},
        "data/train: class 'owl' of mine needs 1 images, it has 0",
    ),
    "class of ImageNet too small": (
        "object", "imagenet", False, {"data/train/owl/1.JPEG": GOOD},
        "data/train: class 'owl' of mine needs 1 images, 0 of 1 can be used; skipped: 1 .jpeg (under 256 pixels)",
    ),
}  # fmt: skip


def write_files(folder: Path, files: dict[str, bytes | bool]) -> Path:
    for name, data in files.items():
        pictures.write(folder / name, pictures.picture(0) if data is True else data)
    artifacts.write_text(folder / "mine.parquet", "what an earlier run made")
    return folder / "data"


@pytest.mark.parametrize("mistake", EXEMPLARS)
def test_a_folder_without_the_exemplars_is_refused(mistake: str, tmp_path: Path):
    kind, source, counted, files, says = EXEMPLARS[mistake]
    data = write_files(tmp_path, files)
    named = {"case": "mine", "kind": kind, "source": source, "group_counts": {"train": 1} if counted else {}}
    flags = {"source": data, "output": tmp_path / "mine.parquet", "settings": {**case_of("owl"), **named}}
    assert says.format(data=data) in refused(select_exemplars.main, tmp_path, **flags)


DISTRACTORS: dict[str, tuple[str, dict[str, bytes | bool], str]] = {
    "no folder": ("distractors", {}, "data: no folder of images"),
    "too few images": ("image_folder", {"data/1.jpg": True}, "data: distractors.count is 2, the folder has 1 images"),
    "the same image twice": (
        "image_folder", {"data/1.jpg": True, "data/2.jpg": True},
        "data: distractors.count is 2, the folder has 2 images; skipped: 1 .jpg (a copy)",
    ),
    "truncated tar": ("distractors", {"data/0.tar": b"0" * 999}, "data/0.tar: truncated, or not a tar ("),
}  # fmt: skip


@pytest.mark.parametrize("mistake", DISTRACTORS)
def test_a_folder_without_the_distractors_is_refused(mistake: str, tmp_path: Path):
    source, files, says = DISTRACTORS[mistake]
    data = write_files(tmp_path, files)
    exemplars = tmp_path / "exemplars.parquet"
    table = pd.DataFrame({"split": ["test"], "source": ["a"], "sha256": ["b"], "image": [GOOD]})
    artifacts.write_table(exemplars, table, {})
    settings = {"study": "bad", "seed": 0, "source": source, "count": 2, "version": 1}
    flags = {"source": data, "exemplars": exemplars, "output": tmp_path / "mine.parquet", "settings": settings}
    assert says in refused(select_distractors.main, tmp_path, **flags)


@pytest.fixture
def exemplars(tmp_path: Path) -> Callable[[bytes], Path]:
    """Writes the exemplars of one model, whose second image is given."""

    def write(image: bytes) -> Path:
        table = pd.DataFrame({"model": "cat_0000", "k": [0, 1], "image": [GOOD, image]})
        artifacts.write_table(tmp_path / "pets.parquet", table, {})
        return tmp_path / "pets.parquet"

    return write


def embed_exemplars(file: Path, encoder: str = "pixels", **settings: object) -> str:
    flags = {"encoder": encoder, "exemplars": file, "output": file.parent / "features.safetensors"}
    return refused(embed.main, file.parent, **flags, settings={**(settings or {"size": 4}), "version": 1})


@pytest.mark.parametrize("kind", IMAGES)
def test_an_image_of_another_kind_is_not_embedded(kind: str, exemplars: Callable[[bytes], Path]):
    image, says = IMAGES[kind]
    assert f"pets.parquet: row 1: {says}" in embed_exemplars(exemplars(image))


@pytest.mark.parametrize("kind", IMAGES)
def test_an_exemplar_of_another_kind_teaches_no_model(
    kind: str, exemplars: Callable[[bytes], Path], workshop: "Workshop"
):
    image, says = IMAGES[kind]
    error = workshop.finetune(exemplars(image))
    assert "error: 1 of 1 models failed, the others are kept: cat_0000: " in error
    assert f"pets.parquet: exemplar cat_0000/1: {says}" in error


# Base models and prompts: the steps that open one, on the tiny one of `conftest.py`.


class Workshop:
    """A base model in a folder, to spoil, and the steps that use it. They keep what earlier runs made."""

    def __init__(self, root: Path, base: Path, customization: dict) -> None:
        self.root, self.base, self.customization = root, base, customization
        self.block, self.models, self.samples = root / "words.safetensors", root / "models.json", root / "samples.json"
        captions = {"captions": {"cat": ["a cat"]}}
        artifacts.write_tensors(self.block, {"cat.latents": np.zeros((1, 6, 4, 4), np.float32)}, captions)
        artifacts.write_text(self.samples, "what an earlier run made")
        file = root / "cat_0000.safetensors"
        artifacts.write_tensors(file, {}, artifacts.make_provenance({}, {"base_model": base}))
        entry = {"model": "cat_0000", "file": file.name, "sha256": artifacts.file_hash(file)}
        artifacts.write_json(self.models, {"case": "pets", "models": [entry]})

    def regularize(self, caption: str = "a {class_word}") -> str:
        words = {"class_words": ["cat"], "captions": [caption], "images_per_class_word": 1}
        settings = {"study_seed": 0, "base_model": BASE, **words, **SAMPLING}
        return refused(regularization.main, self.root, base_model=self.base, output=self.block, settings=settings)

    def finetune(self, exemplars: Path, prompt: str = "<new1> {class_word}") -> str:
        settings = {**ONE_MODEL, "prompt": prompt, "customization": self.customization}
        flags = {"base_model": self.base, "exemplars": exemplars, "regularization": self.block}
        return refused(finetune.main, self.root, **flags, output=self.models, settings=settings)

    def sample(self, prompt: str = "{subject}") -> str:
        sampling = {**SAMPLING, "samples_per_prompt": 1}
        settings = {
            **ONE_MODEL,
            "prompts": {"llm": [prompt]},
            "sampling": sampling,
            "customization": "custom_diffusion",
        }
        flags = {"base_model": self.base, "models": self.models, "output": self.samples}
        return refused(sample.main, self.root, **flags, settings=settings)


@pytest.fixture
def workshop(tmp_path: Path, base_folder: Path, customization: dict) -> Workshop:
    return Workshop(tmp_path, shutil.copytree(base_folder, tmp_path / "base"), customization)


def test_a_caption_longer_than_the_text_encoder_is_refused(workshop: Workshop):
    says = f"prompts of regularization: prompt 'cat {LONG}' has 16 tokens, the text encoder takes 12; shorten it"
    assert says in workshop.regularize("{class_word} " + LONG)


def test_a_prompt_of_fine_tuning_longer_than_the_text_encoder_is_refused(
    workshop: Workshop, exemplars: Callable[[bytes], Path]
):
    error = workshop.finetune(exemplars(GOOD), "<new1> {class_word} " + LONG)
    assert f"cat_0000: prompts.object.finetune: prompt 'a picture of a <new1> cat {LONG}' has " in error
    assert "the text encoder takes 12; shorten it" in error


def test_a_prompt_of_sampling_longer_than_the_text_encoder_is_refused(workshop: Workshop):
    error = workshop.sample("{subject} " + LONG)
    assert f"cat_0000: prompts.object.llm: prompt '<new1> cat {LONG}' has 17 tokens, the text encoder takes 12" in error


MANIFESTS = {
    "not JSON": ("{", "not valid JSON ("),
    "a list": ("[]", "not the manifest of a shard (Expected `object`, got `array`); delete it and run again"),
    "without models": ('{"case": "pets"}', "not the manifest of a shard (Object missing required field `models`); del"),
}


@pytest.mark.parametrize("mistake", MANIFESTS)
def test_a_file_that_is_no_manifest_is_refused(mistake: str, workshop: Workshop):
    text, says = MANIFESTS[mistake]
    artifacts.write_text(workshop.models, text)
    assert f"models.json: {says}" in workshop.sample()
    output, settings = workshop.root / "features.safetensors", {"size": 4, "version": 1}
    flags = {"encoder": "pixels", "samples": workshop.models, "output": output, "settings": settings}
    assert f"models.json: {says}" in refused(embed.main, workshop.root, **flags)


def test_a_model_that_is_not_the_manifest_s_is_refused(workshop: Workshop):
    (workshop.root / "cat_0000.safetensors").write_bytes(b"another")
    assert "cat_0000.safetensors: is missing, or not the one in " in workshop.sample()


def replace(name: str, content: bytes) -> Callable[[Path], None]:
    return lambda base: (base / name).write_bytes(content) and None


LACKS = "base: not a base model, lacks"
BASES: dict[str, tuple[Callable[[Path], object], str]] = {
    "no folder": (shutil.rmtree, f"{LACKS} model_index.json; a StableDiffusionPipeline folder holds model_index"),
    "lacks its index": (lambda base: (base / "model_index.json").unlink(), f"{LACKS} model_index.json; a Stable"),
    "lacks weights": (
        lambda base: (base / "unet/diffusion_pytorch_model.safetensors").unlink(),
        f"{LACKS} unet/diffusion_pytorch_model*.safetensors; a StableDiffusionPipeline folder holds ",
    ),
    "lacks its tokenizer": (lambda base: shutil.rmtree(base / "tokenizer"), f"{LACKS} tokenizer/vocab.json; a "),
    "holds a pickle beside": (
        replace("vae/diffusion_pytorch_model.bin", b"\x80\x02."),
        "base: holds the pickle vae/diffusion_pytorch_model.bin, which may run code; keep *.safetensors only",
    ),
    "holds a pickle instead": (
        lambda base: (base / "unet/diffusion_pytorch_model.safetensors").rename(base / "unet/model.ckpt"),
        "base: holds the pickle unet/model.ckpt, which may run code; keep *.safetensors only",
    ),
    "another pipeline": (
        replace("model_index.json", b'{"_class_name": "FluxPipeline"}'),
        "base/model_index.json: _class_name is 'FluxPipeline', expected 'StableDiffusionPipeline'",
    ),
    "index that is not JSON": (replace("model_index.json", b"{"), "base/model_index.json: not a JSON object ("),
    "schedule that is a list": (
        replace("scheduler/scheduler_config.json", b"[]"), "base/scheduler/scheduler_config.json: not a JSON object (",
    ),
    "weights that are cut off": (
        lambda base: os.truncate(base / "unet/diffusion_pytorch_model.safetensors", 5000),
        "base/unet: ",
    ),
    "weights of a text": (replace("vae/diffusion_pytorch_model.safetensors", b"weights"), "base/vae: "),
    "text encoder that is cut off": (
        lambda base: os.truncate(base / "text_encoder/model.safetensors", 5000), "base/text_encoder: ",
    ),
    "config that is not JSON": (replace("unet/config.json", b"{"), "base/unet"),
    "tokenizer that is cut off": (replace("tokenizer/tokenizer.json", b"{"), "base/tokenizer"),
    "weights of another size": (
        lambda base: (base / "unet/config.json").write_text(
            (base / "unet/config.json").read_text().replace('"cross_attention_dim": 16', '"cross_attention_dim": 32')
        ),
        "base/unet: ",
    ),
}  # fmt: skip


@pytest.mark.parametrize("mistake", BASES)
def test_a_folder_that_is_no_base_model_is_refused(mistake: str, workshop: Workshop):
    spoil, says = BASES[mistake]
    spoil(workshop.base)
    assert says in workshop.regularize()


# Customized models of diffusers: a folder that is spoilt before it is imported.

KEY = "down_blocks.0.attentions.0.transformer_blocks.0.attn2.processor.to_k_custom_diffusion.weight"
VECTOR = torch.zeros(16)


class Code:
    """Unpickles by calling a function."""

    def __reduce__(self) -> tuple:
        return print, ("code that was run",)


def with_weights(**changes: object) -> Callable[[Path], None]:
    """Changes entries of the weights; None removes one."""

    def change(folder: Path) -> None:
        file = folder / "pytorch_custom_diffusion_weights.bin"
        entries = {**torch.load(file, weights_only=True), **changes}
        torch.save({key: value for key, value in entries.items() if value is not None}, file)

    return change


def with_token(content: object, name: str = "<new1>.bin") -> Callable[[Path], None]:
    return lambda folder: torch.save(content, folder / name)


WEIGHTS = "folder/pytorch_custom_diffusion_weights.bin: "
FOLDERS: dict[str, tuple[Callable[[Path], object], str]] = {
    "key missing": (with_weights(**{KEY: None}), f"{WEIGHTS}{KEY} is missing"),
    "key of an unknown layer": (with_weights(**{f"mid.{KEY}": VECTOR}), f"{WEIGHTS}mid.{KEY} is unexpected"),
    "queries too": (
        with_weights(**{KEY.replace("to_k", "to_q"): torch.zeros(16, 16)}),
        f"{WEIGHTS}{KEY.replace('to_k', 'to_q')} is unexpected; expected only {KEY}, ",
    ),
    "self-attention too": (
        with_weights(**{f"{KEY.split('attn2')[0]}attn1.processor": VECTOR}), "attn1.processor is unexpected",
    ),
    "another shape": (
        with_weights(**{KEY: torch.zeros(16, 24)}), f"{KEY} is of shape [16, 24], the base model's of [16, 16]",
    ),
    "another type": (
        with_weights(**{KEY: torch.zeros(16, 16, dtype=torch.bfloat16)}),
        f"{KEY} is torch.bfloat16, expected torch.float32 or torch.float16",
    ),
    "a weight that is no number": (
        with_weights(**{KEY: torch.full((16, 16), torch.nan)}),
        f"{WEIGHTS}{KEY} has 256 of 256 values that are no numbers; expected none",
    ),
    "a token without end": (
        with_token({"<new1>": VECTOR / 0 + torch.inf}), "folder/<new1>.bin: <new1> has 16 of 16 values that are no",
    ),
    "no tensor": (with_weights(**{KEY: [1.0]}), f"{WEIGHTS}{KEY} is list, expected torch.float32 or torch.float16"),
    "another token in the file": (
        with_token({"<new2>": VECTOR}), "folder/<new1>.bin: <new2> is unexpected; expected only <new1>",
    ),
    "no token in the file": (with_token({}), "folder/<new1>.bin: <new1> is missing"),
    "token without a name": (with_token(VECTOR), "folder/<new1>.bin: holds a Tensor, expected tensors by key"),
    "token of another shape": (
        with_token({"<new1>": torch.zeros(24)}), "<new1>.bin: <new1> is of shape [24], the base model's of [16]",
    ),
    "another token beside it": (with_token({"<new2>": VECTOR}, "<new2>.bin"), "folder/<new2>.bin: unexpected; "),
    "another token instead": (
        lambda folder: (folder / "<new1>.bin").rename(folder / "<new2>.bin"),
        "folder: must hold one file <new1>.{safetensors,bin,pt}; it has <new2>.bin, pytorch_custom_",
    ),
    "token twice": (
        lambda folder: (folder / "<new1>.safetensors").write_bytes(b""),
        "folder: must hold one file <new1>.{safetensors,bin,pt}; it has <new1>.bin, <new1>.safetensors, ",
    ),
    "empty folder": (
        lambda folder: [file.unlink() for file in folder.iterdir()],
        "folder: must hold one file pytorch_custom_diffusion_weights.{safetensors,bin,pt}; it has no weights",
    ),
    "pickle with code": (
        with_token({"<new1>": Code()}), "folder/<new1>.bin: cannot be read as weights, and no code in it is run (",
    ),
    "token that is cut off": (
        lambda folder: (folder / "<new1>.bin").write_bytes((folder / "<new1>.bin").read_bytes()[:200]),
        "folder/<new1>.bin: cannot be read as weights, and no code in it is run (",
    ),
    "token that is text": (
        replace("<new1>.bin", b"version https://git-lfs"), "folder/<new1>.bin: cannot be read as weights, and ",
    ),
    "empty file": (replace("<new1>.bin", b""), "folder/<new1>.bin: cannot be read as weights, and no code in it is"),
}  # fmt: skip


@pytest.fixture
def customized(base: object, base_folder: Path, tmp_path: Path) -> Path:
    """File of a customized model of the tiny base model, all zeros."""
    shapes = {path: layer.weight.shape for path, layer in projections(base.unet).items()}
    weights = {f"{path}.delta": np.zeros(shape, np.float32) for path, shape in shapes.items()}
    file = tmp_path / "cat_0000.safetensors"
    provenance = artifacts.make_provenance({}, {"base_model": base_folder})
    artifacts.write_tensors(file, {**weights, "<new1>": np.zeros(16, np.float32)}, provenance)
    return file


@pytest.mark.parametrize("mistake", FOLDERS)
def test_a_folder_that_is_no_model_of_diffusers_is_refused(
    mistake: str, base: object, base_folder: Path, customized: Path, tmp_path: Path, capsys: pytest.CaptureFixture
):
    spoil, says = FOLDERS[mistake]
    interchange.write_folder(base, artifacts.read_tensors(customized), tmp_path / "folder", "bin")
    spoil(tmp_path / "folder")
    flags = {"base_model": base_folder, "folder": tmp_path / "folder", "output": customized}
    assert says in refused(import_model.main, tmp_path, **flags)
    assert "code that was run" not in capsys.readouterr().out


def test_a_model_of_another_base_model_is_not_exported(customized: Path, epsilon_folder: Path, tmp_path: Path):
    flags = {"base_model": epsilon_folder, "model": customized, "output": tmp_path / "out"}
    error = refused(export_model.main, tmp_path, **flags)
    assert "cat_0000.safetensors: was made from the base model " in error


def test_a_folder_with_other_files_is_not_exported_to(customized: Path, base_folder: Path, tmp_path: Path):
    artifacts.write_text(tmp_path / "out/<new1>.bin", "another model", sidecar=False)
    flags = {"base_model": base_folder, "model": customized, "output": tmp_path / "out"}
    assert "out/<new1>.bin: exists already; " in refused(export_model.main, tmp_path, **flags)


# Weights of encoders.

CUT = "cannot be read as weights, and no code in it is run ("
ENCODERS: dict[str, tuple[str, str, str]] = {  # the encoder, the file that is cut off or missing, what is said
    "clip_mini": ("data/clip_mini", "open_clip_model.safetensors", f"clip_mini/open_clip_model.safetensors: {CUT}"),
    "dino_mini": ("data/dino_mini", "model.safetensors", f"dino_mini/model.safetensors: {CUT}"),
    "text": ("data/base_model", "text_encoder/model.safetensors", "text: cannot be loaded ("),
}


@pytest.mark.parametrize("encoder", ENCODERS)
def test_weights_of_an_encoder_that_are_cut_off_or_missing_are_refused(
    encoder: str, exemplars: Callable[[bytes], Path], tmp_path: Path
):
    source, file, says = ENCODERS[encoder]
    folder, images = shutil.copytree(projects.ROOT / source, tmp_path / encoder), exemplars(GOOD)
    settings = {"path": str(folder)} if encoder == "text" else {"path": str(folder), "precision": "fp32"}
    os.truncate(folder / file, 5000)
    assert says in embed_exemplars(images, encoder, **settings)
    (folder / file).unlink()
    error = embed_exemplars(images, encoder, **settings)
    assert str(folder) in error
    assert Path(file).name in error


# Features: the synthetic study of `chain.py`, of which a file is spoilt before the head is calibrated.


def features_of(chain: Chain) -> Path:
    return chain.exemplar_features("pixels", "seen")


def with_features(change: Callable[[np.ndarray], dict[str, np.ndarray]], **recorded: object) -> Callable[[Chain], None]:
    """Writes other features of the same exemplars, or other provenance."""

    def spoil(chain: Chain) -> None:
        file = features_of(chain)
        provenance = {**artifacts.read_provenance(file), **recorded}
        artifacts.write_tensors(file, change(artifacts.read_tensors(file)["features"]), provenance)

    return spoil


def as_they_are(rows: np.ndarray) -> dict[str, np.ndarray]:
    return {"features": rows}


def with_nan(rows: np.ndarray) -> dict[str, np.ndarray]:
    return {"features": np.where(np.arange(len(rows))[:, None] == 3, np.nan, rows).astype(np.float32)}


FEATURES: dict[str, tuple[Callable[[Chain], object], str]] = {
    "of another encoder": (
        lambda chain: shutil.copy(chain.exemplar_features("efficientnet_lite0", "seen"), features_of(chain)),
        "seen.safetensors: encoder is 'efficientnet_lite0' in the file's provenance, expected 'pixels'",
    ),
    "without provenance": (
        lambda chain: artifacts.write_tensors(features_of(chain), {"features": np.zeros((14, 24), np.float32)}, {}),
        "seen.safetensors: encoder is None in the file's provenance, expected 'pixels'",
    ),
    "of an unknown source": (
        with_features(as_they_are, inputs={}), "seen.safetensors: features of another version of ",
    ),
    "of other exemplars": (
        with_features(as_they_are, inputs={"source": "0" * 64}),
        "exemplars/seen.parquet; delete the file and run again",
    ),
    "NaN": (with_features(with_nan), "seen.safetensors: row 3 of features holds NaN or infinity; delete the file and"),
    "too few rows": (
        with_features(lambda rows: {"features": rows[1:]}), "seen.safetensors: 13 rows of features, but ",
    ),
    "of another name": (
        with_features(lambda rows: {"feature": rows}), "seen.safetensors: has no array 'features'; it has feature",
    ),
    "of distractors of another encoder": (
        lambda chain: shutil.copy(
            chain.distractor_features("efficientnet_lite0"), chain.distractor_features("pixels")
        ),
        "distractors.safetensors: encoder is 'efficientnet_lite0' in the file's provenance, expected 'pixels'",
    ),
    "of samples of another encoder": (
        lambda chain: shutil.copy(
            chain.sample_features("efficientnet_lite0", "seen", "val_0000"),
            chain.sample_features("pixels", "seen", "val_0000"),
        ),
        "val_0000.safetensors: encoder is 'efficientnet_lite0' in the file's provenance, expected 'pixels'",
    ),
    "with a head of another encoder": (
        lambda chain: shutil.copy(chain.head("efficientnet_lite0", "identity"), chain.head("pixels", "identity")),
        "all.safetensors: encoder is 'efficientnet_lite0' in the file's provenance, expected 'pixels'",
    ),
    "cut off": (lambda chain: os.truncate(features_of(chain), 300), "seen.safetensors: not a valid safetensors file ("),
    "empty": (lambda chain: os.truncate(features_of(chain), 0), "seen.safetensors: not a valid safetensors file ("),
    "missing": (lambda chain: features_of(chain).unlink(), "pixels/exemplars/seen.safetensors"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", FEATURES)
def test_features_that_do_not_fit_are_refused(mistake: str, planted: Chain, tmp_path: Path):
    spoil, says = FEATURES[mistake]
    chain = Chain(shutil.copytree(planted.root, tmp_path / "chain"))
    spoil(chain)
    for sidecar in chain.root.rglob("*.sha256"):  # which would call each of these damaged
        sidecar.unlink()
    artifacts.write_text(chain.calibration("pixels", "identity"), "what an earlier run made")
    before = contents(chain.root)
    with pytest.raises(SystemExit) as stopped:
        cli.run(lambda: calibrate(chain, "pixels", "identity"))
    assert says in one_error(stopped.value.code)
    assert contents(chain.root) == before


# Places that cannot be written to.


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A folder on a file system that is mounted read-only: permissions do not bind root, who runs the tests."""
    folder = tmp_path / "report"
    folder.mkdir()

    def mount(*options: str) -> bool:
        return subprocess.run(["mount", *options, folder], capture_output=True, check=False).returncode == 0

    if not mount("-t", "tmpfs", "tmpfs"):
        pytest.skip("mounting is not allowed here")
    try:
        (folder / "tables").mkdir()
        (folder / "tables/dataset.csv").write_text("what an earlier run made")
        assert mount("-o", "remount,ro", "tmpfs")
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def test_snakemake_finds_a_report_that_is_read_only(read_only: Path, project: Path):
    report = project / "results/smoke/report"
    report.parent.mkdir(parents=True)
    report.symlink_to(read_only, target_is_directory=True)
    try:
        done = projects.snakemake(project, "--config", "study=smoke")
    finally:
        shutil.rmtree(project / "results")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "Write-protected output files for rule dataset_table" in done.stderr
    assert "results/smoke/report/tables/dataset.csv" in done.stderr
    assert (read_only / "tables/dataset.csv").read_text() == "what an earlier run made"


def count_dataset(output: Path, folder: Path) -> str:
    row = {"kind": "object", "case": "pets", "split": "test", "models": 1, "prompts": {"llm": 1, "procedural": 1}}
    row |= {"exemplars": 1, "classes": 1}
    settings = {"rows": [row], "samples_per_prompt": 1}
    return refused(dataset_table.main, folder, output=output, provenance=output.parent / "x.json", settings=settings)


def test_a_report_folder_that_is_read_only_is_refused(read_only: Path):
    says = f"error: {read_only}/tables/dataset.csv: cannot be written (Read-only file system)"
    assert count_dataset(read_only / "tables/dataset.csv", read_only) == says


def test_a_new_folder_in_a_read_only_one_is_refused(read_only: Path):
    error = count_dataset(read_only / "new/dataset.csv", read_only)
    assert error == f"error: {read_only}/new/dataset.csv: cannot be written (Read-only file system)"


@pytest.mark.parametrize("place", ["report/dataset.csv", "report/tables/dataset.csv"])
def test_a_report_folder_that_is_a_file_is_refused(place: str, tmp_path: Path):
    artifacts.write_text(tmp_path / "report", "a file")
    error = count_dataset(tmp_path / place, tmp_path)
    assert error == f"error: {tmp_path / place}: cannot be written ({tmp_path / Path(place).parent} is no folder)"


# The lists of ImageNet classes: which file is spoilt, what it holds, and the answer.
SYNSET = "00000002 03 n 01 animal 0 000 | a living thing\n"
CLASS_LISTS: dict[str, tuple[str, bytes | None, str]] = {
    "no WordNet": ("data.noun", None, "data.noun: No such file or directory"),
    "another file than WordNet's": ("data.noun", b"animal\n", "data.noun:1: expected a noun synset of WordNet 3.0"),
    "id of no synset": ("wnids.txt", b"n00000009\n", "class 'n00000009': not a noun synset of WordNet 3.0; expected"),
    "id without n": ("wnids.txt", b"00000002\n", "class '00000002': not a noun synset of WordNet 3.0; expected"),
    "ids that are not text": ("wnids.txt", b"\xff", "wnids.txt: not UTF-8 text ("),
    "no list of ids": ("wnids.txt", None, "wnids.txt: cannot be read (No such file"),
    "word for no ancestor": ("words.txt", b"00000003\tdog\tdog\n", "class n00000002: none of its hypernyms is"),
    "word without lemma": ("words.txt", b"00000002\tanimal\n", "words.txt: expected an 8-digit offset, a word"),
    "offset named twice": (
        "words.txt", b"00000002\ta\ta\n00000002\tb\ta\n", "words.txt: offset 00000002 is in it twice",
    ),
}  # fmt: skip


@pytest.mark.parametrize("mistake", CLASS_LISTS)
def test_a_list_of_classes_with_a_mistake_is_refused(mistake: str, tmp_path: Path):
    name, data, says = CLASS_LISTS[mistake]
    good = {"data.noun": SYNSET, "wnids.txt": "n00000002\n", "words.txt": "00000002\tanimal\tanimal\n"}
    for file, text in {**good, "classes.txt": "what an earlier run made"}.items():
        (tmp_path / file).write_text(text)
    if data is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_bytes(data)
    flags = {"wordnet": tmp_path, "wnids": tmp_path / "wnids.txt", "words": tmp_path / "words.txt"}
    error = refused(list_imagenet_classes.main, tmp_path, **flags, output=tmp_path / "classes.txt")
    assert says in error


# The command line itself: steps as processes of their own.


def test_a_step_as_a_process_answers_in_one_line(workshop: Workshop, tmp_path: Path):
    (workshop.base / "model_index.json").unlink()
    words = {"class_words": ["cat"], "captions": ["a cat"], "images_per_class_word": 1}
    settings = {"study_seed": 0, "base_model": BASE, **words, **SAMPLING}
    flags = {"--base-model": workshop.base, "--output": workshop.block, "--settings": json.dumps(settings)}
    command = [
        sys.executable,
        "-m",
        "workflow_scripts.steps.regularization",
        *(str(word) for flag in flags.items() for word in flag),
    ]
    before = contents(tmp_path)
    done = subprocess.run(command, cwd=projects.ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert "base: not a base model, lacks model_index.json; " in one_error(done.stderr)
    assert contents(tmp_path) == before
