"""Exact ranking of queries against any number of candidates, in constant memory.

A query is a generated sample. Its candidates are all distractors and the exemplars of its own model (paper section
5; "truth" here). One pass over the distractors counts how many score at least as high as each true exemplar, and keeps
a running top k. The normaliser of the influence needs a second pass, because it depends on the query's largest score.

Shapes: q queries, n distractors, e exemplars, m the largest number of true exemplars of a query, d features.
Candidates are numbered: 0 ... n-1 are the distractors, n + i is exemplar i.
"""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from workflow_scripts.evaluation.retrieval import NO_EXEMPLAR, is_ahead

MEMORY_MB = 256
GROUP = 64  # scores whose maximum is taken together
CACHED = 2**19  # scores that fit the processor's cache, with what is made of them
LEAST = np.finfo(np.float32).min  # of all scores; padding is less

Project = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Ranking:
    """The result of one pass over the distractors."""

    ranks: np.ndarray  # int64 [q, m], 1-based rank of each true exemplar; 0 where `truth` is padded
    true_scores: np.ndarray  # float32 [q, m]; -inf where padded
    top: np.ndarray  # int64 [q, k], numbers of candidates, best first; of equal scores the lower number comes first
    top_scores: np.ndarray  # float32 [q, k]
    candidates: np.ndarray  # int64 [q], how many each query has

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
    memory_mb: float = MEMORY_MB,
) -> Ranking:
    """Ranks every true exemplar among the query's candidates by inner product.

    An exemplar stands behind all distractors of the same score (`retrieval.is_ahead`). Equal true exemplars stand in
    the order of `truth`, so that a query's ranks are always distinct.

    Args:
        queries: float32 [q, d].
        distractors: [n, d], read block by block; may be a memory map.
        exemplars: float32 [e, d].
        truth: int [q, m], rows of the query's true exemplars, padded at the end with `NO_EXEMPLAR`.
        top_k: how many of the best candidates to keep.
        project: maps a block of raw distractors to the space of the queries, such as a head.
        memory_mb: megabytes that a block of features and its scores may take.

    Raises:
        ValueError: a feature is NaN or infinite. Its comparisons would be false, and so its rank too good.
    """
    _check_finite("query", queries)
    _check_finite("exemplar", exemplars)
    true_scores = score_truth(queries, exemplars, truth)  # [q, m]
    ranks = _ranks_among_truth(true_scores, truth)
    candidates = np.where(truth == NO_EXEMPLAR, NO_EXEMPLAR, len(distractors) + truth)
    top = np.full((len(queries), top_k), NO_EXEMPLAR)
    top_scores = np.full((len(queries), top_k), -np.inf, np.float32)
    order = np.lexsort((candidates, -true_scores), axis=1)[:, :top_k]
    top[:, : order.shape[1]] = np.take_along_axis(candidates, order, axis=1)
    top_scores[:, : order.shape[1]] = np.take_along_axis(true_scores, order, axis=1)
    for rows, start, scores in _blocks(queries, distractors, project, memory_mb):
        floors, best = _floors(scores, top_scores[rows, -1], top_k), []
        for query, row, floor in zip(range(rows.start, rows.stop), scores, floors, strict=True):  # a row fits the cache
            ranks[query] += [np.count_nonzero(is_ahead(row, true_score)) for true_score in true_scores[query]]
            best.append((row >= floor).nonzero()[0])
        _keep_best(top[rows], top_scores[rows], best, start, scores)
    ranks[truth == NO_EXEMPLAR] = 0
    return Ranking(ranks, true_scores, top, top_scores, len(distractors) + np.sum(truth != NO_EXEMPLAR, axis=1))


def sum_over_distractors(
    queries: np.ndarray,
    distractors: np.ndarray,
    function: Callable[[np.ndarray, slice], np.ndarray],
    project: Project | None = None,
    memory_mb: float = MEMORY_MB,
) -> np.ndarray:
    """The second pass: sums `function(scores [b, c], rows of the queries)` -> [b, ...] over all distractors."""
    total: np.ndarray | None = None
    for rows, _, scores in _blocks(queries, distractors, project, memory_mb):
        step = max(1, CACHED // scores.shape[1])
        for start in range(rows.start, rows.stop, step):
            few = slice(start, min(start + step, rows.stop))
            part = function(scores[few.start - rows.start : few.stop - rows.start], few)
            if total is None:
                total = np.zeros((len(queries), *part.shape[1:]), part.dtype)
            total[few] += part
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
    queries: np.ndarray, distractors: np.ndarray, project: Project | None, memory_mb: float
) -> Iterator[tuple[slice, int, np.ndarray]]:
    """Yields rows of the queries, the number of the block's first distractor, and float32 scores [b, c].

    The next block overwrites the scores.
    """
    d = max(queries.shape[1], distractors.shape[1])
    half = memory_mb * 2**20 / 2 / 4  # float32 numbers of a block of features, and of its scores
    columns = min(max(1, int(half / d)), max(1, len(distractors)))
    rows = min(max(1, int(half / columns)), max(1, len(queries)))
    buffer = np.empty(rows * columns, np.float32)
    place, multiply = _arithmetic()
    placed = place(queries.astype(np.float32, copy=False))
    for start in range(0, len(distractors), columns):
        block = np.asarray(distractors[start : start + columns], np.float32)
        block = place(block if project is None else project(block))  # [c, d]
        for first in range(0, len(queries), rows):
            part = slice(first, min(first + rows, len(queries)))
            shape = part.stop - part.start, len(block)
            scores = buffer[: shape[0] * shape[1]].reshape(shape)
            multiply(placed[part], block, scores)
            bad = ~np.isfinite(scores[0])  # if a distractor is not finite, none of its scores is
            if bad.any():
                raise ValueError(f"distractor {start + np.argmax(bad)}: its features hold NaN or infinity")
            yield part, start, scores


def _arithmetic(device: str | None = None) -> tuple[Callable[[np.ndarray], Any], Callable[[Any, Any, np.ndarray], Any]]:
    """Two functions: one moves an array [n, d] to the device, one writes the product a @ b.T into an array.

    The device is the GPU if there is one, else the CPU with numpy.
    """
    if device is None and shutil.which("nvidia-smi"):
        import torch  # takes a second: only on machines with a GPU

        device = "cuda" if torch.cuda.is_available() else None
    if device is None:
        return lambda array: array, lambda a, b, out: np.matmul(a, b.T, out=out)
    import torch

    return (
        lambda array: torch.tensor(array, device=device),
        lambda a, b, out: torch.from_numpy(out).copy_(a @ b.T),
    )


def _check_finite(name: str, features: np.ndarray) -> None:
    bad = ~np.isfinite(features).all(axis=1)
    if bad.any():
        raise ValueError(f"{name} {np.argmax(bad)}: its features hold NaN or infinity")


def _floors(scores: np.ndarray, worst: np.ndarray, k: int) -> np.ndarray:
    """The least score [b] that can be among each query's k best, from a block's scores [b, c] and the k-th best [b]."""
    groups = scores.shape[1] // GROUP
    if groups < k or not (worst == -np.inf).any():
        return np.maximum(worst, LEAST)
    # The k-th best of the groups' maxima is at most the k-th best of all scores, and faster to find.
    maxima = scores[:, : groups * GROUP].reshape(-1, GROUP, groups).max(axis=1)
    return np.maximum(worst, np.sort(maxima, axis=1)[:, -k])


def _keep_best(
    top: np.ndarray, top_scores: np.ndarray, columns: list[np.ndarray], start: int, scores: np.ndarray
) -> None:
    """Merges distractors into the top k [b, k] of b queries, in place.

    Args:
        columns: of `scores` to consider, per query.
        start: number of the distractor in the first column.
        scores: of a block [b, c].
    """
    column = np.concatenate(columns)
    if not len(column):
        return
    b, k = top.shape
    row = np.repeat(np.arange(b), list(map(len, columns)))
    numbers = np.concatenate([top.ravel(), start + column])
    values = np.concatenate([top_scores.ravel(), scores[row, column]])
    row = np.concatenate([np.repeat(np.arange(b), k), row])
    order = np.lexsort((numbers, -values, row))
    first = np.searchsorted(row[order], np.arange(b))  # of each query, which has at least k entries
    best = order[first[:, None] + np.arange(k)]
    top[:], top_scores[:] = numbers[best], values[best]
