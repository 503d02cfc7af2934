"""Clone, `make pull`, nothing to be done; then a key changes, and only what depends on it is made again."""

import json
import os
import re
import signal
import sys
import time
from pathlib import Path

import pytest

from tests import projects
from tests.dvc.repositories import Repository, clone
from workflow_scripts.study import layout

STUDY = "config/studies/smoke.yaml"
SHOWN = {"tabulate", "plot", "index"}
CHANGES = {  # of one key, and the rules that depend on it
    "the report's": (r"(\n  data: )[^\n]*", r"\1other drawings", SHOWN),
    "evaluation's": (r"(\n  bootstrap: )\d+", r"\g<1>40", {"evaluate", *SHOWN}),
    "one head's": (
        r"(\n  linear:.*?ridge: )\S+",
        r"\g<1>0.1",
        {"train_head", "calibrate", "attribute", "evaluate", "gallery", *SHOWN},
    ),
}


def assert_nothing_to_be_done(repository: Repository) -> None:
    done = projects.snakemake(repository.folder, "--dry-run")
    assert "Nothing to be done" in done.stdout + done.stderr


def test_a_clone_with_all_that_is_published_has_nothing_to_be_done(pulled: Repository):
    assert (pulled.folder / "results/smoke/report/index.html").is_file()
    assert not (pulled.folder / "results/smoke/models").exists()  # too much for a repository
    assert_nothing_to_be_done(pulled)
    assert pulled.must("git", "status", "--short") == ""


def test_after_a_pull_all_tools_tell_the_same(pulled: Repository):
    """Plan, progress and verify: what is not here is not needed, nothing is to do, nothing runs."""
    progress = json.loads(pulled.run(sys.executable, "-m", "workflow_scripts", "progress", "--json").stdout)
    counts = progress["all"]
    assert counts["done"] and counts["unneeded"] and counts["done"] + counts["unneeded"] == counts["jobs"]
    assert not progress["running"] + progress["failed"] + progress["stopped"]
    plan = pulled.must(sys.executable, "-m", "workflow_scripts", "plan")
    total = re.search(r"^\| all +\|([^|]*)\|([^|]*)\|([^|]*)\|([^|]*)\|", plan, re.MULTILINE)
    assert [int(cell) for cell in total.groups()] == [counts[name] for name in ("jobs", "done", "unneeded", "to_do")]
    assert f"{progress['study']}: {progress['summary']}; " in pulled.must(
        sys.executable, "-m", "workflow_scripts", "verify"
    )


def test_what_is_not_kept_is_made_when_a_change_needs_it(pulled: Repository):
    with pulled.edited(STUDY, r"(\ngallery:.*?random: )\d+", r"\g<1>5"):
        planned = projects.pending(pulled.folder)
    assert {"gallery", "attribute", "finetune", "select_exemplars"} <= set(planned.values())
    assert_nothing_to_be_done(pulled)


def test_a_clone_with_all_results_has_nothing_to_be_done(lab: Repository, pulled_lab: Repository):
    everything, brought = (repository.contents("data", "results/smoke") for repository in (lab, pulled_lab))
    everything = {file: digest for file, digest in everything.items() if Path(file).name != layout.JOBS}  # no result
    assert everything.items() <= brought.items()
    assert_nothing_to_be_done(pulled_lab)


@pytest.mark.parametrize("key", CHANGES)
def test_a_changed_key_reruns_exactly_its_jobs(key: str, pulled_lab: Repository):
    pattern, replacement, rules = CHANGES[key]
    with pulled_lab.edited(STUDY, pattern, replacement):
        planned = projects.pending(pulled_lab.folder)
    assert set(planned.values()) == rules
    own = [file for file, rule in planned.items() if rule in ("train_head", "calibrate", "attribute")]
    assert all("/linear/" in file for file in own)


REFUSED = {  # an edit, and what the refusal names
    "code": ("workflow_scripts/heads/linear.py", r"\Z", "# edited\n", "heads: workflow_scripts/heads modified"),
    "a setting": (STUDY, r"(\n  bootstrap: )\d+", r"\g<1>40", f"metrics: {STUDY} evaluation modified"),
    "a prompt": ("config/prompts/object.llm.test.txt", r"\Z", "one more\n", "samples: config/prompts modified"),
    "a class": ("config/classes/smoke.objects.txt", r"\Z", "zebra\n", "exemplars: config/classes modified"),
    "a result": ("results/smoke/report/table.md", r"\Z", "one more\n", "results/smoke/report/table.md"),
    "an asset": ("data/corpus/ATTRIBUTION.md", r"\Z", "one more\n", "data/corpus/ATTRIBUTION.md"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_differs_from_the_lock_is_refused_by_name(what: str, pulled: Repository):
    file, pattern, replacement, named = REFUSED[what]
    with pulled.edited(file, pattern, replacement):
        done = pulled.run("python", "-m", "workflow_scripts.commands.prove")
    assert done.returncode == 1
    assert done.stderr.startswith("error: ") and named in done.stderr
    assert "Traceback" not in done.stderr


def test_snakemake_is_not_told_what_is_not_proven(published: Repository, tmp_path):
    repository = clone(published, tmp_path / "clone")
    repository.edit(STUDY, r"(\n  bootstrap: )\d+", r"\g<1>40")
    done = repository.make("pull")
    assert done.returncode != 0
    assert f"metrics: {STUDY} evaluation modified" in done.stderr
    assert "evaluate" in projects.pending(repository.folder).values()


@pytest.mark.parametrize("moment", ["data", ".snakemake/locks/*"])  # it checks out; it touches, in its last step
def test_a_pull_that_is_killed_can_be_run_again(moment: str, published: Repository, tmp_path: Path):
    repository = clone(published, tmp_path / "clone")
    with repository.start(*repository.make_command("pull")) as killed:
        while not list(repository.folder.glob(moment)):
            assert killed.poll() is None, killed.stderr.read()
            time.sleep(0.001)
        os.killpg(killed.pid, signal.SIGKILL)
    # What DVC was copying has such a name; to catch it in the act takes luck.
    for folder in repository.folder.glob("data/*/"):
        (folder / ".ENpdJjFb15GA9HWHncR3KA.tmp").write_text("half")
    done = repository.make("pull")
    assert done.returncode == 0, done.stderr
    assert_nothing_to_be_done(repository)


def test_who_is_in_the_way_is_told(published: Repository, tmp_path: Path):
    repository = clone(published, tmp_path / "clone")
    with repository.start("python", "-m", "workflow_scripts.operations.alone", "dvc", "sleep", "900") as other:
        while not (lock := repository.folder / ".snakemake/alone.dvc.lock").exists() or not lock.read_text():
            assert other.poll() is None, other.stderr.read()
            time.sleep(0.01)
        refused = {target: repository.make(target) for target in ("data", "demo", "pull")}
        other.kill()
    for target, done in refused.items():
        assert done.returncode != 0
        first, last = done.stderr.splitlines()
        assert first.startswith(f"error: {lock}: dvc is at work here: process {other.pid} on "), target
        assert last.startswith("make: ***")
