"""The table of all numbers: tidy, with intervals, nothing missing in silence; and its parts by question."""

import json

import numpy as np
import pandas as pd
import pytest

from tests import projects
from tests.unit.chain import SET_SIZES
from workflow_scripts import reporting
from workflow_scripts.reporting import table as tables
from workflow_scripts.reporting.results import Results
from workflow_scripts.steps.tabulate import summarize
from workflow_scripts.study.settings.report import Shown

LABELS = {"data": "drawings | ours", "weights": "ours"}


def interval(value: float) -> dict:
    return {"value": value, "low": value - 0.1, "high": value + 0.1}


def record(
    view: str = "all", case: str = "seen", value: float = 0.5, gain: float | None = None, p: float = 0.01, **names
) -> dict:
    numbers = {
        "n_models": 2,
        "n_queries": 8,
        "candidates": 6001,
        "chance": {"10": 10 / 6001, "mAP": 0.0015},
        "recall": {"10": interval(value) | {"ceiling": 1.0}},
        "mAP": interval(value),
        "median_rank": {"value": 12.0, "low": None, "high": None},
        "true_influence": interval(0.4),
    }
    cell = {"case": case, "kind": "object", "split": "test", "prompt_set": "llm", "view": view, "ranking": "method"}
    if gain is not None:
        difference = interval(gain) | {"p": p}
        numbers["versus_identity"] = {"recall": {"10": difference}, "mAP": difference}
    return {**cell, **numbers, **names}


def head(name: str = "identity", *records: dict) -> dict:
    names = {"method": "feature_similarity", "encoder": "pixels", "head": name, "training_set": "all", "share": 1.0}
    return {**names, "records": list(records)}


def results_of(table: pd.DataFrame, calibrations: pd.DataFrame | None = None, **shown) -> Results:
    """The results in a table whose heads are `identity` and `linear`, unless something else is said."""
    names = {"methods": [name for name in dict.fromkeys(table["method"]) if name != "random"], "encoders": ["pixels"]}
    names |= {"head": "linear", "training_set": "all", "untuned_set": "all", "one_kind": {}, "recall_at": 10}
    if calibrations is None:
        calibrations = pd.DataFrame(columns=["kl_before", "kl_after"])
    return Results.of_table(Shown(**names | shown), table, calibrations=calibrations)


UNTUNED = head("identity", record(), record("known"), record(ranking="random", value=0.1))
TUNED = head("linear", record(value=0.7, gain=0.2), record("known", value=0.7, gain=0.2))


def test_recalls_stand_by_their_k_and_ceilings_below_a_hundred_beside_them():
    recalls = {k: interval(0.5) | {"ceiling": ceiling} for k, ceiling in (("10", 0.981), ("100", 1.0), ("5", 0.784))}
    changed = {
        "recall": recalls,
        "chance": dict.fromkeys([*recalls, "mAP"], 0.01),
    }  # in the order of a JSON file with sorted keys
    styles = {**changed, "case": "bamfg", "kind": "style"}
    records = [record() | changed, record(ranking="random") | changed]
    records += [record() | styles, record(ranking="random") | styles]
    for part in records[:2]:
        part["recall"] = {k: recall | {"ceiling": 1.0} for k, recall in recalls.items()}
    table = tables.tabulate([head("identity", *records)], {"data": "theirs", "weights": "ours"})
    assert [name for name in table if name in recalls or (name.startswith("recall@") and "_" not in name)] == [
        "recall@5", "recall@10", "recall@100",
    ]  # fmt: skip
    heading, _, *lines = tables.markdown(table).splitlines()
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in (heading, *lines)]
    assert [name for name in cells[0] if "%" in name] == ["recall@5 %", "recall@10 %", "recall@100 %", "mAP %"]
    (ceilings,) = (row for row in cells if row[2] == "ceiling")  # of the styles only
    assert dict(zip(cells[0], ceilings, strict=True)) == {
        **{"case": "bamfg", "prompts": "llm", "method": "ceiling", "encoder": "-", "head": "-", "trained on": "-"},
        **{"models": "2", "queries": "8", "candidates": "6,001", "median rank": "", "gain in mAP": "", "p": ""},
        **{"recall@5 %": "78.4", "recall@10 %": "98.1", "recall@100 %": "100.0", "mAP %": "100.0"},
        **{"data": "theirs", "weights": "ours"},
    }


def test_rows_and_columns():
    table = tables.tabulate([UNTUNED, TUNED], LABELS)
    assert list(table["head"]) == ["identity", "identity", "-", "linear", "linear"]
    assert list(table["view"]) == ["all", "known", "all", "all", "known"]
    tuned = table.iloc[3]
    assert tuned["recall@10"] == 0.7 and tuned["recall@10_low"] == pytest.approx(0.6)
    assert tuned["mAP_gain"] == 0.2 and tuned["mAP_gain_p"] == 0.01
    assert (tuned["data"], tuned["weights"], tuned["candidates"]) == ("drawings | ours", "ours", 6001)


def test_missing_results_have_a_row():
    table = tables.tabulate([head("identity", record(), record(case="unseen")), TUNED], LABELS)
    missing = table[table["recall@10"].isna()]
    assert missing[["head", "case"]].to_numpy().tolist() == [["linear", "unseen"]]
    assert pd.isna(missing["n_models"].item())
    line = next(line for line in tables.markdown(table).splitlines() if "unseen" in line and "linear" in line)
    assert line.count("missing") == 6  # models, queries, candidates, recall, mAP, median rank


@pytest.mark.parametrize(
    ("value", "gain", "p", "change"),
    [
        (0.7, 0.2, 0.01, "better"),
        (0.7, 0.2, 0.06, "undecided"),
        (0.1, 0.05, 0.01, "undecided"),  # 0.0 to 0.2: not above chance
        (0.1, -0.2, 0.01, "worse"),
        (0.7, -0.2, 0.06, "undecided"),
        (0.7, 0.2, None, "undecided"),  # one model
    ],
)
def test_what_is_a_gain(value: float, gain: float, p: float | None, change: str):
    """By one rule, in the table that all readers get."""
    table = tables.tabulate([UNTUNED, head("linear", record(value=value, gain=gain, p=p))], LABELS)
    assert table["mAP_change"].tolist() == [None, None, None, change]
    line = tables.markdown(table).splitlines()[-1]
    assert ("**" in line) == (change == "better")
    figure = reporting.question("tuning").figure(results_of(table))
    assert ("clear gain" in figure) == (change == "better")


def test_markdown():
    lines = tables.markdown(tables.tabulate([UNTUNED, TUNED], LABELS)).splitlines()
    assert len(lines) == 2 + 3  # heading; random, untuned, tuned
    assert len({line.replace("\\|", "").count("|") for line in lines}) == 1
    assert "70.0 (60.0 to 80.0)" in lines[-1] and "| **+20.0** | 0.01 |" in lines[-1]
    assert "drawings \\| ours" in lines[-1]
    assert "random" in lines[2] and "feature_similarity | pixels | identity" in lines[3]


def test_questions_are_the_files_of_their_folder():
    files = {file.stem for file in (projects.ROOT / "workflow_scripts/reporting/questions").glob("[!_]*.py")}
    assert set(reporting.QUESTIONS) == files and set(reporting.ORDER) <= files
    for name in reporting.QUESTIONS:
        module = reporting.question(name)
        assert module.TITLE and module.TEXT
        assert hasattr(module, "rows") == (name in reporting.TABLES)
        assert hasattr(module, "figure") == hasattr(module, "caption") == (name in reporting.FIGURES)


def test_a_learning_curve_starts_with_the_untuned_features():
    part = {**head("linear", record(value=0.6, gain=0.1)), "training_set": "all_10", "share": 0.1}
    results = results_of(tables.tabulate([UNTUNED, part, TUNED], LABELS))
    rows = reporting.question("learning_curve").rows(results)
    assert sorted(zip(rows["share"], rows["mAP"], strict=True)) == [(0.0, 0.5), (0.1, 0.6), (1.0, 0.7)]


def test_a_summary_holds_the_default_training_set_by_cell():
    part = {**head("linear", record(value=0.6, gain=0.1)), "training_set": "all_10", "share": 0.1}
    unseen = record(case="unseen", value=0.123456)
    whole = tables.tabulate([UNTUNED, part, head("linear", record(value=0.7, gain=0.2), unseen)], LABELS)
    fitted = [
        ("pixels", "identity", "all", 0.9),
        ("pixels", "linear", "all", 0.31),
        ("pixels", "linear", "all_10", 0.5),
    ]
    calibrations = pd.DataFrame(fitted, columns=[*tables.METHOD[1:], "kl_after"])
    assert dict(summarize(results_of(whole, calibrations))) == {
        "feature_similarity.pixels.identity": {"influence_kl": 0.9, "seen": {"llm": {"recall@10": 0.5, "mAP": 0.5}}},
        "feature_similarity.pixels.linear": {
            "influence_kl": 0.31,
            "seen": {"llm": {"recall@10": 0.7, "mAP": 0.7}},
            "unseen": {"llm": {"recall@10": 0.1235, "mAP": 0.1235}},
        },
    }


def test_the_summaries_of_the_chain_are_its_tables_numbers(reported):
    tuning = pd.read_csv(reported.report("tables/tuning.csv"))
    for row in tuning[tuning["encoder"] != "random"].to_dict("records"):
        name = ".".join(row[column] for column in tables.METHOD[:-1])
        summary = json.loads(reported.report(f"summary/{name}.json").read_text())
        assert summary[row["case"]][row["prompt_set"]]["mAP"] == pytest.approx(row["mAP"], abs=1e-4)


def test_csv_of_the_chain_is_tidy(reported):
    table = pd.read_csv(reported.report("table.csv"))
    assert not table.duplicated([*tables.METHOD, *tables.CELL, "split", "view"]).any()
    whole = tables.main_rows(table)
    assert len(whole) == 8 * (2 * 2 + 1)  # cells; encoders, heads; random
    for metric in ("recall@1", "recall@10", "recall@100", "mAP", "median_rank"):
        spans = whole[whole["method"] != "random"]
        assert (spans[f"{metric}_low"] <= spans[metric]).all() and (spans[metric] <= spans[f"{metric}_high"]).all()
    random = whole[whole["method"] == "random"]
    np.testing.assert_allclose(random["recall@10"], random["recall@10_chance"])
    np.testing.assert_allclose(random["mAP"], random["mAP_chance"])
    assert random["mAP_low"].isna().all()


def test_every_question_has_its_rows(reported):
    parts = {name: pd.read_csv(reported.report(f"tables/{name}.csv")) for name in reporting.TABLES}
    assert len(parts["tuning"]) == 6 * (2 * 2 + 1)
    assert set(parts["difficulty"]["view"]) == {"all", "hard", "easy"}
    assert set(parts["protocols"]["view"]) == {"all", "others"}
    assert set(parts["artists"]["view"]) == {"known", "new", "twin-free"}
    assert set(parts["set_sizes"]["set_size"]) == set(SET_SIZES)
    assert set(parts["generalisation"]["split"]) == {"val", "test"}
    assert (parts["calibration"]["kl_after"] < parts["calibration"]["kl_before"]).all()
    for name, part in parts.items():
        assert {"data", "weights"} <= set(part.columns), name
