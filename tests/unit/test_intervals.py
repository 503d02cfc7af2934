"""Intervals and tests over models: coverage, false rejections, pairing, units, reproducibility."""

import itertools

import numpy as np
import pytest
from scipy import stats

from workflow_scripts.evaluation import intervals


def mean_interval(values, models, resamples, *seed):
    return intervals.mean_intervals({"x": np.asarray(values)}, models, resamples, *seed)["x"]


def paired_difference(values, baseline, models, resamples, *seed):
    return intervals.paired_differences({"x": values}, {"x": baseline}, models, resamples, *seed)["x"]


def test_several_measures_share_their_resamples():
    rng = np.random.default_rng(0)
    values, models = {"a": rng.normal(size=40), "b": rng.normal(size=40)}, [f"m{i // 2}" for i in range(40)]
    together = intervals.mean_intervals(values, models, 300, "x")
    alone = {name: mean_interval(array, models, 300, "x") for name, array in values.items()}
    assert together == alone


def test_mean_is_over_queries_not_models():
    models = ["a", "a", "a", "b", *"cdef"]
    interval = mean_interval(np.array([1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0]), models, 200, "test")
    assert interval["value"] == 3 / 8
    assert interval["low"] == 0.0 and interval["high"] == 1.0  # of 63 parts of 6 models, the first and the last


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
    values, models = np.arange(80.0), [str(i // 2) for i in range(80)]
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
    interval = intervals.median_interval(ranks, ["a", "b", "b"], 500, "median")
    assert interval == {"value": 4.0, "low": None, "high": None}  # of 1, 3, 5, 9; two models are too few
    six = intervals.median_interval([np.array([rank]) for rank in (1, 2, 3, 4, 5, 60)], list("abcdef"), 500, "median")
    assert six == {"value": 3.5, "low": 1.0, "high": 60.0}
    many = intervals.median_interval([np.array([rank]) for rank in range(101)], [str(i) for i in range(101)], 500, "x")
    assert many["value"] == 50 and 35 < many["low"] < 45 and 55 < many["high"] < 65


def test_few_models_get_the_sign_flip_test():
    """Its p is that of scipy, whose statistic changes the sign of each model's sum of differences."""
    rng = np.random.default_rng(5)
    for n in range(2, 13):
        models = [str(i) for i in range(n) for _ in range(1 + i % 3)]
        differences = rng.normal(0.3, size=len(models)).round(1)
        sums = np.bincount([int(model) for model in models], differences)
        expected = stats.permutation_test((sums,), np.sum, permutation_type="samples", n_resamples=np.inf).pvalue
        found = paired_difference(differences, np.zeros(len(models)), models, 100, "few")
        assert found["p"] == pytest.approx(min(1, expected))
        assert found["p"] >= intervals.least_p(n)


def test_the_least_p_is_reached_and_six_models_are_needed_for_an_interval():
    for n in (2, 5, 6, 8, 12):
        found = paired_difference(np.arange(1.0, n + 1), np.zeros(n), [f"m{i}" for i in range(n)], 100, "least")
        assert found["p"] == intervals.least_p(n)
        assert (found["low"] is None) == (found["high"] is None) == (n < 6)
    assert intervals.least_p(8) == 1 / 128


@pytest.mark.parametrize("n", [8, 12, 20])
def test_few_models_without_a_difference_are_rejected_in_five_percent_at_most(n: int):
    """With even and with heavy tails, and where many models do not differ; with 12, the bootstrap reads 0.1."""
    rng, models, runs = np.random.default_rng(n), [f"m{i}" for i in range(n)], 1000
    draws = {
        "normal": rng.normal(size=(runs, n)),
        "heavy": rng.standard_t(3, size=(runs, n)),
        "sparse": rng.normal(size=(runs, n)) * (rng.random((runs, n)) < 0.4),
    }
    for name, values in draws.items():
        found = [paired_difference(row, np.zeros(n), models, 500, name, run) for run, row in enumerate(values)]
        rejected = np.array([result["p"] <= 0.05 for result in found])
        assert rejected.mean() < 0.065, name  # 0.05, and twice its standard error
        outside = np.array([not result["low"] <= 0 <= result["high"] for result in found])
        assert (outside == rejected).mean() > 0.99, "the interval holds what the test keeps"


def test_the_interval_holds_what_the_test_does_not_reject():
    """Subtracting an end leaves p just above 0.05; a little more, and it is rejected."""
    values, models = np.array([0.3, 1.1, -0.4, 2.0, 0.9, 1.4, 0.2, 0.8]), list("abcdefgh")
    found = mean_interval(values, models, 100, "x")
    for end, outwards in (("low", -1e-6), ("high", 1e-6)):
        for step, kept in ((0, True), (outwards, False)):
            p = paired_difference(values, np.full(8, found[end] + step), models, 100, "x")["p"]
            assert (p > 0.05) == kept


def test_all_parts_are_listed_once():
    parts = intervals._parts(3, 8, 5, np.random.default_rng(0))
    assert sorted(map(tuple, parts)) == sorted(itertools.product((0, 1), repeat=3))[1:]
    drawn = intervals._parts(20, 2**16, 500, np.random.default_rng(0))
    assert 490 < len(drawn) <= 500 and drawn.any(axis=1).all()
