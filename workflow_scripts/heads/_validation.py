"""How heads are selected: mean average precision on the models of the split `val`."""

import numpy as np

from workflow_scripts.heads import Head, Pairs, project

BLOCK = 1024  # queries ranked at once


def validation_map(head: Head, val: Pairs) -> float:
    """MAP of val's samples among the exemplars of all models of val.

    Exemplars of train are no candidates: training has pushed them away from all but their own samples, so they would
    flatter a head that over-fits.
    """
    queries, candidates = project(head, "sample", val.samples), project(head, "exemplar", val.exemplars)
    precisions = []
    for start in range(0, len(queries), BLOCK):
        block = slice(start, start + BLOCK)
        relevant = val.sample_model[block, None] == val.exemplar_model
        precisions.append(average_precision(queries[block] @ candidates.T, relevant))
    return float(np.concatenate(precisions).mean())


def average_precision(scores: np.ndarray, relevant: np.ndarray) -> np.ndarray:
    """AP of each query: the mean, over its relevant candidates, of the precision at their ranks.

    Ties are counted against the query.

    Args:
        scores: float [q, c].
        relevant: bool [q, c], at least one per query.
    """
    order = np.lexsort((relevant, -scores))  # [q, c], best first, irrelevant first among equals
    hits = np.take_along_axis(relevant, order, axis=1)
    precision = hits.cumsum(axis=1) / np.arange(1, hits.shape[1] + 1)
    return (precision * hits).sum(axis=1) / hits.sum(axis=1)
