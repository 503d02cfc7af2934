"""A second run beside the first is refused; a killed one leaves nothing behind."""

import subprocess
import sys
from pathlib import Path


def start(lock: Path, *command: str) -> subprocess.Popen:
    arguments = [sys.executable, "-m", "workflow_scripts.alone", str(lock), *command]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_only_one_runs_and_a_killed_one_leaves_nothing(tmp_path: Path):
    lock = tmp_path / "new" / "alone.lock"
    first = start(lock, "sh", "-c", "echo here; exec sleep 60")
    assert first.stdout.readline() == "here\n"
    second = start(lock, "echo", "there")
    output, error = second.communicate(timeout=30)
    assert (second.returncode, output) == (1, "")
    assert "a run is under way here" in error
    first.kill()
    first.wait()
    output, _ = start(lock, "echo", "there").communicate(timeout=30)
    assert output == "there\n"
