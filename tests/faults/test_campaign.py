"""A campaign of random damage to two or three files at once, of any kind: all is named and repaired, bit for bit.

A trial's seed is in its name; this repeats one: pytest tests/faults/test_campaign.py --long -k 'seed17-'
"""

import random
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.runs import RESULTS, Project, read_study
from tests.projects import ROOT
from workflow_scripts import artifacts
from workflow_scripts.ground_truth import shards
from workflow_scripts.operations.jobs import jobs

TRIALS, FEW = 60, 3
DATA = ("base_model", "clip_mini", "corpus")  # what the study reads, which DVC keeps
ROUNDS = 4  # of verify and its commands, at most: what a repair brings to light is repaired in the next one
VERIFY = (sys.executable, "-m", "workflow_scripts", "verify", "--study", "smoke")
TO_DO = re.compile(r"^To (?!remove orphaned)[^\n]*:\n(.*?)\n\n", re.MULTILINE | re.DOTALL)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    seeds = range(TRIALS if metafunc.config.getoption("--long") else FEW)
    metafunc.parametrize("seed", seeds, ids=lambda seed: f"seed{seed}-")


@dataclass(frozen=True)
class Target:
    """A file that may be damaged, relative to the project."""

    file: str
    kind: str  # all kinds are damaged equally often
    witnesses: tuple[str, ...]  # files that prove it


def targets() -> Iterator[Target]:
    """Everything that a finished study consists of."""
    for job in jobs(read_study()):
        for output in job.outputs:
            yield Target(output, job.rule, (f"{output}.sha256",))
            yield Target(f"{output}.sha256", "sidecar", (output,))
        if job.is_shard:
            manifest, checklist = job.outputs[0], str(shards.checklist_of(Path(job.outputs[0])))
            yield Target(checklist, "checklist", (manifest,))
            for file in job.parts:
                yield Target(file, f"{job.rule} of a model", (manifest, f"{manifest}.sha256", checklist))
    for folder in (ROOT / "data" / name for name in DATA):
        files = sorted(str(file.relative_to(ROOT)) for file in folder.rglob("*") if file.is_file())
        yield from (Target(file, "data", tuple(files)) for file in files)


TARGETS = {target.file: target for target in targets()}
OUTPUTS = {output for job in jobs(read_study()) for output in job.outputs}


def choose(chance: random.Random) -> list[str]:
    """Two or three files; half of the time, the second is a witness of the first."""
    of_kind = defaultdict(list)
    for target in TARGETS.values():
        of_kind[target.kind].append(target.file)
    count, chosen = chance.choice([2, 3]), [chance.choice(of_kind[chance.choice(list(of_kind))])]
    if chance.random() < 0.5:
        chosen.append(chance.choice(TARGETS[chosen[0]].witnesses))
    while len(chosen) < count:
        file = chance.choice(of_kind[chance.choice(list(of_kind))])
        chosen += [file] * (file not in chosen)
    return chosen


def damage(path: Path, chance: random.Random) -> str:
    """Damages a file; returns how."""
    data = bytearray(path.read_bytes())
    start = chance.randrange(len(data))
    match chance.choice(["a bit is flipped", "cut off", "zeros", "more bytes", "another file in its place", "removed"]):
        case "a bit is flipped" as way:
            data[start] ^= 1 << chance.randrange(8)
        case "cut off" as way:
            del data[start:]
        case "zeros" as way:  # a block that never reached the disk
            data[start:] = bytes(len(data) - start)
        case "more bytes" as way:
            data += chance.randbytes(9)
        case "another file in its place" as way:
            others = sorted(file for file in path.parent.glob(f"*{path.suffix}") if file.read_bytes() != data)
            data = bytearray(chance.choice(others).read_bytes() if others else b"{}")
        case way:
            path.unlink()
            return way
    if data == path.read_bytes():  # it was zeros before
        data[start] ^= 1
    path.write_bytes(data)
    return way


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """One for all trials, with data of its own, which DVC keeps. Each trial begins with the results of before."""
    if not (ROOT / RESULTS / "report/index.html").is_file():
        pytest.fail(f"{RESULTS} is not there; make it with: make demo STUDY=smoke")
    project = Project(tmp_path_factory.mktemp("campaign") / "project")
    (project.folder / "data").unlink()
    for name in DATA:
        shutil.copytree(ROOT / "data" / name, project.folder / "data" / name)
    for file in (".dvc/config", "dvc.lock", "dvc.yaml"):
        (project.folder / file).parent.mkdir(exist_ok=True)
        shutil.copy2(ROOT / file, project.folder / file)
    (project.folder / ".dvc/config.local").write_text("[core]\n    no_scm = true\n")
    (project.folder / "dvcstore").symlink_to(ROOT / "dvcstore")
    return project


@pytest.fixture(scope="module")
def whole(project: Project) -> dict[str, str]:
    """Its contents before any damage."""
    return contents(project)


def contents(project: Project) -> dict[str, str]:
    """SHA-256 of results and data, by path."""
    data = (file for file in (project.folder / "data").rglob("*") if file.is_file())
    results = {f"{RESULTS}/{name}": digest for name, digest in project.contents().items()}
    return results | {str(file.relative_to(project.folder)): artifacts.file_hash(file) for file in data}


def put_right(project: Project, whole: dict[str, str]) -> None:
    """Undoes what a failed trial has left, and gives all files their old times, that no trial pays for the last one."""
    now = contents(project)
    for name in now.keys() | whole.keys():
        if now.get(name) != whole.get(name):
            (project.folder / name).unlink(missing_ok=True)
    for name in whole:
        copy = shutil.copystat if (project.folder / name).exists() else shutil.copy2
        copy(ROOT / name, project.folder / name)


def run(project: Project, *command: str) -> subprocess.CompletedProcess:
    return subprocess.run(command, cwd=project.folder, capture_output=True, text=True, check=False)


def is_named(file: str, done: Mapping[str, str], said: str) -> bool:
    """Whether verify speaks of a file, of one that it proves or that proves it, or counts it as not here."""
    target = TARGETS[file]
    is_absent = "removed" in (done[file], done.get(file.removesuffix(artifacts.SIDECAR)))  # it, or what it proves
    if is_absent and (" not here and not needed" in said or f"\n  {target.kind}: " in said):
        return True
    names = ["/".join(file.split("/")[:2])] if target.kind == "data" else [file, *target.witnesses]
    return any(name in said for name in names)


def test_what_is_damaged_is_named_and_repaired(seed: int, project: Project, whole: dict[str, str]):
    put_right(project, whole)
    chance = random.Random(seed)
    done = {file: damage(project.folder / file, chance) for file in choose(chance)}
    print(f"seed {seed}:", *(f"{file}: {way}" for file, way in done.items()), sep="\n  ")
    for turn in range(ROUNDS):
        checked = run(project, *VERIFY)
        print(checked.stdout, checked.stderr)
        assert "Traceback" not in checked.stderr
        if not turn:
            assert [file for file in done if not is_named(file, done, checked.stdout)] == []
        commands = "\n".join(TO_DO.findall(checked.stdout))
        if not commands:
            break
        repaired = run(project, "bash", "-c", commands)
        assert repaired.returncode == 0, repaired.stderr
    # A result that nothing needs any more may be absent, as after `make pull`; whoever wants it, names it.
    absent = [file for file in done if file in OUTPUTS and not (project.folder / file).exists()]
    if absent:
        project.finish(*absent)
    assert run(project, *VERIFY).returncode == 0
    assert contents(project) == whole
