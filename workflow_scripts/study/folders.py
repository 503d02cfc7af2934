"""What folders of other people hold: without hidden entries, and whatever the links in them lead to.

The Snakefile asks, so this needs the standard library only.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path


def folders_in(folder: str | os.PathLike) -> list[str]:
    """The names of the folders in a folder, sorted, links followed; raises `OSError` if it is no folder."""
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries if _is_visible(entry) and _holds(entry.is_dir))


def files_in(folder: str | os.PathLike) -> Iterator[str]:
    """The names of the files in a folder, links followed, each as soon as it is found."""
    with os.scandir(folder) as entries:
        yield from (entry.name for entry in entries if _is_visible(entry) and _holds(entry.is_file))


def walk(
    folder: str | os.PathLike, onerror: Callable[[OSError], object] | None = None
) -> Iterator[tuple[Path, list[str]]]:
    """A folder and all below it, links followed, with the names of what else is in each, hidden or not.

    Each folder comes once: a link may lead back.

    Args:
        onerror: called with the error of a folder that cannot be read, which is else passed over.
    """
    seen = {_identity(folder)}
    for here, folders, names in os.walk(folder, onerror=onerror, followlinks=True):
        kept = []
        for name in sorted(folders):
            if not name.startswith(".") and (identity := _identity(Path(here, name))) not in seen:
                seen.add(identity)
                kept.append(name)
        folders[:] = kept
        yield Path(here), names


def _identity(folder: str | os.PathLike) -> tuple[int, int]:
    about = Path(folder).stat()
    return about.st_dev, about.st_ino


def _is_visible(entry: os.DirEntry) -> bool:
    return not entry.name.startswith(".")


def _holds(test: Callable[[], bool]) -> bool:
    """A test of an entry; false for a link that leads to itself, which raises."""
    try:
        return test()
    except OSError:
        return False
