"""Intervals over models: coverage, pairing, clusters, reproducibility."""

import numpy as np
import pytest

from workflow_scripts.evaluation import bootstrap


def mean_interval(values, models, resamples, *seed):
    return bootstrap.mean_intervals({"x": np.asarray(values)}, models, resamples, *seed)["x"]


def paired_difference(values, baseline, models, resamples, *seed):
    return bootstrap.paired_differences({"x": values}, {"x": baseline}, models, resamples, *seed)["x"]


def test_several_measures_share_their_resamples():
    rng = np.random.default_rng(0)
    values, models = {"a": rng.normal(size=40), "b": rng.normal(size=40)}, [f"m{i // 2}" for i in range(40)]
    together = bootstrap.mean_intervals(values, models, 300, "x")
    alone = {name: mean_interval(array, models, 300, "x") for name, array in values.items()}
    assert together == alone


def test_mean_is_over_queries_not_models():
    interval = mean_interval(np.array([1.0, 1.0, 1.0, 0.0]), ["a", "a", "a", "b"], 200, "test")
    assert interval["value"] == 0.75
    assert interval["low"] == 0.0 and interval["high"] == 1.0  # resamples: {a a}, {a b}, {b b}


def test_samples_of_one_model_do_not_narrow_the_interval():
    rng = np.random.default_rng(0)
    per_model = rng.normal(size=30)
    once = mean_interval(per_model, [f"m{i}" for i in range(30)], 2000, "same")
    copied = mean_interval(np.repeat(per_model, 10), [f"m{i}" for i in range(30) for _ in range(10)], 2000, "same")
    assert copied["low"] == pytest.approx(once["low"]) and copied["high"] == pytest.approx(once["high"])


def test_interval_matches_normal_theory():
    values = np.random.default_rng(1).normal(size=400)
    interval = mean_interval(values, [str(i) for i in range(400)], 4000, "normal")
    half = 1.96 * values.std() / 20
    assert interval["low"] == pytest.approx(values.mean() - half, abs=0.01)
    assert interval["high"] == pytest.approx(values.mean() + half, abs=0.01)


def test_seeded_by_name():
    values, models = np.arange(20.0), [str(i // 2) for i in range(20)]
    first = mean_interval(values, models, 300, "study", "cell")
    assert mean_interval(values, models, 300, "study", "cell") == first
    assert mean_interval(values, models, 300, "study", "other cell") != first


def test_order_of_queries_does_not_matter():
    rng = np.random.default_rng(2)
    values, models = rng.normal(size=60), np.array([f"m{i % 12}" for i in range(60)])
    order = rng.permutation(60)
    first = mean_interval(values, models, 300, "x")
    again = mean_interval(values[order], models[order], 300, "x")
    assert (again["low"], again["high"]) == pytest.approx((first["low"], first["high"]))


def test_pairing_finds_a_small_but_constant_gain():
    """Models differ far more than the gain: only the paired difference is certain of it."""
    rng = np.random.default_rng(3)
    baseline = rng.normal(scale=10, size=50)
    models = [str(i) for i in range(50)]
    gain = paired_difference(baseline + 0.1 + 0.01 * rng.normal(size=50), baseline, models, 1999, "gain")
    assert gain["value"] == pytest.approx(0.1, abs=0.01)
    assert 0.09 < gain["low"] < gain["high"] < 0.11
    assert gain["p"] == pytest.approx(2 / 2000)


def test_no_difference_has_a_large_p():
    noise = np.random.default_rng(4).normal(size=80)
    same = paired_difference(noise - noise.mean(), np.zeros(80), [str(i) for i in range(80)], 1999, "none")
    assert same["value"] == pytest.approx(0, abs=1e-12)
    assert same["p"] > 0.8
    assert paired_difference(noise, noise, [str(i) for i in range(80)], 199, "equal")["p"] == 1.0


def test_one_model_has_no_interval():
    assert mean_interval(np.array([0.5, 1.0]), ["a", "a"], 100, "one") == {
        "value": 0.75,
        "low": None,
        "high": None,
    }
    assert paired_difference(np.ones(2), np.zeros(2), ["a", "a"], 100, "one")["p"] is None


def test_median_over_all_true_exemplars():
    ranks = [np.array([1, 9]), np.array([3]), np.array([5])]
    interval = bootstrap.median_interval(ranks, ["a", "b", "b"], 500, "median")
    assert interval["value"] == 4.0  # of 1, 3, 5, 9
    assert interval["low"] == 4.0 and interval["high"] == 5.0  # {b b}: 4, {a b}: 4, {a a}: 5
