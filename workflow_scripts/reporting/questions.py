"""The paper's questions, each as a part of the one table: which rows answer it, and which columns tell them apart."""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from workflow_scripts.reporting.table import RANDOM, main_rows, ordered

UNTUNED, TUNED = "identity", "linear"  # the paper's pair
SET_VIEW = "n = "


@dataclass(frozen=True)
class Question:
    """A question and where its answer stands.

    Attributes:
        name: of its CSV file, its figure and its anchor on the page.
        text: what is compared, for a reader who knows the paper.
        select: the rows of the one table that answer it.
        names: columns that tell these rows apart, beside case, prompts, encoder and head.
    """

    name: str
    title: str
    text: str
    select: Callable[[pd.DataFrame], pd.DataFrame]
    names: tuple[str, ...] = ()

    def rows(self, table: pd.DataFrame) -> pd.DataFrame:
        """The question's part of the table, in reading order; without gains if nothing in it was compared."""
        rows = ordered(self.select(table))
        gains = [name for name in rows.columns if "_gain" in name]
        return rows.drop(columns=gains) if rows[gains].isna().all(axis=None) else rows


def default_set(table: pd.DataFrame) -> str:
    """The training set under which the untuned features stand in the table: the study's first."""
    return table.loc[table["head"] == UNTUNED, "training_set"].iloc[0]


def by_default(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of heads of the default training set, and the random ones."""
    return table[table["training_set"].isin([default_set(table), RANDOM["training_set"]])]


def pair(table: pd.DataFrame) -> pd.DataFrame:
    """Untuned and linear rows of the default training set."""
    rows = by_default(table)
    return rows[rows["head"].isin([UNTUNED, TUNED])]


def in_views(*views: str) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """Of untuned and linear rows, those of test in some views, in cases that have several of them to compare."""

    def select(table: pd.DataFrame) -> pd.DataFrame:
        rows = pair(table)
        rows = rows[(rows["split"] == "test") & rows["view"].isin(views)]
        compared = rows.groupby("case")["view"].transform("nunique") > 1
        return rows[compared & ~rows["case"].isin(set_cases(table))]

    return select


def whole_cells(table: pd.DataFrame) -> pd.DataFrame:
    """All queries of each cell and split, but for the cases of growing sets, which have a question of their own."""
    return table[(table["view"] == "all") & ~table["case"].isin(set_cases(table))]


def set_cases(table: pd.DataFrame) -> set[str]:
    return set(table.loc[table["view"].str.startswith(SET_VIEW), "case"])


def training_sets(table: pd.DataFrame) -> pd.DataFrame:
    """Linear heads of every training set that is learned on whole, and the untuned features."""
    rows = main_rows(whole_cells(table))
    return rows[rows["head"].isin([UNTUNED, TUNED]) & (rows["share"] == 1)]


def set_sizes(table: pd.DataFrame) -> pd.DataFrame:
    """Rows by number of exemplars, as the column `set_size`."""
    rows = by_default(table)
    rows = rows[rows["view"].str.startswith(SET_VIEW)]
    return rows.assign(set_size=rows["view"].str.removeprefix(SET_VIEW).astype(int))


def learning_curve(table: pd.DataFrame) -> pd.DataFrame:
    """Linear heads by share of the train models; the untuned features are share 0."""
    rows = whole_cells(table)
    part = rows["share"] < 1
    chosen = rows[part | (rows["training_set"] == default_set(table)) & rows["head"].isin([UNTUNED, TUNED])]
    return chosen.assign(share=chosen["share"].where(chosen["head"] != UNTUNED, 0.0))


QUESTIONS = (
    Question(
        "tuning",
        "Does tuning find the exemplar again?",
        "Untuned features and every head of the default training set, by the paper's protocol: a test sample's "
        "candidates are all distractors and its own model's exemplars. A random ranking must sit at chance.",
        lambda table: by_default(main_rows(whole_cells(table))),
    ),
    Question(
        "training_sets",
        "Does tuning on objects help styles, and the other way round?",
        "Linear heads trained on objects, on styles, and on both, each evaluated in every cell.",
        training_sets,
        ("training_set",),
    ),
    Question(
        "difficulty",
        "Are hard distractors the difficulty?",
        "Hard distractors show the exemplar's own concept by other artists, easy ones other concepts. Recall among the "
        "hard ones alone is high where there are few of them: see the candidates in the table.",
        in_views("all", "hard", "easy"),
        ("view",),
    ),
    Question(
        "protocols",
        "What if all other exemplars are candidates too?",
        "The paper's protocol (view all) beside a stricter one (view others), in which the exemplars of all other "
        "models are candidates. The same image and its near-duplicates are not.",
        in_views("all", "others"),
        ("view",),
    ),
    Question(
        "artists",
        "Does the base model's knowledge of an artist matter?",
        "No exemplar was seen in any pre-training. Known exemplars are by artists of whom other drawings were, new "
        "ones by artists of whom none was; of twin-free ones neither the base model nor a head saw a near-duplicate.",
        in_views("known", "new", "twin-free"),
        ("view",),
    ),
    Question(
        "set_sizes",
        "Does it hold for models tuned on larger sets?",
        "Models tuned on the first 1, 2, 5 ... drawings of one artist's set. The heads were trained on single objects "
        "and small groups. mAP counts all exemplars of the set.",
        set_sizes,
        ("set_size",),
    ),
    Question(
        "generalisation",
        "Do heads over-fit?",
        "Samples of train, val and test models under the same protocol, and of classes and styles no head has seen.",
        lambda table: pair(whole_cells(table)),
        ("split",),
    ),
    Question(
        "learning_curve",
        "How many training models does a head need?",
        "Linear heads trained on a growing share of the train models; share 0 are the untuned features.",
        learning_curve,
        ("share", "split"),
    ),
)
