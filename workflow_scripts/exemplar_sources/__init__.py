"""Exemplar sources: where a case's exemplars, and the distractors, come from. One module each, named in the study.

A source of exemplars is one file with a function `select`, a source of distractors one with `distract`;
`image_folder.py` has both, `emoji_objects.py` is the shortest to copy. Each is given the folder of its data, and yields
its table in parts, because a million images do not fit in memory. A source has no keys of its own.
"""

from collections.abc import Iterable, Iterator, Sequence, Set
from pathlib import Path
from typing import Protocol

import pandas as pd
from tqdm import tqdm

from workflow_scripts.miniature.corpus import DRAWINGS, TWINS
from workflow_scripts.study.study import Case

EXEMPLAR_COLUMNS = (
    "model", "split", "class", "class_word", "k", "image", "caption", "sha256", "source", "licence", "author",
    "new_artist", "twins", "seen_twin",
)  # fmt: skip
DISTRACTOR_COLUMNS = ("id", "class", "image", "caption", "sha256", "source", "licence", "author")


class ExemplarSourceModule(Protocol):
    """What a module of this folder that chooses exemplars offers."""

    def select(self, source: Path, case: Case, seed: int) -> Iterator[pd.DataFrame]:
        """Chooses the exemplars of every model of a case.

        Args:
            source: the folder of the data.

        Yields:
            One row per exemplar image with EXEMPLAR_COLUMNS, in the order of the case's models, then of `k`, the
            exemplar's place within its model. `caption` says what the image shows; `source` names the image, among
            those of all cases; `twins` lists the `source` of its near-duplicates, `seen_twin` says whether the base
            model or a head was trained on one.

        Raises:
            ValueError: the source lacks images of a class or group; the message names it and what there is.
        """


class DistractorSourceModule(Protocol):
    """What a module of this folder that chooses distractors offers."""

    def distract(self, source: Path, exemplars: Set[str], count: int, seed: int) -> Iterator[pd.DataFrame]:
        """Chooses images that influenced no model.

        Args:
            source: the folder of the data.
            exemplars: `source` and `sha256` of every exemplar of the study, none of which may be a distractor.

        Yields:
            `count` rows with DISTRACTOR_COLUMNS, of which `class` may be empty.

        Raises:
            ValueError: the source has fewer images than asked.
        """


def with_columns(
    parts: Iterable[pd.DataFrame], columns: Sequence[str], total: int | None = None
) -> Iterator[pd.DataFrame]:
    """The parts of a table with these columns, under a progress bar."""
    with tqdm(total=total, unit="image", disable=None) as bar:
        for part in parts:
            yield part[list(columns)]
            bar.update(len(part))


def corpus_of(source: Path) -> list[Path]:
    """The files of a corpus, which the provenance of a table names; it names no photographs.

    To hash 150 GB of these would take hours and tell nothing: each row has the hash of its image.
    """
    return [file for file in (source / DRAWINGS, source / TWINS) if file.is_file()]
