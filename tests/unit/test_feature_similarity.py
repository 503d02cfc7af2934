"""Scores, ranks and influence of a problem of two dimensions, worked by hand."""

import numpy as np
import pytest

from workflow_scripts.evaluation.calibration import Calibration
from workflow_scripts.heads import Head
from workflow_scripts.methods import Candidates, Queries, feature_similarity

IDENTITY = Head("identity", {})
# Cosines with the query (1, 0): distractors 0.6, 0, -1; exemplars 0.8 and 0.
DISTRACTORS = np.array([[3, 4], [0, 2], [-1, 0]], np.float32)
EXEMPLARS = np.array([[4, -3], [0, 1]], np.float32)


def attribute(head: Head, calibration: Calibration, truth: list[list[int]], top_k: int = 3):
    method = feature_similarity.load(feature_similarity.Settings(top_k), head, calibration, memory_mb=1)
    method.prepare(Candidates(DISTRACTORS, EXEMPLARS))
    return method.rank(Queries(np.array([[5, 0]], np.float32).repeat(len(truth), 0), np.array(truth)))


def test_influence_by_hand():
    """Weights exp(-gap / 0.2) - 0.1, cut at zero: exemplar 0.9, distractor exp(-1) - 0.1, all others 0."""
    found = attribute(IDENTITY, Calibration(0.2, 0.1), [[0, 1]])
    other = np.exp(-1) - 0.1
    assert found.ranks.tolist() == [[1, 4]]  # the second exemplar's 0 ties with a distractor's 0
    assert found.top.tolist() == [[3, 0, 1]]
    np.testing.assert_allclose(found.top_scores, [[0.8, 0.6, 0.0]], atol=1e-6)
    np.testing.assert_allclose(found.top_influence, [[90 / (0.9 + other), 100 * other / (0.9 + other), 0]], rtol=1e-5)
    np.testing.assert_allclose(found.true_influence, [90 / (0.9 + other)], rtol=1e-5)
    gaps = np.array([0, 0.8, 0.2, 0.8, 1.8])  # of both exemplars, then of the distractors
    for divergence, tau, threshold in ((found.divergence, 0.2, 0.1), (found.unfitted_divergence, 1, 0)):
        weights = np.log1p(np.exp(100 * (np.exp(-gaps / tau) - threshold)))
        given = weights / weights.sum()
        np.testing.assert_allclose(divergence, [np.sum(0.5 * np.log(0.5 / given[:2]))], rtol=1e-5)
    assert found.candidates.tolist() == [5]


def test_the_divergence_is_finite_even_if_the_truth_gets_no_influence():
    sharp = Calibration(1e-3, float(np.nextafter(np.float32(1), np.float32(0))))  # its softplus of a gap is below 1e-45
    found = attribute(IDENTITY, sharp, [[1, -1]])
    assert np.isfinite(found.divergence).all() and found.divergence[0] > 50


def test_only_the_querys_own_exemplars_are_candidates():
    found = attribute(IDENTITY, Calibration(0.2, 0.0), [[1, -1], [0, 1]])
    assert found.ranks.tolist() == [[3, 0], [1, 4]]
    assert found.top[0].tolist() == [0, 1, 4]
    assert found.candidates.tolist() == [4, 5]


@pytest.mark.parametrize("threshold", [0.01, -0.02])  # less than 0: as others fitted it, everything has influence
def test_influence_of_all_candidates_sums_to_hundred(threshold: float):
    both, one = attribute(IDENTITY, Calibration(0.7, threshold), [[0, 1], [0, -1]], top_k=4).top_influence
    least = attribute(IDENTITY, Calibration(0.7, threshold), [[0, 1]], top_k=5).top_influence[0, 4]
    assert both.sum() + least == pytest.approx(100)
    assert one.sum() == pytest.approx(100)  # the other exemplar, which is no candidate, has none


def test_head_maps_exemplars_and_samples_differently():
    """Exemplars turn by 90 degrees, samples stay: now (0, -1) is what looks like (1, 0)."""
    turn = np.array([[0, -1], [1, 0]], np.float32)
    zero = np.zeros(2, np.float32)
    tensors = {"exemplar.weight": turn, "exemplar.bias": zero, "sample.weight": np.eye(2, dtype=np.float32)}
    found = attribute(Head("linear", tensors | {"sample.bias": zero}), Calibration(0.2, 0.0), [[0]], top_k=1)
    np.testing.assert_allclose(found.top_scores, [[0.6]], atol=1e-6)
    assert found.ranks.tolist() == [[1]]
