"""Exemplar sources: where a case's exemplars, and the distractors, come from. One module each, named in the study.

A source of exemplars is one file with a function `select`, a source of distractors one with `distract`;
`image_folder.py` has both, `emoji_objects.py` is the shortest to copy. Each gets the folder of its data and yields its
table in parts, because a million images do not fit in memory. A source has no keys of its own.
"""

from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol, Self

import pandas as pd
from PIL import Image
from tqdm import tqdm

from workflow_scripts import artifacts
from workflow_scripts.exemplar_sources._twins import Mark, find_twins  # noqa: F401 (for the release, too)
from workflow_scripts.miniature.corpus import DRAWINGS, TWINS
from workflow_scripts.study.study import Case, Model

EXEMPLAR_COLUMNS = (
    "model", "split", "class", "class_word", "k", "image", "caption", "sha256", "source", "licence", "author",
    "new_artist", "twins", "seen_twin",
)  # fmt: skip
DISTRACTOR_COLUMNS = ("id", "class", "image", "caption", "sha256", "source", "licence", "author")


class Shown(NamedTuple):
    """An exemplar among those of all cases."""

    case: str
    split: str
    source: str


@dataclass(frozen=True)
class Exemplars:
    """The exemplars of every case of a study, as a source of distractors needs to know them."""

    sources: Set[str] = frozenset()
    sha256: Set[str] = frozenset()
    files: Sequence[Path] = ()  # the tables of the cases

    @classmethod
    def read(cls, files: Sequence[Path]) -> Self:
        tables = [artifacts.read_table(file, ["source", "sha256"]) for file in files]
        sources, digests = ({value for table in tables for value in table[column]} for column in ("source", "sha256"))
        return cls(sources, digests, files)

    def images(self) -> Iterator[tuple[Shown, Image.Image]]:
        """Each exemplar with what it shows."""
        for file in self.files:
            images, table = artifacts.Images(file), artifacts.read_table(file, ["split", "source"])
            for row, (split, source) in enumerate(table.itertuples(index=False)):
                yield Shown(file.stem, split, source), Image.fromarray(images.decode(row, row + 1)[0])


class ExemplarSourceModule(Protocol):
    """What a module of this folder that chooses exemplars offers."""

    def select(self, source: Path, case: Case, seed: int) -> Iterator[pd.DataFrame]:
        """Chooses the exemplars of every model of a case.

        Args:
            source: the folder of the data.

        Yields:
            One row per exemplar image with EXEMPLAR_COLUMNS, in the order of `models_of`, then of `k`, the exemplar's
            number within its model. `caption` says what the image shows; `source` is unique among the images of a
            case; `twins` lists the `source` of its near-duplicates, `seen_twin` says whether the base model or a head
            was trained on one, `new_artist` whether the base model has seen nothing of its artist; both are null where
            that is not known.

        Raises:
            ValueError: the source lacks images of a class or group; the message names it and what there is.
        """


class DistractorSourceModule(Protocol):
    """What a module of this folder that chooses distractors offers."""

    def distract(self, source: Path, exemplars: Exemplars, count: int, seed: int) -> Iterator[pd.DataFrame]:
        """Chooses images that influenced no model.

        Args:
            source: the folder of the data.
            exemplars: those of every case of the study; neither they nor their twins may be distractors.

        Yields:
            `count` rows with DISTRACTOR_COLUMNS; `class` may be empty.

        Raises:
            ValueError: the source has fewer images than asked.
        """


def models_of(case: Case) -> list[Model]:
    """All models of a case: those of train, then of val, then of test."""
    return [model for split in case.splits for model in case.models[split]]


def columns_of(model: Model) -> dict[str, str]:
    """The columns that say which model an exemplar belongs to."""
    return {"model": model.name, "split": model.split, "class": model.class_name, "class_word": model.class_word}


def number_of(model: Model) -> int:
    """The number at the end of a model's name: its place in its class, or the size of its set."""
    return int(model.name[-4:])


def with_columns(
    parts: Iterable[pd.DataFrame], columns: Sequence[str], total: int | None = None
) -> Iterator[pd.DataFrame]:
    """The parts of a table with these columns, under a progress bar."""
    with tqdm(total=total, unit="image", disable=None) as bar:
        for part in parts:
            yield part[list(columns)]
            bar.update(len(part))


def corpus_of(source: Path) -> list[Path]:
    """The files of a corpus, whose hashes stand in the provenance of a table.

    Photographs are not hashed there: each row has the hash of its image, and 150 GB would take hours.
    """
    return [file for file in (source / DRAWINGS, source / TWINS) if file.is_file()]
