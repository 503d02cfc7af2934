"""One run at a time in a folder.

Snakemake's own lock stays behind when a run is killed, and does not tell whether its run is alive. This lock belongs to
the operating system and ends with the process. Whoever holds it may safely remove Snakemake's lock: this command does.

Example:
    python -m workflow_scripts.operations.alone snakemake --unlock
"""

import fcntl
import os
import sys
from pathlib import Path

LOCK = Path(".snakemake/alone.lock")


def hold() -> None:
    """Takes the lock of the working directory until this process ends.

    Raises:
        ValueError: another run holds it.
    """
    LOCK.parent.mkdir(exist_ok=True)
    file = os.open(LOCK, os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise ValueError(f"{Path.cwd()}: a run is under way here; wait for it or end it") from error


def main() -> None:
    try:
        hold()
    except ValueError as error:
        sys.exit(f"error: {error}")
    sys.exit(os.spawnvp(os.P_WAIT, sys.argv[1], sys.argv[1:]))


if __name__ == "__main__":
    main()
