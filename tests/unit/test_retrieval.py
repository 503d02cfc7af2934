"""Retrieval scores on rankings small enough to check by hand."""

import numpy as np
import pytest

from workflow_scripts.evaluation import retrieval


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


def test_random_ranks_are_distinct_and_at_chance():
    rng = np.random.default_rng(0)
    draws = [retrieval.random_ranks(4, 50, rng) for _ in range(3000)]
    assert all(len(set(draw)) == 4 and draw.min() >= 1 and draw.max() <= 50 for draw in draws)
    assert np.mean([retrieval.recall_at(draw, 5) for draw in draws]) == pytest.approx(5 / 50, abs=0.01)
