"""Low-rank files of models, on matrices whose singular values are known."""

import numpy as np
import pytest

from workflow_scripts.customization.bank.low_rank import compress, rank_of


def matrix(singular_values, rows=5, columns=4):
    """A matrix [rows, columns] with these singular values."""
    rng = np.random.default_rng(1)
    u, v = (np.linalg.qr(rng.normal(size=(size, len(singular_values))))[0] for size in (rows, columns))
    return (u * singular_values @ v.T).astype(np.float32)


@pytest.mark.parametrize(("ratio", "rank"), [(0.01, 1), (0.6, 1), (0.61, 2), (0.9, 2), (0.91, 3), (1.0, 3)])
def test_the_leading_singular_values_that_sum_to_the_share_are_kept(ratio, rank):
    assert rank_of(np.float32([6, 3, 1]), ratio) == rank  # 6 of 10, 9 of 10
    if ratio < 1:
        tensors, _ = compress({"a.delta": matrix([6, 3, 1])}, ratio)
        assert tensors["a.delta.u"].shape == (5, rank) and tensors["a.delta.v"].shape == (rank, 4)


def test_what_is_lost_is_what_was_left_out():
    weights = {"a.delta": matrix([6, 3, 1]), "<new1>": np.ones(3, np.float32), "b.delta": matrix([4, 3])}
    tensors, lost = compress(weights, 0.6)  # keeps 6 of a, both of b
    assert tensors.keys() == {"a.delta.u", "a.delta.v", "b.delta.u", "b.delta.v", "<new1>"}
    assert all(array.dtype == np.float32 for array in tensors.values())
    assert lost["rank_mean"] == 1.5
    assert lost["relative_error"] == pytest.approx((10 / 71) ** 0.5)  # 9 + 1 of 36 + 9 + 1 + 16 + 9
    left = weights["a.delta"] - tensors["a.delta.u"] @ tensors["a.delta.v"]
    assert np.linalg.norm(left) == pytest.approx(10**0.5, rel=1e-5)
    np.testing.assert_allclose(tensors["b.delta.u"] @ tensors["b.delta.v"], weights["b.delta"], atol=1e-5)


def test_the_whole_share_keeps_the_matrices_themselves():
    weights = {"a.delta": matrix([6, 3, 1])}
    tensors, lost = compress(weights, 1.0)
    assert tensors.keys() == {"a.delta"} and np.array_equal(tensors["a.delta"], weights["a.delta"])
    assert lost == {}


def test_a_model_that_did_not_move_loses_nothing():
    tensors, lost = compress({"a.delta": np.zeros((5, 4), np.float32)}, 0.6)
    assert not (tensors["a.delta.u"] @ tensors["a.delta.v"]).any()
    assert lost == {"rank_mean": 1, "relative_error": 0}
