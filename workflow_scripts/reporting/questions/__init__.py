"""The questions of the report, one module each: its rows, its figure, its caption, and what it says of the paper.

A new question is one file: table, figure and place on the page are named after it. `tuning.py` is an example to copy.
One without a table says `TABLE = False` and lacks `rows`, one without a figure says `FIGURE = False` and lacks `figure`
and `caption`; any may lack `findings`.
"""

from collections.abc import Iterator
from typing import Protocol

import pandas as pd

from workflow_scripts.reporting.findings import Finding
from workflow_scripts.reporting.results import Results


class Question(Protocol):
    """What a module of this folder offers.

    Attributes:
        TITLE: the question itself.
        TEXT: what is compared, for a reader who knows the paper.
        NAMES: columns that tell rows apart, beside case, prompts, method, encoder and head.
    """

    TITLE: str
    TEXT: str
    NAMES: tuple[str, ...]

    def rows(self, results: Results) -> pd.DataFrame:
        """The part of the one table that answers the question."""

    def figure(self, results: Results) -> str:
        """The question's figure, as SVG."""

    def caption(self, results: Results) -> str:
        """What the figure shows; `results` are those of one method. Empty if there is nothing to show."""

    def findings(self, results: Results) -> Iterator[Finding]:
        """Which of the paper's findings hold; `results` are those of one method."""
