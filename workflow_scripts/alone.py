"""Runs a command unless the same is under way here already.

Snakemake's own lock outlives a killed run and does not say whose it is. This one is the operating system's and ends
with the command, however that ends. So whoever holds it may undo Snakemake's.

Example:
    python -m workflow_scripts.alone .snakemake/alone.lock snakemake --cores 2
"""

import fcntl
import os
import sys
from pathlib import Path


def main() -> None:
    lock, *command = sys.argv[1:]
    Path(lock).parent.mkdir(parents=True, exist_ok=True)
    file = os.open(lock, os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.exit(f"error: {Path.cwd()}: a run is under way here; wait for it or end it")
    os.set_inheritable(file, True)
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
