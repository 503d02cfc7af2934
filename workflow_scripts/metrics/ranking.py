"""Exact ranking of queries against any number of candidates, in constant memory.

A query is a generated sample. Its candidates are all distractors and the exemplars of its own model (paper section
5; "truth" here), so a ranking needs one pass over the distractors: count how many score at least as high as each true
exemplar and keep a running top k. The normaliser of the influence needs a second pass, because it depends on the
query's largest score.

Shapes: q queries, n distractors, e exemplars, m the largest number of true exemplars of a query, d features.
Candidates are numbered: 0 ... n-1 are the distractors, n + i is exemplar i.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

MEMORY = 256 * 2**20  # bytes for one block of scores and one block of distractor features
STRIDE = 32
NO_EXEMPLAR = -1  # pads the rows of `truth`

Project = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Ranking:
    """What one pass over the distractors leaves.

    Attributes:
        ranks: int64 [q, m], 1-based rank of each true exemplar; 0 where `truth` is padded.
        true_scores: float32 [q, m]; -inf where padded.
        top: int64 [q, k] candidate numbers, best first; of equal scores the lower number comes first.
        top_scores: float32 [q, k].
        candidates: int64 [q], the number of candidates of each query.
    """

    ranks: np.ndarray
    true_scores: np.ndarray
    top: np.ndarray
    top_scores: np.ndarray
    candidates: np.ndarray

    @property
    def peak(self) -> np.ndarray:
        """Each query's largest score s0, [q]."""
        return self.top_scores[:, 0]


def rank(
    queries: np.ndarray,
    distractors: np.ndarray,
    exemplars: np.ndarray,
    truth: np.ndarray,
    top_k: int,
    project: Project | None = None,
    memory: int = MEMORY,
) -> Ranking:
    """Ranks every true exemplar among the query's candidates by inner product.

    Ties are counted in the exemplar's disfavour: it stands behind every distractor of the same score. Equal true
    exemplars stand in the order of `truth`, so that a query's ranks are always distinct.

    Args:
        queries: float32 [q, d].
        distractors: [n, d]; may be a memory map, is read block by block.
        exemplars: float32 [e, d].
        truth: int [q, m], rows of `exemplars` that influenced the query, padded at the end with `NO_EXEMPLAR`.
        top_k: how many of the best candidates to keep.
        project: maps a block of raw distractors to the space of the queries, such as a head.
        memory: bytes that a block may take.

    Raises:
        ValueError: a feature is NaN or infinite, which would otherwise pass as the best of ranks.
    """
    _check_finite("queries", queries)
    _check_finite("exemplars", exemplars)
    true_scores = score_truth(queries, exemplars, truth)  # [q, m]
    ranks = _ranks_among_truth(true_scores, truth)
    candidates = np.where(truth == NO_EXEMPLAR, NO_EXEMPLAR, len(distractors) + truth)
    top, top_scores = _best(candidates, true_scores, top_k)
    for rows, start, scores in _blocks(queries, distractors, project, memory):
        for column in range(truth.shape[1]):
            ranks[rows, column] += np.count_nonzero(scores >= true_scores[rows, column, None], axis=1)
        numbers, best = _top_of_block(scores, top_scores[rows, -1], top_k)
        top[rows], top_scores[rows] = _best(
            np.concatenate([np.where(numbers == NO_EXEMPLAR, numbers, numbers + start), top[rows]], axis=1),
            np.concatenate([best, top_scores[rows]], axis=1),
            top_k,
        )
    ranks[truth == NO_EXEMPLAR] = 0
    return Ranking(ranks, true_scores, top, top_scores, len(distractors) + np.sum(truth != NO_EXEMPLAR, axis=1))


def sum_over_distractors(
    queries: np.ndarray,
    distractors: np.ndarray,
    function: Callable[[np.ndarray, slice], np.ndarray],
    project: Project | None = None,
    memory: int = MEMORY,
) -> np.ndarray:
    """The second pass: sums `function(scores [b, c], rows of the queries)` -> [b, ...] over all distractors.

    Used for the influence's normaliser and, while calibrating, for histograms of score gaps.
    """
    total: np.ndarray | None = None
    for rows, _, scores in _blocks(queries, distractors, project, memory):
        part = function(scores, rows)
        if total is None:
            total = np.zeros((len(queries), *part.shape[1:]), part.dtype)
        total[rows] += part
    if total is None:
        raise ValueError("ranking needs at least one query and one distractor")
    return total


def score_truth(queries: np.ndarray, exemplars: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Inner products of each query with its true exemplars, float32 [q, m]; -inf where padded."""
    scores = np.full(truth.shape, -np.inf, np.float32)
    for column in range(truth.shape[1]):
        real = truth[:, column] != NO_EXEMPLAR
        scores[real, column] = np.einsum("qd,qd->q", queries[real], exemplars[truth[real, column]])
    return scores


def _ranks_among_truth(true_scores: np.ndarray, truth: np.ndarray) -> np.ndarray:
    order = np.argsort(-true_scores, axis=1, kind="stable")
    ranks = np.empty(truth.shape, np.int64)
    np.put_along_axis(ranks, order, np.broadcast_to(np.arange(1, truth.shape[1] + 1), truth.shape), axis=1)
    return ranks


def _blocks(
    queries: np.ndarray, distractors: np.ndarray, project: Project | None, memory: int
) -> Iterator[tuple[slice, int, np.ndarray]]:
    """Yields (rows of the queries, number of the block's first distractor, scores [b, c] in float32)."""
    d = queries.shape[1]
    columns = max(1, memory // (8 * max(d, distractors.shape[1])))  # half for the features, half for the scores
    rows = max(1, memory // (8 * min(columns, max(len(distractors), 1))))
    for start in range(0, len(distractors), columns):
        block = np.asarray(distractors[start : start + columns], np.float32)
        _check_finite(f"distractors {start} to {start + len(block) - 1}", block)
        block = block if project is None else project(block)  # [c, d]
        for first in range(0, len(queries), rows):
            part = slice(first, min(first + rows, len(queries)))
            yield part, start, queries[part] @ block.T


def _check_finite(name: str, features: np.ndarray) -> None:
    bad = ~np.isfinite(features).all(axis=1)
    if bad.any():
        raise ValueError(f"{name}: features of row {np.argmax(bad)} hold NaN or infinity; embed them again")


def _top_of_block(scores: np.ndarray, floor: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The k best columns of each row, ties by the lower column; padded with `NO_EXEMPLAR` and -inf.

    Args:
        scores: [b, c].
        floor: [b]; scores below it need not be considered.
    """
    some = scores[:, ::STRIDE]  # the k-th best of some columns is a lower bound of the k-th best of all, and cheaper
    if some.shape[1] >= k:
        floor = np.maximum(floor, np.partition(some, -k, axis=1)[:, -k])
    row, column = np.nonzero(scores >= floor[:, None])
    best = scores[row, column]
    order = np.lexsort((column, -best, row))
    row, column, best = row[order], column[order], best[order]
    place = np.arange(len(row)) - np.searchsorted(row, row)
    keep = place < k
    b = len(scores)
    numbers, top = np.full((b, k), NO_EXEMPLAR), np.full((b, k), -np.inf, np.float32)
    numbers[row[keep], place[keep]], top[row[keep], place[keep]] = column[keep], best[keep]
    return numbers, top


def _best(numbers: np.ndarray, scores: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Sorts candidates by score, then number, and keeps k, padded if there are fewer."""
    width = max(0, k - numbers.shape[1])
    numbers = np.pad(numbers, ((0, 0), (0, width)), constant_values=NO_EXEMPLAR)
    scores = np.pad(scores, ((0, 0), (0, width)), constant_values=-np.inf)
    order = np.lexsort((numbers, -scores), axis=1)[:, :k]
    return np.take_along_axis(numbers, order, axis=1), np.take_along_axis(scores, order, axis=1)
