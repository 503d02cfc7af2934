"""The numbers of a head by hand, and of the synthetic study in bulk."""

import itertools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tests.unit.chain import CASES, PROMPTS, SET_SIZES
from workflow_scripts import artifacts
from workflow_scripts.evaluation import calibration, cells, retrieval
from workflow_scripts.study.settings.evaluation import CaseToScore, EvaluateSettings, Evaluation

SETTINGS = EvaluateSettings(
    **{"method": "feature_similarity", "encoder": "pixels", "head": "identity", "training_set": "all", "share": 1.0},
    seed=0,
    cases={"c": CaseToScore("object", sets=False)},
    evaluation=Evaluation(recall_at=(1, 10), bootstrap=200, splits=("test",), version=1),
)


def scores(ranks: list[list[int]], models: list[str], candidates: int = 100, **columns) -> pd.DataFrame:
    table = pd.DataFrame(
        {
            "split": "test",
            "prompt_set": "llm",
            "model": models,
            "prompt_index": range(len(models)),
            "index": 0,
            "new_artist": [model == "b" for model in models],
            "seen_twin": False,
            "ranks": [np.array(row) for row in ranks],
            "candidates": candidates,
            "hard": 0,
            "hard_ahead": [np.zeros(len(row), int) for row in ranks],
            "others": 0,
            "others_ahead": [np.zeros(len(row), int) for row in ranks],
            "top_ids": [np.array([f"{model}/0", "d"]) for model in models],
            "top_influence": [np.array([50.0, 5.0])] * len(models),
            "true_influence": 50.0,
            "divergence": 1.0,
            "unfitted_divergence": 4.0,
        }
    )
    return table.assign(**columns)


def evaluate(table: pd.DataFrame, untuned: pd.DataFrame | None = None, sets: bool = False) -> dict[tuple, dict]:
    """The records of one case by view and ranking."""
    settings = replace(SETTINGS, cases={"c": CaseToScore("object", sets)})
    found = cells.evaluate({"c": table}, None if untuned is None else {"c": untuned}, settings)
    return {(record["view"], record["ranking"]): record for record in found["records"]}


def test_numbers_by_hand():
    found = evaluate(scores([[1, 3], [20, 2], [11, 12]], ["a", "a", "b"]))
    whole = found["all", "method"]
    assert (whole["n_models"], whole["n_queries"], whole["candidates"]) == (2, 3, 100)
    assert whole["recall"]["1"]["value"] == pytest.approx((1 / 2 + 0 + 0) / 3)
    assert whole["recall"]["10"]["value"] == pytest.approx((1 + 1 / 2 + 0) / 3)
    assert (whole["recall"]["1"]["ceiling"], whole["recall"]["10"]["ceiling"]) == (0.5, 1.0)
    precision = [(1 + 2 / 3) / 2, (1 / 2 + 2 / 20) / 2, (1 / 11 + 2 / 12) / 2]
    assert whole["mAP"]["value"] == pytest.approx(np.mean(precision))
    assert whole["median_rank"]["value"] == 7  # of 1, 2, 3, 11, 12, 20
    assert found["known", "method"]["n_queries"] == 2 and found["new", "method"]["n_queries"] == 1
    by_hand = (1 + sum((1 + (j - 1) / 99) / j for j in range(2, 101))) / 100
    assert whole["chance"] == pytest.approx({"1": 0.01, "10": 0.1, "mAP": by_hand})
    assert whole["true_influence"]["value"] == 0.5  # as a share
    assert "versus_identity" not in whole
    assert not {"hard", "easy", "twin-free"} & {view for view, _ in found}  # nothing to tell apart


def test_rivals_by_hand():
    """Ranks 3 and 9 of 100, of which 4 are hard: one hard stands before the first exemplar, three before the second.

    Of the 20 exemplars of other models, 2 and 5 stand before them.
    """
    ahead = {"hard_ahead": [np.array([1, 3])], "others_ahead": [np.array([2, 5])]}
    found = dict(cells.views(scores([[3, 9]], ["a"], hard=4, others=20, **ahead), sets=False, only_all=False))
    ranks = {view: (table["ranks"].iloc[0].tolist(), table["candidates"].iloc[0]) for view, table in found.items()}
    assert ranks["all"] == ([3, 9], 100)
    assert ranks["others"] == ([5, 14], 120)
    assert ranks["hard"] == ([2, 5], 6)  # among the 2 true ones and 4 hard ones
    assert ranks["easy"] == ([2, 6], 96)


def test_sets_are_told_apart_by_their_size():
    found = evaluate(scores([[1], [2, 4], [1, 3]], ["a", "b", "c"]), sets=True)
    assert {view for view, _ in found} == {"all", "n = 1", "n = 2"}
    assert found["n = 2", "method"]["n_models"] == 2
    assert ("n = 2", "random") in found


@pytest.mark.parametrize(
    ("new_artist", "seen_twin", "counts"),
    [
        ([None, None, None], [None, None, None], {}),
        ([None, None, None], [None, True, None], {}),
        ([False, None, True], [False, True, None], {"known": 1, "new": 1, "twin-free": 1}),
    ],
)
def test_what_is_not_known_of_an_exemplar_is_not_claimed(new_artist: list, seen_twin: list, counts: dict):
    unknown = {"new_artist": pd.array(new_artist, "boolean"), "seen_twin": pd.array(seen_twin, "boolean")}
    found = dict(cells.views(scores([[1], [2], [3]], ["a", "b", "c"], **unknown), sets=False, only_all=False))
    assert {view: len(found[view]) for view in ("known", "new", "twin-free") if view in found} == counts


def test_train_and_val_are_measured_whole():
    table = scores([[1], [2]], ["a", "b"], split=["train", "test"], seen_twin=True)
    found = cells.evaluate({"c": table}, None, SETTINGS)["records"]
    assert {r["view"] for r in found if r["split"] == "train"} == {"all"}
    assert {r["view"] for r in found if r["split"] == "test"} > {"all"}


def test_reliability_by_hand():
    """The true exemplar gets 50 % where the truth says 100 / 2 = 50 %, the other candidate 5 % where it says none."""
    found = cells.reliability(scores([[1, 3], [20, 2]], ["a", "b"]))
    assert found == [{"given": 5.0, "true": 0.0, "n": 2}, {"given": 50.0, "true": 50.0, "n": 2}]


def test_difference_is_of_the_same_queries():
    models = [f"m{i // 2}" for i in range(20)]
    tuned, untuned = scores([[1]] * 20, models), scores([[4]] * 20, models).sample(frac=1, random_state=0)
    found = evaluate(tuned, untuned)["all", "method"]["versus_identity"]
    assert found["mAP"]["value"] == pytest.approx(0.75) and found["mAP"]["low"] == pytest.approx(0.75)
    assert found["recall"]["1"]["value"] == 1 and found["recall"]["10"]["value"] == 0
    assert found["recall"]["1"]["p"] < 0.02 and found["recall"]["10"]["p"] == 1
    with pytest.raises(ValueError, match=r"c: untuned scores hold other queries \(19\) than the tuned ones \(20\)"):
        evaluate(tuned, untuned.iloc[1:])


def test_a_random_ranking_is_expected_and_not_drawn():
    """The mean over all orders of 2 true exemplars among 5 candidates, and of 1 among 6."""
    table = scores([[1, 2], [3]], ["a", "b"], candidates=[5, 6])
    found = evaluate(table)["all", "random"]
    pairs = [np.array(pair) + 1 for pair in itertools.combinations(range(5), 2)]
    precision = [np.mean([retrieval.average_precision(pair) for pair in pairs]), np.mean(1 / np.arange(1, 7))]
    assert found["mAP"] == {"value": pytest.approx(np.mean(precision)), "low": None, "high": None}
    recall = (np.mean([retrieval.recall_at(pair, 1) for pair in pairs]) + 1 / 6) / 2
    assert found["recall"]["1"]["value"] == pytest.approx(recall) == pytest.approx(found["chance"]["1"])
    assert found["recall"]["10"]["value"] == 1 and found["recall"]["1"]["low"] is None
    assert found["median_rank"]["value"] == 3.25 and "true_influence" not in found


def test_a_head_of_a_share_lacks_something_to_that_of_the_whole():
    models = [f"m{i // 2}" for i in range(20)]
    part, whole, untuned = (scores([[rank]] * 20, models) for rank in (2, 1, 4))
    found = cells.evaluate({"c": part}, {"c": untuned}, SETTINGS, {"c": whole.iloc[::-1]})["records"][0]
    assert found["versus_identity"]["mAP"]["value"] == pytest.approx(1 / 2 - 1 / 4)
    assert found["lacks_to_whole"]["mAP"]["value"] == pytest.approx(1 / 2)
    assert found["lacks_to_whole"]["mAP"]["p"] == 2 / 2**10  # of 10 models that all gain
    with pytest.raises(ValueError, match=r"c: whole scores hold other queries \(19\) than the tuned ones \(20\)"):
        cells.evaluate({"c": part}, {"c": untuned}, SETTINGS, {"c": whole.iloc[1:]})


@pytest.mark.parametrize("side", [1, -1])
def test_fitting_is_judged_by_model_on_other_samples_and_may_fail(side: int):
    """Of 8 models, all come nearer to the truth, or all move away from it; queries of one model count once."""
    models = [f"m{i // 2}" for i in range(16)]
    away = pd.Series([side * (1.0 + i // 2) / 4 for i in range(16)])
    table = scores([[1]] * 16, models, unfitted_divergence=2.0 + away, divergence=2.0)
    found = evaluate(table)["all", "method"]["divergence"]
    assert found["value"] == 2 and found["fall"]["value"] == side * 4.5 / 4
    assert found["fall"]["p"] == 2 / 2**8 and side * found["fall"]["low"] > 0


def test_fitting_is_compared_with_the_nearer_of_what_needs_no_fit():
    """Of 2 true exemplars among 100 candidates, the same influence for all is ln(50) away from the truth."""
    table = scores([[1, 2], [1, 2]], ["a", "b"], unfitted_divergence=[np.log(50) + 0.5, 3.0], divergence=3.5)
    found = evaluate(table)["all", "method"]["divergence"]
    assert found["fall"]["value"] == pytest.approx((np.log(50) + 3.0) / 2 - 3.5)


@pytest.mark.parametrize("seed", range(4))
def test_fitting_to_noise_is_no_better_than_what_needs_no_fit(seed: int):
    """Scores that tell nothing of the true exemplar, as cosines of random features, on val and on test."""
    rng = np.random.default_rng(seed)

    def noise() -> calibration.GapCounts:
        drawn = rng.normal(scale=0.1, size=(80, 100))
        gaps = drawn.max(axis=1, keepdims=True) - drawn
        return calibration.GapCounts(calibration.gap_histogram(gaps[:, 1:]), gaps[:, :1])

    fitted, test = calibration.fit(noise()), noise()
    fits = {"divergence": fitted, "unfitted_divergence": calibration.UNFITTED}
    columns = {
        name: calibration.divergences(fit, test.true_gaps, test.counts @ fit.soft_weight(calibration.bin_centres()))
        for name, fit in fits.items()
    }
    table = scores([[1]] * 80, [f"m{i // 2}" for i in range(80)], **columns)
    assert evaluate(table)["all", "method"]["divergence"]["fall"]["value"] < 0


def records(chain, encoder: str, head: str, **names: str) -> list[dict]:
    found = artifacts.read_json(chain.metrics(encoder, head))["records"]
    return [record for record in found if all(record[name] == value for name, value in names.items())]


def test_chain_finds_the_planted_signal(evaluated):
    for case, prompt_set in itertools.product(("seen", "unseen", "styles"), PROMPTS):
        cell = {"case": case, "prompt_set": prompt_set, "split": "test", "view": "all", "ranking": "method"}
        (tuned,) = records(evaluated, "pixels", "linear", **cell)
        gain = tuned["versus_identity"]["mAP"]
        assert gain["low"] > 0 and gain["p"] < 0.05
        models = 9 if case == "unseen" else 8
        assert tuned["n_models"] == models
        assert tuned["n_queries"] == models * 2 * len(PROMPTS[prompt_set])
        assert tuned["candidates"] == 300 + (3 if CASES[case] == "style" else 1)
        (untuned,) = records(evaluated, "pixels", "identity", **cell)
        assert "versus_identity" not in untuned


def test_stricter_candidates_never_help(evaluated):
    for record in records(evaluated, "pixels", "linear", case="seen", split="test", view="all"):
        (strict,) = records(evaluated, "pixels", "linear", case="seen", view="others", prompt_set=record["prompt_set"])
        # the exemplars of 13 models of the case, 9 unseen, 14 x 3 of styles, 8 of sets; each image once
        assert strict["candidates"] == record["candidates"] + 13 + 9 + 14 * 3 + 3 * sum(SET_SIZES)
        assert strict["mAP"]["value"] <= record["mAP"]["value"]


def test_scores_keep_ranks_and_candidates_of_every_query(evaluated):
    table = artifacts.read_table(evaluated.scores("pixels", "linear", "styles"))
    assert set(table["split"]) == {"val", "test"} and set(table["prompt_set"]) == set(PROMPTS)
    assert all(
        len(ranks) == 3 and min(ranks) == best for ranks, best in zip(table["ranks"], table["best"], strict=True)
    )
    assert all(
        len(names) == len(influence) == 10 for names, influence in table[["top_ids", "top_influence"]].to_numpy()
    )
    assert table["true_influence"].between(0, 100).all()
    assert set(table["class"]) == {"styles class"} and (table["hard"] == 0).all()
    assert (artifacts.read_table(evaluated.scores("pixels", "linear", "seen"))["hard"] == 10).all()


def test_the_divergence_of_test_samples_is_that_of_the_calibration_on_them(evaluated):
    """The fit's own measure, on val: the mean over the queries that it was fitted on is the one it reached."""
    cases = [artifacts.read_table(evaluated.scores("pixels", "linear", case)) for case in ("seen", "styles")]
    val = pd.concat([table[table["split"] == "val"] for table in cases])
    fitted = artifacts.read_json(evaluated.calibration("pixels", "linear"))
    assert val["divergence"].mean() == pytest.approx(fitted["kl_after"], rel=1e-3)  # the fit counts gaps in bins
    assert val["unfitted_divergence"].mean() == pytest.approx(fitted["kl_before"], rel=1e-3)


def test_calibration_lowers_the_divergence(evaluated):
    fitted = artifacts.read_json(evaluated.calibration("pixels", "linear"))
    assert fitted["kl_after"] < fitted["kl_before"]
    assert fitted["tau"] > 0 and 0 <= fitted["lambda"] < 1
    assert fitted["n"] == 2 * 6 * 2 * 3  # cases, models, samples, prompts
