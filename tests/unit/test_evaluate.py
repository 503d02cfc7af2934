"""The numbers of a cell by hand, and of the synthetic study in bulk."""

import itertools

import numpy as np
import pandas as pd
import pytest

from tests.unit.chain import CASES, PROMPTS
from workflow_scripts import artifacts
from workflow_scripts.metrics import evaluation

SETTINGS = {"seed": 0, "case": "c", "prompt_set": "llm", "evaluation": {"recall_at": [1, 10], "bootstrap": 200}}


def scores(ranks: list[list[int]], models: list[str], candidates: int = 100) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "model": models,
            "prompt_index": range(len(models)),
            "index": 0,
            "new_artist": [model == "b" for model in models],
            "ranks": [np.array(row) for row in ranks],
            "candidates": candidates,
            "top_ids": [np.array([f"{model}/0", "d"]) for model in models],
            "top_influence": [np.array([50.0, 5.0])] * len(models),
            "true_influence": 50.0,
        }
    )


def test_numbers_by_hand():
    table = scores([[1, 3], [20, 2], [11, 12]], ["a", "a", "b"])
    found = evaluation.evaluate(table, None, SETTINGS)
    assert (found["n_models"], found["n_queries"], found["candidates"]) == (2, 3, 100)
    assert found["recall"]["1"]["value"] == pytest.approx((1 / 2 + 0 + 0) / 3)
    assert found["recall"]["10"]["value"] == pytest.approx((1 + 1 / 2 + 0) / 3)
    assert (found["recall"]["1"]["ceiling"], found["recall"]["10"]["ceiling"]) == (0.5, 1.0)
    precision = [(1 + 2 / 3) / 2, (1 / 2 + 2 / 20) / 2, (1 / 11 + 2 / 12) / 2]
    assert found["mAP"]["value"] == pytest.approx(np.mean(precision))
    assert found["median_rank"]["value"] == 7  # of 1, 2, 3, 11, 12, 20
    assert found["artists"]["known"]["n_queries"] == 2 and found["artists"]["new"]["n_queries"] == 1
    assert found["random"]["chance"] == pytest.approx({"1": 0.01, "10": 0.1})
    assert found["true_influence"]["value"] == 0.5  # as a share
    assert found["versus_identity"] is None


def test_reliability_by_hand():
    """The true exemplar gets 50 % where the truth says 100 / 2 = 50 %, the other candidate 5 % where it says none."""
    found = evaluation.reliability(scores([[1, 3], [20, 2]], ["a", "b"]))
    assert found == [{"given": 5.0, "true": 0.0, "n": 2}, {"given": 50.0, "true": 50.0, "n": 2}]


def test_difference_is_of_the_same_queries():
    models = [f"m{i // 2}" for i in range(20)]
    tuned, untuned = scores([[1]] * 20, models), scores([[4]] * 20, models).sample(frac=1, random_state=0)
    found = evaluation.evaluate(tuned, untuned, SETTINGS)["versus_identity"]
    assert found["mAP"]["value"] == pytest.approx(0.75) and found["mAP"]["low"] == pytest.approx(0.75)
    assert found["recall"]["1"]["value"] == 1 and found["recall"]["10"]["value"] == 0
    assert found["recall"]["1"]["p"] < 0.02 and found["recall"]["10"]["p"] == 1
    with pytest.raises(ValueError, match=r"untuned scores hold other queries \(19\) than the tuned ones \(20\)"):
        evaluation.evaluate(tuned, untuned.iloc[1:], SETTINGS)


def test_random_ranking_sits_at_chance_and_derives_from_names():
    table = scores([[1, 2]] * 2000, [f"m{i // 4}" for i in range(2000)], candidates=200)
    found = evaluation.evaluate(table, None, SETTINGS)["random"]
    assert found["recall"]["10"]["value"] == pytest.approx(10 / 200, abs=0.008)
    assert found["recall"]["10"]["low"] < 10 / 200 < found["recall"]["10"]["high"]
    assert found == evaluation.evaluate(table, None, SETTINGS)["random"]
    assert found != evaluation.evaluate(table, None, {**SETTINGS, "case": "other"})["random"]


def test_chain_finds_the_planted_signal(evaluated):
    for case, prompt_set in itertools.product(CASES, PROMPTS):
        tuned = artifacts.read_json(evaluated.metrics("pixels", "linear", case, prompt_set))
        gain = tuned["versus_identity"]["mAP"]
        assert gain["low"] > 0 and gain["p"] < 0.05
        assert tuned["n_models"] == 8
        assert tuned["n_queries"] == 8 * 2 * len(PROMPTS[prompt_set])
        assert tuned["candidates"] == 300 + (3 if CASES[case] == "style" else 1)
        assert artifacts.read_json(evaluated.metrics("pixels", "identity", case, prompt_set))["versus_identity"] is None


def test_scores_keep_ranks_and_candidates_of_every_query(evaluated):
    table = artifacts.read_table(evaluated.scores("pixels", "linear", "styles", "llm"))
    assert all(
        len(ranks) == 3 and min(ranks) == best for ranks, best in zip(table["ranks"], table["best"], strict=True)
    )
    assert all(
        len(names) == len(influence) == 10 for names, influence in table[["top_ids", "top_influence"]].to_numpy()
    )
    assert table["true_influence"].between(0, 100).all()
    assert set(table["class"]) == {"styles class"}


def test_calibration_lowers_the_divergence(evaluated):
    fitted = artifacts.read_json(evaluated.calibration("pixels", "linear"))
    assert fitted["kl_after"] < fitted["kl_before"]
    assert fitted["tau"] > 0 and 0 <= fitted["lambda"] < 1
    assert fitted["n"] == 2 * 6 * 2 * 3  # cases, models, samples, prompts
