"""Retrieval scores of one query, from the ranks of its true exemplars alone (paper section 5).

`ranks` is an int array [m] of distinct 1-based ranks, in any order; `candidates` is the length of the full ranking.
"""

import numpy as np


def recall_at(ranks: np.ndarray, k: int) -> float:
    """Share of the m true exemplars that stand in the top k."""
    return float(np.mean(np.asarray(ranks) <= k))


def recall_ceiling(m: int, k: int) -> float:
    """The best possible `recall_at`: with m > k exemplars, at most k of them fit."""
    return min(m, k) / m


def average_precision(ranks: np.ndarray) -> float:
    """AP over the full ranking: the mean, over the true exemplars, of the precision at their ranks."""
    ordered = np.sort(np.asarray(ranks))
    return float(np.mean(np.arange(1, len(ordered) + 1) / ordered))


def random_ranks(m: int, candidates: int, rng: np.random.Generator) -> np.ndarray:
    """Ranks of m true exemplars in a uniformly random order of all candidates."""
    return rng.choice(candidates, size=m, replace=False) + 1
