"""From scores to influence (paper section 4.3).

P_{tau,lambda}(x | x~) = ReLU(exp((s - s0) / tau) - lambda) / sum_j ReLU(exp((s_j - s0) / tau) - lambda), with s0 the
query's largest score, so that candidates far below the top get exactly zero. tau and lambda minimise KL(S || P) on
validation queries, where S spreads the influence evenly over the query's m true exemplars. While fitting, ReLU is
softplus(beta = 100), because its gradient never vanishes and its logarithm is finite.

At the paper's size, the scores of all distractors do not fit in memory. The fit needs only the gaps s0 - s: they are
counted in fine bins, finest near zero. Gaps of the true exemplars are kept exactly.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy import special

from workflow_scripts import heads
from workflow_scripts.evaluation import ranking
from workflow_scripts.evaluation.features import Images

BETA = 100.0
BINS = 2048
LARGEST_GAP = 2.0  # between two cosines


@dataclass(frozen=True)
class Calibration:
    """The two parameters of the influence."""

    tau: float  # temperature, more than 0
    lam: float  # lambda, the threshold, less than 1; ours at least 0, one that others fitted may be negative

    def weight(self, gaps: np.ndarray) -> np.ndarray:
        """Unnormalised influence ReLU(exp(-gap / tau) - lambda) of candidates with these gaps; 0 at an infinite gap."""
        weights = np.maximum(np.exp(-gaps / self.tau) - self.lam, 0.0)
        return weights if self.lam >= 0 else np.where(np.isinf(gaps), 0.0, weights)

    def soft_weight(self, gaps: np.ndarray) -> np.ndarray:
        """`weight` with softplus in place of ReLU."""
        return np.logaddexp(0.0, BETA * (np.exp(-gaps / self.tau) - self.lam)) / BETA

    def sums(self, gaps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The sums of `weight` and of `soft_weight` over candidates [q, c] with finite gaps, float64 [q] each."""
        above = np.exp(-gaps / self.tau) - self.lam
        hard = np.maximum(above, 0.0).sum(axis=1, dtype=np.float64)
        np.abs(above, out=above)
        above *= -BETA
        np.log1p(np.exp(above, out=above), out=above)  # softplus(x) = max(x, 0) + log(1 + exp(-|x|))
        return hard, hard + above.sum(axis=1, dtype=np.float64) / BETA


UNFITTED = Calibration(tau=1.0, lam=0.0)  # where the authors' fit starts


@dataclass(frozen=True)
class GapCounts:
    """What the fit needs of the validation queries: gaps below each query's largest score."""

    counts: np.ndarray  # [q, BINS], distractors by gap
    true_gaps: np.ndarray  # [q, m], of the true exemplars; inf where padded


def measure_gaps(head: heads.Head, images: Images, memory_mb: float) -> GapCounts:
    """Gaps of all candidates of each sample. `images` must have distractors; `memory_mb` is as in `ranking.rank`."""
    project, distractors = partial(heads.project, head, "exemplar"), images.distractor_features
    queries, exemplars = heads.project(head, "sample", images.sample_features), project(images.exemplars.features)
    truth = images.exemplars.truth(images.samples)
    ranked = ranking.rank(queries, distractors, exemplars, truth, 1, project, memory_mb)
    peak = ranked.peak[:, None]  # [q, 1]
    counts = ranking.sum_over_distractors(
        queries, distractors, lambda scores, rows: gap_histogram(peak[rows] - scores), project, memory_mb
    )
    return GapCounts(counts, peak - ranked.true_scores)


def gap_histogram(gaps: np.ndarray) -> np.ndarray:
    """Counts gaps [q, c] from 0 to 2 per query, float32 [q, BINS]. Bins are even in the square root of the gap."""
    bins = np.sqrt(np.clip(gaps, 0.0, LARGEST_GAP) / LARGEST_GAP) * BINS
    bins = np.minimum(bins.astype(np.int64), BINS - 1)
    flat = bins + BINS * np.arange(len(gaps))[:, None]
    counts = np.bincount(flat.ravel(), minlength=BINS * len(gaps)).reshape(len(gaps), BINS)
    return counts.astype(np.float32)  # exact up to 16 million distractors


def bin_centres() -> np.ndarray:
    """The gap at the middle of each bin, [BINS]."""
    return LARGEST_GAP * ((np.arange(BINS) + 0.5) / BINS) ** 2


def divergences(calibration: Calibration, true_gaps: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """KL(S || P) in nats of each query, with the softplus; [q].

    Args:
        true_gaps: of its true exemplars [q, m]; inf where padded.
        rest: the sum of `soft_weight` over its distractors [q].
    """
    real = np.isfinite(true_gaps)  # [q, m]
    weights = np.where(real, calibration.soft_weight(np.where(real, true_gaps, 0.0)), 0.0)
    total = rest + weights.sum(axis=1)  # [q]
    share = 1.0 / real.sum(axis=1, keepdims=True)  # S, [q, 1]
    ratio = np.where(real, share * total[:, None] / np.where(real, weights, 1.0), 1.0)
    return np.sum(share * np.log(ratio), axis=1)


def divergence(calibration: Calibration, gaps: GapCounts) -> float:
    """The mean over queries of `divergences`."""
    rest = gaps.counts @ calibration.soft_weight(bin_centres()).astype(np.float32)
    return float(np.mean(divergences(calibration, gaps.true_gaps, rest)))


def fit(gaps: GapCounts) -> Calibration:
    """The tau and lambda of the least divergence: a coarse grid, then Nelder-Mead from its best point."""
    from scipy import optimize  # slow to import, and applying a calibration does not need it

    best = optimize.brute(
        lambda point: divergence(_from_free(point), gaps),
        ranges=((-6.0, 0.0), (-10.0, 1.0)),  # log tau: 0.0025 to 1; logit lambda: 0.00005 to 0.73
        Ns=13,
        finish=optimize.fmin,
    )
    return _from_free(best)


def _from_free(point: np.ndarray) -> Calibration:
    log_tau, logit_lambda = np.clip(point, [-12.0, -30.0], [3.0, 16.0])  # lambda is below 1 in float32, too
    return Calibration(tau=float(np.exp(log_tau)), lam=float(special.expit(logit_lambda)))
