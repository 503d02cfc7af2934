"""Bootstrap over models: the samples of one model share its exemplar and its fine-tuning, so they are one cluster.

A resample draws whole models with replacement; a mean over queries is then a ratio of two sums over models.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from scipy import stats

from workflow_scripts.seeds import derive_seed

Interval = dict[str, float | None]  # `value`, and the ends of its 95 % interval: `low` and `high`, None of one model


def mean_intervals(
    values: Mapping[str, np.ndarray], models: Sequence[str], resamples: int, *seed: str | int
) -> dict[str, Interval]:
    """The mean of each of several `values` [q] over queries, with a 95 % percentile interval over models.

    Args:
        models: the model of each query.
        seed: names that the random numbers derive from; all values share their resamples.
    """
    intervals, _ = _ratio_bootstrap(np.stack(list(values.values())), models, resamples, *seed)
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
        Intervals with the two-sided `p`: twice the smaller share of resamples on either side of zero, where the
        observed sample counts as one, so that p is never 0. None where there are fewer than two models.
    """
    differences = np.stack([values[name] - baseline[name] for name in values])
    intervals, draws = _ratio_bootstrap(differences, models, resamples, *seed)
    p: list[float | None] = [None] * len(values)
    if draws is not None:
        tails = np.minimum((draws <= 0).sum(axis=1), (draws >= 0).sum(axis=1))
        p = np.minimum(1.0, 2 * (tails + 1) / (draws.shape[1] + 1)).tolist()
    return {name: {**interval, "p": own} for name, interval, own in zip(values, intervals, p, strict=True)}


def median_interval(ranks: Sequence[np.ndarray], models: Sequence[str], resamples: int, *seed: str | int) -> Interval:
    """The median over all true exemplars of all queries, with a 95 % percentile interval over models.

    Args:
        ranks: per query, the ranks of its true exemplars.
    """
    names = np.asarray(models)
    groups = [np.concatenate([ranks[row] for row in np.flatnonzero(names == name)]) for name in np.unique(names)]
    median = float(np.median(np.concatenate(groups)))
    if len(groups) < 2:
        return _interval(median)
    draws = np.random.default_rng(derive_seed(*seed)).integers(len(groups), size=(resamples, len(groups)))
    padded = np.full((len(groups), max(map(len, groups))), np.nan)
    for row, group in zip(padded, groups, strict=True):
        row[: len(group)] = group
    median_of = np.nanmedian if np.isnan(padded).any() else np.median  # the latter is faster
    return _interval(median, *np.percentile([median_of(padded[draw]) for draw in draws], [2.5, 97.5]))


def _interval(value: float, low: float | None = None, high: float | None = None) -> Interval:
    ends = {"value": value, "low": low, "high": high}
    return {name: None if end is None else float(end) for name, end in ends.items()}


def _ratio_bootstrap(
    values: np.ndarray, models: Sequence[str], resamples: int, *seed: str | int
) -> tuple[list[Interval], np.ndarray | None]:
    """Intervals of the means of k rows of `values` [k, q], and the resampled means [k, resamples]."""
    values = np.asarray(values, np.float64)
    _, cluster = np.unique(np.asarray(models), return_inverse=True)
    sums = np.stack([np.bincount(cluster, row) for row in values])  # [k, models]
    counts = np.broadcast_to(np.bincount(cluster), sums.shape)
    means = values.mean(axis=1)
    if sums.shape[1] < 2:
        return list(map(_interval, means)), None
    result = stats.bootstrap(
        (sums, counts),
        lambda total, count, axis: total.sum(axis=axis) / count.sum(axis=axis),
        n_resamples=resamples,
        method="percentile",
        paired=True,
        axis=1,
        rng=np.random.default_rng(derive_seed(*seed)),
    )
    return list(map(_interval, means, *result.confidence_interval)), result.bootstrap_distribution
