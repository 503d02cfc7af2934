"""Tables in Markdown, and pages that a program fills in between lines `<!-- results -->` and `<!-- end -->`."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from workflow_scripts import artifacts


def fill_page(page: Path, blocks: Mapping[str, str]) -> None:
    """Replaces the text between the marks `name` and `end` of each block. ValueError if a page lacks the marks."""
    text = artifacts.read_text(page)
    for name, block in blocks.items():
        pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        if not pattern.search(text):
            raise ValueError(f"{page}: lacks the lines <!-- {name} --> and <!-- end -->")
        text = pattern.sub(lambda match, block=block: match[1] + block + match[2], text)
    artifacts.write_text(page, text, sidecar=False)


def header(*names: str) -> list[str]:
    """The first two lines of a table in Markdown."""
    return [row(*names), "|" + "---|" * len(names)]


def row(*cells: str) -> str:
    """A line of a table in Markdown."""
    return f"| {' | '.join(cells)} |"


def padded(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """The cells of a table at equal width: the first column to the left, the others to the right."""
    columns = []
    for column in zip(*rows, strict=True):
        align = str.rjust if columns else str.ljust
        columns.append([align(cell, max(map(len, column))) for cell in column])
    return [list(cells) for cells in zip(*columns, strict=True)]


def aligned(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table in Markdown with columns of equal width, to read in a terminal, too."""
    first, *others = padded([headings, *rows])
    rule = ["-" * len(cell) if i == 0 else "-" * (len(cell) - 1) + ":" for i, cell in enumerate(first)]
    return [row(*cells) for cells in (first, rule, *others)]
