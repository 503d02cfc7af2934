"""The gallery: some test samples, and the candidates that untuned and tuned features name as their influences."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from workflow_scripts import artifacts
from workflow_scripts.reporting.lineage import Lineage, sparkline
from workflow_scripts.reporting.pages import Sheet

EXEMPLARS = 12  # of a model, at most, that are shown
NO_PICTURE = np.full((16, 16, 3), 224, np.uint8)  # for a candidate of which only features were released


@dataclass(frozen=True)
class Picture:
    """A thumbnail by its number, and what it shows."""

    number: int
    label: str


@dataclass(frozen=True)
class Guess:
    """One of the best candidates of a sample."""

    picture: Picture
    influence: float  # in percent
    true: bool  # whether the sample's model was tuned on it


@dataclass(frozen=True)
class Answer:
    """The result of one set of features for a sample."""

    ranks: Sequence[int]  # of the true exemplars, ascending
    candidates: int
    guesses: Sequence[Guess]  # the best candidates

    @property
    def hits(self) -> int:
        """How many true exemplars are among the guesses."""
        return sum(guess.true for guess in self.guesses)


@dataclass(frozen=True)
class Comparison:
    """The results of a method and an encoder for a sample."""

    method: str
    encoder: str
    untuned: Answer
    tuned: Answer | None  # None without a learned head


@dataclass(frozen=True)
class Entry:
    """A sample of the gallery."""

    reasons: Sequence[str]  # why it is shown
    uri: str  # of the sample's image
    exemplars: Sequence[Picture]  # the first of the model
    answers: Sequence[Comparison]
    lineage: Lineage

    @property
    def hits(self) -> list[str]:
        """Method and encoder of the answers with a true exemplar among the best candidates."""
        return [f"{made.method} {made.encoder}" for made in self.answers if (made.tuned or made.untuned).hits]

    @property
    def more(self) -> int:
        """How many exemplars are not shown."""
        return len(self.lineage.exemplars) - len(self.exemplars)

    @property
    def losses(self) -> str:
        """The losses of the model's tuning, as points of a line in a box of 240 x 40."""
        return sparkline(self.lineage.losses, 240, 40)


class Pictures:
    """The images of candidates: exemplars of one case, and distractors.

    Args:
        exemplars: of one case, with the columns model, k, class and image.
        distractors: with the columns id, class and image.
    """

    def __init__(self, exemplars: pd.DataFrame, distractors: pd.DataFrame, sheet: Sheet) -> None:
        own = exemplars.assign(id=exemplars["model"] + "/" + exemplars["k"].astype(str)).sort_values("k")
        self._own = own.groupby("model")["id"].apply(list).to_dict()
        self._rows = pd.concat([distractors, own]).set_index("id")[["class", "image"]].to_dict("index")
        self._sheet = sheet

    def get(self, name: str) -> Picture:
        """The picture of a candidate, by its id."""
        row = self._rows[name]
        image = row["image"] or artifacts.encode_png(NO_PICTURE)
        return Picture(self._sheet.add(image), name if pd.isna(row["class"]) else f"{row['class']}, {name}")

    def exemplars(self, model: str) -> list[Picture]:
        """The first exemplars of a model."""
        return [self.get(name) for name in self._own[model][:EXEMPLARS]]


def answer(row: pd.Series, pictures: Pictures) -> Answer:
    """The answer in one row of a table of scores."""
    truth = f"{row['model']}/"
    guesses = [
        Guess(pictures.get(name), float(influence), name.startswith(truth))
        for name, influence in zip(row["top_ids"], row["top_influence"], strict=True)
    ]
    return Answer(sorted(int(rank) for rank in row["ranks"]), int(row["candidates"]), guesses)
