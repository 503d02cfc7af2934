"""Where weights are, and which files a job that reads them needs. The Snakefile asks, so this needs no heavy import."""

import functools
import re
from dataclasses import dataclass
from pathlib import Path

from workflow_scripts.cli import read_text

HUB = Path("data/hub")  # has folders {owner}/{name}/{revision}/, and beside each its manifest {revision}.json
FILES = Path("data/weights")  # has files of config/downloads.txt
DEPTH = len((HUB / "owner" / "name" / "revision").parts)
REVISION = re.compile("[0-9a-f]{40}")
ROW = re.compile(r"([^/\t]+)\t(\S+)\t(-|[0-9a-f]{64})\t(\d+)")


@dataclass(frozen=True)
class Download:
    """A file that is downloaded from a URL."""

    url: str
    sha256: str | None  # None if nobody published it
    largest_mb: int  # the most megabytes that it may have


@functools.cache
def needed(path: str) -> tuple[str, ...]:
    """The input files of a job that reads weights from `path`, a folder or a file.

    Below data/hub/ that is the manifest, which is written last. Elsewhere it is every file, or `path` itself if there
    is none: Snakemake then makes it, or reports that it is missing.
    """
    if is_on_hub(path):
        return (f"{Path(*Path(path).parts[:DEPTH])}.json",)
    return tuple(sorted(str(file) for file in Path(path).rglob("*") if file.is_file())) or (path,)


def is_on_hub(path: str) -> bool:
    """Whether `path` mirrors a repository of a model hub, so that it can be downloaded."""
    return Path(path).is_relative_to(HUB)


def problem(path: str) -> str | None:
    """What is wrong with a path below data/hub/; None if nothing is."""
    parts = Path(path).parts
    if is_on_hub(path) and not (len(parts) == DEPTH and REVISION.fullmatch(parts[-1])):
        return f"{path!r} must be {HUB}/owner/name/revision, with the 40 hexadecimal digits of a commit"
    return None


def read_downloads(table: Path) -> dict[str, Download]:
    """The files of a table, by name; raises `ValueError` if a line is not file, URL, SHA-256 and MB, or comes twice."""
    rows = {}
    for number, line in enumerate(read_text(table).splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        row = ROW.fullmatch(line)
        if not row:
            raise ValueError(f"{table}: line {number} is {line!r}, expected file<tab>url<tab>sha256 (or -)<tab>MB")
        if row[1] in rows:
            raise ValueError(f"{table}: line {number} names {row[1]!r} again; each file may stand once")
        rows[row[1]] = Download(row[2], None if row[3] == "-" else row[3], int(row[4]))
    return rows
