"""One worker at a time: a lock file that names the process that holds it.

The kernel holds the lock and releases it when the process ends, so a lock file that was left behind locks nothing.

Some file systems have no such locks, such as Lustre mounted without `flock`. There each worker first puts up a flag: a
file of its own beside the lock file that names it, too. Then it looks for flags of others. It takes down those of
workers that have ended, and gives way to any other. Two workers that start at the same moment may both give way, but
never do both go on.
"""

import errno
import fcntl
import logging
import os
import re
import socket
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO
from uuid import uuid4

HOLDER = re.compile(r"process (?P<pid>\d{1,9}) on (?P<host>\S+) \((?:scancel (?P<job>\d+)|kill \d+)\) since ")
LONGEST = 1024  # characters of it
UNKNOWN = frozenset({errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK})  # flock's answers where there are no locks

log = logging.getLogger(__name__)


@contextmanager
def held(path: Path, what: str) -> Iterator[TextIO]:
    """Keeps others away from something while the block runs; gives the open lock file.

    Args:
        path: the lock file; its folder is made. It is removed in the end.
        what: what a second one is told, before the name of the holder: "this shard is being made by".

    Raises:
        ValueError: another process holds the lock; the message says which one.
        OSError: the lock file cannot be written, because the disk is full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with _acquired(path, what) as file:
        try:
            file.truncate(0)
            file.write(_this_process())
            file.flush()
        except OSError as error:
            raise OSError(f"{path}: cannot be written ({error.strerror})") from error
        try:
            yield file
        finally:
            if _is_at(path, file):
                path.unlink(missing_ok=True)


def holder(path: str | os.PathLike) -> str | None:
    """The process that a lock file names; None if it names none, or one of this machine that has ended.

    Trying the lock instead could take it from a process that is just starting. A process on another machine cannot be
    checked. It counts as running while its lock file exists.
    """
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            text = file.read(LONGEST)
    except OSError:
        return None
    named = HOLDER.match(text)
    return text if named and (named["host"] != socket.gethostname() or runs(int(named["pid"]))) else None


def runs(process: int) -> bool:
    """Whether a process of this machine runs."""
    try:
        os.kill(process, 0)  # only asks
        state = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(") ")[2]
    except ProcessLookupError:
        return False
    except OSError:  # of somebody else, or a system without /proc
        return True
    return not state.startswith("Z")  # it is a zombie: it has ended, and nobody has asked how


def _acquired(path: Path, what: str) -> AbstractContextManager[TextIO]:
    try:
        return _locked(path, what)
    except OSError as error:
        if error.errno not in UNKNOWN:
            raise
        log.warning("%s: its file system has no locks (%s); files beside it stand in for them", path, error.strerror)
        return _flagged(path, what)


def _locked(path: Path, what: str) -> TextIO:
    while True:
        file = open(path, "a+", encoding="utf-8")  # noqa: SIM115 (closing it releases the lock)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            with file:
                file.seek(0)
                holder = file.read()
            raise ValueError(f"{path}: {what} {holder}; wait for it or end it") from error
        # The last holder may have removed the file after we opened it and before we locked it.
        if _is_at(path, file):
            return file
        file.close()


@contextmanager
def _flagged(path: Path, what: str) -> Iterator[TextIO]:
    own = path.with_name(f"{path.stem}.{uuid4().hex}{path.suffix}")
    half = own.with_name(f"{own.name}.part")  # nobody may see a flag that names nobody yet
    try:
        half.write_text(_this_process(), encoding="utf-8")
        half.rename(own)
        for flag in path.parent.glob(f"{path.stem}.*{path.suffix}"):
            if flag == own or not (holder := _read(flag)):
                continue
            if not _has_ended(holder):
                raise ValueError(f"{path}: {what} {holder}; wait for it or end it; if it has ended, remove {flag}")
            flag.unlink(missing_ok=True)
        with path.open("a+", encoding="utf-8") as file:
            yield file
    finally:
        for file in (half, own):
            file.unlink(missing_ok=True)


def _is_at(path: Path, file: TextIO) -> bool:
    """Whether an open file is still the one at its path. Others may have removed it, and put another one there."""
    try:
        return os.path.samefile(path, file.fileno())  # noqa: PTH121 (of a descriptor)
    except FileNotFoundError:
        return False


def _read(flag: Path) -> str:
    """What a flag says; empty if it has been taken down."""
    try:
        return flag.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


def _this_process() -> str:
    job = os.environ.get("SLURM_JOB_ID")
    how_to_end = f"scancel {job}" if job else f"kill {os.getpid()}"
    return f"process {os.getpid()} on {socket.gethostname()} ({how_to_end}) since {datetime.now(UTC):%F %T} UTC"


def _has_ended(holder: str) -> bool:
    """Whether the process that a lock file names has certainly ended."""
    named = HOLDER.match(holder)
    if not named:
        return False
    if named["host"] == socket.gethostname():
        return not runs(int(named["pid"]))
    job = named["job"]
    # SLURM starts a job again on another node only after it has ended on the first one.
    return job is not None and (job == os.environ.get("SLURM_JOB_ID") or not _is_under_way(job))


def _is_under_way(job: str) -> bool:
    """Whether a SLURM job runs, or may run."""
    command = ["squeue", "--noheader", f"--jobs={job}", "--format=%T"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return True
    if done.returncode != 0:
        return "Invalid job id" not in done.stderr
    return done.stdout.strip() not in ("", "PENDING")
