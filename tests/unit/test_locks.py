"""A lock has one holder, on file systems with locks of the kernel and without."""

import errno
import fcntl
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from workflow_scripts import locks

GONE = 2**22 + 1  # above the highest process id of Linux
HERE = socket.gethostname()
# Takes a lock, works a little on what it protects, and says whether another one did so at the same time.
CONTENDER = """
import fcntl, os, sys, time
from pathlib import Path
from workflow_scripts import locks

def no_flock(*_):
    raise OSError(38, "Function not implemented")

fcntl.flock = no_flock
path = Path(sys.argv[1])
end = time.monotonic() + 2
while time.monotonic() < end:
    try:
        with locks.held(path, "held by"):
            os.close(os.open(path.with_name("busy"), os.O_CREAT | os.O_EXCL))
            print("held", flush=True)
            time.sleep(0.002)
            path.with_name("busy").unlink()
            if "die" in sys.argv:
                os.kill(os.getpid(), 9)
    except ValueError:
        pass
"""


@pytest.fixture(
    params=[None, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK], ids=lambda number: os.strerror(number or 0)
)
def lock(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A lock file where `flock` works, and where it answers as file systems do that have no locks."""

    def flock(*_: object) -> None:
        raise OSError(request.param, os.strerror(request.param))

    if request.param:
        monkeypatch.setattr(fcntl, "flock", flock)
    return tmp_path / "models/train_0000.lock"


@pytest.mark.parametrize(("job", "line"), [("", f"kill {os.getpid()}"), ("17", "scancel 17")])
def test_a_second_one_is_told_who_holds_it(job: str, line: str, lock: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SLURM_JOB_ID", job)
    told = pytest.raises(ValueError, match=rf"\.lock: in use by process {os.getpid()} on {HERE} \({line}\) since")
    with locks.held(lock, "in use by"):
        assert f"process {os.getpid()} on {HERE}" in locks.holder(lock)
        with told, locks.held(lock, "in use by"):
            pass
    assert list(lock.parent.iterdir()) == []
    with locks.held(lock, "in use by"):  # and it is free again
        pass


def test_what_was_left_behind_locks_nothing(lock: Path):
    lock.parent.mkdir()
    for name in (lock.name, f"{lock.stem}.0a1b.lock"):
        lock.with_name(name).write_text(f"process {GONE} on {HERE} (kill {GONE}) since 2026-11-24 10:00:00 UTC")
    assert locks.holder(lock) is None
    with locks.held(lock, "in use by"):
        assert str(GONE) not in lock.read_text()


def test_a_lock_file_that_somebody_removes_is_no_error(lock: Path):
    with locks.held(lock, "in use by"):
        lock.unlink()
    with locks.held(lock, "in use by"):
        lock.unlink()
        lock.write_text("of the next one")
    assert lock.read_text() == "of the next one"


def test_other_errors_of_flock_are_not_hidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def flock(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(OSError, match="Input/output error"), locks.held(tmp_path / "x.lock", "in use by"):
        pass


@pytest.mark.parametrize(
    ("queue", "ended"),
    [
        ("echo RUNNING", False),
        ("echo COMPLETING", False),
        ("echo PENDING", True),  # it waits to be started again
        ("true", True),
        ("echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1", True),
        ("echo 'slurm_load_jobs error: Unable to contact slurm controller' >&2; exit 1", False),
        (None, False),
    ],
)
def test_without_flock_slurm_is_asked_about_jobs_of_other_nodes(
    queue: str | None, ended: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    squeue = tmp_path / "bin/squeue"
    squeue.parent.mkdir()
    if queue:
        squeue.write_text(f"#!/bin/sh\n{queue}\n")
        squeue.chmod(0o755)
    monkeypatch.setenv("PATH", f"{squeue.parent}:{os.defpath}")
    monkeypatch.setattr(fcntl, "flock", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSYS, "not implemented")))
    flag = tmp_path / "train_0000.0a1b.lock"
    flag.write_text("process 1 on node07 (scancel 12) since 2026-11-24 10:00:00 UTC")
    lock = tmp_path / "train_0000.lock"
    if ended:
        with locks.held(lock, "in use by"):
            assert not flag.exists()
    else:
        with (
            pytest.raises(ValueError, match=rf"node07 .*; if it has ended, remove {flag}"),
            locks.held(lock, "in use by"),
        ):
            pass
    monkeypatch.setenv("SLURM_JOB_ID", "12")  # started again on this node
    with locks.held(lock, "in use by"):
        assert not flag.exists()


def test_without_flock_never_two_hold_it_even_if_holders_are_killed(tmp_path: Path):
    command = [sys.executable, "-c", CONTENDER, str(tmp_path / "train_0000.lock")]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "cwd": Path(__file__).parents[2]}
    contenders = [subprocess.Popen([*command, *last], **pipes) for last in [[], [], ["die"], ["die"]]]
    said = [contender.communicate(timeout=60) for contender in contenders]
    assert all("FileExistsError" not in error for _, error in said), said
    assert sum(output.count("held") for output, _ in said) > 10
