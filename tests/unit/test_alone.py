"""A second run beside the first is refused; a killed one leaves nothing behind."""

import subprocess
import sys
from pathlib import Path

HOLDER = "from workflow_scripts.operations import alone; alone.hold(); print('here', flush=True); input()"


def start(folder: Path, *command: str) -> subprocess.Popen:
    streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen([sys.executable, *command], cwd=folder, text=True, **streams)


def test_only_one_runs_and_a_killed_one_leaves_nothing(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    first = start(tmp_path, "-c", HOLDER)
    assert first.stdout.readline() == "here\n"
    second = start(tmp_path, "-m", "workflow_scripts.operations.alone", "snakemake", "echo", "there")
    output, error = second.communicate(timeout=30)
    assert (second.returncode, output) == (1, "")
    assert error.startswith(
        f"error: {tmp_path}/.snakemake/alone.snakemake.lock: snakemake is at work here: process {first.pid} on "
    )
    assert error.endswith(" UTC; wait for it or end it\n")
    first.kill()
    first.wait()
    third = start(tmp_path, "-m", "workflow_scripts.operations.alone", "snakemake", "sh", "-c", "echo there; exit 3")
    output, _ = third.communicate(timeout=30)
    assert (third.returncode, output) == (3, "there\n")
