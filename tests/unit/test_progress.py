"""Where the jobs of a study stand, told from files that look like those of a run."""

import json
import os
import shutil
import time
from collections.abc import Iterable
from pathlib import Path

import pytest

from benchmarks.dag import STUDY as PAPER_SIZED
from benchmarks.dag import write_study
from tests import projects
from workflow_scripts import locks
from workflow_scripts.commands.progress import duration, look, to_text
from workflow_scripts.ground_truth import shards
from workflow_scripts.operations import costs, progress
from workflow_scripts.operations.jobs import Job, jobs
from workflow_scripts.study import checks, layout
from workflow_scripts.study.study import Study

BEGUN = "2026-11-24 10:00:00 INFO workflow_scripts.ground_truth.models: {} models to make, {} there already\n"
REPORT = ("tabulate", "plot", "gallery", "dataset_table", "rulegraph", "index")
ERROR = BEGUN.format(4, 0) + "error: 1 of 4 models failed: cat_0000: loss is nan\n"


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The kept list of the smoke study's jobs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("planned"))
        jobs(checks.named_study("smoke", projects.ROOT))
        return Path("results/smoke", layout.JOBS).resolve()


@pytest.fixture
def study(planned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    """The smoke study, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    Path("results/smoke").mkdir(parents=True)
    shutil.copy(planned, "results/smoke")
    return checks.named_study("smoke", projects.ROOT)


def write(path: str | Path, text: str = "", age: float = 0) -> None:
    """Writes a file that was changed so many seconds ago."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text)
    os.utime(path, (time.time() - age, time.time() - age))


def finish(made: Iterable[Job], seconds: float = 10, age: float = 0) -> None:
    """Writes what jobs leave that have ended well."""
    for job in made:
        text = ""
        if job.is_shard:
            text = json.dumps({"settings_hash": job.settings_hash})
        for output in job.outputs:
            write(output, text, age)
        write(job.log, "", age)
        write(job.benchmark, f"s\th:m:s\n{seconds}\t0:00:10\n", age)


def of_rule(study: Study, *rules: str) -> list[Job]:
    return [job for job in jobs(study) if job.rule in rules]


def counts(study: Study, rule: str) -> dict[str, int]:
    row = next(row for row in look(study)["rules"] if row["rule"] == rule)
    return {name: row[name] for name in ("done", "unneeded", "running", "failed", "to_do") if row[name]}


def test_a_study_that_has_not_begun_waits(study: Study):
    found = look(study)
    assert found["all"]["jobs"] == found["all"]["to_do"] == len(jobs(study))
    assert not found["running"] + found["failed"] + found["stopped"]


def test_a_finished_study_is_done(study: Study):
    finish(jobs(study))
    found = look(study)
    assert found["all"] == {"jobs": len(jobs(study)), "done": len(jobs(study))} | dict.fromkeys(
        ("unneeded", "running", "failed", "to_do", "seconds_left"), 0
    )


def test_after_a_pull_what_is_not_kept_is_not_needed_and_touched_logs_do_not_run(study: Study):
    """The remote keeps metrics and report. `snakemake --touch` writes empty logs for all jobs."""
    planned = jobs(study)
    kept = [job for job in planned if job.rule in ("evaluate", *REPORT)]
    finish(kept)
    for job in planned:
        write(job.log)
    found = look(study)
    assert found["all"]["done"] == len(kept) and found["all"]["unneeded"] == len(planned) - len(kept)
    assert not found["running"] + found["failed"] + found["stopped"]
    assert to_text(found).endswith(
        f"smoke: {len(kept)} jobs done, {len(planned) - len(kept)} not here and not needed, 0 to do; nothing runs."
    )


def test_what_is_to_do_needs_its_inputs_again_and_is_needed_by_what_follows(study: Study):
    finish(job for job in jobs(study) if job.rule in ("evaluate", *REPORT))
    Path(of_rule(study, "evaluate")[0].outputs[0]).unlink()
    assert counts(study, "evaluate") == {"done": 11, "unneeded": 1}
    Path("results/smoke/report/table.csv").unlink()
    assert counts(study, "evaluate") == {"to_do": 12}  # all of them rank the exemplars, which are selected again
    assert counts(study, "rulegraph") == {"done": 1}


def test_a_job_whose_log_is_empty_does_not_run_unless_snakemake_does(study: Study):
    head = of_rule(study, "train_head")[0]
    write(head.log)
    assert not look(study)["running"]
    with locks.held(Path(".snakemake/alone.snakemake.lock"), "here:"):
        assert [job["job"] for job in look(study)["running"]] == [head.record]
    assert not look(study)["running"]


def test_the_outputs_of_an_earlier_configuration_count_for_nothing(study: Study):
    write("results/smoke/models/emoji_seen/train_0099.json", "{}")
    write("results/smoke/benchmarks/finetune/emoji_seen.train_0099.tsv", "s\n1\n")
    assert look(study)["all"]["done"] == 0


def test_a_shard_that_other_settings_made_is_to_be_made_again_with_all_that_needs_it(study: Study):
    finish(jobs(study))
    stale = next(job for job in jobs(study) if job.record == "sample/emoji_seen.test_0000")
    write(stale.outputs[0], '{"settings_hash": "of other settings"}')
    assert counts(study, "finetune") == {"done": 8}
    assert counts(study, "sample") == {"done": 7, "to_do": 1}
    assert counts(study, "embed_samples") == {"done": 21, "to_do": 3}  # by each of three encoders
    assert counts(study, "train_head") == {"done": 12}  # learns on other splits
    assert counts(study, "evaluate") == {"to_do": 12}
    assert counts(study, "rulegraph") == {"done": 1}


def test_a_shard_whose_lock_is_held_is_running(study: Study):
    shard = of_rule(study, "finetune")[0]
    write(shard.log, ERROR)  # of an earlier try
    with shards.locked(Path(shard.outputs[0])):
        assert counts(study, "finetune") == {"running": 1, "to_do": 8}
        assert f"process {os.getpid()} on " in look(study)["running"][0]["note"]


def test_a_lock_file_left_behind_locks_nothing(study: Study):
    shard = of_rule(study, "finetune")[0]
    with shards.locked(Path(shard.outputs[0])):
        text = Path(shard.outputs[0]).with_suffix(".lock").read_text()
    text = text.replace(f"process {os.getpid()} ", f"process {2**22 + 1} ")  # above the highest that Linux gives
    write(Path(shard.outputs[0]).with_suffix(".lock"), text)
    write(shard.log, BEGUN.format(4, 0))
    assert counts(study, "finetune") == {"to_do": 8}
    assert [job["job"] for job in look(study)["stopped"]] == [shard.record]


def test_the_worker_of_another_machine_is_believed(study: Study):
    shard = of_rule(study, "sample")[0]
    write(Path(shard.outputs[0]).with_suffix(".lock"), "process 1 on node07 (scancel 12) since 2026-11-24 10:00:00 UTC")
    assert counts(study, "sample") == {"running": 1, "to_do": 8}


def test_of_a_running_shard_the_models_count_that_were_kept_and_those_made_since(study: Study):
    """Of four models one was kept, as the log says, and one is new; a leftover of other settings does not count."""
    shard = next(job for job in of_rule(study, "finetune") if job.size == 4)
    others = [job for job in of_rule(study, "select_exemplars", "regularization", "finetune") if job != shard]
    prior = costs.expect(study, jobs(study), {}, costs.SECONDS).by_record
    for job in others:
        finish([job], seconds=2 * prior[job.record], age=100)
    kept, leftover, new, _ = shard.parts
    write(kept, age=100)
    write(leftover, age=100)
    with shards.locked(Path(shard.outputs[0])):
        write(shard.log, BEGUN.format(3, 1))
        write(new, age=-1)
        found = look(study)
    assert (found["running"][0]["made"], found["running"][0]["parts"]) == (2, 4)
    row = next(row for row in found["rules"] if row["rule"] == "finetune")
    assert row["seconds_left"] == pytest.approx(prior[shard.record])  # half of twice the prior


@pytest.mark.parametrize(
    ("text", "age", "state"),
    [
        ("", 0, "running"),
        ("2026-11-24 10:00:00 INFO x: reading\n", 3600, "stopped"),
        ("error: data/x.parquet: lacks column 'image'\n", 0, "failed"),
        ('Traceback (most recent call last):\n  File "x.py"\nKeyError: 3\n', 3600, "failed"),
        ("train_head: error: the following arguments are required: --output\n", 0, "failed"),
    ],
)
def test_a_log_without_output_tells_how_the_job_stands(study: Study, text: str, age: float, state: str):
    head = of_rule(study, "train_head")[0]
    write(head.log, text, age)
    with locks.held(Path(".snakemake/alone.snakemake.lock"), "here:"):
        found = look(study)
    assert [job["log"] for job in found[state]] == [head.log]
    assert sum(len(found[name]) for name in ("running", "failed", "stopped")) == 1


def test_a_failure_is_named_with_its_log(study: Study):
    shard = of_rule(study, "finetune")[0]
    write(shard.log, ERROR)
    text = to_text(look(study))
    assert f"failed {shard.record}: error: 1 of 4 models failed: cat_0000: loss is nan [{shard.log}]" in text


def test_a_failed_job_that_ran_again_has_not_failed(study: Study):
    finish(of_rule(study, "select_exemplars"))
    write(of_rule(study, "select_exemplars")[0].log, "error: an old one\n")
    assert counts(study, "select_exemplars") == {"done": 3}


@pytest.mark.parametrize("damage", ["pipes", "folders", "bytes", "deep JSON", "endless time"])
def test_whatever_others_left_the_study_is_surveyed(study: Study, damage: str):
    finish(jobs(study))
    shard, other = of_rule(study, "sample")[0], of_rule(study, "train_head")[0]
    lock = str(Path(shard.outputs[0]).with_suffix(".lock"))
    spoilt = [shard.outputs[0], shard.log, shard.benchmark, lock, other.outputs[0], other.log, other.benchmark]
    for file in map(Path, spoilt):
        file.unlink(missing_ok=True)
        match damage:
            case "pipes":
                os.mkfifo(file)
            case "folders":
                file.mkdir()
            case "bytes":
                file.write_bytes(b"s\n\xff\x1b[2J\n")
            case "deep JSON":
                file.write_text("[" * 100_000)
            case _:
                file.write_text("s\n1e999\n")
    found = look(study)
    assert found["all"]["done"] < found["all"]["jobs"]
    assert to_text(found).replace("\n", "").isprintable()


def test_nights_between_runs_do_not_slow_the_pace():
    """Two jobs at once for ten seconds; hours later one alone for ten: on average 1.5."""
    ended = [(Job("plot", "smoke", name, ()), end) for name, end in zip("abc", (10, 10, 9000), strict=True)]
    assert progress.jobs_at_once(ended, dict.fromkeys("abc", 10)) == pytest.approx(1.5)


def test_what_is_left_takes_as_long_as_what_is_done_did(study: Study):
    """All but one of 8 shards took their prior twice over, two at a time: so does the last, alone."""
    *made, last = of_rule(study, "finetune")
    prior = costs.expect(study, jobs(study), {}, costs.SECONDS).by_record
    finish(of_rule(study, "select_exemplars", "regularization"), seconds=1, age=5000)
    for i, job in enumerate(made):
        finish([job], seconds=2 * prior[job.record], age=1000 - 50 * (i // 2))
    found = look(study)
    row = next(row for row in found["rules"] if row["rule"] == "finetune")
    assert row["time_from"] == "measured"
    assert row["seconds_left"] == pytest.approx(2 * prior[last.record])


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, "-"), (0, "0 s"), (119, "119 s"), (150, "2.5 min"), (9000, "2.5 h")]
)
def test_times_are_told_in_a_unit_that_suits_them(seconds: float | None, text: str):
    assert duration(seconds) == text


def test_a_study_of_the_papers_size_is_surveyed_in_two_seconds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """18,292 models, half of them sampled; processor time, for the machine may be busy."""
    projects.copy_project(tmp_path)
    write_study(tmp_path, models_per_job=64)
    monkeypatch.chdir(tmp_path)
    study = checks.named_study(PAPER_SIZED, tmp_path)
    finetuned = of_rule(study, "finetune")
    for model_file in (file for job in finetuned for file in job.parts):
        write(model_file)
    finish(of_rule(study, "select_exemplars", "select_distractors", "regularization", "finetune"))
    finish(of_rule(study, "sample", "embed_samples")[::2])
    begun = time.process_time()
    found = look(study)
    assert time.process_time() - begun < 2
    assert sum(job.size for job in finetuned) == 18_292
    assert found["rules"][3] | {"rule": "finetune", "done": len(finetuned)} == found["rules"][3]
