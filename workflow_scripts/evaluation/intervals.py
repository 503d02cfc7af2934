"""Intervals and tests over models: samples of one model share its exemplar and its fine-tuning, so they are one unit.

A mean over queries is a ratio of two sums over models, which is drawn again and again:

    from 30 models on   of as many models, drawn with replacement: the percentile bootstrap
    of fewer models     of each part of the models: all of them up to 16 models, else as many as there are resamples

Of few models the bootstrap is too sure: of 8 to 12, it rejects what is true in 10 % of cases and more. Means of parts
are the sign-flip test: flipping the signs of a part makes a mean above zero grow only if that part has one below zero.
The interval holds what this test does not reject (Hartigan 1969, typical values). Both are exact if models are as often
above their common mean as below it, at any distance. Where they are not, as with shares near zero, the end towards the
long tail is too near; the other end, which says whether a share is above chance, is on the safe side. A difference may
have its long tail on either side of zero: for skewed differences below 30 models neither side is safe, nor is their p.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from scipy import stats

from workflow_scripts.seeds import derive_seed

MANY = 30  # models, from which on the bootstrap holds
LISTED = 16  # models whose parts are all listed
TAIL = 0.025  # on each side of a 95 % interval
ROUNDING = 1e-12  # differences that are nearer to zero are zero

Interval = dict[str, float | None]  # `value`, and the ends of its 95 % interval: `low` and `high`, None of few models


def least_p(models: int) -> float:
    """The smallest p of the sign-flip test of at most LISTED models; with 5 models or less, none is below 0.05."""
    return 2.0 ** (1 - models)


def mean_intervals(
    values: Mapping[str, np.ndarray], models: Sequence[str], resamples: int, *seed: str | int
) -> dict[str, Interval]:
    """The mean of each of several `values` [q] over queries, with a 95 % interval over models.

    Args:
        models: the model of each query.
        seed: names that the random numbers derive from; all values share their draws.
    """
    intervals, _ = _means(np.stack(list(values.values())), models, resamples, *seed)
    return dict(zip(values, intervals, strict=True))


def paired_differences(
    values: Mapping[str, np.ndarray],
    baseline: Mapping[str, np.ndarray],
    models: Sequence[str],
    resamples: int,
    *seed: str | int,
) -> dict[str, Interval]:
    """How much the mean of each of several `values` [q] exceeds that of its `baseline` [q] on the same queries.

    Returns:
        Intervals with the two-sided `p`: twice the smaller share of draws on either side of zero, where the observed
        sample counts as one, so that p is never 0. None where there are fewer than two models.
    """
    differences = np.stack([values[name] - baseline[name] for name in values])
    intervals, draws = _means(differences, models, resamples, *seed)
    p: list[float | None] = [None] * len(values)
    if draws is not None:
        tails = np.minimum((draws <= ROUNDING).sum(axis=1), (draws >= -ROUNDING).sum(axis=1))
        p = np.minimum(1.0, 2 * (tails + 1) / (draws.shape[1] + 1)).tolist()
    return {name: {**interval, "p": own} for name, interval, own in zip(values, intervals, p, strict=True)}


def median_interval(ranks: Sequence[np.ndarray], models: Sequence[str], resamples: int, *seed: str | int) -> Interval:
    """The median over all true exemplars of all queries, with a 95 % interval over models.

    Of few models, no more parts are taken than there are resamples: medians of all of them would take too long.

    Args:
        ranks: per query, the ranks of its true exemplars.
    """
    names = np.asarray(models)
    groups = [np.concatenate([ranks[row] for row in np.flatnonzero(names == name)]) for name in np.unique(names)]
    median = float(np.median(np.concatenate(groups)))
    if len(groups) < 2:
        return _interval(median)
    rng = np.random.default_rng(derive_seed(*seed))
    if len(groups) < MANY:
        drawn = (np.flatnonzero(part) for part in _parts(len(groups), resamples, resamples, rng))
        medians = np.array([np.median(np.concatenate([groups[i] for i in part])) for part in drawn])
        return _interval(median, *_ends(medians))
    draws = rng.integers(len(groups), size=(resamples, len(groups)))
    padded = np.full((len(groups), max(map(len, groups))), np.nan)
    for row, group in zip(padded, groups, strict=True):
        row[: len(group)] = group
    median_of = np.nanmedian if np.isnan(padded).any() else np.median  # the latter is faster
    return _interval(
        median, *np.percentile([median_of(padded[draw]) for draw in draws], [100 * TAIL, 100 - 100 * TAIL])
    )


def _interval(value: float, low: float | None = None, high: float | None = None) -> Interval:
    ends = {"value": value, "low": low, "high": high}
    return {name: None if end is None else float(end) for name, end in ends.items()}


def _means(
    values: np.ndarray, models: Sequence[str], resamples: int, *seed: str | int
) -> tuple[list[Interval], np.ndarray | None]:
    """Intervals of the means of k rows of `values` [k, q], and the means that were drawn [k, draws]."""
    values = np.asarray(values, np.float64)
    _, unit = np.unique(np.asarray(models), return_inverse=True)
    sums = np.stack([np.bincount(unit, row) for row in values])  # [k, models]
    counts = np.bincount(unit)
    means = values.mean(axis=1)
    if len(counts) < 2:
        return list(map(_interval, means)), None
    rng = np.random.default_rng(derive_seed(*seed))
    if len(counts) < MANY:
        parts = _parts(len(counts), 2**LISTED, resamples, rng)
        draws = np.stack([parts @ row for row in sums]) / (parts @ counts)  # row by row: each alone has the same bits
        return [_interval(mean, *_ends(drawn)) for mean, drawn in zip(means, draws, strict=True)], draws
    result = stats.bootstrap(
        (sums, np.broadcast_to(counts, sums.shape)),
        lambda total, count, axis: total.sum(axis=axis) / count.sum(axis=axis),
        n_resamples=resamples,
        method="percentile",
        paired=True,
        axis=1,
        rng=rng,
    )
    return list(map(_interval, means, *result.confidence_interval)), result.bootstrap_distribution


def _parts(models: int, listed: int, drawn: int, rng: np.random.Generator) -> np.ndarray:
    """Parts of some models that are not empty, [parts, models] of 0 and 1: all if they are not more than `listed`."""
    if 2**models <= listed:
        return (np.arange(1, 2**models)[:, None] >> np.arange(models)) & 1
    parts = rng.integers(2, size=(drawn, models))
    return parts[parts.any(axis=1)]


def _ends(draws: np.ndarray) -> tuple[float | None, float | None]:
    """The ends of the values that the sign-flip test keeps, from the means of parts; None if they are too few."""
    outside = int(TAIL * (len(draws) + 1))
    ordered = np.sort(draws)
    return (ordered[outside - 1], ordered[-outside]) if outside else (None, None)
