"""What of an earlier run still works on a cluster, by what squeue says; tests/cluster asks a real one."""

import logging
from pathlib import Path

import pytest

from workflow_scripts.operations import slurm_queue

RUN = "25bd46df-f41c-49f6-8b2b-10a87f6b9ca0"


def line(number: int, place: Path, name: str = RUN, comment: str = "rule_sample_wildcards_smoke_emoji") -> str:
    return f"{number}|{name}|RUNNING|{comment}|{place}\n"


def test_only_the_jobs_that_snakemake_submitted_from_this_folder_are_orphans(tmp_path: Path):
    here, other = tmp_path / "here", tmp_path / "other"
    here.mkdir()
    (tmp_path / "link").symlink_to(here)
    queue = (
        line(1, here)
        + line(2, other)
        + line(3, here, name="bash")  # a shell, or the controller itself, as a job
        + line(4, here, comment="(null)")
        + line(5, tmp_path / "link", name=f"prefix_{RUN}", comment="rule_tabulate_wildcards_smoke")
    )
    found = slurm_queue.orphans(queue, here)
    assert [(job.id, job.makes) for job in found] == [("1", "sample smoke_emoji"), ("5", "tabulate smoke")]


def test_no_queue_is_no_reason_to_stop(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture):
    monkeypatch.setenv("PATH", "")
    with caplog.at_level(logging.WARNING):
        slurm_queue.refuse_orphans("slurm", Path())
    assert "squeue: no such command" in caplog.text


def test_other_executors_are_not_asked_about(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture):
    monkeypatch.setenv("PATH", "")
    slurm_queue.refuse_orphans("local", Path())
    assert not caplog.text


def test_a_command_that_does_not_answer_is_named():
    with pytest.raises(ValueError, match=r"^sleep: no answer within 0\.1 seconds$"):
        slurm_queue.ask("sleep", "5", timeout=0.1)
    with pytest.raises(ValueError, match=r"^false: exit code 1$"):
        slurm_queue.ask("false")
