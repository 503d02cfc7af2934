"""The table of all cells: tidy, with intervals, nothing missing in silence."""

import pandas as pd
import pytest

from workflow_scripts.reporting import table as tables

LABELS = {"data": "drawings | ours", "weights": "ours"}


def interval(value: float) -> dict:
    return {"value": value, "low": value - 0.1, "high": value + 0.1}


def record(head: str = "identity", case: str = "seen", prompt_set: str = "llm", value: float = 0.5) -> dict:
    numbers = {
        "n_models": 2,
        "n_queries": 8,
        "candidates": 6001,
        "recall": {"10": interval(value) | {"ceiling": 1.0}},
        "mAP": interval(value),
        "median_rank": {"value": 12.0, "low": None, "high": None},
    }
    gain = interval(0.2) | {"p": 0.01}
    return {
        **numbers,
        "method": "feature_similarity",
        "encoder": "pixels",
        "head": head,
        "training_set": "all",
        "case": case,
        "prompt_set": prompt_set,
        "kind": "object",
        "true_influence": interval(0.4),
        "artists": {"new": numbers},
        "random": numbers,
        "versus_identity": None if head == "identity" else {"recall": {"10": gain}, "mAP": gain},
    }


def test_rows_and_columns():
    table = tables.tabulate([record(), record("linear", value=0.7)], LABELS)
    assert list(table["head"]) == ["identity", "identity", "-", "linear", "linear"]
    assert list(table["artists"]) == ["all", "new", "all", "all", "new"]
    tuned = table.iloc[3]
    assert tuned["recall@10"] == 0.7 and tuned["recall@10_low"] == pytest.approx(0.6)
    assert tuned["mAP_gain"] == 0.2 and tuned["mAP_gain_p"] == 0.01
    assert (tuned["data"], tuned["weights"], tuned["candidates"]) == ("drawings | ours", "ours", 6001)


def test_missing_results_have_a_row():
    table = tables.tabulate([record(), record("linear"), record(case="unseen")], LABELS)
    missing = table[table["recall@10"].isna()]
    assert missing[["head", "case"]].to_numpy().tolist() == [["linear", "unseen"]]
    assert pd.isna(missing["n_models"].item())
    line = next(line for line in tables.markdown(table).splitlines() if "unseen" in line and "linear" in line)
    assert line.count("missing") == 6  # models, queries, candidates, recall, mAP, median rank


def test_markdown():
    lines = tables.markdown(tables.tabulate([record(), record("linear", value=0.7)], LABELS)).splitlines()
    assert len(lines) == 2 + 3  # heading; random, untuned, tuned
    assert len({line.replace("\\|", "").count("|") for line in lines}) == 1
    assert "70.0 (60.0 to 80.0)" in lines[-1] and "| +20.0 | 0.01 |" in lines[-1]
    assert "drawings \\| ours" in lines[-1]
    assert "random" in lines[2] and "identity" in lines[3]


def test_csv_of_the_chain_is_tidy(reported):
    table = pd.read_csv(reported.report("table.csv"))
    keys = ["method", "encoder", "head", "training_set", "case", "prompt_set", "artists"]
    assert not table.duplicated(keys).any()
    whole = table[table["artists"] == "all"]
    assert len(whole) == 6 * (2 * 2 + 1)  # cells; encoders, heads; random
    for metric in ("recall@1", "recall@10", "recall@100", "mAP", "median_rank"):
        assert (whole[f"{metric}_low"] <= whole[metric]).all() and (whole[metric] <= whole[f"{metric}_high"]).all()
    random = whole[whole["method"] == "random"]
    assert random["recall@10"].mean() == pytest.approx(10 / 301, abs=0.04)
