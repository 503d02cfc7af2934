"""Where weights lie, and what a job that reads them waits for. The Snakefile asks, so this needs no heavy import."""

import functools
import re
from dataclasses import dataclass
from pathlib import Path

HUB = Path("data/hub")  # {owner}/{name}/{revision}/, and beside it the manifest {revision}.json
DEPTH = len((HUB / "owner" / "name" / "revision").parts)
REVISION = re.compile("[0-9a-f]{40}")
ROW = re.compile(r"([^/\t]+)\t(\S+)\t(-|[0-9a-f]{64})")


@dataclass(frozen=True)
class Download:
    """A file that is fetched by its URL."""

    url: str
    sha256: str | None  # None if nobody published it


@functools.cache
def needed(path: str) -> tuple[str, ...]:
    """The files that a job waits for which reads weights from `path`, a folder or a file.

    Below data/hub/ that is the manifest, which is written when all else is there; elsewhere every file, or `path`
    itself if there is none, so that Snakemake makes it or names it.
    """
    if is_on_hub(path):
        return (f"{Path(*Path(path).parts[:DEPTH])}.json",)
    return tuple(sorted(str(file) for file in Path(path).rglob("*") if file.is_file())) or (path,)


def is_on_hub(path: str) -> bool:
    """Whether `path` is a folder that mirrors a repository of a model hub, and so can be fetched."""
    return Path(path).is_relative_to(HUB)


def problem(path: str) -> str | None:
    """What is wrong with the name of a folder that mirrors a repository; None if nothing is."""
    parts = Path(path).parts
    if is_on_hub(path) and not (len(parts) == DEPTH and REVISION.fullmatch(parts[-1])):
        return f"{path!r} must be {HUB}/owner/name/revision, with the 40 hexadecimal digits of a commit"
    return None


def read_downloads(table: Path) -> dict[str, Download]:
    """The files that a table lists, by name.

    Raises:
        ValueError: a line is not file, URL and SHA-256 between tabs.
    """
    rows = {}
    for number, line in enumerate(table.read_text(encoding="utf-8").splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        row = ROW.fullmatch(line)
        if not row:
            raise ValueError(f"{table}: line {number} is {line!r}, expected file<tab>url<tab>sha256 (or -)")
        rows[row[1]] = Download(row[2], None if row[3] == "-" else row[3])
    return rows
