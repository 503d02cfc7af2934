"""Retrieval scores on rankings small enough to check by hand."""

import itertools

import numpy as np
import pytest

from workflow_scripts.evaluation import retrieval


def test_a_tie_is_the_exemplars_loss():
    scores = np.array([[0.9, 0.5, 0.1], [0.2, 0.2, 0.2]])
    true_scores = np.array([[0.6, 0.5 + retrieval.TIE / 2], [0.1, 0.3]])
    assert retrieval.count_ahead(scores, true_scores).tolist() == [[1, 2], [3, 0]]
    assert retrieval.count_ahead(scores, true_scores, tie=0).tolist() == [[1, 1], [3, 0]]


def test_ranks_by_hand():
    """Two true exemplars of equal score stand behind their equal, and behind each other."""
    scores = np.array([[0.5, 0.9, 0.5, 0.5, 0.1], [0.5, 0.9, 0.4, 0.3, 0.1]])
    relevant = np.array([[True, False, True, False, True], [False, True, False, False, False]])
    assert retrieval.ranks_of(scores, relevant).tolist() == [[3, 4, 5], [1, 0, 0]]


@pytest.mark.parametrize(("k", "recall"), [(1, 1 / 3), (2, 1 / 3), (4, 2 / 3), (10, 1.0)])
def test_recall(k, recall):
    assert retrieval.recall_at(np.array([4, 1, 7]), k) == pytest.approx(recall)


@pytest.mark.parametrize(("m", "k", "ceiling"), [(1, 1, 1.0), (4, 1, 0.25), (12, 10, 10 / 12), (3, 5, 1.0)])
def test_recall_ceiling(m, k, ceiling):
    assert retrieval.recall_ceiling(m, k) == pytest.approx(ceiling)


def test_average_precision():
    """Hits at 1, 4 and 7: (1/1 + 2/4 + 3/7) / 3."""
    assert retrieval.average_precision(np.array([4, 1, 7])) == pytest.approx((1 + 2 / 4 + 3 / 7) / 3)
    assert retrieval.average_precision(np.array([2, 1])) == 1.0
    assert retrieval.average_precision(np.array([5])) == pytest.approx(0.2)
    ranks = np.array([[4, 1, 7], [0, 2, 0]])
    for length in (None, 9):
        assert retrieval.average_precision(ranks, length) == pytest.approx([(1 + 2 / 4 + 3 / 7) / 3, 1 / 2])


def test_chance_is_the_mean_over_all_orders():
    for m, candidates in ((1, 1), (1, 7), (3, 3), (2, 6), (4, 8)):
        orders = [np.array(places) + 1 for places in itertools.combinations(range(candidates), m)]
        sizes = np.array([m]), np.array([candidates])
        precision = np.mean([retrieval.average_precision(order) for order in orders])
        assert retrieval.chance_precision(*sizes)[0] == pytest.approx(precision, abs=1e-12)
        for k in (1, 3, 10):
            recall = np.mean([retrieval.recall_at(order, k) for order in orders])
            assert retrieval.chance_recall(sizes[1], k)[0] == pytest.approx(recall)
