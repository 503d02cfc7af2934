"""Where a true exemplar would stand among some of the candidates only, or among more of them.

The paper's candidates are all distractors and the query's own exemplars. Two questions ask for others: are hard
distractors (of the exemplar's own class) what a method confuses it with, and does it still find the exemplar when those
of all other models are candidates too?

Shapes: q queries, m true exemplars of each, c candidates.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd

from workflow_scripts.evaluation.ranking import NO_EXEMPLAR
from workflow_scripts.evaluation.retrieval import count_ahead


def hard_distractors(classes: pd.Series) -> Mapping[str, np.ndarray]:
    """The numbers of the distractors of each class."""
    return classes.groupby(classes).indices


def other_exemplars(exemplars: pd.DataFrame, rows: np.ndarray) -> np.ndarray:
    """The exemplars that are rivals of those in `rows`: neither the same image nor a near-duplicate; each image once.

    Args:
        exemplars: with the columns source and twins.
    """
    own = exemplars.iloc[rows]
    kept_out = set(own["source"]).union(*own["twins"])
    single = ~exemplars["source"].duplicated() & ~exemplars["source"].isin(kept_out)
    return np.flatnonzero(single)


def ahead_of_truth(
    score: Callable[[np.ndarray, np.ndarray], np.ndarray],
    samples: np.ndarray,
    truth: np.ndarray,
    models: Sequence,
    rivals: Mapping[str, np.ndarray],
    first_exemplar: int,
) -> np.ndarray:
    """How many rivals of its model score at least as high as each true exemplar of a query, int64 [q, m].

    Args:
        score: of an attribution method, from features [q, d] and candidates [c] to scores [q, c].
        samples: features of the queries, [q, d].
        truth: int64 [q, m], rows of the true exemplars, padded with `NO_EXEMPLAR`.
        models: of each query.
        rivals: candidates by model.
        first_exemplar: number of the first exemplar among the candidates.
    """
    ahead = np.zeros(truth.shape, np.int64)
    for model, rows in pd.Series(models).groupby(models, sort=False).indices.items():
        own = truth[rows[0]]
        own = own[own != NO_EXEMPLAR]
        scores = score(samples[rows], np.concatenate([first_exemplar + own, rivals[model]]))
        ahead[rows, : len(own)] = count_ahead(scores[:, len(own) :], scores[:, : len(own)])
    return ahead
