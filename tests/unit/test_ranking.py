"""Streaming ranks and top k equal a naive sort of all scores, ties included."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workflow_scripts.evaluation import ranking


def naive(queries, distractors, exemplars, truth, top_k):
    """Sorts every query's candidates: by score, then distractors before exemplars, then by number."""
    ranks, top = np.zeros(truth.shape, int), np.full((len(queries), top_k), -1)
    for q, query in enumerate(queries):
        true = [int(row) for row in truth[q] if row >= 0]
        features = np.concatenate([distractors, exemplars[true]])
        numbers = [*range(len(distractors)), *(len(distractors) + row for row in true)]
        order = np.argsort(-(features @ query), kind="stable")
        place = {numbers[candidate]: position + 1 for position, candidate in enumerate(order)}
        ranks[q, : len(true)] = [place[len(distractors) + row] for row in true]
        best = [numbers[candidate] for candidate in order[:top_k]]
        top[q, : len(best)] = best
    return ranks, top


@st.composite
def problems(draw):
    """Small integers as features: scores are exact in float32 and tie often."""
    q, n, models, d = (draw(st.integers(1, high)) for high in (6, 90, 3, 3))
    sizes = draw(st.lists(st.integers(1, 4), min_size=models, max_size=models))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    reach = draw(st.integers(0, 3))

    def features(count):
        return rng.integers(-reach, reach + 1, size=(count, d)).astype(np.float32)

    starts = np.cumsum([0, *sizes])
    truth = np.full((q, max(sizes)), -1)
    for row, model in enumerate(rng.integers(models, size=q)):
        truth[row, : sizes[model]] = np.arange(starts[model], starts[model + 1])
    return features(q), features(n), features(sum(sizes)), truth


@settings(max_examples=200, deadline=None)
@given(problems(), st.integers(1, 6), st.floats(1e-5, 1e-3))
def test_equals_naive_sort(problem, top_k, memory_mb):
    queries, distractors, exemplars, truth = problem
    found = ranking.rank(*problem, top_k, memory_mb=memory_mb)
    ranks, top = naive(queries, distractors, exemplars, truth, top_k)
    np.testing.assert_array_equal(found.ranks, ranks)
    np.testing.assert_array_equal(found.top, top)
    np.testing.assert_array_equal(found.candidates, len(distractors) + (truth >= 0).sum(axis=1))


def test_worked_example():
    """Scores of the distractors 0.5, 0.9, 0.2 and of the exemplars 0.5 (tied) and 0.1."""
    queries = np.array([[1.0, 0.0]], np.float32)
    distractors = np.array([[0.5, 0], [0.9, 0], [0.2, 0]], np.float32)
    exemplars = np.array([[0.5, 3], [0.1, 3]], np.float32)
    found = ranking.rank(queries, distractors, exemplars, np.array([[0, 1]]), top_k=3)
    assert found.ranks.tolist() == [[3, 5]]
    assert found.top.tolist() == [[1, 0, 3]]
    np.testing.assert_allclose(found.top_scores, [[0.9, 0.5, 0.5]])
    np.testing.assert_allclose(found.peak, [0.9])
    assert found.candidates.tolist() == [5]


def test_equal_true_exemplars_have_distinct_ranks():
    ones = np.ones((1, 1), np.float32)
    found = ranking.rank(ones, 0 * ones, np.ones((2, 1), np.float32), np.array([[0, 1]]), top_k=1)
    assert found.ranks.tolist() == [[1, 2]]


def test_memory_map_blocks_and_projection(tmp_path):
    rng = np.random.default_rng(0)
    raw = rng.normal(size=(500, 8)).astype(np.float32)
    raw.tofile(tmp_path / "features")
    mapped = np.memmap(tmp_path / "features", np.float32, "r", shape=raw.shape)
    queries, exemplars = rng.normal(size=(2, 7, 8)).astype(np.float32)
    truth = np.arange(7)[:, None]
    whole = ranking.rank(queries, 2 * raw, exemplars, truth, 10)
    parts = ranking.rank(queries, mapped, exemplars, truth, 10, project=lambda block: 2 * block, memory_mb=2e-3)
    np.testing.assert_array_equal(parts.ranks, whole.ranks)
    np.testing.assert_array_equal(parts.top, whole.top)


@pytest.mark.parametrize("cached", [1, 2**19])
def test_second_pass_sums_over_all_blocks(cached, monkeypatch):
    monkeypatch.setattr(ranking, "CACHED", cached)
    rng = np.random.default_rng(1)
    queries, distractors = rng.normal(size=(5, 3)), rng.normal(size=(40, 3))
    total = ranking.sum_over_distractors(queries, distractors, lambda scores, rows: scores.sum(axis=1), memory_mb=1e-4)
    np.testing.assert_allclose(total, (queries @ distractors.T).sum(axis=1), rtol=1e-5)


def test_nan_is_refused_by_row():
    good, bad = np.ones((3, 2), np.float32), np.ones((3, 2), np.float32)
    bad[1, 0] = np.nan
    truth = np.array([[0], [1], [2]])
    for memory_mb in (1e-5, 1e-2):  # whatever the blocks
        with pytest.raises(ValueError, match=r"distractor 1: its features hold NaN"):
            ranking.rank(good, bad, good, truth, 1, memory_mb=memory_mb)
    with pytest.raises(ValueError, match=r"query 1: its features hold NaN"):
        ranking.rank(bad, good, good, truth, 1)


def test_torch_multiplies_as_numpy_does():
    rng = np.random.default_rng(0)
    a, b = (rng.integers(-9, 9, size=(n, 5)).astype(np.float32) for n in (3, 4))
    b.flags.writeable = False  # as a memory map is
    products = []
    for device in (None, "cpu"):
        place, multiply = ranking._arithmetic(device)
        multiply(place(a), place(b), out := np.empty((3, 4), np.float32))
        products.append(out)
    np.testing.assert_array_equal(*products)
