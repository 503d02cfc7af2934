"""How many rivals score at least as high as a true exemplar, beyond the paper's ranking.

The paper's candidates are all distractors and the query's own exemplars. Two more questions need other candidates. Does
a method confuse an exemplar with hard distractors, those of its own class? Does it still prefer the exemplar when those
of all other models are candidates, too?

Shapes: q queries, m true exemplars of each.
"""

import numpy as np
import pandas as pd

from workflow_scripts.evaluation.retrieval import NO_EXEMPLAR, count_ahead
from workflow_scripts.methods import Method, Queries


def count_rivals(
    method: Method, queries: Queries, table: pd.DataFrame, exemplars: pd.DataFrame, classes: pd.Series
) -> dict[str, np.ndarray]:
    """Counts the rivals of each query, int64 [q], and those ahead of each true exemplar, int64 [q, m].

    Args:
        table: of the queries, with the columns model and class.
        exemplars: of all cases, in the rows that `queries.truth` names, with the columns source, sha256 and twins.
        classes: of the distractors.

    Returns:
        `hard` and `hard_ahead`, `others` and `others_ahead`.
    """
    of_class, none = classes.groupby(classes).indices, np.empty(0, np.int64)
    counts = {kind: np.zeros(len(table), np.int64) for kind in ("hard", "others")}
    ahead = {f"{kind}_ahead": np.zeros(queries.truth.shape, np.int64) for kind in counts}
    for rows in table.groupby("model", sort=False).indices.values():
        own = queries.truth[rows[0]]
        own = own[own != NO_EXEMPLAR]
        hard = of_class.get(table["class"].iloc[rows[0]], none)
        for kind, rivals in {"hard": hard, "others": len(classes) + other_exemplars(exemplars, own)}.items():
            scores = method.score(queries.samples[rows], np.concatenate([len(classes) + own, rivals]))
            counts[kind][rows] = len(rivals)
            ahead[f"{kind}_ahead"][rows, : len(own)] = count_ahead(scores[:, len(own) :], scores[:, : len(own)])
    return counts | ahead


def other_exemplars(exemplars: pd.DataFrame, rows: np.ndarray) -> np.ndarray:
    """The exemplars that are neither the image nor a near-duplicate of those in `rows`; each image once."""
    own = exemplars.iloc[rows]
    images = pd.MultiIndex.from_frame(exemplars[["source", "sha256"]])  # two folders may have files of one name
    twins = set().union(*own["twins"])
    return np.flatnonzero(~images.duplicated() & ~images.isin(images[rows]) & ~exemplars["source"].isin(twins))
