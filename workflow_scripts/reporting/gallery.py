"""The gallery: for some test samples, who is said to have influenced them, by untuned and by tuned features."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from workflow_scripts import artifacts
from workflow_scripts.reporting.lineage import Lineage, sparkline
from workflow_scripts.reporting.thumbnails import Sheet

EXEMPLARS = 12  # at most so many of a model's exemplars are shown
NO_PICTURE = np.full((16, 16, 3), 224, np.uint8)  # of a candidate of which only features were released
SPARKLINE = (240, 40)  # width and height of the drawing of losses


@dataclass(frozen=True)
class Picture:
    """A thumbnail by its number, and what it shows."""

    number: int
    label: str


@dataclass(frozen=True)
class Guess:
    """A candidate among the best of a sample.

    Attributes:
        influence: in percent.
        true: whether the sample's model was tuned on it.
    """

    picture: Picture
    influence: float
    true: bool


@dataclass(frozen=True)
class Answer:
    """What one set of features says of a sample: the ranks of true exemplars, ascending, and the best candidates."""

    ranks: Sequence[int]
    candidates: int
    guesses: Sequence[Guess]

    @property
    def hits(self) -> int:
        """How many true exemplars are among the guesses."""
        return sum(guess.true for guess in self.guesses)


@dataclass(frozen=True)
class Comparison:
    """What a method says of a sample by the features of an encoder: as they are, and after the learned head, if any."""

    method: str
    encoder: str
    untuned: Answer
    tuned: Answer | None

    @property
    def name(self) -> str:
        return f"{self.method} {self.encoder}"

    @property
    def hit(self) -> bool:
        """Whether a true exemplar is among the best candidates."""
        return (self.tuned or self.untuned).hits > 0


@dataclass(frozen=True)
class Entry:
    """A sample of the gallery.

    Attributes:
        reasons: why it is shown.
        uri: the sample itself.
        exemplars: the first of the model's.
    """

    reasons: Sequence[str]
    uri: str
    exemplars: Sequence[Picture]
    answers: Sequence[Comparison]
    lineage: Lineage

    @property
    def hits(self) -> list[str]:
        """Names of the answers with a true exemplar among the best."""
        return [answer.name for answer in self.answers if answer.hit]

    @property
    def more(self) -> int:
        """How many exemplars are not shown."""
        return len(self.lineage.exemplars) - len(self.exemplars)

    @property
    def losses(self) -> str:
        """The losses of the model's training, as points of a line."""
        return sparkline(self.lineage.losses, *SPARKLINE)


class Pictures:
    """The images of candidates: exemplars of one case, and distractors.

    Args:
        exemplars: of one case, with the columns model, k, class and image.
        distractors: with the columns id, class and image.
        sheet: holds the thumbnails.
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
