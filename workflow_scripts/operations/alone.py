"""One run at a time in a folder.

Snakemake's own lock stays behind when a run is killed, and does not tell whether its run is alive. This lock belongs to
the operating system and ends with the process. Whoever holds it may safely remove Snakemake's lock: this command does.

Example:
    python -m workflow_scripts.operations.alone snakemake --unlock
"""

import atexit
import os
import sys
from contextlib import ExitStack
from pathlib import Path

from workflow_scripts import locks

LOCK = Path(".snakemake/alone.lock")


def hold() -> None:
    """Takes the lock of the working directory until this process ends.

    Raises:
        ValueError: another run holds it; the message says which process.
    """
    stack = ExitStack()
    stack.enter_context(locks.held(LOCK.absolute(), "a run is under way here:"))
    atexit.register(stack.close)


def main() -> None:
    try:
        hold()
    except ValueError as error:
        sys.exit(f"error: {error}")
    sys.exit(os.spawnvp(os.P_WAIT, sys.argv[1], sys.argv[1:]))


if __name__ == "__main__":
    main()
