"""The questions of the report, one module each: rows, figure, caption, and findings of the paper.

A new question is one file; its table, its figure and its place on the page have the file's name. `tuning.py` is an
example to copy. Without a table it sets `TABLE = False` and has no `rows`; without a figure it sets `FIGURE = False`
and has no `figure` and `caption`. `findings` may be absent.
"""

from collections.abc import Iterator
from typing import Protocol

import pandas as pd

from workflow_scripts.reporting.findings import Finding
from workflow_scripts.reporting.results import Results


class Question(Protocol):
    """What a module of this folder offers."""

    TITLE: str  # the question itself
    TEXT: str  # what is compared, for a reader who knows the paper
    NAMES: tuple[str, ...]  # columns that identify a row, beside case, prompts, method, encoder and head

    def rows(self, results: Results) -> pd.DataFrame:
        """The part of the table that answers the question."""

    def figure(self, results: Results) -> str:
        """The question's figure, as SVG."""

    def caption(self, results: Results) -> str:
        """What the figure shows, for one method. Empty if there is nothing to show."""

    def findings(self, results: Results) -> Iterator[Finding]:
        """Which of the paper's findings hold, for one method."""
