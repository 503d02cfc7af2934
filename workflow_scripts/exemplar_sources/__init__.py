"""Exemplar sources: where a case's exemplars, and the distractors, come from. One module each, found by its name.

A source of exemplars is one file with a function `select`, a source of distractors one with `distract`;
`emoji_objects.py` is the shortest to copy.
"""

from collections.abc import Set
from pathlib import Path
from typing import Protocol

import pandas as pd

from workflow_scripts.config import Case

EXEMPLAR_COLUMNS = (
    "model", "split", "class", "class_word", "k", "image", "caption", "sha256", "source", "licence", "author",
    "new_artist", "twins", "seen_twin",
)  # fmt: skip
DISTRACTOR_COLUMNS = ("id", "class", "image", "caption", "sha256", "source", "licence", "author")


class ExemplarSource(Protocol):
    """What a module that chooses exemplars offers."""

    def select(self, drawings: Path, case: Case, seed: int) -> pd.DataFrame:
        """Chooses the exemplars of every model of a case.

        Returns:
            One row per exemplar image with EXEMPLAR_COLUMNS, in the order of the case's models, then of `k`, the
            exemplar's place within its model. `caption` says what the image shows, `twins` lists the `source` of its
            near-duplicates, `seen_twin` says whether the base model or a head was trained on one.

        Raises:
            ValueError: the source lacks images of a class or group; the message names it and what there is.
        """


class DistractorSource(Protocol):
    """What a module that chooses distractors offers."""

    def distract(self, drawings: Path, exemplars: Set[str], count: int, seed: int) -> pd.DataFrame:
        """Chooses images that influenced no model.

        Args:
            exemplars: the `source` of every exemplar of the study, none of which may be a distractor.

        Returns:
            `count` rows with DISTRACTOR_COLUMNS.

        Raises:
            ValueError: the source has fewer images than asked.
        """
