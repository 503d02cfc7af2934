"""Ranks of the true exemplars of queries among their candidates, and measures of them (paper section 5).

The one rule of ties: a candidate that scores as high as a true exemplar stands before it. Shapes: q queries, m true
exemplars of each, c candidates. The `ranks` of a query are distinct, start at 1, and come in any order.
"""

import numpy as np

NO_EXEMPLAR = -1  # pads rows of the numbers of true exemplars, of which queries have more or fewer
TIE = 1e-6  # cosines that differ by less are equal: float32 features and heads are no more precise


def is_ahead(scores: np.ndarray, true_score: np.ndarray, tie: float = TIE) -> np.ndarray:
    """Which candidates stand before a true exemplar: those that score at least as high.

    Args:
        tie: the largest difference of equal scores. 0 is enough where both come from one product of matrices, because
            equal features then have equal scores to the last bit.
    """
    return scores >= true_score - tie


def count_ahead(scores: np.ndarray, true_scores: np.ndarray, tie: float = TIE) -> np.ndarray:
    """How many of c candidates [q, c] stand before each true exemplar [q, m]; int64 [q, m]."""
    return np.stack([np.count_nonzero(is_ahead(scores, column[:, None], tie), axis=1) for column in true_scores.T], 1)


def ranks_of(scores: np.ndarray, relevant: np.ndarray, tie: float = TIE) -> np.ndarray:
    """Ranks of each query's true exemplars among all its candidates, int64 [q, m], best first, padded with 0.

    Args:
        scores: of all candidates [q, c].
        relevant: bool [q, c], which of them are the query's true exemplars; at least one.
    """
    count = relevant.sum(axis=1, keepdims=True)  # [q, 1]
    real = np.arange(count.max()) < count  # [q, m]
    true_scores = np.full(real.shape, -np.inf, scores.dtype)
    true_scores[real] = scores[relevant]
    true_scores = -np.sort(-true_scores, axis=1)
    ahead = count_ahead(np.where(relevant, -np.inf, scores), true_scores, tie)
    return np.where(real, ahead + np.arange(1, real.shape[1] + 1), 0)


def recall_at(ranks: np.ndarray, k: int) -> float:
    """Share of the m true exemplars that stand in the top k."""
    return float(np.mean(np.asarray(ranks) <= k))


def recall_ceiling(m: int, k: int) -> float:
    """The best possible `recall_at`: with m > k exemplars, at most k of them fit."""
    return min(m, k) / m


def average_precision(ranks: np.ndarray, length: int | None = None) -> np.ndarray:
    """AP over the full ranking: the mean, over the true exemplars, of the precision at their ranks.

    Args:
        ranks: of one query [m], or of several [q, m] padded with 0.
        length: of the ranking, to sum over all its places. This changes only the last digits of a float; the histories
            of heads were written with it.

    Returns:
        One number for each query.
    """
    ordered = np.sort(np.where(ranks == 0, np.iinfo(np.int64).max, ranks), axis=-1)
    real = np.sort(ranks, axis=-1)[..., ::-1] > 0
    precision = np.where(real, np.arange(1, ordered.shape[-1] + 1) / ordered, 0.0)
    if length is not None:
        places = np.zeros((*ordered.shape[:-1], length + 1))  # the last one takes the padding
        np.put_along_axis(places, np.where(real, ordered - 1, length), precision, axis=-1)
        precision = places[..., :-1]
    return precision.sum(axis=-1) / real.sum(axis=-1)


def chance_recall(candidates: np.ndarray, k: int) -> np.ndarray:
    """Expected `recall_at` of a random order of this many candidates."""
    return np.minimum(1.0, k / candidates)


def chance_precision(m: np.ndarray, candidates: np.ndarray) -> np.ndarray:
    """Expected `average_precision` of m true exemplars in a random order of this many candidates.

    A true exemplar is as likely at any place j. Each of the j - 1 places before it then holds another one in m - 1 of
    candidates - 1 cases, so that the precision is (1 + (j - 1) (m - 1) / (candidates - 1)) / j. This is its mean.
    """
    harmonic = np.cumsum(1 / np.arange(1, np.max(candidates) + 1))[candidates - 1]  # 1 + 1/2 + ... + 1 / candidates
    others = (m - 1) / np.maximum(candidates - 1, 1)
    return (harmonic + others * (candidates - harmonic)) / candidates
