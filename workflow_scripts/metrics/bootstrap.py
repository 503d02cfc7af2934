"""Bootstrap over models: the samples of one model share its exemplar and its fine-tuning, so they are one cluster.

A resample draws whole models with replacement; a mean over queries is then a ratio of two sums over models.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from scipy import stats

from workflow_scripts.seeds import derive_seed


@dataclass(frozen=True)
class Interval:
    """An estimate with the ends of its 95 % interval; ends are None where fewer than two models leave none."""

    value: float
    low: float | None
    high: float | None

    def as_dict(self) -> dict[str, float | None]:
        return asdict(self)


def mean_interval(values: np.ndarray, models: Sequence[str], resamples: int, *seed: str | int) -> Interval:
    """The mean of `values` [q] over queries, with a 95 % percentile interval over models.

    Args:
        models: the model of each query.
        seed: names that the random numbers derive from.
    """
    interval, _ = _ratio_bootstrap(values, models, resamples, *seed)
    return interval


def paired_difference(
    values: np.ndarray, baseline: np.ndarray, models: Sequence[str], resamples: int, *seed: str | int
) -> dict[str, float | None]:
    """How much the mean of `values` [q] exceeds that of `baseline` [q] on the same queries.

    Returns:
        value, low, high, and the two-sided p: twice the smaller share of resamples on either side of zero, counted
        with the observed one so that it is never 0. None where there are fewer than two models.
    """
    interval, draws = _ratio_bootstrap(np.asarray(values) - np.asarray(baseline), models, resamples, *seed)
    if draws is None:
        return {**interval.as_dict(), "p": None}
    tail = min(np.count_nonzero(draws <= 0), np.count_nonzero(draws >= 0))
    return {**interval.as_dict(), "p": min(1.0, 2 * (tail + 1) / (len(draws) + 1))}


def median_interval(ranks: Sequence[np.ndarray], models: Sequence[str], resamples: int, *seed: str | int) -> Interval:
    """The median over all true exemplars of all queries, with a 95 % percentile interval over models.

    Args:
        ranks: per query, the ranks of its true exemplars.
    """
    names = np.asarray(models)
    groups = [np.concatenate([ranks[row] for row in np.flatnonzero(names == name)]) for name in np.unique(names)]
    median = float(np.median(np.concatenate(groups)))
    if len(groups) < 2:
        return Interval(median, None, None)
    rng = np.random.default_rng(derive_seed(*seed))
    draws = rng.integers(len(groups), size=(resamples, len(groups)))
    medians = [np.median(np.concatenate([groups[group] for group in draw])) for draw in draws]
    low, high = np.percentile(medians, [2.5, 97.5])
    return Interval(median, float(low), float(high))


def _ratio_bootstrap(
    values: np.ndarray, models: Sequence[str], resamples: int, *seed: str | int
) -> tuple[Interval, np.ndarray | None]:
    values = np.asarray(values, np.float64)
    _, cluster = np.unique(np.asarray(models), return_inverse=True)
    sums, counts = np.bincount(cluster, values), np.bincount(cluster)  # [models]
    if len(sums) < 2:
        return Interval(float(values.mean()), None, None), None
    result = stats.bootstrap(
        (sums, counts),
        lambda total, count, axis: total.sum(axis=axis) / count.sum(axis=axis),
        n_resamples=resamples,
        method="percentile",
        paired=True,
        rng=np.random.default_rng(derive_seed(*seed)),
    )
    low, high = result.confidence_interval
    return Interval(float(values.mean()), float(low), float(high)), result.bootstrap_distribution
