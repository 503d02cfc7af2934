"""One Snakemake, one DVC and one installation at a time in a folder.

Snakemake's own lock stays behind when a run is killed, and does not tell whether its run is alive; DVC's lock does not
tell who holds it. These locks do, and end with their process. Whoever holds that of Snakemake may safely remove what an
earlier run left behind: so does the example.

Example:
    python -m workflow_scripts.operations.alone snakemake snakemake --unlock
"""

import atexit
import os
import sys
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import TextIO

from workflow_scripts import locks

LOCK = ".snakemake/alone.{name}.lock"
SNAKEMAKE = "snakemake"


def hold(name: str = SNAKEMAKE) -> None:
    """Takes a lock of the working directory until this process ends, or the program that it becomes.

    Raises:
        ValueError: another process holds it; the message says which one.
    """
    stack = ExitStack()
    file = stack.enter_context(held(name))
    os.set_inheritable(file.fileno(), True)
    atexit.register(stack.close)


def held(name: str = SNAKEMAKE) -> AbstractContextManager[TextIO]:
    """A lock of the working directory, taken while a block runs; raises `ValueError` as `hold`."""
    return locks.held(Path(LOCK.format(name=name)).absolute(), f"{name} is at work here:")


def holder(name: str = SNAKEMAKE) -> str | None:
    """Who holds a lock of the working directory, see `locks.holder`."""
    return locks.holder(LOCK.format(name=name))


def refuse_beside(name: str = SNAKEMAKE) -> None:
    """Raises `ValueError` if somebody holds a lock of the working directory."""
    if other := holder(name):
        raise ValueError(f"{LOCK.format(name=name)}: {name} is at work here: {other}; wait for it or end it")


def main() -> None:
    name, *command = sys.argv[1:]
    try:
        hold(name)
        os.execvp(command[0], command)
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
