"""A flipped bit in any kind of artefact is found, and the commands that verify prints make the study whole again."""

import random
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.runs import RESULTS, Project, job_of, read_study
from workflow_scripts import artifacts
from workflow_scripts.ground_truth.shards import checklist_of
from workflow_scripts.operations.jobs import Job, jobs

KINDS = dict.fromkeys((job.rule, suffix) for job in jobs(read_study()) for suffix in ("", "model")[: 1 + job.is_shard])
VERIFY = (sys.executable, "-m", "workflow_scripts.commands.verify", "--study", "smoke")


def verify(project: Project) -> tuple[int, str]:
    done = subprocess.run(VERIFY, cwd=project.folder, capture_output=True, text=True)
    assert not done.stderr
    return done.returncode, done.stdout


def corrupt(said: str) -> list[tuple[str, str]]:
    """File and job of each corrupt file that verify names."""
    return re.findall(r"^  (\S+): its bytes are not those that were written \(job (\S+)\)$", said, re.MULTILINE)


def commands(said: str) -> str:
    """The commands that verify prints, to make files again."""
    return "\n".join(re.findall(r"^To make [^\n]* again.*?:\n(.*?)\n\n", said, re.MULTILINE | re.DOTALL))


def is_manifest(file: str) -> bool:
    return ".json" in file


def flip(project: Project, file: str) -> None:
    """Flips a bit at a random place, the same each time."""
    path, chance = project.folder / file, random.Random(file)
    data = bytearray(path.read_bytes())
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    path.write_bytes(data)


def file_of_a_model(project: Project, job: Job) -> str:
    """One of the files beside a shard's manifest."""
    manifest = Path(job.outputs[0])
    entries = artifacts.read_json(project.folder / manifest)["models"]
    return str(manifest.with_name(random.Random(job.record).choice(entries)["file"]))


@pytest.mark.parametrize("kind", KINDS, ids=" ".join)
def test_a_flipped_bit_is_found_in_every_kind_of_artefact(kind: tuple[str, str], project: Project):
    rule, of_model = kind
    job = random.Random(rule).choice([job for job in jobs(read_study()) if job.rule == rule])
    file = file_of_a_model(project, job) if of_model else random.Random(rule).choice(job.outputs)
    flip(project, file)
    code, said = verify(project)
    assert code == 1
    assert corrupt(said) == [(file, job.record)]
    assert said.endswith(": 1 corrupt, 0 stale, 0 orphaned.\n")


@pytest.mark.parametrize(
    "damage",
    [
        {"finetune emoji_seen.test_0000": "model"},
        {"train_head pixels.linear.object+style": ""},  # larger than what Snakemake compares by checksum
        {"sample emoji_seen.val_0000": "model", "embed_distractors pixels": "", "evaluate text.linear": "", "plot": ""},
    ],
    ids=["a model", "a large file", "several"],
)
def test_the_commands_of_verify_make_again_what_is_corrupt_and_that_alone(damage: dict[str, str], project: Project):
    before = project.contents()
    assert verify(project)[0] == 0
    for name, of_model in damage.items():
        job = job_of(*name.split())
        flip(project, file_of_a_model(project, job) if of_model else job.outputs[0])
    said = verify(project)[1]
    damaged = {file.removeprefix(f"{RESULTS}/") for file, _ in corrupt(said)}
    assert len(damaged) == len(damage)
    models = {file: time for file, time in project.times().items() if file.startswith(("models/", "samples/"))}
    done = subprocess.run(["bash", "-c", commands(said)], cwd=project.folder, capture_output=True, text=True)
    assert done.stderr.count("1 of 1 steps (100%) done") == len(damage), done.stderr
    assert project.contents() == before
    times = project.times()
    assert {file for file, time in models.items() if times[file] != time and not is_manifest(file)} <= damaged
    assert verify(project)[0] == 0
    assert "Nothing to be done" in project.plan()


def test_a_report_of_damaged_numbers_is_stale_once_they_are_mended(project: Project):
    before = project.contents()
    metrics = project.folder / job_of("evaluate", "text.linear").outputs[0]
    metrics.write_text(re.sub(r'("mAP": \{[^}]*"value": )[\d.]+', r"\g<1>0.987", metrics.read_text()))
    artifacts.sidecar_of(metrics).unlink()  # else no step would read it
    project.finish()
    wrong = project.contents()
    assert wrong["report/table.csv"] != before["report/table.csv"]
    for _ in range(2):  # the numbers, then the report
        done = subprocess.run(["bash", "-c", commands(verify(project)[1])], cwd=project.folder, capture_output=True)
        assert done.returncode == 0, done.stderr
    assert project.contents() == before
    assert verify(project)[0] == 0


def test_without_the_time_of_a_large_file_all_that_depends_on_it_would_run(project: Project):
    job = job_of("train_head", "pixels.linear.object+style")
    (project.folder / job.outputs[0]).touch()
    assert "calibrate" in project.plan()


def test_sha256sum_proves_every_file(project: Project):
    checklists = sorted(str(file.relative_to(project.folder)) for file in (project.folder / RESULTS).rglob("*.sha256"))
    of_outputs = [f"{output}.sha256" for job in jobs(read_study()) for output in job.outputs]
    of_models = [str(checklist_of(Path(job.outputs[0]))) for job in jobs(read_study()) if job.is_shard]
    assert checklists == sorted(of_outputs + of_models)
    for checklist in map(project.folder.joinpath, checklists):
        done = subprocess.run(["sha256sum", "--check", "--strict", "--quiet", checklist.name], cwd=checklist.parent)
        assert done.returncode == 0
