"""The gallery: for some test samples, who is said to have influenced them, by untuned and by tuned features."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from workflow_scripts.metrics.evaluation import QUERY
from workflow_scripts.reporting.pages import data_uri
from workflow_scripts.seeds import derive_seed


@dataclass(frozen=True)
class Picture:
    """An image and what it shows: its id, its class, and the bytes of the encoded image."""

    name: str
    class_name: str
    image: bytes

    @property
    def uri(self) -> str:
        return data_uri(self.image)


@dataclass(frozen=True)
class Guess:
    """A candidate among the best of a query.

    Attributes:
        influence: in percent.
        true: whether the sample's model was tuned on it.
    """

    picture: Picture
    influence: float
    true: bool


@dataclass(frozen=True)
class Answer:
    """What one set of features says of a query: the rank of each true exemplar, and the best candidates."""

    label: str
    ranks: Sequence[int]
    candidates: int
    guesses: Sequence[Guess]

    @property
    def hits(self) -> int:
        """How many true exemplars are among the guesses."""
        return sum(guess.true for guess in self.guesses)


@dataclass(frozen=True)
class Entry:
    """A query of the gallery; the last of its answers is the tuned one."""

    case: str
    prompt_set: str
    model: str
    prompt: str
    sample: Picture
    exemplars: Sequence[Picture]
    answers: Sequence[Answer]

    @property
    def outcome(self) -> str:
        return "hit" if self.answers[-1].hits else "miss"


def choose(scores: pd.DataFrame, count: int, *seed: str | int) -> pd.DataFrame:
    """A random choice of queries of different models, which more queries or models disturb as little as possible."""
    draw = [derive_seed(*seed, *query) for query in scores[QUERY].itertuples(index=False)]
    order = scores.assign(draw=draw).sort_values("draw").drop_duplicates("model")
    return order.head(count).drop(columns="draw")


def share(count: int, cells: int) -> list[int]:
    """Spreads `count` queries over cells as evenly as can be, at least one each."""
    return [max(1, count // cells + (i < count % cells)) for i in range(cells)]


def answer(label: str, row: pd.Series, pictures: Mapping[str, Picture]) -> Answer:
    """The answer in one row of a scores table."""
    truth = f"{row['model']}/"
    guesses = [
        Guess(pictures[name], float(influence), name.startswith(truth))
        for name, influence in zip(row["top_ids"], row["top_influence"], strict=True)
    ]
    return Answer(label, sorted(int(rank) for rank in row["ranks"]), int(row["candidates"]), guesses)


def match(untuned: pd.DataFrame, chosen: pd.DataFrame) -> pd.DataFrame:
    """The untuned rows of the chosen queries, in their order.

    Raises:
        ValueError: a query is missing.
    """
    found = chosen[QUERY].merge(untuned, how="left", on=QUERY)
    if found["ranks"].isna().any():
        query = found.loc[found["ranks"].isna(), QUERY].iloc[0].to_dict()
        raise ValueError(f"untuned scores lack the query {query}")
    return found
