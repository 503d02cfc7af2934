"""The influence formula by hand, and a fit that finds the parameters it was made with."""

import numpy as np
import pytest

from workflow_scripts.evaluation import calibration
from workflow_scripts.evaluation.calibration import Calibration, GapCounts


def gaps_of(scores: np.ndarray, true: np.ndarray) -> GapCounts:
    """`GapCounts` of queries with distractor scores [q, c] and true scores [q, m]."""
    peak = np.maximum(scores.max(axis=1), true.max(axis=1))[:, None]
    return GapCounts(calibration.gap_histogram(peak - scores), peak - true)


def test_weight_by_hand():
    """With tau = 1 / ln 2, halves per unit of gap: 1, 1/2, 1/4, 1/8 less lambda = 1/4, cut at zero."""
    weights = Calibration(tau=1 / np.log(2), lam=0.25).weight(np.array([0.0, 1.0, 2.0, 3.0, np.inf]))
    np.testing.assert_allclose(weights, [0.75, 0.25, 0, 0, 0], atol=1e-12)


def test_soft_weight_approaches_weight():
    gaps = np.array([0.0, 0.1, 5.0])
    fitted = Calibration(tau=0.1, lam=0.2)
    np.testing.assert_allclose(fitted.soft_weight(gaps), fitted.weight(gaps), atol=1e-7)
    assert fitted.soft_weight(np.array([5.0])) > 0


def test_sums_over_candidates():
    gaps = np.random.default_rng(0).uniform(0, 2, size=(5, 4000)).astype(np.float32)
    for tau, lam in ((0.05, 0.1), (0.0619, 0.0385), (0.2, -0.02), (0.01, 0.9), (1.0, 0.0)):
        fitted = Calibration(tau, lam)
        hard, soft = fitted.sums(gaps)
        np.testing.assert_array_equal(hard, fitted.weight(gaps).sum(axis=1, dtype=np.float64))
        np.testing.assert_allclose(soft, fitted.soft_weight(gaps).sum(axis=1, dtype=np.float64), rtol=1e-4)


def test_released_clip_values_cut_at_a_fifth():
    released = Calibration(tau=0.0619, lam=0.0385)
    assert released.weight(np.array([0.20])) > 0
    assert released.weight(np.array([0.21])) == 0


def test_histogram_counts_and_centres():
    counts = calibration.gap_histogram(np.array([[0.0, 0.0, 0.5], [2.0, 2.1, 0.125]]))
    assert counts.shape == (2, calibration.BINS)
    assert counts[0, 0] == 2 and counts[0, calibration.BINS // 2] == 1  # sqrt(0.5 / 2) = 1/2
    assert counts[1, -1] == 2 and counts[1, calibration.BINS // 4] == 1
    assert np.all(np.diff(calibration.bin_centres()) > 0)


def test_divergence_by_hand():
    """One true exemplar on top and three distractors 0.5 below: P = 1 / (1 + 3 exp(-0.5 / tau))."""
    gaps = gaps_of(np.array([[0.4, 0.4, 0.4]]), np.array([[0.9]]))
    expected = np.log(1 + 3 * np.exp(-0.5 / 0.2))
    assert calibration.divergence(Calibration(tau=0.2, lam=0.0), gaps) == pytest.approx(expected, abs=2e-3)


def test_divergence_of_padded_truth():
    """Two true exemplars of equal score and nothing else: P = S, whatever the padding."""
    gaps = GapCounts(np.zeros((1, calibration.BINS), np.float32), np.array([[0.0, 0.0, np.inf]]))
    assert calibration.divergence(Calibration(tau=0.1, lam=0.1), gaps) == pytest.approx(0, abs=1e-12)


def test_bins_equal_exact_scores():
    rng = np.random.default_rng(0)
    scores, true = rng.uniform(-0.2, 0.8, size=(20, 400)), rng.uniform(0.5, 0.9, size=(20, 2))
    peak = np.maximum(scores.max(axis=1), true.max(axis=1))[:, None]
    for candidate in (Calibration(0.05, 0.01), Calibration(0.02, 0.1), calibration.UNFITTED):
        total = candidate.soft_weight(peak - scores).sum(axis=1) + candidate.soft_weight(peak - true).sum(axis=1)
        exact = np.mean(-np.log(2) - np.log(candidate.soft_weight(peak - true) / total[:, None]).mean(axis=1))
        assert calibration.divergence(candidate, gaps_of(scores, true)) == pytest.approx(exact, abs=1e-3)


def test_fit_finds_the_least_divergence():
    """The true exemplar is drawn with probability softmax(score / 0.05); the softplus shifts tau a little."""
    rng = np.random.default_rng(1)
    scores = rng.uniform(0, 1, size=(2000, 50))
    odds = np.exp(scores / 0.05)
    drawn = (odds.cumsum(axis=1) / odds.sum(axis=1, keepdims=True) > rng.uniform(size=(2000, 1))).argmax(axis=1)
    true = np.take_along_axis(scores, drawn[:, None], axis=1)
    rest = np.delete(scores.ravel(), np.arange(2000) * 50 + drawn).reshape(2000, 49)
    gaps = gaps_of(rest, true)
    fitted = calibration.fit(gaps)
    grid = [Calibration(tau, lam) for tau in np.geomspace(0.01, 1, 25) for lam in np.linspace(0, 0.5, 26)]
    assert calibration.divergence(fitted, gaps) <= min(calibration.divergence(point, gaps) for point in grid) + 1e-6
    assert fitted.tau == pytest.approx(0.05, rel=0.25)
    assert calibration.divergence(fitted, gaps) < calibration.divergence(calibration.UNFITTED, gaps)


def test_features_that_tell_nothing_still_give_influence():
    """Scores without any signal drive lambda towards 1; the best candidate must keep a weight in float32."""
    rng = np.random.default_rng(0)
    fitted = calibration.fit(gaps_of(rng.normal(size=(40, 500)) * 0.01, np.full((40, 1), -0.9)))
    assert fitted.weight(np.zeros(1, np.float32))[0] > 0
    assert calibration._from_free(np.array([0.0, 30.0])).weight(np.zeros(1, np.float32))[0] > 0
