"""How well a head retrieves: mean average precision on the models of the splits `train` and `val`."""

from dataclasses import replace

import numpy as np

from workflow_scripts.evaluation.retrieval import average_precision, ranks_of
from workflow_scripts.heads import Head, Pairs, project

BLOCK = 1024  # queries ranked at once
TRAIN_QUERIES = 1024  # enough to see over-fitting


def score(head: Head, train: Pairs, val: Pairs) -> dict[str, float]:
    """The columns `train_mAP` and `val_mAP` of a head's history; a head whose train_mAP alone rises over-fits.

    Heads are selected by `val_mAP`. Its candidates are exemplars of val only: training has pushed those of train away
    from all other samples, so they would make a head that over-fits look better.
    """
    return {
        "train_mAP": mean_average_precision(head, thin(train, TRAIN_QUERIES)),
        "val_mAP": mean_average_precision(head, val),
    }


def mean_average_precision(head: Head, pairs: Pairs) -> float:
    """Mean average precision of the samples as queries among the exemplars of all models."""
    queries, candidates = project(head, "sample", pairs.samples), project(head, "exemplar", pairs.exemplars)
    precisions = []
    for start in range(0, len(queries), BLOCK):
        block = slice(start, start + BLOCK)
        relevant = pairs.sample_model[block, None] == pairs.exemplar_model  # [b, e]
        ranks = ranks_of(queries[block] @ candidates.T, relevant, tie=0)
        precisions.append(average_precision(ranks, len(candidates)))
    return float(np.concatenate(precisions).mean())


def thin(pairs: Pairs, count: int) -> Pairs:
    """At most `count` of the samples, evenly spaced; samples are ordered by model, so no model is preferred."""
    rows = np.linspace(0, len(pairs.samples) - 1, min(count, len(pairs.samples))).astype(int)
    return replace(pairs, samples=pairs.samples[rows], sample_model=pairs.sample_model[rows])
