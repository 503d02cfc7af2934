"""Verify, on a stand-in for the finished smoke study: small files with the provenance that their jobs would write."""

import gzip
import json
import os
import random
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable
from itertools import count
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests import projects
from tests.projects import ROOT
from workflow_scripts import artifacts
from workflow_scripts.commands import verify
from workflow_scripts.ground_truth import shards
from workflow_scripts.operations import alone, repair
from workflow_scripts.operations.integrity import Audit, audit
from workflow_scripts.operations.jobs import Job, jobs
from workflow_scripts.operations.orphans import orphans
from workflow_scripts.operations.recipes import Recipe, Recipes
from workflow_scripts.operations.repair import to_remove
from workflow_scripts.study import checks, layout
from workflow_scripts.study.study import Study


@pytest.fixture(scope="session")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a project whose smoke study is finished; not to be changed."""
    folder = projects.copy_project(tmp_path_factory.mktemp("planted") / "project")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        study = read_study()
        for job in jobs(study):
            plant(study, job)
    return folder


@pytest.fixture
def project(planted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, and the working directory."""
    shutil.copytree(planted, tmp_path / "project")
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "project"


def read_study() -> Study:
    return checks.named_study("smoke", Path())


def provenance(recipe: Recipe) -> dict:
    return {"settings": recipe.settings, "inputs": {name: given.value for name, given in recipe.inputs.items()}}


def plant(study: Study, job: Job) -> None:
    """Writes what a job makes."""
    recipes = Recipes(artifacts.input_hash)
    for file in map(Path, (job.log, job.benchmark)):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(job.record)
    if job.is_shard:
        plant_shard(job, recipes)
        return
    recipe = recipes.of_output(job)
    made = provenance(recipe) if recipe else {}
    for file, number in zip(map(Path, job.outputs), count()):
        if number or not recipe:
            artifacts.write_text(file, f"{file}\n")
        elif file.suffix == ".json":
            artifacts.write_json(file, {"provenance": made})
        elif file.suffix == ".parquet":
            artifacts.write_table(file, exemplars(study, file.stem), made)
        elif job.rule == "regularization":
            words = recipe.settings["class_words"]
            latents = {f"{word}.latents": np.full(3, i, np.float32) for i, word in enumerate(words)}
            artifacts.write_tensors(file, latents, {**made, "captions": {word: [f"a {word}"] for word in words}})
        else:
            artifacts.write_tensors(file, {"features": np.zeros(9, np.float32)}, made)


def exemplars(study: Study, name: str) -> pd.DataFrame:
    found = study.cases[name].models.values() if name in study.cases else []
    rows = [(model.name, k) for split in found for model in split for k in range(2)]
    table = pd.DataFrame(rows, columns=["model", "k"])
    return table.assign(sha256=[f"{model}/{k}" for model, k in rows])


def plant_shard(job: Job, recipes: Recipes) -> None:
    manifest = Path(job.outputs[0])
    checklist = shards.checklist_of(manifest)
    for file, recipe in recipes.of_parts(job):
        file.parent.mkdir(parents=True, exist_ok=True)
        if job.rule == "finetune":
            artifacts.write_tensors(file, {"token": np.zeros(9)}, provenance(recipe), checklist)
        else:
            artifacts.write_table(file, pd.DataFrame({"seed": range(9)}), provenance(recipe), checklist)
    parts = [shards.Part(file, {}) for file in job.made_with.files()]
    shards.write_manifest(manifest, job.made_with, parts, artifacts.read_hashes(checklist))


def check() -> Audit:
    return audit(jobs(read_study()))


def flip(file: Path) -> None:
    """Changes one bit at a random place, the same each time."""
    data = bytearray(file.read_bytes())
    data[random.Random(str(file)).randrange(len(data))] ^= 1
    file.write_bytes(data)


def job_of(rule: str) -> Job:
    return next(job for job in jobs(read_study()) if job.rule == rule)


def files(found: Iterable) -> list[str]:
    return [str(finding.file) for finding in found]


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["verify", "--study", "smoke", *arguments])
    try:
        verify.main()
    except SystemExit as ended:
        return ended.code
    return 0


def test_a_finished_study_is_whole(project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture):
    assert run(monkeypatch) == 0
    planned = len(jobs(read_study()))
    said = capsys.readouterr().out
    assert said.startswith(f"smoke: {planned} jobs done, 0 to do; ")
    assert said.endswith(": 0 corrupt, 0 stale, 0 orphaned.\n")


def test_a_flipped_bit_is_found_in_what_every_rule_makes(project: Path):
    damaged = list({job.rule: job for job in jobs(read_study())}.values())  # the last job of each rule
    for job in damaged:
        flip(Path(job.outputs[-1]))
    found = check()
    assert [(finding.file, finding.job) for finding in found.corrupt] == [(Path(j.outputs[-1]), j) for j in damaged]
    assert not found.stale and not found.unfinished


@pytest.mark.parametrize("rule", ["finetune", "sample"])
def test_a_flipped_bit_and_a_lost_file_of_a_single_model_are_found(project: Path, rule: str):
    job = job_of(rule)
    first, second = (Path(job.outputs[0]).with_name(name) for name in listed(job)[:2])
    flip(first)
    second.unlink()
    found = check()
    assert files(found.corrupt) == [str(first), str(second)]
    assert [finding.reason for finding in found.corrupt] == [
        "its bytes are not those that were written",
        f"is gone, but {job.outputs[0]} lists it",
    ]
    assert not found.stale and not found.unfinished


def listed(job: Job) -> list[str]:
    return [entry["file"] for entry in artifacts.read_json(job.outputs[0])["models"]]


def test_a_file_of_a_single_model_is_made_again_with_the_manifest(project: Path):
    job = job_of("finetune")
    model = Path(job.outputs[0]).with_name(listed(job)[1])
    flip(model)
    (finding,) = check().corrupt
    assert to_remove(finding) == [model, Path(job.outputs[0])]


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The targets of each run of Snakemake, in place of which the study is planted again."""
    targets = []

    def plant_again(command: list[str], check: bool) -> subprocess.CompletedProcess:
        targets.append(command[command.index("--") + 1 :])
        for job in jobs(read_study()):
            if not targets[-1][0:1] or set(job.outputs) & set(targets[-1]):
                plant(read_study(), job)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(repair.subprocess, "run", plant_again)
    return targets


def test_each_rule_is_repaired_after_those_before_it_and_what_came_out_the_same_has_its_old_time(
    project: Path, ran: list, monkeypatch: pytest.MonkeyPatch
):
    first, last = job_of("select_exemplars"), job_of("train_head")
    untouched, *damaged = last.outputs[0], last.outputs[1], first.outputs[0]
    before = {file: artifacts.sidecar_of(file).stat().st_mtime_ns for file in damaged}
    before[untouched] = Path(untouched).stat().st_mtime_ns
    flip(Path(last.outputs[1]))
    flip(Path(first.outputs[0]))
    assert run(monkeypatch, "--repair") == 0
    assert ran == [list(first.outputs), list(last.outputs)]  # a job makes all its outputs
    assert {file: Path(file).stat().st_mtime_ns for file in before} == before
    assert run(monkeypatch) == 0


@pytest.mark.parametrize("damage", [flip, Path.unlink])
def test_a_sidecar_alone_is_found_and_nothing_that_depends_on_its_file_is_made_again(
    project: Path, ran: list, monkeypatch: pytest.MonkeyPatch, damage: Callable[[Path], None]
):
    output = Path(job_of("embed_distractors").outputs[0])
    time = output.stat().st_mtime_ns
    damage(artifacts.sidecar_of(output))
    assert files(check().corrupt) == [str(output)]
    assert run(monkeypatch, "--repair") == 0
    assert ran == [[str(output)]]
    assert output.stat().st_mtime_ns == time
    assert run(monkeypatch) == 0


@pytest.mark.parametrize(
    ("damage", "ends"), [(flip, "killed"), (lambda file: artifacts.sidecar_of(file).unlink(), "failed")]
)
@pytest.mark.parametrize("rule", ["select_exemplars", "finetune", "train_head"])
def test_what_a_repair_removed_before_it_was_killed_or_failed_is_found_and_made_again(
    project: Path, rule: str, damage: Callable[[Path], None], ends: str, monkeypatch: pytest.MonkeyPatch, request
):
    job = job_of(rule)
    file = Path(job.outputs[0])
    before = {each: Path(each).read_bytes() for each in (*job.outputs, *job.parts)}
    time = artifacts.sidecar_of(file).stat().st_mtime_ns
    damage(file)

    def end(command: list[str], check: bool) -> subprocess.CompletedProcess:
        for output in job.outputs:  # as Snakemake does when a job starts
            Path(output).unlink(missing_ok=True)
        if ends == "killed":
            raise KeyboardInterrupt
        return subprocess.CompletedProcess(command, 1)

    with monkeypatch.context() as patch:
        patch.setattr(repair.subprocess, "run", end)
        with pytest.raises((KeyboardInterrupt, ValueError)):
            run(patch, "--repair")
    reason = f"is gone, but {file}.sha256 is here"
    assert {(str(found.file), found.reason) for found in check().corrupt} == {(each, reason) for each in job.outputs}
    assert run(monkeypatch) == 1
    assert request.getfixturevalue("ran") == []
    assert run(monkeypatch, "--repair") == 0
    assert {each: Path(each).read_bytes() for each in before} == before
    assert damage is not flip or file.stat().st_mtime_ns == time
    assert run(monkeypatch) == 0


@pytest.mark.parametrize("left", ["sidecar", "checklist", "model"])
def test_a_shard_of_which_a_trace_is_left_is_not_absent(project: Path, left: str):
    job = job_of("finetune")
    manifest = Path(job.outputs[0])
    trace = {
        "sidecar": artifacts.sidecar_of(manifest),
        "checklist": shards.checklist_of(manifest),
        "model": Path(job.parts[0]),
    }[left]
    remove(job, trace)
    (finding,) = check().corrupt
    assert (finding.file, finding.reason) == (manifest, f"is gone, but {trace} is here")


def remove(job: Job, but: Path | None = None) -> None:
    """Removes all that a job has made, as if it had not been pulled; but not one of the files."""
    files = map(Path, (*job.outputs, *map(artifacts.sidecar_of, job.outputs), *job.parts))
    for file in {*files, shards.checklist_of(Path(job.outputs[0]))} - {but}:
        file.unlink(missing_ok=True)


@pytest.mark.parametrize("damage", [flip, Path.unlink, lambda file: file.write_bytes(file.read_bytes() + b"x")])
def test_a_checklist_is_written_from_its_manifest_without_a_job(
    project: Path, ran: list, monkeypatch: pytest.MonkeyPatch, damage: Callable[[Path], None]
):
    checklist = shards.checklist_of(Path(job_of("sample").outputs[0]))
    before = checklist.read_bytes()
    damage(checklist)
    assert files(check().corrupt) == [str(checklist)]
    assert run(monkeypatch, "--repair") == 0
    assert ran == [] and checklist.read_bytes() == before


def test_a_model_that_is_damaged_with_its_manifest_is_named(project: Path):
    job = job_of("finetune")
    model = Path(job.outputs[0]).with_name(listed(job)[1])
    flip(model)
    flip(Path(job.outputs[0]))
    assert files(check().corrupt) == sorted([str(model), job.outputs[0]])


def test_nothing_is_made_from_a_damaged_input_and_nothing_is_called_stale(
    project: Path, ran: list, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    recorded = f"stages:\n  base_model:\n    outs:\n    - path: data/base_model\n      md5: {'0' * 32}.dir\n"
    Path("dvc.lock").write_text(recorded)
    Path("data/base_model/unet/diffusion_pytorch_model.safetensors").write_text("damaged")
    flip(Path(job_of("finetune").outputs[0]))
    assert run(monkeypatch, "--repair") == 1
    said = capsys.readouterr().out
    assert re.match(r"damaged inputs:\n  data/base_model: is not what dvc\.lock says \(.*\)\n\ncorrupt:\n", said)
    assert "before all else:\nrm -r data/base_model && dvc pull data/base_model && find data/base_model -type f" in said
    assert said.endswith(": 1 damaged inputs, 1 corrupt, 0 stale, 0 orphaned.\n")
    assert ran == []


def test_a_broken_sidecar_is_found(project: Path):
    output = Path(job_of("evaluate").outputs[0])
    artifacts.sidecar_of(output).write_text("")
    (finding,) = check().corrupt
    assert finding.file == output
    assert finding.reason == f"its recorded hash cannot be read: {output}.sha256: not a line of sha256sum"


WRONG = {  # readable, with a sidecar that fits, but not as we write it
    "settings": lambda file, made: {**made, "settings": ["deep"]},
    "inputs": lambda file, made: {**made, "inputs": 3},
    "no record": lambda file, made: [made],
    "deep": lambda file, made: {**made, "settings": deep(900)},
    "a surrogate": lambda file, made: {**made, "inputs": {"\ud800\n  rm -rf /": "x"}},
}


def deep(levels: int) -> list:
    return [deep(levels - 1)] if levels else []


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("rule", ["evaluate", "embed_distractors", "select_exemplars", "regularization"])
def test_a_wrong_provenance_is_one_finding_and_the_audit_goes_on(
    project: Path, rule: str, wrong: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    file = Path(job_of(rule).outputs[0])
    made = WRONG[wrong](file, artifacts.read_provenance(file))
    if file.suffix == ".json":
        artifacts.write_text(file, json.dumps({"provenance": made}))
    elif file.suffix == ".parquet":
        monkeypatch.setattr(artifacts.tables, "canonical_json", json.dumps)
        artifacts.write_table(file, artifacts.read_table(file), made)
    else:
        monkeypatch.setattr(artifacts.tensors, "canonical_json", json.dumps)
        artifacts.write_tensors(file, artifacts.read_tensors(file), made)
    other = Path(job_of("calibrate").outputs[0])
    flip(other)
    found = check()
    assert {str(other), str(file)} <= set(files([*found.corrupt, *found.stale]))
    assert run(monkeypatch) == 1
    assert "\n  rm" not in capsys.readouterr().out


def test_wrong_files_of_others_are_findings(project: Path):
    """Whatever lies where an artefact should: the audit ends, and names it."""
    finetune, sample, evaluate = job_of("finetune"), job_of("sample"), job_of("evaluate")
    fifo, folder, manifest = Path(evaluate.outputs[0]), Path(job_of("calibrate").outputs[0]), Path(sample.outputs[0])
    fifo.unlink()
    os.mkfifo(fifo)
    folder.unlink()
    folder.mkdir()
    record = artifacts.read_json(manifest)
    record["models"][0]["file"] = "../../../../config/config.yaml"
    artifacts.write_json(manifest, record)
    models = Path(finetune.outputs[0])
    artifacts.write_text(models, "[" * 100_000)
    sidecar = artifacts.sidecar_of(job_of("embed_distractors").outputs[0])
    sidecar.unlink()
    os.mkfifo(sidecar)
    rows = pd.DataFrame({"model": ["cat"] * 2_000_000, "k": 0, "sha256": "x"})
    exemplars = Path(job_of("select_exemplars").outputs[0])
    artifacts.write_table(exemplars, rows, artifacts.read_provenance(exemplars))
    found = check()
    reasons = {str(finding.file): finding.reason for finding in found.corrupt}
    assert (
        reasons[str(fifo)] == f"cannot be read: {fifo}: is no file that can be read, but a folder, a pipe or a device"
    )
    assert "is no file that can be read" in reasons[str(folder)]
    assert "no path within results/smoke/samples" in reasons[str(manifest)]
    assert "JSON of more than 50 levels" in reasons[str(models)]
    assert reasons[str(exemplars)].startswith(f"{exemplars}: not a table of ours: 2,000,000 rows of ")
    assert str(sidecar) in reasons[str(sidecar.with_suffix(""))]
    assert all(file.is_relative_to("results/smoke") for finding in found.corrupt for file in to_remove(finding))


def test_a_kept_list_of_others_says_nothing(project: Path):
    kept = Path("results/smoke", layout.JOBS)
    plan = json.loads(gzip.decompress(kept.read_bytes()))
    plan["jobs"][0]["outputs"] = ["/etc/passwd"]
    kept.write_bytes(gzip.compress(json.dumps(plan).encode()))
    assert "/etc/passwd" not in [output for job in jobs(read_study()) for output in job.outputs]
    kept.unlink()
    os.mkfifo(kept)
    assert len(jobs(read_study())) == len(plan["jobs"])


def change_study(old: str, new: str) -> None:
    file = Path("config/studies/smoke.yaml")
    text = file.read_text()
    assert text.count(old) == 1
    file.write_text(text.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new", "rules", "reason"),
    [
        (
            "  steps: 4                        # ours\n  views",
            "  steps: 5\n  views",
            {"finetune"},
            "customization.steps 4, the",
        ),
        ("  count: 200 ", "  count: 199 ", {"select_distractors"}, "made with count 200, the study says 199"),
        ("  size: 16 ", "  size: 17 ", {"embed_exemplars", "embed_distractors", "embed_samples"}, "made with size 16"),
    ],
)
def test_a_changed_setting_is_told(project: Path, old: str, new: str, rules: set[str], reason: str):
    change_study(old, new)
    found = check()
    assert {finding.job.rule for finding in found.stale} == rules
    assert any(reason in finding.reason for finding in found.stale)
    assert not found.corrupt


def test_a_changed_input_is_told_where_it_was_read(project: Path):
    job = job_of("regularization")
    recipe = Recipes(artifacts.input_hash).of_output(job)
    words = recipe.settings["class_words"]
    latents = {f"{word}.latents": np.full(3, 100 + i, np.float32) for i, word in enumerate(words)}
    captions = {word: [f"a {word}"] for word in words}
    artifacts.write_tensors(job.outputs[0], latents, {**provenance(recipe), "captions": captions})
    found = check()
    assert {finding.reason for finding in found.stale} == {f"made from another {job.outputs[0]}"}
    assert {finding.job.rule for finding in found.stale} == {"finetune"}


def test_another_base_model_makes_all_that_was_made_from_it_stale(project: Path):
    Path("data/base_model/unet/diffusion_pytorch_model.safetensors").write_text("another")
    found = check()
    encoded = {finding.job for finding in found.stale if finding.job.rule.startswith("embed")}
    assert encoded == {job for job in jobs(read_study()) if job.record.startswith("embed/text.")}  # which reads it, too
    assert {finding.job.rule for finding in found.stale} >= {"regularization", "finetune", "sample"}
    assert {finding.reason for finding in found.stale} == {"made from another data/base_model"}


def test_the_recipe_of_a_job_names_all_that_it_reads(project: Path):
    recipes, unnamed = Recipes(lambda path: None), {}
    for job in jobs(read_study()):
        made_from = [] if job.is_shard else [given.source for given in recipes.of_output(job).inputs.values()]
        for name, files in {} if job.is_shard else job.inputs.items():
            if not all(any(Path(file).is_relative_to(source) for source in made_from) for file in files):
                unnamed[job.rule, name] = files[0]
    assert not unnamed


@pytest.mark.parametrize(
    "rule",
    [
        *("select_distractors", "embed_distractors", "train_head", "calibrate", "attribute", "evaluate"),
        *("tabulate", "plot", "gallery", "dataset_table", "index"),
    ],
)
def test_an_input_made_anew_is_told(project: Path, rule: str):
    job = job_of(rule)
    inputs = Recipes(lambda path: None).of_output(job).inputs.values()
    *_, source = (given.source for given in inputs if given.source.is_relative_to("results"))
    write_anew(source)
    assert f"made from another {source}" in [finding.reason for finding in check().stale if finding.job == job]


def write_anew(file: Path) -> None:
    """Other contents, of the same provenance."""
    if file.suffix == ".json":
        artifacts.write_json(file, {**artifacts.read_json(file), "new": 1})
    elif file.suffix == ".safetensors":
        artifacts.write_tensors(file, {"new": np.ones(9)}, artifacts.read_provenance(file))
    elif file.suffix == ".parquet":
        artifacts.write_table(file, artifacts.read_table(file).assign(new=1), artifacts.read_provenance(file))
    else:
        artifacts.write_text(file, "new")


def test_an_unfinished_study_is_no_fault(project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture):
    job = job_of("index")
    Path(job.outputs[0]).unlink()
    assert run(monkeypatch) == 0
    assert f"missing:\n  index: 1 to do, such as {job.outputs[0]}\n" in capsys.readouterr().out


def test_what_is_gone_but_not_needed_is_not_missing(project: Path, monkeypatch, capsys: pytest.CaptureFixture):
    remove(job_of("sample"))
    assert run(monkeypatch) == 0
    said = capsys.readouterr().out
    assert "missing" not in said and "jobs done, 1 not here and not needed, 0 to do; " in said


def test_without_its_record_a_file_of_the_report_is_to_be_made_again(project: Path, monkeypatch, capsys):
    record, *_ = job_of("plot").outputs
    for file in (record, f"{record}.sha256"):
        Path(file).unlink()
    assert run(monkeypatch) == 0
    assert f"missing:\n  plot: 1 to do, such as {record}\n" in capsys.readouterr().out


def test_nor_is_one_that_has_not_begun(project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture):
    shutil.rmtree("results")
    assert run(monkeypatch) == 0
    assert capsys.readouterr().out.startswith("missing:\n  everything: no job is done\n")


def test_what_has_no_recorded_hash_is_not_proven(project: Path):
    for sidecar in Path("results").rglob("*.sha256"):
        sidecar.unlink()
    found = check()
    everything = {path for job in jobs(read_study()) for path in (*job.outputs, *job.parts)}
    assert everything <= set(files(found.corrupt))
    assert {finding.reason for finding in found.corrupt if str(finding.file) in everything} == {
        "its hash was not recorded"
    }


def test_what_no_job_makes_is_orphaned(project: Path):
    strays = [
        "features/removed/distractors.safetensors",
        "logs/removed.log",
        "models/emoji_seen/removed_0000.safetensors",
        "models/emoji_seen/removed_0000.safetensors.sha256",
        "scores/x.parquet.sha256",
    ]
    for name in strays:
        Path("results/smoke", name).parent.mkdir(parents=True, exist_ok=True)
        Path("results/smoke", name).touch()
    assert orphans("smoke", jobs(read_study())) == [Path("results/smoke", name) for name in strays]


def test_the_logs_of_rules_outside_the_plan_are_not_orphaned():
    rules = "".join(file.read_text() for file in (ROOT / "rules").glob("*.smk"))
    logs = re.findall(r"results/{STUDY\.name}/logs/(\w+)\.log", rules)
    assert "publish" in logs
    assert set(logs) <= set(layout.FOR_ITSELF)


def test_what_a_worker_holds_is_not_orphaned(project: Path):
    manifest = Path(job_of("finetune").outputs[0])
    host = socket.gethostname()
    alive, dead = (manifest.with_name(f"a.{host}.{process}.part") for process in (os.getpid(), 2**22 + 1))
    young, old = (manifest.with_name(f"{name}.elsewhere.1.part") for name in "bc")
    for part in (alive, dead, young, old):
        part.touch()
    os.utime(old, (0, 0))
    left = manifest.with_name("left.lock")
    left.touch()
    with shards.locked(manifest):
        assert orphans("smoke", jobs(read_study())) == sorted([dead, old, left])


def test_links_are_not_followed(project: Path, tmp_path: Path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/file").touch()
    Path("results/smoke/link").symlink_to(tmp_path / "elsewhere")
    Path("results/smoke/scores").rename(tmp_path / "scores")
    Path("results/smoke/scores").symlink_to(tmp_path / "scores")
    assert orphans("smoke", jobs(read_study())) == [Path("results/smoke/link")]
    assert not check().corrupt and not check().unfinished


def test_orphans_are_removed_after_asking(project: Path, tmp_path: Path, monkeypatch, capsys):
    stray = Path("results/smoke/features/removed/distractors.safetensors")
    stray.parent.mkdir()
    stray.write_bytes(b"12345")
    (tmp_path / "elsewhere").touch()
    Path("results/smoke/link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ValueError, match="standard input: is not a terminal, so nobody can confirm; --yes"):
        run(monkeypatch, "--clean-orphans")
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    for answer in ("", "n"):
        monkeypatch.setattr("builtins.input", lambda question, answer=answer: answer)
        run(monkeypatch, "--clean-orphans")
        assert stray.exists()
    assert f"  {stray} (5.00B)" in capsys.readouterr().out
    monkeypatch.setattr("builtins.input", lambda question: "y")
    run(monkeypatch, "--clean-orphans")
    assert not stray.parent.exists() and not Path("results/smoke/link").is_symlink()
    assert (tmp_path / "elsewhere").exists()
    assert Path("results/smoke/features/pixels").is_dir()
    run(monkeypatch, "--clean-orphans", "--yes")
    assert "nothing is orphaned" in capsys.readouterr().out


def test_nothing_is_removed_while_snakemake_works(project: Path, monkeypatch):
    Path("results/smoke/stray").touch()
    flip(damaged := Path(job_of("train_head").outputs[0]))
    for arguments in (["--clean-orphans", "--yes"], ["--repair"]):
        with (
            alone.held(),
            pytest.raises(ValueError, match=r"snakemake is at work here: process \d+ on .*; wait for it"),
        ):
            run(monkeypatch, *arguments)
    assert Path("results/smoke/stray").exists() and damaged.exists()


def test_what_a_killed_run_left_behind_is_in_nobodys_way(project: Path, ran: list, monkeypatch: pytest.MonkeyPatch):
    Path("results/smoke/stray").touch()
    Path(".snakemake/locks").mkdir(parents=True, exist_ok=True)
    Path(".snakemake/locks/0.output.lock").touch()
    flip(Path(job_of("train_head").outputs[0]))
    run(monkeypatch, "--clean-orphans", "--yes")
    assert run(monkeypatch, "--repair") == 0 and ran


def test_what_others_wrote_with_its_hash_is_no_measure_of_a_repair(project: Path, ran: list, monkeypatch):
    manifest = Path(job_of("finetune").outputs[0])
    record = artifacts.read_json(manifest)
    record["models"][0]["file"] = "../../victim.txt"
    artifacts.write_json(manifest, record)  # and its sidecar
    assert run(monkeypatch, "--repair") == 0
    assert ran and run(monkeypatch) == 0


def test_a_link_to_itself_stands_in_nobodys_way(project: Path, ran: list, monkeypatch: pytest.MonkeyPatch):
    for file in (Path(job_of("finetune").parts[0]), Path(job_of("select_exemplars").outputs[0])):
        file.unlink()
        file.symlink_to(file.name)
    assert run(monkeypatch, "--repair") == 0
    assert len(ran) == 2 and run(monkeypatch) == 0


def test_what_came_out_with_other_bytes_is_named(project: Path, ran: list, monkeypatch: pytest.MonkeyPatch, capsys):
    head = Path(job_of("train_head").outputs[0])
    flip(head)
    artifacts.sidecar_of(head).write_text(f"{'0' * 64}  {head.name}\n")  # what another machine had made
    assert run(monkeypatch, "--repair") == 1
    says = capsys.readouterr().out
    assert f"other bytes, as on another kind of machine:\n  {head}\n" in says
    assert "--config study=smoke\n" in says


def test_an_unknown_study_is_refused_by_name(project: Path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["verify", "--study", "smok"])
    with pytest.raises(ValueError, match=r"'smok' has no file config/studies/smok\.yaml; studies: .*smoke"):
        verify.main()
